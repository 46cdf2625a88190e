//! The services slice: the bytes that clients exchange with the services of
//! this machine, and their attempts to connect, by country.
//!
//! A service is a set of local ports. The kernel's program finds it, as a class
//! of the flow; see [`crate::accounting::Classes`]. A packet counts once, at an
//! edge: see [`crate::accounting::AtEdges`].
//!
//! `account` adds up, `families` exports, `section` saves.

mod account;
mod families;
mod section;

use std::sync::Arc;

pub use account::{MOST_REMEMBERED, ServicesAccount};
pub use families::ServicesCollector;

use serde::{Deserialize, Serialize};

use crate::accounting::Timestamp;
use crate::geoip::{Country, CountryLabels};

/// The counters of a service and a country. Each of the four has the time at
/// which it was last zero, in the same order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Counters {
    /// Bytes: received and sent.
    pub bytes: [u64; 2],
    /// Attempts to connect over IPv4 and IPv6.
    pub attempts: [u64; 2],
    /// When the bytes were zero.
    #[serde(default)]
    pub bytes_created: [Option<Timestamp>; 2],
    /// When the attempts were zero.
    #[serde(default)]
    pub attempts_created: [Option<Timestamp>; 2],
}

/// The traffic of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTraffic {
    /// Its name.
    pub name: Arc<str>,
    /// By country, in their order.
    pub countries: Vec<(Country, Counters)>,
    /// The traffic whose flows found no room in the kernel's maps.
    pub other: Counters,
}

/// The traffic of all services, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The services, in the order of their names.
    pub services: Vec<Arc<ServiceTraffic>>,
    /// The labels of their countries.
    pub labels: Arc<CountryLabels>,
}
