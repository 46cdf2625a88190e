//! The traffic of the whole machine by direction, IP version and country: each
//! packet once, where it enters or leaves the machine.
//!
//! Pure: no I/O, clock, threads or logging.

mod account;
mod families;
mod section;

pub use account::HostAccount;
pub use families::HostCollector;

use std::sync::Arc;

use super::traffic::CountryTraffic;
use crate::accounting::{Breakdown, Direction, Timestamp, Volume};
use crate::geoip::CountryLabels;

/// All traffic of the machine since the counters began, at the end of one poll.
/// `section` says how it is saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The time at which nothing was counted yet; none if the slice was never
    /// on.
    pub created: Option<Timestamp>,
    /// The labels of the countries.
    pub labels: Arc<CountryLabels>,
    /// Countries with traffic, in the order of
    /// [`Country`](crate::geoip::Country).
    pub countries: Vec<CountryTraffic>,
    /// The packets whose flow was gone before a poll could find the country.
    pub unattributed: Breakdown,
    /// The packets that are not IP or whose addresses are unreadable: received
    /// and sent.
    pub non_ip: [Volume; 2],
}

impl Snapshot {
    /// Returns all bytes in one direction.
    #[must_use]
    pub fn bytes(&self, direction: Direction) -> u64 {
        let countries = self.countries.iter().map(|one| &one.volume);
        let all = countries.chain([&self.unattributed]);
        let ip = all.map(|volume| volume.total(direction).bytes);
        ip.fold(self.non_ip[direction.index()].bytes, u64::saturating_add)
    }
}
