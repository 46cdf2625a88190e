//! The metric families of remote hosts: all names, help texts and label orders
//! of this slice.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{Places, Snapshot};
use crate::accounting::Direction;
use crate::config::Config;
use crate::geoip::Network;
use crate::metrics::family::{Description, Family, sample};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Families};

/// The label of the hosts without series of their own.
const OTHER: &str = "other";

/// The label of anything that no database knows.
const UNKNOWN: &str = "UNKNOWN";

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

const INFO: Description<5> = Description {
    name: "geoip_remote_host_info",
    help: "Country, subdivision, city and autonomous system of each remote \
           address that has series.",
    labels: ["remote", "country", "subdivision", "city", "asn"],
};

const KEPT: Description = Description {
    name: "geoip_remote_hosts_kept",
    help: "Remote addresses whose bytes are kept, with series or not, at most \
           200000.",
    labels: [],
};

/// Exports the newest snapshot of the remote hosts, if the configuration asks
/// for it.
#[derive(Debug)]
pub struct HostsCollector {
    /// The bytes.
    pub snapshot: Published<Snapshot>,
    /// The settings, by which hosts are shown or not.
    pub config: Published<Config>,
    /// The cities.
    pub places: Places,
}

impl Collect for HostsCollector {
    fn version(&self) -> u64 {
        self.snapshot.version() + self.config.version() + self.places.version()
    }

    fn collect(&self) -> Families<'_> {
        let config = self.config.get();
        if !config.remote_hosts || !config.remote_hosts_metrics {
            return Box::new(|_| ());
        }
        let snapshot = self.snapshot.get();
        Box::new(move |emit| {
            let snapshot = &*snapshot;
            emit(&by_host(&BYTES_RECEIVED, snapshot, Direction::Received));
            emit(&by_host(&BYTES_SENT, snapshot, Direction::Sent));
            emit(&info(snapshot, &self.places));
            emit(&KEPT.gauge_of(sample(snapshot.len() as u64)));
        })
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

/// Every series has one, so that a join loses none.
fn info(snapshot: &Snapshot, places: &Places) -> Family {
    let mut family = INFO.gauge();
    let mut finder = places.finder();
    for member in snapshot.series.shown() {
        let remote = member.key;
        let origin = snapshot.origins.get(&remote);
        let (country, network) = origin.copied().unwrap_or_default();
        let asn = match network {
            Network::UNKNOWN => UNKNOWN.to_owned(),
            network => network.to_string(),
        };
        let place = finder.place(remote.address);
        let text = |text: &Option<String>| {
            text.clone().unwrap_or_else(|| UNKNOWN.to_owned())
        };
        let labels = [
            &remote.to_string(),
            snapshot.labels.get(country),
            &text(&place.subdivision),
            &text(&place.city),
            &asn,
        ];
        family.push(labels, 1.0);
    }
    family.push([OTHER; 5], 1.0);
    family.build()
}
