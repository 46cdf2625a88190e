//! Bytes and packets by interface, direction, IP version and country, and
//! the packets without a country.
//!
//! Pure: no I/O, clock, threads or logging.

mod account;
mod book;
mod families;
mod section;

pub use account::TrafficAccount;
pub use families::TrafficCollector;
pub(super) use section::{Labelled, SavedCountry, read_countries};

use std::sync::Arc;

use crate::accounting::{Breakdown, Created, Direction, Timestamp, Volume};
use crate::collectors::books::OfInterface;
use crate::geoip::{Country, CountryLabels};

/// All traffic since the counters began, at the end of one poll. `section` says
/// how it is saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Packets the hooks saw, on all interfaces together.
    pub packets: u64,
    /// The time at which none were counted yet, if known.
    pub created: Option<Timestamp>,
    /// The labels of the countries.
    pub labels: Arc<CountryLabels>,
    /// Interfaces that are or were attached and have series, in the order of
    /// their names.
    pub interfaces: Vec<Arc<InterfaceTraffic>>,
    /// Those that are gone and no longer have series, in the same order.
    pub remembered: Arc<[Arc<InterfaceTraffic>]>,
}

/// The traffic of all interfaces that had one name, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceTraffic {
    /// The value of the `interface` label.
    pub name: Arc<str>,
    /// Countries with traffic, in the order of [`Country`].
    pub countries: Vec<CountryTraffic>,
    /// The packets whose flow was gone before a poll could find the country.
    pub unattributed: Breakdown,
    non_ip: [Volume; 2],
    /// The time at which nothing was counted yet, if known.
    pub created: Option<Timestamp>,
    /// True if no interface has the name any more.
    pub is_absent: bool,
}

impl InterfaceTraffic {
    /// Returns the traffic of one name; `non_ip` is received and sent.
    #[must_use]
    pub fn new(
        name: Arc<str>,
        countries: Vec<CountryTraffic>,
        unattributed: Breakdown,
        non_ip: [Volume; 2],
    ) -> Self {
        let (created, is_absent) = (None, false);
        Self { name, countries, unattributed, non_ip, created, is_absent }
    }

    /// Returns the packets that are not IP or whose addresses are unreadable.
    #[must_use]
    pub fn non_ip(&self, direction: Direction) -> Volume {
        self.non_ip[direction.index()]
    }
}

impl OfInterface for InterfaceTraffic {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn bytes(&self) -> u64 {
        let of = |volumes: &Breakdown| {
            let sum = |direction| volumes.total(direction).bytes;
            sum(Direction::Received).saturating_add(sum(Direction::Sent))
        };
        let countries = self.countries.iter().map(|one| of(&one.volume));
        let non_ip = self.non_ip.iter().map(|volume| volume.bytes);
        countries
            .chain(non_ip)
            .fold(of(&self.unattributed), u64::saturating_add)
    }
}

/// The traffic of one interface with one country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountryTraffic {
    /// The other end.
    pub country: Country,
    /// The volume; a zero has always been zero.
    pub volume: Breakdown,
    /// The time at which each of these was last zero: the end of the poll before
    /// its first packet.
    pub created: Created,
}

impl CountryTraffic {
    /// Returns a country without traffic.
    #[must_use]
    pub fn new(country: Country) -> Self {
        let (volume, created) = (Breakdown::default(), Created::default());
        Self { country, volume, created }
    }
}
