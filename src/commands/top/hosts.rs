//! Tables of hosts, and of the networks of hosts.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::page::{Question, begin, listed_of, rest, sum};
use super::table::{Opening, Row, Scope, Tab, Table};
use super::units;
use crate::api::{Host, Hosts, NetworkName};

/// The place of the program in the labels of a host.
pub(super) const PROGRAM: usize = 3;

pub(super) fn hosts(page: Hosts, question: &Question) -> Table {
    if question.groups_hosts() {
        return networks_of_hosts(page, &question.scope);
    }
    let mut table = begin(&page.envelope, page.whole.bytes);
    let (listed, at) = (page.hosts.len(), page.envelope.at);
    table.rows.extend(page.hosts.into_iter().map(|host| row(host, at)));
    rest(&mut table, "others", "", page.not_listed.bytes);
    // The page tells of the hosts that are not kept in any scope.
    if question.scope == Scope::default() {
        let none = Default::default();
        let forgotten = page.forgotten.iter();
        let forgotten =
            forgotten.fold(none, |all, one| sum(&all, &one.volume.bytes));
        rest(&mut table, "not kept", "", forgotten);
        rest(&mut table, "unattributed", "", page.unattributed.bytes);
    }
    table.note = listed_of(listed, page.matching, "hosts");
    table
}

fn network_cell(network: Option<&NetworkName>) -> String {
    match network {
        Some(NetworkName { name: Some(name), .. }) => name.clone(),
        Some(NetworkName { asn, .. }) => format!("AS{asn}"),
        None => String::new(),
    }
}

fn row(host: Host, now: f64) -> Row {
    let network = network_cell(host.network.as_ref());
    Row {
        address: host.address.parse().ok(),
        key: host.address.clone(),
        labels: vec![
            host.address,
            host.country,
            network,
            String::new(),
            host.city.unwrap_or_default(),
            host.subdivision.unwrap_or_default(),
            host.service.unwrap_or_default(),
            host.range.unwrap_or_default(),
            units::span(now - host.first_seen),
            units::span(now - host.last_seen),
        ],
        bytes: host.volume.bytes,
        ..Row::default()
    }
}

/// Adds the listed hosts of a scope up by network.
fn networks_of_hosts(page: Hosts, scope: &Scope) -> Table {
    let mut table = begin(&page.envelope, page.whole.bytes);
    let listed = page.hosts.len();
    let mut networks: BTreeMap<Option<u32>, Row> = BTreeMap::new();
    for host in page.hosts {
        let asn = host.network.as_ref().map(|network| network.asn);
        let row = networks
            .entry(asn)
            .or_insert_with(|| network_row(host.network.as_ref(), scope));
        row.bytes = sum(&row.bytes, &host.volume.bytes);
    }
    table.rows.extend(networks.into_values());
    rest(&mut table, "others", "hosts not listed", page.not_listed.bytes);
    table.note = listed_of(listed, page.matching, "hosts");
    table
}

fn network_row(network: Option<&NetworkName>, scope: &Scope) -> Row {
    let Some(network) = network else {
        return Row {
            key: "\0unknown".into(),
            labels: vec!["unknown".into(), "in no known network".into()],
            is_rest: true,
            ..Row::default()
        };
    };
    let key = format!("AS{}", network.asn);
    let name = network.name.clone().unwrap_or_default();
    let title = if name.is_empty() { &key } else { &name };
    let opening = Opening {
        tab: Tab::Hosts,
        title: title.clone(),
        scope: Scope {
            network: Some(network.asn.to_string()),
            ..scope.clone()
        },
    };
    Row {
        labels: vec![key.clone(), name],
        key,
        opening: Some(opening),
        ..Row::default()
    }
}
