//! The remote prefixes with the most bytes of `UNKNOWN`, for people who want to
//! know what is missing in a database or in their ranges.
//!
//! Memory is bounded: [`KEPT`] prefixes. When all places are taken, a new
//! prefix takes the place of the smallest one and inherits its bytes as the
//! largest error of its own (the algorithm is called Space-Saving). So every
//! prefix with more than one part in [`KEPT`] of all bytes is in the list.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::Serialize;

use crate::accounting::{
    Account, Direction, FlowKey, InterfaceId, IpVersion, Origin, PollEnd, Rest,
    Timestamp, Volume,
};
use crate::config::Config;
use crate::geoip::{Country, CountryLabels};

/// The number of prefixes that are kept.
pub const KEPT: usize = 1_024;

/// The number of prefixes that are shown.
pub const SHOWN: usize = 20;

/// The prefixes with the most bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Snapshot {
    /// The time since which they are counted, in seconds since 1970: the start
    /// or the last change of a database or of ranges.
    pub since: Option<f64>,
    /// All bytes of `UNKNOWN` since then.
    pub bytes: u64,
    /// The prefixes, the largest first.
    pub prefixes: Vec<OfPrefix>,
    /// Is true if the configuration asks for it.
    #[serde(skip)]
    pub is_on: bool,
}

/// The traffic of one prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfPrefix {
    /// The prefix, such as `192.0.2.0/24`.
    pub prefix: String,
    /// Bytes received from it.
    pub bytes_received: u64,
    /// Bytes sent to it.
    pub bytes_sent: u64,
    /// The bytes that it may have had before it was kept, at most.
    pub bytes_missed_at_most: u64,
}

/// A prefix while it is counted.
#[derive(Clone, Copy, Debug)]
struct Place {
    key: Key,
    bytes: [u64; 2],
    missed: u64,
}

type Key = (IpVersion, [u8; 16]);

/// Counts the bytes of `UNKNOWN` by prefix.
#[derive(Debug, Default)]
pub struct UnknownAccount {
    is_on: bool,
    lengths: [u8; 2],
    places: Vec<Place>,
    /// The hash has a secret, as prefixes come from the network.
    numbers: HashMap<Key, usize, RandomState>,
    /// The places by their bytes with those that they may have missed.
    order: BTreeSet<(u64, usize)>,
    bytes: u64,
    since: Option<Timestamp>,
    last_poll: Option<Timestamp>,
    has_changed: bool,
}

impl UnknownAccount {
    /// Returns an account that counts from this time on.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        let (since, last_poll) = (Some(start), Some(start));
        Self { since, last_poll, ..Self::default() }
    }

    fn begin_anew(&mut self) {
        self.places.clear();
        self.numbers.clear();
        self.order.clear();
        self.bytes = 0;
        self.since = self.last_poll;
        self.has_changed = true;
    }

    fn weight(place: &Place) -> u64 {
        place.bytes[0] + place.bytes[1] + place.missed
    }

    /// Returns the place of a prefix, which may be that of the smallest one
    /// before.
    fn place_of(&mut self, key: Key) -> usize {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        let (number, missed) = match self.places.len() < KEPT {
            true => {
                self.places.push(Place { key, bytes: [0; 2], missed: 0 });
                (self.places.len() - 1, 0)
            }
            false => {
                let (weight, number) =
                    self.order.pop_first().unwrap_or_default();
                self.numbers.remove(&self.places[number].key);
                self.places[number] =
                    Place { key, bytes: [0; 2], missed: weight };
                (number, weight)
            }
        };
        self.numbers.insert(key, number);
        self.order.insert((missed, number));
        number
    }

    fn show(&self, number: usize) -> OfPrefix {
        let Place { key: (ip_version, remote), bytes, missed } =
            self.places[number];
        let (interface, class) = (InterfaceId(0), 0);
        let direction = Direction::Received;
        let key = FlowKey { interface, direction, ip_version, class, remote };
        let address = key.remote_address();
        // A key that carries an address of IPv4 keeps bits of that.
        let is_carrying =
            address != IpAddr::from(remote) && ip_version == IpVersion::V6;
        let length = match is_carrying {
            true => 96 + self.lengths[IpVersion::V4.index()],
            false => self.lengths[ip_version.index()],
        };
        OfPrefix {
            prefix: format!("{address}/{length}"),
            bytes_received: bytes[Direction::Received.index()],
            bytes_sent: bytes[Direction::Sent.index()],
            bytes_missed_at_most: missed,
        }
    }
}

impl Account for UnknownAccount {
    type Snapshot = Snapshot;

    fn configure(&mut self, config: &Config) {
        self.lengths = [config.ipv4_prefix_length, config.ipv6_prefix_length];
        if self.is_on != config.unknown_prefixes {
            self.is_on = config.unknown_prefixes;
            self.begin_anew();
        }
    }

