//! The metric families of the traffic: all names, help texts and label orders
//! of this slice.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use prometheus::proto::MetricFamily;

use super::{InterfaceTraffic, Snapshot};
use crate::accounting::{Direction, IpVersion, Volume};
use crate::metrics::family::{Description, sample};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Emit};

const COUNTRY_LABELS: [&str; 3] = ["country", "interface", "ip_version"];

const BYTES_RECEIVED: Description<3> = Description {
    name: "geoip_bytes_received_total",
    help: "Bytes on the wire received from each country.",
    labels: COUNTRY_LABELS,
};

const BYTES_SENT: Description<3> = Description {
    name: "geoip_bytes_sent_total",
    help: "Bytes on the wire sent to each country.",
    labels: COUNTRY_LABELS,
};

const PACKETS_RECEIVED: Description<3> = Description {
    name: "geoip_packets_received_total",
    help: "Packets on the wire received from each country.",
    labels: COUNTRY_LABELS,
};

const PACKETS_SENT: Description<3> = Description {
    name: "geoip_packets_sent_total",
    help: "Packets on the wire sent to each country.",
    labels: COUNTRY_LABELS,
};

const UNATTRIBUTED_BYTES_RECEIVED: Description<2> = Description {
    name: "geoip_unattributed_bytes_received_total",
    help: "IP bytes received that left the kernel's map before a poll could \
           tell their country.",
    labels: ["interface", "ip_version"],
};

const UNATTRIBUTED_BYTES_SENT: Description<2> = Description {
    name: "geoip_unattributed_bytes_sent_total",
    help: "IP bytes sent that left the kernel's map before a poll could tell \
           their country.",
    labels: ["interface", "ip_version"],
};

const NON_IP_BYTES_RECEIVED: Description<1> = Description {
    name: "geoip_non_ip_bytes_received_total",
    help: "Bytes received that were not IP or not readable as IP.",
    labels: ["interface"],
};

const NON_IP_BYTES_SENT: Description<1> = Description {
    name: "geoip_non_ip_bytes_sent_total",
    help: "Bytes sent that were not IP or not readable as IP.",
    labels: ["interface"],
};

/// Exports the newest traffic snapshot.
#[derive(Debug)]
pub struct TrafficCollector {
    snapshot: Published<Snapshot>,
}

impl TrafficCollector {
    /// Returns a collector of what is published here.
    #[must_use]
    pub fn new(snapshot: Published<Snapshot>) -> Self {
        Self { snapshot }
    }
}

impl Collect for TrafficCollector {
    fn collect(&self, emit: Emit<'_>) {
        use Direction::{Received, Sent};

        // One snapshot for all families, so that their sums agree.
        let snapshot = &*self.snapshot.get();
        let bytes = |volume: Volume| volume.bytes;
        let packets = |volume: Volume| volume.packets;
        let interfaces = &snapshot.interfaces;
        for (description, direction, unit) in [
            (&BYTES_RECEIVED, Received, bytes as fn(Volume) -> u64),
            (&BYTES_SENT, Sent, bytes),
            (&PACKETS_RECEIVED, Received, packets),
            (&PACKETS_SENT, Sent, packets),
        ] {
            for interface in interfaces {
                emit(&by_country(description, interface, direction, unit));
            }
        }
        emit(&unattributed(&UNATTRIBUTED_BYTES_RECEIVED, snapshot, Received));
        emit(&unattributed(&UNATTRIBUTED_BYTES_SENT, snapshot, Sent));
        emit(&non_ip(&NON_IP_BYTES_RECEIVED, snapshot, Received));
        emit(&non_ip(&NON_IP_BYTES_SENT, snapshot, Sent));
    }
}

/// Returns an interface's part of a family.
///
/// A country seen in one direction and IP version has no series in the others:
/// a zero nobody measured would be made up.
fn by_country(
    description: &Description<3>,
    interface: &InterfaceTraffic,
    direction: Direction,
    unit: fn(Volume) -> u64,
) -> MetricFamily {
    let mut family = description.counter();
    for of_country in &interface.countries {
        for ip_version in [IpVersion::V4, IpVersion::V6] {
            let volume = of_country.volume.get(direction, ip_version);
            if volume != Volume::default() {
                let labels = [
                    of_country.country.as_str(),
                    &interface.name,
                    ip_version.label(),
                ];
                family.push(labels, sample(unit(volume)));
            }
        }
    }
    family.build()
}

/// These series start at zero with the attachment, so that an alert on their
/// increase sees the first one too.
fn unattributed(
    description: &Description<2>,
    snapshot: &Snapshot,
    direction: Direction,
) -> MetricFamily {
    let mut family = description.counter();
    for InterfaceTraffic { name, unattributed, .. } in &snapshot.interfaces {
        for ip_version in [IpVersion::V4, IpVersion::V6] {
            let bytes = unattributed.get(direction, ip_version).bytes;
            family.push([name, ip_version.label()], sample(bytes));
        }
    }
    family.build()
}

/// As [`unattributed`], from zero on.
fn non_ip(
    description: &Description<1>,
    snapshot: &Snapshot,
    direction: Direction,
) -> MetricFamily {
    let mut family = description.counter();
    for interface in &snapshot.interfaces {
        let bytes = interface.non_ip(direction).bytes;
        family.push([&interface.name], sample(bytes));
    }
    family.build()
}
