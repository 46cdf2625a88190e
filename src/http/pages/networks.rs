//! `/api/v1/networks`: the bytes of all networks, shown as series or not, the
//! largest first.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Reverse;

use rouille::Request;
use serde::Serialize;

use super::content::Content;
use super::routes::Page;
use crate::collectors::bounded::Member;
use crate::collectors::networks::Snapshot;
use crate::config::Config;
use crate::geoip::{Network, NetworkNames};
use crate::http::server::Edition;
use crate::metrics::published::Published;

/// The number of networks in an answer: those with the most bytes.
const MOST_LISTED: usize = 10_000;

/// The page.
#[derive(Debug)]
pub struct Networks {
    /// The bytes.
    pub snapshot: Published<Snapshot>,
    /// The names of the database in use.
    pub names: Published<NetworkNames>,
    /// The settings, by which networks are counted or not.
    pub config: Published<Config>,
}

/// The answer.
#[derive(Serialize)]
struct Answer<'a> {
    networks: Vec<Listed<'a>>,
    /// The number of networks, also of those that are not listed.
    kept: usize,
    unknown: Bytes,
    not_kept: Bytes,
    unattributed: Bytes,
}

/// A network with all its bytes.
#[derive(Serialize)]
struct Listed<'a> {
    asn: u32,
    name: Option<&'a str>,
    #[serde(flatten)]
    bytes: Bytes,
    /// True if it has series.
    shown: bool,
}

#[derive(Serialize)]
struct Bytes {
    bytes_received: u64,
    bytes_sent: u64,
}

impl From<[u64; 2]> for Bytes {
    fn from([bytes_received, bytes_sent]: [u64; 2]) -> Self {
        Self { bytes_received, bytes_sent }
    }
}

impl Page for Networks {
    fn serves(&self, path: &str) -> bool {
        path == "/api/v1/networks"
    }

    fn is_compressed(&self) -> bool {
        true
    }

    fn shared(&self, _: &Request) -> Option<Edition> {
        let Self { snapshot, names, config } = self;
        let version = snapshot.version() + names.version() + config.version();
        Some(Edition { form: 0, version })
    }

    fn content(&self, _: &Request) -> Content<'_> {
        if !self.config.get().networks {
            let text = "404: networks are not counted (networks = false)\n";
            return Content::text(404, text).with_no_cache();
        }
        let (snapshot, names) = (self.snapshot.get(), self.names.get());
        Content::written("application/json", move |output| {
            let answer = answer(&snapshot, &names);
            Ok(serde_json::to_writer(output, &answer)?)
        })
        .with_no_cache()
    }
}

fn answer<'a>(snapshot: &Snapshot, names: &'a NetworkNames) -> Answer<'a> {
    let mut members: Vec<_> = snapshot.networks.iter().collect();
    let kept = members.len();
    let largest_first =
        |one: &&Member<Network, 2>| (Reverse(one.total()), one.key);
    if kept > MOST_LISTED {
        members.select_nth_unstable_by_key(MOST_LISTED, largest_first);
        members.truncate(MOST_LISTED);
    }
    members.sort_unstable_by_key(largest_first);
    let listed = members.into_iter().map(|one| {
        let Network(asn) = one.key;
        let sum = |counter: usize| one.value[counter] + one.in_other[counter];
        Listed {
            asn,
            name: names.get(one.key),
            bytes: [sum(0), sum(1)].into(),
            shown: one.is_shown,
        }
    });
    Answer {
        networks: listed.collect(),
        kept,
        unknown: snapshot.unknown.into(),
        not_kept: snapshot.networks.not_kept.into(),
        unattributed: snapshot.unattributed.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::bounded::Members;

    #[test]
    fn all_bytes_are_listed_and_the_largest_comes_first() {
        let more = u32::try_from(MOST_LISTED).unwrap() + 5;
        let members = (1..=more).map(|number| Member {
            value: [u64::from(number), 1],
            in_other: [0, 2],
            is_shown: number % 2 == 0,
            ..Member::new(Network(number))
        });
        let networks = Members {
            parts: vec![members.collect()],
            not_kept: [7, 0],
            ..Members::default()
        };
        let snapshot = Snapshot {
            networks,
            unknown: [3, 4],
            unattributed: [5, 6],
            created: None,
        };
        let names = NetworkNames::default();
        let answer = serde_json::to_value(answer(&snapshot, &names)).unwrap();
        let networks = answer["networks"].as_array().unwrap();
        assert_eq!(networks.len(), MOST_LISTED);
        assert_eq!(
            networks[0],
            serde_json::json!({
                "asn": 10_005, "name": null, "bytes_received": 10_005,
                "bytes_sent": 3, "shown": false,
            })
        );
        assert_eq!(networks[MOST_LISTED - 1]["asn"], 6);
        assert_eq!(answer["kept"], 10_005);
        assert_eq!(answer["unknown"]["bytes_sent"], 4);
        assert_eq!(answer["not_kept"]["bytes_received"], 7);
        assert_eq!(answer["unattributed"]["bytes_received"], 5);
    }
}
