//! The metric families of the ranges.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{InterfaceRanges, Snapshot};
use crate::accounting::{Direction, IpVersion, Volume};
use crate::collectors::aspect::Aspect;
use crate::config::Config;
use crate::metrics::family::{Description, Family, sample};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Families};

const LABELS: [&str; 4] = ["source", "destination", "interface", "ip_version"];

const BYTES_RECEIVED: Description<4> = Description {
    name: "geoip_range_bytes_received_total",
    help: "Bytes received on the wire by the named ranges of both ends.",
    labels: LABELS,
};

const BYTES_SENT: Description<4> = Description {
    name: "geoip_range_bytes_sent_total",
    help: "Bytes sent on the wire by the named ranges of both ends.",
    labels: LABELS,
};

const PACKETS_RECEIVED: Description<4> = Description {
    name: "geoip_range_packets_received_total",
    help: "Packets received on the wire by the named ranges of both ends.",
    labels: LABELS,
};

const PACKETS_SENT: Description<4> = Description {
    name: "geoip_range_packets_sent_total",
    help: "Packets sent on the wire by the named ranges of both ends.",
    labels: LABELS,
};

/// The families of bytes and packets, in the order of [`Aspect::ALL`].
const VOLUMES: [Description<4>; 4] =
    [BYTES_RECEIVED, BYTES_SENT, PACKETS_RECEIVED, PACKETS_SENT];

const UNATTRIBUTED_RECEIVED: Description<2> = Description {
    name: "geoip_range_unattributed_bytes_received_total",
    help: "IP bytes received without a range, as their flow left the \
           kernel's map before a poll.",
    labels: ["interface", "ip_version"],
};

const UNATTRIBUTED_SENT: Description<2> = Description {
    name: "geoip_range_unattributed_bytes_sent_total",
    help: "IP bytes sent without a range, as their flow left the kernel's \
           map before a poll.",
    labels: ["interface", "ip_version"],
};

const PAIRS: Description = Description {
    name: "geoip_range_pairs",
    help: "Combinations of interface, source and destination with series, at \
           most 20000 and one for each interface.",
    labels: [],
};

/// Exports the newest snapshot of the ranges, while there are ranges.
#[derive(Debug)]
pub struct RangesCollector {
    snapshot: Published<Snapshot>,
    config: Published<Config>,
}

impl RangesCollector {
    /// Returns a collector of these ranges.
    #[must_use]
    pub fn new(
        snapshot: Published<Snapshot>,
        config: Published<Config>,
    ) -> Self {
        Self { snapshot, config }
    }
}

impl Collect for RangesCollector {
    fn version(&self) -> u64 {
        self.snapshot.version() + self.config.version()
    }

    fn collect(&self) -> Families<'_> {
        use Direction::{Received, Sent};

        if !self.config.get().has_ranges() {
            return Box::new(|_| ());
        }
        let snapshot = self.snapshot.get();
        Box::new(move |emit| {
            let snapshot = &*snapshot;
            for (description, aspect) in VOLUMES.iter().zip(Aspect::ALL) {
                for interface in &snapshot.interfaces {
                    emit(&by_pair(description, interface, aspect));
                }
            }
            emit(&unattributed(&UNATTRIBUTED_RECEIVED, snapshot, Received));
            emit(&unattributed(&UNATTRIBUTED_SENT, snapshot, Sent));
            let pairs = snapshot.interfaces.iter().map(|one| one.pairs.len());
            emit(&PAIRS.gauge_of(sample(pairs.sum::<usize>() as u64)));
        })
    }
}

/// Returns an interface's part of a family.
fn by_pair(
    description: &Description<4>,
    interface: &InterfaceRanges,
    Aspect { direction, unit }: Aspect,
) -> Family {
    let mut family = description.counter();
    for pair in &interface.pairs {
        for ip_version in [IpVersion::V4, IpVersion::V6] {
            let volume = pair.volume.get(direction, ip_version);
            if volume != Volume::default() {
                let values = [
                    &*pair.source,
                    &pair.destination,
                    &interface.name,
                    ip_version.label(),
                ];
                let created = pair.created.get(direction, ip_version);
                family.push_created(values, sample(unit(volume)), created);
            }
        }
    }
    family.build()
}

/// These series start at zero with the attachment.
fn unattributed(
    description: &Description<2>,
    snapshot: &Snapshot,
    direction: Direction,
) -> Family {
    let mut family = description.counter();
    for interface in &snapshot.interfaces {
        for ip_version in [IpVersion::V4, IpVersion::V6] {
            let volume = interface.unattributed.get(direction, ip_version);
            let labels = [&*interface.name, ip_version.label()];
            let bytes = sample(volume.bytes);
            family.push_created(labels, bytes, interface.created);
        }
    }
    family.build()
}
