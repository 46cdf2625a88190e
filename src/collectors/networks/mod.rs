//! Bytes by network (autonomous system), counted once on the host: the largest
//! networks have series, all others are one.
//!
//! Pure: no I/O, clock, threads or logging.

mod account;
mod families;
mod section;

pub use account::NetworksAccount;
pub use families::NetworksCollector;

use super::bounded::{Limits, Members, Sums};
use crate::accounting::Timestamp;
use crate::geoip::Network;

/// The number of networks whose counters are kept, in memory and in the state.
/// Fewer are in the routing tables of the Internet.
pub const MOST_KEPT: u32 = 100_000;

/// The number of networks that take another's place on the page within an hour.
pub const MOST_NEW_AN_HOUR: usize = 60;

/// The counters of a network: received and sent bytes, by the index of their
/// direction.
const COUNTERS: usize = 2;

/// Returns the limits of the family if so many networks have series.
const fn limits(shown: usize) -> Limits {
    Limits {
        shown,
        kept: MOST_KEPT,
        new_an_hour: MOST_NEW_AN_HOUR,
        ranked_by: COUNTERS,
    }
}

/// The bytes of all networks at the end of one poll. `section` says how they are
/// saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The networks that have a number.
    pub networks: Members<Network, COUNTERS>,
    /// The bytes of addresses that belong to no known network.
    pub unknown: Sums<COUNTERS>,
    /// The bytes whose flow was gone before a poll could find the network.
    pub unattributed: Sums<COUNTERS>,
    /// The time at which nothing was counted yet, if known.
    pub created: Option<Timestamp>,
}

impl Snapshot {
    /// Returns all bytes: received and sent.
    #[must_use]
    pub fn whole(&self) -> Sums<COUNTERS> {
        let mut whole = self.networks.whole();
        for part in [self.unknown, self.unattributed] {
            for (sum, more) in whole.iter_mut().zip(part) {
                *sum += more;
            }
        }
        whole
    }
}
