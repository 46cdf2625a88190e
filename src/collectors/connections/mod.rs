//! The connections slice: the TCP connections of this machine by country, the
//! segments and bytes in them, and their round-trip times.
//!
//! The kernel side counts by remote address, see
//! [`crate::accounting::ConnectionKey`]; the thread that takes its counts knows
//! the country of each address. `account` adds up, `families` exports,
//! `section` saves.
//!
//! Pure: no I/O, clock, threads or logging.

mod account;
mod families;
mod section;
mod services;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use account::ConnectionsAccount;
pub use families::ConnectionsCollector;

use serde::{Deserialize, Serialize};

use super::bounded::{Limits, Members, Sums};
use crate::accounting::{
    ConnectionDirection, ConnectionGrowth, RTT_BOUNDS, RoundTrips, Timestamp,
};
use crate::geoip::{Country, CountryLabels};

/// The number of countries that take another's place among the round-trip times
/// within an hour.
pub const MOST_NEW_AN_HOUR: usize = 60;

/// The buckets of round-trip times. Their sum in microseconds is one more
/// counter of a country.
const BUCKETS: usize = RTT_BOUNDS.len() + 1;

/// The counters of the round-trip times of a country.
const COUNTERS: usize = BUCKETS + 1;

/// Returns the limits of the round-trip times if so many countries have series.
/// All countries are kept.
#[expect(clippy::cast_possible_truncation, reason = "some thousands")]
const fn limits(shown: usize) -> Limits {
    Limits {
        shown,
        kept: (Country::FIXED + CountryLabels::MOST_OWN) as u32,
        new_an_hour: MOST_NEW_AN_HOUR,
        ranked_by: BUCKETS,
    }
}

/// Returns the counters of round-trip times.
fn sums(round_trips: &RoundTrips) -> Sums<COUNTERS> {
    let mut sums = [round_trips.sum; COUNTERS];
    sums[..BUCKETS].copy_from_slice(&round_trips.buckets);
    sums
}

/// The way in which connections are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By eBPF programs, which see every change of state.
    Programs,
    /// By lists of the open connections: failed ones are not seen.
    SockDiag,
}

impl Method {
    /// Returns the value of the label `method`.
    fn label(self) -> &'static str {
        match self {
            Self::Programs => "programs",
            Self::SockDiag => "sock_diag",
        }
    }
}

/// The changes of connections of a country in one direction. These counters
/// begin together, so that a quotient of two of them has a value from the first
/// change on.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(default)]
pub struct Changes {
    /// Connections that were established.
    pub opened: u64,
    /// Attempts that ended without a connection.
    pub failed: u64,
    /// Established connections that ended.
    pub closed: u64,
    /// The time at which they were zero, if known.
    pub created: Option<Timestamp>,
}

/// The segments and bytes of the connections with a country. These counters
/// begin together too.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(default)]
pub struct Traffic {
    /// Segments sent, retransmitted ones included.
    pub segments_sent: u64,
    /// Segments sent again.
    pub segments_retransmitted: u64,
    /// Bytes that the remote hosts acknowledged.
    pub bytes_acked: u64,
    /// Bytes that this machine received in order.
    pub bytes_received: u64,
    /// The time at which they were zero, if known.
    pub created: Option<Timestamp>,
}

impl Changes {
    /// Returns whether there was a change.
    #[must_use]
    pub fn have_begun(&self) -> bool {
        [self.opened, self.failed, self.closed].iter().any(|it| *it > 0)
    }

    fn add(&mut self, growth: &ConnectionGrowth, earlier: Option<Timestamp>) {
        let had_begun = self.have_begun();
        self.opened += growth.opened;
        self.failed += growth.failed;
        self.closed += growth.closed;
        if !had_begun && self.have_begun() {
            self.created = earlier;
        }
    }
}

impl Traffic {
    /// Returns whether there was any.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        let segments = [self.segments_sent, self.segments_retransmitted];
        let bytes = [self.bytes_acked, self.bytes_received];
        segments.iter().chain(&bytes).any(|it| *it > 0)
    }

    fn add(&mut self, growth: &ConnectionGrowth, earlier: Option<Timestamp>) {
        let had_begun = self.has_begun();
        self.segments_sent += growth.segments_sent;
        self.segments_retransmitted += growth.segments_retransmitted;
        self.bytes_acked += growth.bytes_acked;
        self.bytes_received += growth.bytes_received;
        if !had_begun && self.has_begun() {
            self.created = earlier;
        }
    }
}

/// The counters of a country.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(default)]
pub struct Counters {
    /// By the index of a [`ConnectionDirection`].
    pub changes: [Changes; ConnectionDirection::ALL.len()],
    /// Both directions.
    pub traffic: Traffic,
}

/// The connections that are open now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The side that asked for them.
    pub direction: ConnectionDirection,
    /// The service whose port they have; none: any other.
    pub service: Option<Arc<str>>,
    /// Their number. It may be below zero until the next count of open
    /// connections: the end of a connection counts for the country and the
    /// service that its address and port have then.
    pub number: i64,
}

/// The connections with a country.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountryConnections {
    /// The counters.
    pub counters: Counters,
    /// By direction and service, in their order; those that there were in this
    /// process.
    pub open: Vec<Open>,
}

/// All connections at the end of one visit. `section` says how they are saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// By country, in their order.
    pub countries: Vec<(Country, CountryConnections)>,
    /// The connections for whose addresses the kernel had no room.
    pub other: CountryConnections,
    /// The round-trip times by country: the observations in each bucket, then
    /// their sum in microseconds.
    pub round_trips: Members<Country, COUNTERS>,
    /// Connections whose sockets had no room for a reading.
    pub untracked: u64,
    /// The time at which `untracked` was zero, if known.
    pub created: Option<Timestamp>,
    /// The labels of the countries.
    pub labels: Arc<CountryLabels>,
    /// The way in which connections are counted now; none while they are not.
    pub method: Option<Method>,
    /// The end of the visit, or the start. It is not saved.
    pub visited: Option<Timestamp>,
}

/// Round-trip times of a country.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The number of observations.
    pub count: u64,
    /// Their sum, in microseconds.
    pub micros: u64,
}

impl Snapshot {
    /// Returns the round-trip times of each country, shown or not; without a
    /// country those of connections for whose addresses the kernel had no room.
    #[must_use]
    pub fn observed(&self) -> BTreeMap<Option<Country>, Observed> {
        let observed = |sums: Sums<COUNTERS>| Observed {
            count: sums[..BUCKETS].iter().sum(),
            micros: sums[BUCKETS],
        };
        let members = self.round_trips.iter().map(|member| {
            let mut sums = member.value;
            for (sum, more) in sums.iter_mut().zip(member.in_other) {
                *sum += more;
            }
            (Some(member.key), observed(sums))
        });
        let nowhere = (None, observed(self.round_trips.not_kept));
        members.chain([nowhere]).collect()
    }
}
