//! The state of the interfaces that are to be counted.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metrics::family::Description;
use crate::metrics::published::Published;
use crate::metrics::{Collect, Emit};

const STATUS: Description<1> = Description {
    name: "geoip_interface_status",
    help: "State of the interface: 0 up, 1 down, 2 not found.",
    labels: ["interface"],
};

const ATTACHED: Description<1> = Description {
    name: "geoip_interface_attached",
    help: "Whether packets of the interface are being counted: 1 yes, 0 no.",
    labels: ["interface"],
};

/// Whether an interface can carry traffic.
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

/// What is known of an interface that is to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether it can carry traffic.
    pub status: Status,
    /// Whether its packets are being counted.
    pub is_attached: bool,
}

impl State {
    /// Returns what people call it.
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
pub type Snapshot = BTreeMap<Arc<str>, State>;

/// Exports the newest states.
#[derive(Debug)]
pub struct InterfacesCollector {
    snapshot: Published<Snapshot>,
}

impl InterfacesCollector {
    /// Returns a collector of what is published here.
    #[must_use]
    pub fn new(snapshot: Published<Snapshot>) -> Self {
        Self { snapshot }
    }
}

impl Collect for InterfacesCollector {
    fn version(&self) -> u64 {
        self.snapshot.version()
    }

    fn collect(&self, emit: Emit<'_>) {
        let mut status = STATUS.gauge();
        let mut attached = ATTACHED.gauge();
        for (name, state) in &*self.snapshot.get() {
            status.push([name], state.status.value().into());
            attached.push([name], u8::from(state.is_attached).into());
        }
        emit(&status.build());
        emit(&attached.build());
    }
}
