//! The metric families of the services: all names, help texts and label orders
//! of this slice.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use super::{Counters, Snapshot};
use crate::accounting::{Direction, IpVersion, Timestamp};
use crate::config::{Config, Service};
use crate::metrics::family::{Description, sample};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Families};

const SERVICE_LABELS: [&str; 2] = ["service", "country"];

/// The `country` of flows that found no room in the kernel's maps.
const OTHER: &str = "other";

const BYTES_RECEIVED: Description<2> = Description {
    name: "geoip_service_bytes_received_total",
    help: "Bytes that services of this machine received from each country on \
           the wire.",
    labels: SERVICE_LABELS,
};

const BYTES_SENT: Description<2> = Description {
    name: "geoip_service_bytes_sent_total",
    help: "Bytes that services of this machine sent to each country on the \
           wire.",
    labels: SERVICE_LABELS,
};

const ATTEMPTS: Description<3> = Description {
    name: "geoip_service_connection_attempts_total",
    help: "Received TCP packets that ask a service for a connection (SYN \
           without ACK), by country.",
    labels: ["service", "country", "ip_version"],
};

/// Exports the newest traffic of services.
#[derive(Debug)]
pub struct ServicesCollector {
    snapshot: Published<Snapshot>,
    /// Names the services that are shown.
    config: Published<Config>,
}

impl ServicesCollector {
    /// Returns a collector of this traffic.
    #[must_use]
    pub fn new(
        snapshot: Published<Snapshot>,
        config: Published<Config>,
    ) -> Self {
        Self { snapshot, config }
    }
}

impl Collect for ServicesCollector {
    fn version(&self) -> u64 {
        self.snapshot.version() + self.config.version()
    }

    fn collect(&self) -> Families<'_> {
        let (snapshot, config) = (self.snapshot.get(), self.config.get());
        if config.service.is_empty() {
            return Box::new(|_| ());
        }
        Box::new(move |emit| {
            let snapshot = &*snapshot;
            let for_each = |show: &mut dyn FnMut(&str, &str, &Counters)| {
                for_each(snapshot, &config.service, show);
            };
            for (description, direction) in [
                (&BYTES_RECEIVED, Direction::Received),
                (&BYTES_SENT, Direction::Sent),
            ] {
                let mut family = description.counter();
                for_each(&mut |service, country, counters| {
                    let side = direction.index();
                    let bytes = counters.bytes[side];
                    if bytes > 0 {
                        let created = counters.bytes_created[side];
                        family.push_created(
                            [service, country],
                            sample(bytes),
                            created,
                        );
                    }
                });
                emit(&family.build());
            }
            let mut family = ATTEMPTS.counter();
            for_each(&mut |service, country, counters| {
                for ip_version in [IpVersion::V4, IpVersion::V6] {
                    let at = ip_version.index();
                    let attempts = counters.attempts[at];
                    let created: Option<Timestamp> =
                        counters.attempts_created[at];
                    if attempts > 0 {
                        let labels = [service, country, ip_version.label()];
                        family.push_created(labels, sample(attempts), created);
                    }
                }
            });
            emit(&family.build());
        })
    }
}

/// Calls `show` with each configured service and country.
fn for_each(
    snapshot: &Snapshot,
    configured: &[Service],
    show: &mut dyn FnMut(&str, &str, &Counters),
) {
    let Snapshot { services, labels } = snapshot;
    let names: BTreeSet<_> = configured.iter().map(|one| &one.name).collect();
    for service in services.iter().filter(|it| names.contains(&it.name)) {
        for (country, counters) in &service.countries {
            show(&service.name, labels.get(*country), counters);
        }
        show(&service.name, OTHER, &service.other);
    }
}
