//! The remote hosts slice: the bytes and packets that this machine exchanges
//! with each remote address, counted once on the host.
//!
//! `rows` keeps the hosts, `account` adds up, `texts` has the names of ranges
//! and services, `places` finds cities, `families` exports, `section` saves.
//!
//! Pure: no I/O, clock, threads or logging.

mod account;
mod families;
mod places;
mod rows;
mod section;
mod texts;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

pub use account::{HostsAccount, MOST_RANKED};
pub use families::HostsCollector;
pub use places::{Finder, Places};

use super::bounded::Members;
use crate::accounting::{Direction, FlowKey, IpVersion, Timestamp, Volume};
use crate::geoip::{Country, CountryLabels, Network};

/// The largest number of hosts that are kept.
pub const MOST_KEPT: usize = 200_000;

/// The number of hosts that a state has: those with the most bytes.
pub const MOST_SAVED: usize = 10_000;

/// The number of hosts that take another's place on the page within an hour.
pub const MOST_NEW_AN_HOUR: usize = 60;

/// A remote host: an address, or a prefix if the kernel keeps fewer bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Remote {
    /// The address, or the first one of the prefix.
    pub address: IpAddr,
    /// The number of kept bits.
    pub length: u8,
}

impl Remote {
    /// Returns the host of a flow, if the kernel keeps so many bits of addresses
    /// of IPv4 and IPv6.
    #[must_use]
    pub fn of(key: &FlowKey, lengths: [u8; 2]) -> Self {
        let address = key.remote_address();
        let length = lengths[key.ip_version.index()];
        // A key that carries an address of IPv4 keeps bits of that.
        let is_carrying = key.ip_version == IpVersion::V6
            && address != IpAddr::from(key.remote);
        let length = match is_carrying {
            true => length.max(96 + lengths[IpVersion::V4.index()]),
            false => length,
        };
        Self { address, length }
    }

    fn is_whole(self) -> bool {
        self.length == if self.address.is_ipv4() { 32 } else { 128 }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        match self.is_whole() {
            true => Ok(()),
            false => write!(f, "/{}", self.length),
        }
    }
}

/// Bytes and packets, each received and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// By the index of the direction.
    pub bytes: [u64; 2],
    /// By the index of the direction.
    pub packets: [u64; 2],
}

impl Counters {
    pub(super) fn credit(&mut self, direction: Direction, volume: Volume) {
        self.bytes[direction.index()] += volume.bytes;
        self.packets[direction.index()] += volume.packets;
    }

    /// Adds others.
    pub fn add(&mut self, others: &Self) {
        for side in 0..2 {
            self.bytes[side] += others.bytes[side];
            self.packets[side] += others.packets[side];
        }
    }

    /// Returns the bytes of both directions.
    #[must_use]
    pub fn all_bytes(&self) -> u64 {
        self.bytes[0].saturating_add(self.bytes[1])
    }
}

/// The traffic of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// The host.
    pub remote: Remote,
    /// The country at its last packet.
    pub country: Country,
    /// The network at its last packet.
    pub network: Network,
    /// The number of its range in [`Snapshot::texts`], or zero.
    pub range: u16,
    /// The number of its service in [`Snapshot::texts`], or zero: the service
    /// that most of its packets belong to, if one has more than half of them.
    pub service: u16,
    /// The lead of the service over all others, in packets.
    lead: u32,
    /// Its bytes and packets.
    pub counters: Counters,
    /// The end of the poll that saw it first, in seconds since 1970.
    pub first_seen: u32,
    /// The end of the poll that saw it last.
    pub last_seen: u32,
}

/// The traffic of a country that belongs to no host in the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfCountry {
    /// The traffic of hosts that were forgotten.
    pub forgotten: Counters,
    /// The traffic that was counted for hosts here, before a database or a range
    /// gave them another country.
    pub left: Counters,
    /// The same traffic, in the country that they have since.
    pub joined: Counters,
}

/// The traffic of all remote hosts at the end of one poll. `section` says how
/// it is saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The hosts, in no order. A part that has not changed is shared with the
    /// snapshot before.
    pub parts: Vec<Arc<[Host]>>,
    /// By country.
    pub countries: BTreeMap<Country, OfCountry>,
    /// The traffic whose flow was gone before a poll could find the host.
    pub unattributed: Counters,
    /// The hosts that have or had series.
    pub series: Members<Remote, 2>,
    /// The countries and networks of those that are shown.
    pub origins: BTreeMap<Remote, (Country, Network)>,
    /// The names of ranges and services.
    pub texts: Arc<[Arc<str>]>,
    /// The labels of the countries.
    pub labels: Arc<CountryLabels>,
    /// The time at which nothing was counted yet, if known.
    pub created: Option<Timestamp>,
}

impl Snapshot {
    /// Returns the hosts, in no order.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    /// Returns the number of hosts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// Returns whether there are no hosts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Returns the text that has this number: none for zero.
    #[must_use]
    pub fn text(&self, number: u16) -> Option<&str> {
        let place = usize::from(number).checked_sub(1)?;
        self.texts.get(place).map(|text| &**text)
    }

    /// Returns the traffic of forgotten hosts.
    #[must_use]
    pub fn forgotten(&self) -> Counters {
        let mut sum = Counters::default();
        for country in self.countries.values() {
            sum.add(&country.forgotten);
        }
        sum
    }

    /// Returns all traffic: hosts, forgotten ones, and unattributed.
    #[must_use]
    pub fn whole(&self) -> Counters {
        let mut whole = self.forgotten();
        whole.add(&self.unattributed);
        for host in self.hosts() {
            whole.add(&host.counters);
        }
        whole
    }
}
