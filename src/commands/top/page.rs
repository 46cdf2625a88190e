//! Pages of the exporter, and the tables that they become.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt::Write as _;

use super::table::{Direction, Opening, Row, Scope, Sort, Tab, Table};
use super::units;
use crate::api::{
    self, Answer as _, Bytes, Connections, CountryConnections, Envelope,
};

/// A question for a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// The tab.
    pub(super) tab: Tab,
    /// The traffic it is about.
    pub(super) scope: Scope,
    /// The order of the rows, for pages with more rows than a screen needs.
    pub(super) sort: Sort,
    /// The direction of this order.
    pub(super) direction: Direction,
    /// The most rows of such pages.
    pub(super) limit: usize,
}

impl Question {
    /// Returns whether the rows are the networks of hosts: the page of networks
    /// knows no countries.
    pub(super) fn groups_hosts(&self) -> bool {
        self.tab == Tab::Networks && self.scope != Scope::default()
    }

    /// Returns the path of the page with its parameters.
    pub(super) fn path(&self) -> String {
        let limit = self.limit.to_string();
        let limit = Some(("limit", limit.as_str()));
        let country = parameter("country", self.scope.country.as_ref());
        let network = parameter("network", self.scope.network.as_ref());
        let service = parameter("service", self.scope.service.as_ref());
        let interface = parameter("interface", self.scope.interface.as_ref());
        let (path, parameters) = match self.tab {
            Tab::Countries => (api::Countries::PATH, vec![interface]),
            Tab::Networks if !self.groups_hosts() => {
                (api::Networks::PATH, vec![limit])
            }
            Tab::Services => (api::Services::PATH, vec![country, service]),
            Tab::Ranges => (api::Ranges::PATH, vec![limit, interface]),
            Tab::Hosts | Tab::Networks => {
                let sort = Some(("sort", self.order()));
                let all = vec![limit, sort, country, network, service];
                (api::Hosts::PATH, all)
            }
            Tab::Interfaces => (api::Interfaces::PATH, vec![]),
            Tab::Connections => (Connections::PATH, vec![country]),
        };
        let mut text = path.to_owned();
        for (at, (name, value)) in parameters.into_iter().flatten().enumerate()
        {
            let mark = if at == 0 { '?' } else { '&' };
            let _ = write!(text, "{mark}{name}={}", encoded(value));
        }
        text
    }

    /// Returns the order as the page of hosts names it.
    fn order(&self) -> &'static str {
        match (self.sort, self.direction) {
            (Sort::Rate, Direction::Both) => "bytes_per_second",
            (Sort::Rate, Direction::Received) => "received_per_second",
            (Sort::Rate, Direction::Sent) => "sent_per_second",
            (Sort::Total, Direction::Both) => "bytes",
            (Sort::Total, Direction::Received) => "received",
            (Sort::Total, Direction::Sent) => "sent",
            (Sort::Name, _) => "address",
        }
    }
}

fn parameter<'a>(
    name: &'static str,
    value: Option<&'a String>,
) -> Option<(&'static str, &'a str)> {
    value.map(|value| (name, value.as_str()))
}

/// Escapes a value of a query string.
fn encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' => {
                text.push(byte.into());
            }
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// Starts a table.
pub(super) fn begin(envelope: &Envelope, whole: Bytes) -> Table {
    Table {
        whole,
        at: envelope.at,
        started: envelope.started,
        ..Table::default()
    }
}

/// Adds a row for traffic of no other row, if there is any.
pub(super) fn rest(table: &mut Table, name: &str, why: &str, bytes: Bytes) {
    if bytes.total() > 0 {
        table.rows.push(Row {
            key: format!("\0{name}\0{why}"),
            labels: vec![name.into(), why.into()],
            bytes,
            is_rest: true,
            ..Row::default()
        });
    }
}

pub(super) fn countries(page: api::Countries, has_hosts: bool) -> Table {
    let mut table = begin(&page.envelope, page.whole.bytes);
    for one in page.countries {
        let name = one.name.unwrap_or_default();
        let scope =
            Scope { country: Some(one.country.clone()), ..Scope::default() };
        let title = if name.is_empty() { &one.country } else { &name };
        let opening =
            Opening { tab: Tab::Networks, scope, title: title.clone() };
        // The page of hosts counts the whole machine, not one interface.
        let opens = has_hosts && page.interface.is_none();
        table.rows.push(Row {
            key: one.country.clone(),
            labels: vec![one.country, name],
            bytes: one.volume.bytes,
            opening: opens.then_some(opening),
            ..Row::default()
        });
    }
    rest(&mut table, "-", "unattributed", page.unattributed.bytes);
    rest(&mut table, "-", "not IP", page.non_ip.bytes);
    table
}

pub(super) fn networks(page: api::Networks, has_hosts: bool) -> Table {
    let mut table = begin(&page.envelope, page.whole);
    let listed = page.networks.len();
    for one in page.networks {
        let key = format!("AS{}", one.asn);
        let name = one.name.unwrap_or_default();
        let title = if name.is_empty() { &key } else { &name };
        let scope =
            Scope { network: Some(one.asn.to_string()), ..Scope::default() };
        let opening = Opening { tab: Tab::Hosts, scope, title: title.clone() };
        table.rows.push(Row {
            labels: vec![key.clone(), name],
            key,
            bytes: one.bytes,
            opening: has_hosts.then_some(opening),
            ..Row::default()
        });
    }
    rest(&mut table, "others", "not listed", page.not_listed);
    rest(&mut table, "more", "beyond the kept ones", page.not_kept);
    rest(&mut table, "unknown", "in no known network", page.unknown);
    rest(&mut table, "none", "unattributed", page.unattributed);
    table.note = listed_of(listed, page.kept, "networks");
    table
}

