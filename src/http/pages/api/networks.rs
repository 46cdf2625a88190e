//! `/api/v1/networks`: see [`api::Networks`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::HashMap;

use super::pace::Pace;
use super::{Query, Refusal, View, envelope, rows};
use crate::api;
use crate::collectors::bounded::{Member, Sums};
use crate::collectors::moments::Moment;
use crate::collectors::networks::Snapshot;
use crate::config::Config;
use crate::geoip::{Network, NetworkNames};
use crate::metrics::published::Published;

/// The bytes of each network, shown as series or not.
pub struct NetworksView {
    /// The names of the database in use.
    pub names: Published<NetworkNames>,
}

type Bytes = Sums<2>;

impl View for NetworksView {
    type Answer = api::Networks;

    const PARAMETERS: &'static [&'static str] = &["limit", "offset"];

    fn version(&self) -> u64 {
        self.names.version()
    }

    fn is_off(&self, config: &Config) -> Option<&'static str> {
        (!config.networks).then_some("networks = true")
    }

    fn answer(
        &self,
        moment: &Moment,
        _: &Config,
        query: &Query,
    ) -> Result<api::Networks, Refusal> {
        let snapshot = &*moment.counts.networks;
        let nothing = Snapshot::default();
        let earlier = moment.earlier_counts();
        let earlier = earlier.map_or(&nothing, |counts| &*counts.networks);
        let mut members: Vec<_> = snapshot.networks.iter().collect();
        let kept = members.len() as u64;
        let largest_first =
            |one: &&Member<Network, 2>| (Reverse(one.total()), one.key);
        let (offset, listed) =
            rows::select(&mut members, query.rows()?, largest_first);
        let before: HashMap<Network, Bytes> = match listed.is_empty() {
            true => HashMap::new(),
            false => {
                earlier.networks.iter().map(|it| (it.key, sum(it))).collect()
            }
        };
        let (pace, names) = (Pace::of(moment), self.names.get());
        let networks = listed.iter().map(|one| {
            let Network(asn) = one.key;
            let before = before.get(&one.key).copied().unwrap_or_default();
            api::Network {
                asn,
                name: names.get(one.key).map(Into::into),
                shown: one.is_shown,
                bytes: pace.bytes(sum(one), before),
            }
        });
        let networks: Vec<_> = networks.collect();
        // All members, less the listed ones.
        let mut not_listed = [kept_bytes(snapshot), kept_bytes(earlier)];
        for one in listed {
            let before = before.get(&one.key).copied().unwrap_or_default();
            subtract(&mut not_listed[0], &sum(one));
            subtract(&mut not_listed[1], &before);
        }
        let bytes =
            |of: fn(&Snapshot) -> Bytes| pace.bytes(of(snapshot), of(earlier));
        Ok(api::Networks {
            envelope: envelope(moment),
            networks,
            kept,
            offset,
            not_listed: pace.bytes(not_listed[0], not_listed[1]),
            not_kept: bytes(|it| it.networks.not_kept),
            unknown: bytes(|it| it.unknown),
            unattributed: bytes(|it| it.unattributed),
            whole: bytes(Snapshot::whole),
        })
    }
}

/// Returns all bytes of a network, shown or not.
fn sum(one: &Member<Network, 2>) -> Bytes {
    [one.value[0] + one.in_other[0], one.value[1] + one.in_other[1]]
}

/// Returns the bytes of all networks that are kept.
fn kept_bytes(snapshot: &Snapshot) -> Bytes {
    let mut bytes = snapshot.networks.whole();
    subtract(&mut bytes, &snapshot.networks.not_kept);
    bytes
}

fn subtract(from: &mut Bytes, part: &Bytes) {
    for (from, part) in from.iter_mut().zip(part) {
        *from = from.saturating_sub(*part);
    }
}
