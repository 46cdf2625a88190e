//! The metric families of connections: all names, help texts and label orders of
//! this slice.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{
    BUCKETS, Changes, CountryConnections, Method, Snapshot, Sums, Traffic,
};
use crate::accounting::{ConnectionDirection, RTT_BOUNDS, Timestamp};
use crate::config::Config;
use crate::metrics::family::{
    Description, Family, FamilyBuilder, Histogram, sample,
};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Families};

/// The `country` of connections for whose addresses the kernel had no room, and
/// of countries without round-trip times of their own; the `service` of
/// connections of none.
const OTHER: &str = "other";

const CHANGE_LABELS: [&str; 2] = ["country", "direction"];

const OPEN: Description<3> = Description {
    name: "geoip_tcp_connections",
    help: "Open TCP connections with each country, by the side that asked for \
           them and the service of this machine.",
    labels: ["country", "direction", "service"],
};

const METHOD: Description<1> = Description {
    name: "geoip_tcp_connections_method_info",
    help: "The way in which TCP connections are counted: programs, or \
           sock_diag, which misses short and failed ones.",
    labels: ["method"],
};

const UNTRACKED: Description = Description {
    name: "geoip_tcp_connections_untracked_total",
    help: "TCP connections whose sockets had no room for a reading: they are \
           counted as opened, and nowhere else.",
    labels: [],
};

/// A family of changes.
struct OfChanges {
    description: Description<2>,
    counter: fn(&Changes) -> u64,
    directions: &'static [ConnectionDirection],
    /// True if lists of open connections show it too.
    is_in_lists: bool,
}

const CHANGES: [OfChanges; 3] = [
    OfChanges {
        description: Description {
            name: "geoip_tcp_connections_opened_total",
            help: "TCP connections that were established with each country.",
            labels: CHANGE_LABELS,
        },
        counter: |it| it.opened,
        directions: &ConnectionDirection::ALL,
        is_in_lists: true,
    },
    OfChanges {
        description: Description {
            name: "geoip_tcp_connections_failed_total",
            help: "Attempts of this machine to connect to each country over \
                   TCP that ended without a connection.",
            labels: CHANGE_LABELS,
        },
        counter: |it| it.failed,
        directions: &[ConnectionDirection::Outbound],
        is_in_lists: false,
    },
    OfChanges {
        description: Description {
            name: "geoip_tcp_connections_closed_total",
            help: "Established TCP connections with each country that ended.",
            labels: CHANGE_LABELS,
        },
        counter: |it| it.closed,
        directions: &ConnectionDirection::ALL,
        is_in_lists: true,
    },
];

/// A family of segments or bytes.
struct OfTraffic {
    description: Description<1>,
    counter: fn(&Traffic) -> u64,
}

const TRAFFIC: [OfTraffic; 4] = [
    OfTraffic {
        description: Description {
            name: "geoip_tcp_segments_sent_total",
            help: "TCP segments sent to each country, retransmitted ones \
                   included.",
            labels: ["country"],
        },
        counter: |it| it.segments_sent,
    },
    OfTraffic {
        description: Description {
            name: "geoip_tcp_segments_retransmitted_total",
            help: "TCP segments sent again to each country.",
            labels: ["country"],
        },
        counter: |it| it.segments_retransmitted,
    },
    OfTraffic {
        description: Description {
            name: "geoip_tcp_bytes_acked_total",
            help: "Bytes of applications that each country acknowledged over \
                   TCP.",
            labels: ["country"],
        },
        counter: |it| it.bytes_acked,
    },
    OfTraffic {
        description: Description {
            name: "geoip_tcp_bytes_received_total",
            help: "Bytes of applications received from each country over TCP.",
            labels: ["country"],
        },
        counter: |it| it.bytes_received,
    },
];

const ROUND_TRIPS: Description<1> = Description {
    name: "geoip_tcp_rtt_seconds",
    help: "Smoothed round-trip times of open TCP connections with each \
           country, once a visit for each connection that made progress.",
    labels: ["country"],
};

