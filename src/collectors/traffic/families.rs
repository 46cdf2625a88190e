//! The metric families of the traffic: all names, help texts and label orders
//! of this slice.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{CountryTraffic, InterfaceTraffic, Snapshot};
use crate::accounting::{Direction, IpVersion, Volume};
use crate::collectors::aspect::Aspect;
use crate::collectors::at_zero;
use crate::config::Config;
use crate::geoip::{Country, CountryLabels};
use crate::metrics::family::{Description, Family, sample};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Families};

const COUNTRY_LABELS: [&str; 3] = ["country", "interface", "ip_version"];

const BYTES_RECEIVED: Description<3> = Description {
    name: "geoip_bytes_received_total",
    help: "Bytes received from each country on the wire.",
    labels: COUNTRY_LABELS,
};

const BYTES_SENT: Description<3> = Description {
    name: "geoip_bytes_sent_total",
    help: "Bytes sent to each country on the wire.",
    labels: COUNTRY_LABELS,
};

const PACKETS_RECEIVED: Description<3> = Description {
    name: "geoip_packets_received_total",
    help: "Packets received from each country on the wire.",
    labels: COUNTRY_LABELS,
};

const PACKETS_SENT: Description<3> = Description {
    name: "geoip_packets_sent_total",
    help: "Packets sent to each country on the wire.",
    labels: COUNTRY_LABELS,
};

/// The families of bytes and packets, in the order of [`Aspect::ALL`].
const VOLUMES: [Description<3>; 4] =
    [BYTES_RECEIVED, BYTES_SENT, PACKETS_RECEIVED, PACKETS_SENT];

const UNATTRIBUTED_BYTES_RECEIVED: Description<2> = Description {
    name: "geoip_unattributed_bytes_received_total",
    help: "IP bytes received without a country, as their flow left the \
           kernel's map before a poll.",
    labels: ["interface", "ip_version"],
};

const UNATTRIBUTED_BYTES_SENT: Description<2> = Description {
    name: "geoip_unattributed_bytes_sent_total",
    help: "IP bytes sent without a country, as their flow left the kernel's \
           map before a poll.",
    labels: ["interface", "ip_version"],
};

const NON_IP_BYTES_RECEIVED: Description<1> = Description {
    name: "geoip_non_ip_bytes_received_total",
    help: "Bytes received in packets that are not IP or have an unreadable \
           IP header.",
    labels: ["interface"],
};

const NON_IP_BYTES_SENT: Description<1> = Description {
    name: "geoip_non_ip_bytes_sent_total",
    help: "Bytes sent in packets that are not IP or have an unreadable IP \
           header.",
    labels: ["interface"],
};

const ABSENT: Description = Description {
    name: "geoip_interfaces_absent",
    help: "Removed interfaces that still have series, at most 4096.",
    labels: [],
};

const REMEMBERED: Description = Description {
    name: "geoip_interfaces_remembered",
    help: "Removed interfaces whose counters are remembered without series, \
           at most 1000.",
    labels: [],
};

/// Exports the newest traffic snapshot.
#[derive(Debug)]
pub struct TrafficCollector {
    snapshot: Published<Snapshot>,
    /// Names the countries that are shown before their first packet.
    config: Published<Config>,
}

impl TrafficCollector {
    /// Returns a collector of this traffic.
    #[must_use]
    pub fn new(
        snapshot: Published<Snapshot>,
        config: Published<Config>,
    ) -> Self {
        Self { snapshot, config }
    }
}

impl Collect for TrafficCollector {
    fn version(&self) -> u64 {
        self.snapshot.version() + self.config.version()
    }

    fn collect(&self) -> Families<'_> {
        use Direction::{Received, Sent};

        let (snapshot, config) = (self.snapshot.get(), self.config.get());
        Box::new(move |emit| {
            let snapshot = &*snapshot;
            let at_zero = &at_zero::of(&config);
            let interfaces = &snapshot.interfaces;
            for (description, aspect) in VOLUMES.iter().zip(Aspect::ALL) {
                for interface in interfaces {
                    emit(&by_country(
                        description,
                        (interface, &snapshot.labels),
                        aspect,
                        at_zero,
                    ));
                }
            }
            emit(&unattributed(
                &UNATTRIBUTED_BYTES_RECEIVED,
                snapshot,
                Received,
            ));
            emit(&unattributed(&UNATTRIBUTED_BYTES_SENT, snapshot, Sent));
            emit(&non_ip(&NON_IP_BYTES_RECEIVED, snapshot, Received));
            emit(&non_ip(&NON_IP_BYTES_SENT, snapshot, Sent));
            let absent = interfaces.iter().filter(|i| i.is_absent);
            emit(&ABSENT.gauge_of(sample(absent.count() as u64)));
            let remembered = snapshot.remembered.len() as u64;
            emit(&REMEMBERED.gauge_of(sample(remembered)));
        })
    }
}

/// Returns an interface's part of a family.
///
/// A country seen in one direction and IP version has no series in the others,
/// unless it is to be shown at zero. Then all of them began with the interface.
fn by_country(
    description: &Description<3>,
    (interface, labels): (&InterfaceTraffic, &CountryLabels),
    Aspect { direction, unit }: Aspect,
    at_zero: &[Country],
) -> Family {
    let mut family = description.counter();
    let show = |of_country: &CountryTraffic, is_at_zero: bool| {
        for ip_version in [IpVersion::V4, IpVersion::V6] {
            let volume = of_country.volume.get(direction, ip_version);
            if is_at_zero || volume != Volume::default() {
                let values = [
                    labels.get(of_country.country),
                    &interface.name,
                    ip_version.label(),
                ];
                let created = match is_at_zero {
                    true => interface.created,
                    false => of_country.created.get(direction, ip_version),
                };
                family.push_created(values, sample(unit(volume)), created);
            }
        }
    };
    at_zero::show_all(&interface.countries, at_zero, show);
    family.build()
}

/// These series start at zero with the attachment, so that an alert on their
/// increase sees the first one too.
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

/// As [`unattributed`], from zero on.
fn non_ip(
    description: &Description<1>,
    snapshot: &Snapshot,
    direction: Direction,
) -> Family {
    let mut family = description.counter();
    for interface in &snapshot.interfaces {
        let bytes = sample(interface.non_ip(direction).bytes);
        family.push_created([&interface.name], bytes, interface.created);
    }
    family.build()
}
