//! The section of a state file that holds the traffic of remote hosts.
//!
//! It has the hosts with the most bytes, [`MOST_SAVED`] of them, and adds the
//! others to those that were forgotten: 200,000 hosts would be 12 MB at every
//! save. So a restart loses no byte, and forgets small hosts.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Counters, Host, MOST_SAVED, OfCountry, Remote, Snapshot};
use crate::accounting::{LARGEST_COUNTER, Timestamp};
use crate::collectors::bounded::{Member, Members, Sums};
use crate::collectors::section::{SectionContent, encoded};
use crate::geoip::{Country, CountryLabels, Network};

/// The number of hosts that were never shown of which the state has the bytes
/// by which they are ranked.
const MOST_HIDDEN: usize = 1_000;

/// [`Snapshot`] as it is saved. A field that is added needs
/// `#[serde(default)]`.
#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    /// The names of ranges and services. Hosts have a place in it and one, or
    /// zero.
    texts: Vec<Arc<str>>,
    /// The labels of countries, whose places the others have.
    #[serde(borrow)]
    labels: Vec<&'a str>,
    hosts: Vec<SavedHost>,
    countries: Vec<SavedCountry>,
    unattributed: SavedCounters,
    series: Vec<SavedSeries>,
    other: Sums<2>,
    not_kept: Sums<2>,
    other_created: Option<Timestamp>,
    recent: usize,
    created: Option<Timestamp>,
}

/// Bytes received and sent, packets received and sent.
type SavedCounters = [u64; 4];

/// The version of IP, the two halves of the address, the number of kept bits.
type SavedRemote = (u8, u64, u64, u8);

/// The country, the network, the range, the service and its lead, the counters,
/// the times at which it was first and last seen.
type SavedHost =
    (SavedRemote, u16, u32, u16, u16, u32, SavedCounters, u32, u32);

/// The country; forgotten, left, joined.
type SavedCountry = (u16, SavedCounters, SavedCounters, SavedCounters);

/// The host, the values, the amounts in `other`, whether it is shown, and since
/// when it has been.
type SavedSeries = (SavedRemote, Sums<2>, Sums<2>, bool, Option<Timestamp>);

impl SectionContent for Snapshot {
    const NAME: &'static str = "hosts";
    const NEWEST: u32 = 1;

    fn encode(&self) -> Vec<u8> {
        let mut hosts: Vec<&Host> = self.hosts().collect();
        let mut countries = self.countries.clone();
        let largest_first =
            |host: &&Host| (Reverse(host.counters.all_bytes()), host.remote);
        if hosts.len() > MOST_SAVED {
            hosts.select_nth_unstable_by_key(MOST_SAVED, largest_first);
            for host in hosts.drain(MOST_SAVED..) {
                let country = countries.entry(host.country).or_default();
                country.forgotten.add(&host.counters);
            }
        }
        let mut labels = LabelPlaces::new(&self.labels);
        let hosts = hosts.into_iter().map(|host| save_host(host, &mut labels));
        let hosts = hosts.collect();
        let countries = countries.iter().map(|(country, own)| {
            let OfCountry { forgotten, left, joined } = own;
            let [forgotten, left, joined] =
                [forgotten, left, joined].map(save_counters);
            (labels.of(*country), forgotten, left, joined)
        });
        let countries = countries.collect();
        let (series, not_kept) = self.series_to_save();
        encoded(&Saved {
            texts: self.texts.to_vec(),
            labels: labels.list,
            hosts,
            countries,
            unattributed: save_counters(&self.unattributed),
            series,
            other: self.series.other,
            not_kept,
            other_created: self.series.created,
            recent: self.series.recent,
            created: self.created,
        })
    }

    /// The snapshot is to get the labels once all sections were read.
    fn decode(body: &[u8], labels: &mut CountryLabels) -> Option<Self> {
        let saved: Saved<'_> = rmp_serde::from_slice(body).ok()?;
        let mut known = labels.clone();
        let own = saved.labels.iter().map(|label| known.intern(label).ok());
        let own: Vec<Country> = own.collect::<Option<_>>()?;
        let country = |place: u16| own.get(usize::from(place)).copied();
        let hosts = saved.hosts.iter();
        let hosts = hosts.map(|host| read_host(host, country));
        let hosts: Vec<Host> = hosts.collect::<Option<_>>()?;
        let remotes: BTreeSet<_> = hosts.iter().map(|it| it.remote).collect();
        let mut countries = BTreeMap::new();
        for (place, forgotten, left, joined) in saved.countries {
            let [forgotten, left, joined] =
                [forgotten, left, joined].map(read_counters);
            let own = OfCountry { forgotten, left, joined };
            countries.insert(country(place)?, own);
        }
        let series = saved.series.iter().map(|one| {
            let (remote, value, in_other, is_shown, created) = *one;
            let key = read_remote(remote)?;
            Some(Member { key, value, in_other, is_shown, created })
        });
        let series: Vec<_> = series.collect::<Option<_>>()?;
        let keys: BTreeSet<_> = series.iter().map(|it| it.key).collect();
        let are_distinct =
            remotes.len() == hosts.len() && keys.len() == series.len();
        let snapshot = Self {
            // The account finds them anew.
            origins: BTreeMap::new(),
            parts: vec![hosts.into()],
            countries,
            unattributed: read_counters(saved.unattributed),
            series: Members {
                parts: vec![series.into()],
                other: saved.other,
                not_kept: saved.not_kept,
                created: saved.other_created,
                recent: saved.recent,
            },
            texts: saved.texts.into(),
            labels: Arc::default(),
            created: saved.created,
        };
        if !are_distinct || !snapshot.is_sound() {
            return None;
        }
        *labels = known;
        Some(snapshot)
    }
}