/// Exports the newest snapshot of the connections, if the configuration asks for
/// it.
#[derive(Debug)]
pub struct ConnectionsCollector {
    snapshot: Published<Snapshot>,
    /// Connections are shown while it asks for them.
    config: Published<Config>,
}

impl ConnectionsCollector {
    /// Returns a collector of these connections.
    #[must_use]
    pub fn new(
        snapshot: Published<Snapshot>,
        config: Published<Config>,
    ) -> Self {
        Self { snapshot, config }
    }
}

impl Collect for ConnectionsCollector {
    fn version(&self) -> u64 {
        self.snapshot.version() + self.config.version()
    }

    fn collect(&self) -> Families<'_> {
        if !self.config.get().connections {
            return Box::new(|_| ());
        }
        let snapshot = self.snapshot.get();
        Box::new(move |emit| {
            let snapshot = &*snapshot;
            emit(&open(snapshot));
            if let Some(method) = snapshot.method {
                let mut family = METHOD.gauge();
                family.push([method.label()], 1.0);
                emit(&family.build());
            }
            // A counter that cannot grow would look like one of no failures.
            let has_lists = snapshot.method == Some(Method::SockDiag);
            for of in CHANGES.iter().filter(|it| it.is_in_lists || !has_lists) {
                emit(&changes(snapshot, of));
            }
            let untracked = sample(snapshot.untracked);
            emit(&UNTRACKED.counter_of(untracked, snapshot.created));
            for of in &TRAFFIC {
                emit(&traffic(snapshot, of));
            }
            emit(&round_trips(snapshot));
        })
    }
}

/// Calls `show` with the label of each country and its connections.
fn for_each(
    snapshot: &Snapshot,
    mut show: impl FnMut(&str, &CountryConnections),
) {
    for (country, connections) in &snapshot.countries {
        show(snapshot.labels.get(*country), connections);
    }
    show(OTHER, &snapshot.other);
}

fn open(snapshot: &Snapshot) -> Family {
    let mut family = OPEN.gauge();
    for_each(snapshot, |country, connections| {
        for one in &connections.open {
            let service = one.service.as_deref().unwrap_or(OTHER);
            let number = u64::try_from(one.number).unwrap_or(0);
            let labels = [country, one.direction.label(), service];
            family.push(labels, sample(number));
        }
    });
    family.build()
}

fn changes(snapshot: &Snapshot, of: &OfChanges) -> Family {
    let mut family = of.description.counter();
    for_each(snapshot, |country, connections| {
        for direction in of.directions {
            let changes = &connections.counters.changes[direction.index()];
            if changes.have_begun() {
                let value = sample((of.counter)(changes));
                let labels = [country, direction.label()];
                family.push_created(labels, value, changes.created);
            }
        }
    });
    family.build()
}

fn traffic(snapshot: &Snapshot, of: &OfTraffic) -> Family {
    let mut family = of.description.counter();
    for_each(snapshot, |country, connections| {
        let traffic = &connections.counters.traffic;
        if traffic.has_begun() {
            let value = sample((of.counter)(traffic));
            family.push_created([country], value, traffic.created);
        }
    });
    family.build()
}

fn round_trips(snapshot: &Snapshot) -> Family {
    let mut family = ROUND_TRIPS.histogram();
    let members = &snapshot.round_trips;
    for member in members.shown() {
        let country = snapshot.labels.get(member.key);
        push_round_trips(&mut family, country, &member.value, member.created);
    }
    push_round_trips(&mut family, OTHER, &members.other, members.created);
    family.build()
}

fn push_round_trips(
    family: &mut FamilyBuilder<'_, 1>,
    country: &str,
    sums: &Sums<{ super::COUNTERS }>,
    created: Option<Timestamp>,
) {
    let bounds = RTT_BOUNDS.map(|micros| f64::from(micros) / 1e6);
    let histogram = Histogram {
        bounds: &bounds,
        buckets: &sums[..BUCKETS],
        sum: sample(sums[BUCKETS]) / 1e6,
    };
    family.push_histogram([country], &histogram, created);
}
