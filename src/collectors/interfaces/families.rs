//! The metric families of the interfaces: all names and help texts of this
//! slice.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{OnceSnapshot, Snapshot};
use crate::metrics::family::Description;
use crate::metrics::published::Published;
use crate::metrics::{Collect, Families};

const STATUS: Description<1> = Description {
    name: "geoip_interface_status",
    help: "State of the interface: 0 up, 1 down, 2 not found.",
    labels: ["interface"],
};

const ATTACHED: Description<1> = Description {
    name: "geoip_interface_attached",
    help: "Counting of the interface's packets: 1 yes, 0 no.",
    labels: ["interface"],
};

const COUNTED_ONCE: Description<1> = Description {
    name: "geoip_interface_counted_once",
    help: "Counting of the interface's packets for the whole machine: 1 yes, \
           0 no.",
    labels: ["interface"],
};

/// Exports the newest states.
#[derive(Debug)]
pub struct InterfacesCollector {
    snapshot: Published<Snapshot>,
    counted_once: Published<OnceSnapshot>,
}

impl InterfacesCollector {
    /// Returns a collector of the published snapshots.
    #[must_use]
    pub fn new(
        snapshot: Published<Snapshot>,
        counted_once: Published<OnceSnapshot>,
    ) -> Self {
        Self { snapshot, counted_once }
    }
}

impl Collect for InterfacesCollector {
    fn version(&self) -> u64 {
        self.snapshot.version() + self.counted_once.version()
    }

    fn collect(&self) -> Families<'_> {
        let states = self.snapshot.get();
        let edges = self.counted_once.get();
        Box::new(move |emit| {
            let mut status = STATUS.gauge();
            let mut attached = ATTACHED.gauge();
            for (name, state) in &*states {
                status.push([name], state.status.value().into());
                attached.push([name], u8::from(state.is_attached).into());
            }
            emit(&status.build());
            emit(&attached.build());
            let mut counted_once = COUNTED_ONCE.gauge();
            for (name, once) in &*edges {
                counted_once.push([name], u8::from(once.is_edge).into());
            }
            emit(&counted_once.build());
        })
    }
}
