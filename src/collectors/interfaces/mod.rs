//! The state of the interfaces that are to be counted.
//!
//! Pure: no I/O, clock, threads or logging.

mod families;
mod once;

pub use families::InterfacesCollector;
pub use once::{Once, OnceSnapshot};

use std::collections::BTreeMap;
use std::sync::Arc;

/// The ability of an interface to carry traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It exists and is up.
    Up,
    /// It exists and is down.
    Down,
    /// It was asked for by name and does not exist.
    NotFound,
}

impl Status {
    /// Returns the value of the gauge.
    #[must_use]
    pub fn value(self) -> u8 {
        match self {
            Self::Up => 0,
            Self::Down => 1,
            Self::NotFound => 2,
        }
    }
}

/// The state of an interface that is to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceState {
    /// True if it can carry traffic.
    pub status: Status,
    /// True if its packets are being counted.
    pub is_attached: bool,
}

impl InterfaceState {
    /// Returns the state in words.
    #[must_use]
    pub fn label(self) -> &'static str {
        match (self.status, self.is_attached) {
            (Status::Up, true) => "up",
            (Status::Up, false) => "up, not counted",
            (Status::Down, true) => "down",
            (Status::Down, false) => "down, not counted",
            (Status::NotFound, _) => "not found",
        }
    }
}

/// The state of every interface that is to be counted, by name.
///
/// In a map, because a name that stood there twice would be a scrape no
/// Prometheus takes.
pub type Snapshot = BTreeMap<Arc<str>, InterfaceState>;
