//! The metric families of the whole machine: all names and help texts of this
//! slice.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::Snapshot;
use crate::accounting::{Direction, IpVersion, Volume};
use crate::collectors::aspect::Aspect;
use crate::collectors::at_zero;
use crate::collectors::traffic::CountryTraffic;
use crate::config::Config;
use crate::geoip::Country;
use crate::metrics::family::{Description, Family, sample};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Families};

const COUNTRY_LABELS: [&str; 2] = ["country", "ip_version"];

const BYTES_RECEIVED: Description<2> = Description {
    name: "geoip_host_bytes_received_total",
    help: "Bytes that the machine received from each country, each packet \
           counted once.",
    labels: COUNTRY_LABELS,
};

const BYTES_SENT: Description<2> = Description {
    name: "geoip_host_bytes_sent_total",
    help: "Bytes that the machine sent to each country, each packet counted \
           once.",
    labels: COUNTRY_LABELS,
};

const PACKETS_RECEIVED: Description<2> = Description {
    name: "geoip_host_packets_received_total",
    help: "Packets that the machine received from each country, each counted \
           once.",
    labels: COUNTRY_LABELS,
};

const PACKETS_SENT: Description<2> = Description {
    name: "geoip_host_packets_sent_total",
    help: "Packets that the machine sent to each country, each counted once.",
    labels: COUNTRY_LABELS,
};

/// The families of bytes and packets, in the order of [`Aspect::ALL`].
const VOLUMES: [Description<2>; 4] =
    [BYTES_RECEIVED, BYTES_SENT, PACKETS_RECEIVED, PACKETS_SENT];

const UNATTRIBUTED_BYTES_RECEIVED: Description<1> = Description {
    name: "geoip_host_unattributed_bytes_received_total",
    help: "IP bytes that the machine received without a country, as their \
           flow left the kernel's map before a poll.",
    labels: ["ip_version"],
};

const UNATTRIBUTED_BYTES_SENT: Description<1> = Description {
    name: "geoip_host_unattributed_bytes_sent_total",
    help: "IP bytes that the machine sent without a country, as their flow \
           left the kernel's map before a poll.",
    labels: ["ip_version"],
};

const NON_IP_BYTES_RECEIVED: Description<0> = Description {
    name: "geoip_host_non_ip_bytes_received_total",
    help: "Bytes that the machine received in packets that are not IP or \
           have an unreadable IP header.",
    labels: [],
};

const NON_IP_BYTES_SENT: Description<0> = Description {
    name: "geoip_host_non_ip_bytes_sent_total",
    help: "Bytes that the machine sent in packets that are not IP or have an \
           unreadable IP header.",
    labels: [],
};

/// Exports the newest snapshot of the machine's traffic, if the slice is on.
#[derive(Debug)]
pub struct HostCollector {
    snapshot: Published<Snapshot>,
    config: Published<Config>,
}

impl HostCollector {
    /// Returns a collector of this traffic.
    #[must_use]
    pub fn new(
        snapshot: Published<Snapshot>,
        config: Published<Config>,
    ) -> Self {
        Self { snapshot, config }
    }
}

impl Collect for HostCollector {
    fn version(&self) -> u64 {
        self.snapshot.version() + self.config.version()
    }

    fn collect(&self) -> Families<'_> {
        use Direction::{Received, Sent};

        let config = self.config.get();
        if !config.host {
            return Box::new(|_| ());
        }
        let snapshot = self.snapshot.get();
        Box::new(move |emit| {
            let snapshot = &*snapshot;
            let at_zero = &at_zero::of(&config);
            for (description, aspect) in VOLUMES.iter().zip(Aspect::ALL) {
                emit(&by_country(description, snapshot, aspect, at_zero));
            }
            emit(&unattributed(
                &UNATTRIBUTED_BYTES_RECEIVED,
                snapshot,
                Received,
            ));
            emit(&unattributed(&UNATTRIBUTED_BYTES_SENT, snapshot, Sent));
            for (description, direction) in
                [(&NON_IP_BYTES_RECEIVED, Received), (&NON_IP_BYTES_SENT, Sent)]
            {
                let bytes = snapshot.non_ip[direction.index()].bytes;
                emit(&description.counter_of(sample(bytes), snapshot.created));
            }
        })
    }
}

/// Returns a family by country. A country seen in one direction and IP version
/// has no series in the others, unless it is to be shown at zero.
fn by_country(
    description: &Description<2>,
    snapshot: &Snapshot,
    Aspect { direction, unit }: Aspect,
    at_zero: &[Country],
) -> Family {
    let mut family = description.counter();
    let show = |of_country: &CountryTraffic, is_at_zero: bool| {
        for ip_version in [IpVersion::V4, IpVersion::V6] {
            let volume = of_country.volume.get(direction, ip_version);
            if is_at_zero || volume != Volume::default() {
                let country = snapshot.labels.get(of_country.country);
                let created = match is_at_zero {
                    true => snapshot.created,
                    false => of_country.created.get(direction, ip_version),
                };
                let labels = [country, ip_version.label()];
                family.push_created(labels, sample(unit(volume)), created);
            }
        }
    };
    at_zero::show_all(&snapshot.countries, at_zero, show);
    family.build()
}

/// These series are there from the start, so that an alert on their increase
/// sees the first one too.
fn unattributed(
    description: &Description<1>,
    snapshot: &Snapshot,
    direction: Direction,
) -> Family {
    let mut family = description.counter();
    for ip_version in [IpVersion::V4, IpVersion::V6] {
        let volume = snapshot.unattributed.get(direction, ip_version);
        let labels = [ip_version.label()];
        family.push_created(labels, sample(volume.bytes), snapshot.created);
    }
    family.build()
}
