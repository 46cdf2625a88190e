//! The metric families of remote hosts: all names, help texts and label orders
//! of this slice.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::Snapshot;
use crate::accounting::Direction;
use crate::config::Config;
use crate::metrics::family::{Description, Family, sample};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Emit};

/// The label of the hosts without series of their own.
const OTHER: &str = "other";

const BYTES_RECEIVED: Description<1> = Description {
    name: "geoip_remote_host_bytes_received_total",
    help: "Bytes received from each remote address on the wire, counted once \
           on the host.",
    labels: ["remote"],
};

const BYTES_SENT: Description<1> = Description {
    name: "geoip_remote_host_bytes_sent_total",
    help: "Bytes sent to each remote address on the wire, counted once on the \
           host.",
    labels: ["remote"],
};

/// Exports the newest snapshot of the remote hosts, if the configuration asks
/// for it.
#[derive(Debug)]
pub struct HostsCollector {
    /// The bytes.
    pub snapshot: Published<Snapshot>,
    /// The settings, by which hosts are shown or not.
    pub config: Published<Config>,
}

impl Collect for HostsCollector {
    fn version(&self) -> u64 {
        self.snapshot.version() + self.config.version()
    }

    fn collect(&self, emit: Emit<'_>) {
        let config = self.config.get();
        if !config.remote_hosts || !config.remote_hosts_metrics {
            return;
        }
        let snapshot = &*self.snapshot.get();
        emit(&by_host(&BYTES_RECEIVED, snapshot, Direction::Received));
        emit(&by_host(&BYTES_SENT, snapshot, Direction::Sent));
    }
}

fn by_host(
    description: &Description<1>,
    snapshot: &Snapshot,
    direction: Direction,
) -> Family {
    let counter = direction.index();
    let mut family = description.counter();
    for member in snapshot.series.shown() {
        let bytes = sample(member.value[counter]);
        family.push_created([&member.key.to_string()], bytes, member.created);
    }
    let other = sample(snapshot.series.other[counter]);
    family.push_created([OTHER], other, snapshot.series.created);
    family.build()
}