/// Says how many rows there are beside the listed ones.
pub(super) fn listed_of(listed: usize, all: u64, name: &str) -> String {
    match u64::try_from(listed).is_ok_and(|listed| listed < all) {
        true => format!("{listed} of {} {name}", units::count(all)),
        false => String::new(),
    }
}

pub(super) fn services(page: api::Services, has_hosts: bool) -> Table {
    let mut table = begin(&page.envelope, Bytes::default());
    for one in page.services {
        table.whole = sum(&table.whole, &one.bytes);
        let scope = Scope {
            service: Some(one.service.clone()),
            country: Some(one.country.clone()),
            ..Scope::default()
        };
        let title = format!("{} {}", one.service, one.country);
        let opening = Opening { tab: Tab::Hosts, scope, title };
        let attempts = units::per_second(one.attempts_per_second);
        table.rows.push(Row {
            key: format!("{}\0{}", one.service, one.country),
            labels: vec![one.service, one.country, attempts],
            bytes: one.bytes,
            opening: has_hosts.then_some(opening),
            ..Row::default()
        });
    }
    table
}

pub(super) fn sum(a: &Bytes, b: &Bytes) -> Bytes {
    let rate = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (None, None) => None,
        _ => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
    };
    Bytes {
        bytes_received: a.bytes_received.saturating_add(b.bytes_received),
        bytes_sent: a.bytes_sent.saturating_add(b.bytes_sent),
        bytes_received_per_second: rate(
            a.bytes_received_per_second,
            b.bytes_received_per_second,
        ),
        bytes_sent_per_second: rate(
            a.bytes_sent_per_second,
            b.bytes_sent_per_second,
        ),
    }
}

pub(super) fn ranges(page: api::Ranges) -> Table {
    let mut table = begin(&page.envelope, page.whole.bytes);
    let listed = page.ranges.len();
    for one in page.ranges {
        table.rows.push(Row {
            key: format!("{}\0{}", one.source, one.destination),
            labels: vec![one.source, one.destination],
            bytes: one.volume.bytes,
            ..Row::default()
        });
    }
    rest(&mut table, "others", "not listed", page.not_listed.bytes);
    rest(&mut table, "none", "unattributed", page.unattributed.bytes);
    table.note = listed_of(listed, page.pairs, "pairs of ranges");
    table
}

pub(super) fn interfaces(page: api::Interfaces) -> Table {
    let mut table = begin(&page.envelope, page.whole.bytes);
    for one in page.interfaces {
        let state = match (one.is_absent, one.is_attached, one.counted_once) {
            (true, ..) => "gone",
            (_, false, _) => "not counted",
            (.., Some(true)) => "counted once",
            _ => "counted",
        };
        let scope = Scope {
            interface: Some(one.interface.clone()),
            ..Scope::default()
        };
        let opening = Opening {
            tab: Tab::Countries,
            scope,
            title: one.interface.clone(),
        };
        table.rows.push(Row {
            key: one.interface.clone(),
            labels: vec![one.interface, state.into()],
            bytes: one.volume.bytes,
            opening: Some(opening),
            ..Row::default()
        });
    }
    table
}

pub(super) fn connections(page: Connections, has_hosts: bool) -> Table {
    let mut table = begin(&page.envelope, Bytes::default());
    for one in page.connections {
        let bytes = Bytes {
            bytes_received: one.bytes_received,
            bytes_sent: one.bytes_acked,
            bytes_received_per_second: one.bytes_received_per_second,
            bytes_sent_per_second: one.bytes_acked_per_second,
        };
        table.whole = sum(&table.whole, &bytes);
        let scope =
            Scope { country: Some(one.country.clone()), ..Scope::default() };
        let title = one.name.clone().unwrap_or_else(|| one.country.clone());
        let opening = Opening { tab: Tab::Hosts, scope, title };
        table.rows.push(Row {
            key: one.country.clone(),
            labels: connection_labels(one),
            bytes,
            opening: has_hosts.then_some(opening),
            ..Row::default()
        });
    }
    table.note = "bytes of applications, without headers".into();
    table
}

fn connection_labels(one: CountryConnections) -> Vec<String> {
    let rtt = match one.round_trips.recent_mean_seconds {
        Some(seconds) => units::short_span(seconds),
        None => "-".into(),
    };
    let resent = match one.segments_sent {
        0 => "-".into(),
        sent => {
            let resent = units::lossy(one.segments_retransmitted);
            format!("{:.2} %", resent / units::lossy(sent) * 100.0)
        }
    };
    vec![
        one.country,
        units::count(one.open),
        units::per_second(one.inbound.opened_per_second),
        units::per_second(one.outbound.opened_per_second),
        units::per_second(one.outbound.failed_per_second),
        rtt,
        resent,
        one.name.unwrap_or_default(),
    ]
}