impl Snapshot {
    /// Returns the series that are saved, and the bytes in `other` of hosts that
    /// are not.
    fn series_to_save(&self) -> (Vec<SavedSeries>, Sums<2>) {
        let (shown, mut hidden): (Vec<_>, Vec<_>) =
            self.series.iter().partition(|one| one.created.is_some());
        let mut not_kept = self.series.not_kept;
        if hidden.len() > MOST_HIDDEN {
            let largest_first =
                |one: &&Member<Remote, 2>| (Reverse(one.total()), one.key);
            hidden.select_nth_unstable_by_key(MOST_HIDDEN, largest_first);
            for member in hidden.drain(MOST_HIDDEN..) {
                for (sum, more) in not_kept.iter_mut().zip(member.in_other) {
                    *sum += more;
                }
            }
        }
        let all = shown.into_iter().chain(hidden).map(|member| {
            let Member { key, value, in_other, is_shown, created } = *member;
            (save_remote(key), value, in_other, is_shown, created)
        });
        (all.collect(), not_kept)
    }

    /// Returns whether counters and numbers make sense.
    fn is_sound(&self) -> bool {
        let of_countries = self.countries.values();
        let of_countries = of_countries
            .flat_map(|it| [it.forgotten, it.left, it.joined])
            .chain([self.unattributed]);
        let all = self.hosts().map(|host| host.counters).chain(of_countries);
        let sum = all
            .flat_map(|it| it.bytes.into_iter().chain(it.packets))
            .chain(self.series.other)
            .chain(self.series.iter().flat_map(|member| member.value))
            .map(u128::from)
            .sum::<u128>();
        let most = self.texts.len();
        let are_known = self
            .hosts()
            .all(|host| usize::from(host.range.max(host.service)) <= most);
        sum <= u128::from(LARGEST_COUNTER)
            && are_known
            && self.series.is_consistent()
    }
}

/// The places of the labels of countries in the list that is saved.
struct LabelPlaces<'a> {
    labels: &'a CountryLabels,
    list: Vec<&'a str>,
    places: HashMap<Country, u16>,
}

impl<'a> LabelPlaces<'a> {
    fn new(labels: &'a CountryLabels) -> Self {
        Self { labels, list: Vec::new(), places: HashMap::new() }
    }

    fn of(&mut self, country: Country) -> u16 {
        let Self { labels, list, places } = self;
        *places.entry(country).or_insert_with(|| {
            list.push(labels.get(country));
            u16::try_from(list.len() - 1).expect("fewer countries than a u16")
        })
    }
}

fn save_host(host: &Host, labels: &mut LabelPlaces<'_>) -> SavedHost {
    let Host { remote, country, network, range, service, lead, .. } = *host;
    (
        save_remote(remote),
        labels.of(country),
        network.0,
        range,
        service,
        lead,
        save_counters(&host.counters),
        host.first_seen,
        host.last_seen,
    )
}

fn read_host(
    saved: &SavedHost,
    country: impl Fn(u16) -> Option<Country>,
) -> Option<Host> {
    let (remote, place, network, range, service, lead, counters, first, last) =
        *saved;
    Some(Host {
        remote: read_remote(remote)?,
        country: country(place)?,
        network: Network(network),
        range,
        service,
        lead,
        counters: read_counters(counters),
        first_seen: first,
        last_seen: last.min(u32::MAX - 1),
    })
}

fn save_remote(Remote { address, length }: Remote) -> SavedRemote {
    match address {
        IpAddr::V4(v4) => (4, 0, v4.to_bits().into(), length),
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h] = v6.segments().map(u64::from);
            let half = |[a, b, c, d]: [u64; 4]| a << 48 | b << 32 | c << 16 | d;
            (6, half([a, b, c, d]), half([e, f, g, h]), length)
        }
    }
}

fn read_remote((version, high, low, length): SavedRemote) -> Option<Remote> {
    let (address, longest): (IpAddr, u8) = match version {
        4 => (Ipv4Addr::from_bits(u32::try_from(low).ok()?).into(), 32),
        6 => {
            let bits = u128::from(high) << 64 | u128::from(low);
            (Ipv6Addr::from_bits(bits).into(), 128)
        }
        _ => return None,
    };
    (length <= longest).then_some(Remote { address, length })
}

fn save_counters(counters: &Counters) -> SavedCounters {
    let Counters { bytes: [received, sent], packets: [in_, out] } = *counters;
    [received, sent, in_, out]
}

fn read_counters([received, sent, in_, out]: SavedCounters) -> Counters {
    Counters { bytes: [received, sent], packets: [in_, out] }
}

#[cfg(test)]
mod tests;