    fn is_on(&self) -> bool {
        self.is_on
    }

    fn name_interface(&mut self, _: InterfaceId, _: &Arc<str>) {}

    /// The sources have changed: other prefixes may be `UNKNOWN` from now on.
    fn label_countries(&mut self, _: &Arc<CountryLabels>) {
        self.begin_anew();
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        if origin.country != Country::UNKNOWN {
            return;
        }
        let number = self.place_of((key.ip_version, key.remote));
        let place = &mut self.places[number];
        self.order.remove(&(Self::weight(place), number));
        place.bytes[key.direction.index()] += volume.bytes;
        self.order.insert((Self::weight(place), number));
        self.bytes += volume.bytes;
        self.has_changed = true;
    }

    fn credit_rests(&mut self, _: &[Rest]) {}

    fn forget_interface(&mut self, _: InterfaceId) {}

    fn end_poll(&mut self, end: PollEnd) -> bool {
        self.last_poll = Some(end.at);
        self.has_changed
    }

    fn snapshot(&mut self) -> Snapshot {
        self.has_changed = false;
        let largest = self.order.iter().rev().take(SHOWN);
        Snapshot {
            since: self.since.map(Timestamp::seconds),
            bytes: self.bytes,
            prefixes: largest.map(|(_, number)| self.show(*number)).collect(),
            is_on: self.is_on,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account() -> UnknownAccount {
        let mut account = UnknownAccount::new(Timestamp::from_millis(5_000));
        let config = Config { unknown_prefixes: true, ..Config::default() };
        account.configure(&config);
        account
    }

    fn credit(account: &mut UnknownAccount, number: u32, bytes: u64) {
        let mut remote = [0; 16];
        remote[..4].copy_from_slice(&(number << 8).to_be_bytes());
        let key = FlowKey {
            interface: InterfaceId(1),
            direction: Direction::Received,
            ip_version: IpVersion::V4,
            class: 0,
            remote,
        };
        let volume = Volume { packets: 1, bytes };
        account.credit(&key, volume, &Origin::default());
    }

    #[test]
    fn the_largest_prefixes_are_shown_and_a_known_country_is_not() {
        let mut account = account();
        for number in 1..=30 {
            credit(&mut account, number, u64::from(number) * 10);
        }
        let snapshot = account.snapshot();
        assert_eq!(snapshot.prefixes.len(), SHOWN);
        assert_eq!(
            snapshot.prefixes[0],
            OfPrefix {
                prefix: "0.0.30.0/24".into(),
                bytes_received: 300,
                bytes_sent: 0,
                bytes_missed_at_most: 0,
            }
        );
        assert_eq!((snapshot.bytes, snapshot.since), (4_650, Some(5.0)));
        // Another database: they may be known now.
        account.label_countries(&Arc::default());
        assert_eq!(account.snapshot().prefixes, []);
    }

    #[test]
    fn a_carried_address_is_shown_with_its_bits() {
        let mut account = account();
        let mut remote = [0; 16];
        remote[..8].copy_from_slice(&[0, 0x64, 0xff, 0x9b, 192, 0, 2, 0]);
        let key = FlowKey {
            interface: InterfaceId(1),
            direction: Direction::Sent,
            ip_version: IpVersion::V6,
            class: 0,
            remote,
        };
        let volume = Volume { packets: 1, bytes: 9 };
        account.credit(&key, volume, &Origin::default());
        let prefix = &account.snapshot().prefixes[0];
        assert_eq!(prefix.prefix, "64:ff9b::c000:200/120");
    }

    proptest! {
        /// The promise of the algorithm, for any order of prefixes.
        #[test]
        fn a_prefix_with_more_than_its_part_is_kept(
            numbers in prop::collection::vec(0..3_000_u32, 1..6_000)
        ) {
            let mut account = account();
            let mut truth: HashMap<u32, u64> = HashMap::new();
            for number in numbers {
                // A few are much larger.
                let bytes = if number % 997 == 0 { 5_000 } else { 1 };
                credit(&mut account, number, bytes);
                *truth.entry(number).or_default() += bytes;
            }
            let all: u64 = truth.values().sum();
            prop_assert_eq!(account.bytes, all);
            prop_assert!(account.places.len() <= KEPT);
            prop_assert_eq!(account.order.len(), account.places.len());
            for (number, bytes) in truth {
                let mut remote = [0; 16];
                remote[..4].copy_from_slice(&(number << 8).to_be_bytes());
                let place = account.numbers.get(&(IpVersion::V4, remote));
                match place.map(|number| account.places[*number]) {
                    Some(place) => {
                        let seen = place.bytes[0];
                        prop_assert!(seen <= bytes);
                        prop_assert!(bytes <= seen + place.missed);
                    }
                    None => prop_assert!(bytes <= all / KEPT as u64),
                }
            }
        }
    }
}
