//! The metric families of networks: all names, help texts and label orders of
//! this slice.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{Snapshot, Sums};
use crate::accounting::Direction;
use crate::config::Config;
use crate::geoip::{Network, NetworkNames};
use crate::metrics::family::{Description, Family, sample};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Families};

/// The label of the networks without series of their own.
const OTHER: &str = "other";

/// The label and the name of addresses that belong to no known network, and the
/// name of networks without one.
const UNKNOWN: &str = "UNKNOWN";

const BYTES_RECEIVED: Description<1> = Description {
    name: "geoip_as_bytes_received_total",
    help: "Bytes received from each autonomous system on the wire, counted \
           once on the host.",
    labels: ["asn"],
};

const BYTES_SENT: Description<1> = Description {
    name: "geoip_as_bytes_sent_total",
    help: "Bytes sent to each autonomous system on the wire, counted once on \
           the host.",
    labels: ["asn"],
};

const UNATTRIBUTED_RECEIVED: Description = Description {
    name: "geoip_as_unattributed_bytes_received_total",
    help: "IP bytes received without an autonomous system, as their flow left \
           the kernel's map before a poll.",
    labels: [],
};

const UNATTRIBUTED_SENT: Description = Description {
    name: "geoip_as_unattributed_bytes_sent_total",
    help: "IP bytes sent without an autonomous system, as their flow left the \
           kernel's map before a poll.",
    labels: [],
};

const INFO: Description<2> = Description {
    name: "geoip_as_info",
    help: "Name of each autonomous system that has series.",
    labels: ["asn", "name"],
};

const KEPT: Description = Description {
    name: "geoip_as_kept",
    help: "Autonomous systems whose counters are kept, at most 100000.",
    labels: [],
};

const NOT_KEPT: Description = Description {
    name: "geoip_as_not_kept_bytes_total",
    help: "Bytes of autonomous systems beyond the kept ones, a part of \
           asn=\"other\".",
    labels: [],
};

/// Exports the newest snapshot of the networks, if the configuration asks for
/// it.
#[derive(Debug)]
pub struct NetworksCollector {
    /// The bytes.
    pub snapshot: Published<Snapshot>,
    /// The names of the database in use.
    pub names: Published<NetworkNames>,
    /// The settings, by which networks are shown or not.
    pub config: Published<Config>,
}

impl Collect for NetworksCollector {
    fn version(&self) -> u64 {
        let Self { snapshot, names, config } = self;
        snapshot.version() + names.version() + config.version()
    }

    fn collect(&self) -> Families<'_> {
        if !self.config.get().networks {
            return Box::new(|_| ());
        }
        let (snapshot, names) = (self.snapshot.get(), self.names.get());
        Box::new(move |emit| {
            let snapshot = &*snapshot;
            emit(&by_network(&BYTES_RECEIVED, snapshot, Direction::Received));
            emit(&by_network(&BYTES_SENT, snapshot, Direction::Sent));
            for (description, direction) in [
                (&UNATTRIBUTED_RECEIVED, Direction::Received),
                (&UNATTRIBUTED_SENT, Direction::Sent),
            ] {
                let bytes = sample(snapshot.unattributed[direction.index()]);
                emit(&description.counter_of(bytes, snapshot.created));
            }
            emit(&info(snapshot, &names));
            emit(&KEPT.gauge_of(sample(snapshot.networks.len() as u64)));
            let not_kept = sum(&snapshot.networks.not_kept);
            emit(&NOT_KEPT.counter_of(sample(not_kept), snapshot.created));
        })
    }
}

fn sum<const N: usize>(sums: &Sums<N>) -> u64 {
    sums.iter().fold(0, |sum, one| sum.saturating_add(*one))
}

fn by_network(
    description: &Description<1>,
    snapshot: &Snapshot,
    direction: Direction,
) -> Family {
    let counter = direction.index();
    let mut family = description.counter();
    let unknown = sample(snapshot.unknown[counter]);
    family.push_created([UNKNOWN], unknown, snapshot.created);
    for member in snapshot.networks.shown() {
        let asn = member.key.to_string();
        let bytes = sample(member.value[counter]);
        family.push_created([&asn], bytes, member.created);
    }
    let other = sample(snapshot.networks.other[counter]);
    family.push_created([OTHER], other, snapshot.created);
    family.build()
}

/// Every series has a name, so that a join loses none.
fn info(snapshot: &Snapshot, names: &NetworkNames) -> Family {
    let mut family = INFO.gauge();
    family.push([UNKNOWN, UNKNOWN], 1.0);
    for member in snapshot.networks.shown() {
        let network: Network = member.key;
        let name = names.get(network).unwrap_or(UNKNOWN);
        family.push([&network.to_string(), name], 1.0);
    }
    family.push([OTHER, OTHER], 1.0);
    family.build()
}
