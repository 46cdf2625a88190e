mod kernel;
mod sums;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::*;
use crate::config::{Ports, Protocol, Service};
use crate::ranges::Location;

use ConnectionDirection::{Inbound, Outbound};

/// Returns a configuration with services of these names and ports of TCP.
fn config(services: &[(&str, u16, u16)]) -> Config {
    let service = |(name, first, last): &(&str, u16, u16)| Service {
        name: Arc::from(*name),
        ports: vec![Ports { first: *first, last: *last, protocol: None }],
        location: Location::default(),
    };
    let service = services.iter().map(service).collect();
    Config { connections: true, service, ..Config::default() }
}

fn end(second: u64) -> PollEnd {
    PollEnd {
        at: Timestamp::from_millis(second * 1_000),
        uptime: Duration::from_secs(second),
        absent_retention: None,
    }
}

fn account(config: &Config) -> ConnectionsAccount {
    let mut account = ConnectionsAccount::resume(Snapshot::default())
        .starting(Timestamp::from_millis(1));
    account.configure(config);
    account
}

fn key(
    address: u8,
    port: u16,
    direction: ConnectionDirection,
) -> ConnectionKey {
    let remote = Ipv4Addr::new(192, 0, 2, address);
    let local_port = if direction == Outbound { 0 } else { port };
    let remote = Some(IpAddr::V4(remote));
    ConnectionKey { remote, local_port, direction }
}

fn country(code: &str) -> Option<Country> {
    Country::from_code(code)
}

fn opened(number: u64) -> ConnectionGrowth {
    let open = i64::try_from(number).unwrap();
    ConnectionGrowth { opened: number, open, ..ConnectionGrowth::default() }
}

fn closed(number: u64) -> ConnectionGrowth {
    let open = -i64::try_from(number).unwrap();
    ConnectionGrowth { closed: number, open, ..ConnectionGrowth::default() }
}

fn of(snapshot: &Snapshot, code: &str) -> CountryConnections {
    let code = country(code).unwrap();
    let mut all = snapshot.countries.iter();
    all.find(|(own, _)| *own == code).map(|(_, one)| one.clone()).unwrap()
}

/// Returns the open connections with a country, by direction and service.
fn open(
    snapshot: &Snapshot,
    code: &str,
) -> Vec<(ConnectionDirection, String, i64)> {
    let open = of(snapshot, code).open.into_iter();
    open.map(|one| {
        let service = one.service.as_deref().unwrap_or("other");
        (one.direction, service.to_owned(), one.number)
    })
    .collect()
}

#[test]
fn only_inbound_connections_have_a_service_and_it_has_ports_of_tcp() {
    let mut config = config(&[("web", 80, 90), ("dns", 53, 53)]);
    config.service[1].ports[0].protocol = Some(Protocol::Udp);
    // Parts of one service may overlap.
    let part = Ports { first: 85, last: 85, protocol: Some(Protocol::Tcp) };
    config.service[0].ports.push(part);
    let mut account = account(&config);
    for (port, direction) in [
        (80, Inbound),
        (85, Inbound),
        (90, Inbound),
        (91, Inbound),
        (79, Inbound),
        (53, Inbound),
        (80, Outbound),
    ] {
        let key = ConnectionKey { local_port: port, ..key(1, 0, direction) };
        account.credit(country("DE"), &key, &opened(1));
    }
    assert_eq!(
        open(&account.snapshot(), "DE"),
        [
            (Inbound, "other".into(), 3),
            (Inbound, "web".into(), 3),
            (Outbound, "other".into(), 1),
        ]
    );
}

#[test]
fn a_country_that_was_seen_stays_with_its_open_connections_at_zero() {
    let mut account = account(&config(&[("web", 80, 80)]));
    account.credit(country("DE"), &key(1, 80, Inbound), &opened(2));
    account.credit(country("DE"), &key(1, 80, Inbound), &closed(2));
    // Opened and closed between two visits.
    let mut both = opened(1);
    both += &closed(1);
    account.credit(country("JP"), &key(2, 0, Outbound), &both);
    // An attempt that failed was never open.
    let failed = ConnectionGrowth { failed: 1, ..Default::default() };
    account.credit(country("US"), &key(3, 0, Outbound), &failed);
    let shown = account.snapshot();
    assert_eq!(open(&shown, "DE"), [(Inbound, "web".into(), 0)]);
    assert_eq!(open(&shown, "JP"), [(Outbound, "other".into(), 0)]);
    assert_eq!(open(&shown, "US"), []);
    assert_eq!(of(&shown, "US").counters.changes[1].failed, 1);
    account.credit(country("DE"), &key(1, 80, Inbound), &opened(7));
    account.forget_open();
    let shown = account.snapshot();
    assert_eq!(open(&shown, "DE"), [(Inbound, "web".into(), 0)]);
    assert_eq!(of(&shown, "DE").counters.changes[0].opened, 9);
}

#[test]
fn a_service_that_is_gone_leaves_its_connections_to_the_others() {
    let mut account = account(&config(&[("web", 80, 80), ("ssh", 22, 22)]));
    account.credit(country("DE"), &key(1, 80, Inbound), &opened(2));
    account.credit(country("DE"), &key(1, 22, Inbound), &opened(3));
    account.configure(&config(&[("ssh", 22, 22)]));
    assert_eq!(
        open(&account.snapshot(), "DE"),
        [(Inbound, "other".into(), 2), (Inbound, "ssh".into(), 3)]
    );
}

#[test]
fn counters_begin_with_their_first_growth() {
    let mut account = account(&config(&[]));
    account.end_visit(end(10));
    let mut growth = opened(1);
    account.credit(country("DE"), &key(1, 0, Outbound), &growth);
    account.end_visit(end(20));
    growth.segments_sent = 5;
    account.credit(country("DE"), &key(1, 0, Outbound), &growth);
    account.credit(country("DE"), &key(1, 0, Inbound), &growth);
    account.end_visit(end(30));
    let Counters { changes, traffic } = of(&account.snapshot(), "DE").counters;
    assert_eq!(changes[Outbound.index()].created, Some(end(10).at));
    assert_eq!(changes[Inbound.index()].created, Some(end(20).at));
    assert_eq!(traffic.created, Some(end(20).at));
}

#[test]
fn growth_without_a_country_is_kept_apart() {
    let mut account = account(&config(&[]));
    let key = ConnectionKey { remote: None, ..key(1, 0, Inbound) };
    let mut growth = opened(3);
    growth.round_trips.buckets[2] = 4;
    growth.round_trips.sum = 90_000;
    account.credit(None, &key, &growth);
    account.end_visit(end(1));
    let shown = account.snapshot();
    assert_eq!(shown.countries, []);
    assert_eq!(shown.other.counters.changes[0].opened, 3);
    assert_eq!(shown.other.open[0].number, 3);
    assert_eq!(shown.round_trips.other[2], 4);
    assert_eq!(shown.round_trips.other[COUNTERS - 1], 90_000);
    assert!(shown.round_trips.is_empty());
}

#[test]
fn an_account_without_growth_has_not_changed() {
    let mut account = account(&config(&[]));
    account.snapshot();
    let nothing = ConnectionGrowth::default();
    account.credit(country("DE"), &key(1, 0, Inbound), &nothing);
    account.add_untracked(0);
    account.forget_open();
    let labels = Arc::clone(&account.labels);
    account.label_countries(&labels);
    assert!(!account.end_visit(end(1)));
    account.credit(country("DE"), &key(1, 0, Inbound), &opened(1));
    assert!(account.end_visit(end(2)));
    account.snapshot();
    assert!(!account.end_visit(end(3)));
    account.add_untracked(2);
    assert!(account.end_visit(end(4)));
    assert_eq!(account.snapshot().untracked, 2);
    account.forget_open();
    assert!(account.end_visit(end(5)));
}

fn again(number: u64) -> ConnectionGrowth {
    let open = number.cast_signed();
    let carried = number;
    ConnectionGrowth { open, carried, ..ConnectionGrowth::default() }
}

#[test]
fn connections_that_are_neither_counted_again_nor_ended_are_closed() {
    let mut account = account(&config(&[]));
    let (web, away) = (key(1, 443, Inbound), key(1, 0, Outbound));
    account.credit(country("DE"), &web, &opened(7));
    account.credit(country("DE"), &away, &opened(3));
    account.credit(country("FR"), &web, &opened(2));
    account.owe_open();
    assert_eq!(account.open(), 0);
    account.credit(country("DE"), &web, &again(4));
    account.credit(country("DE"), &away, &again(3));
    account.credit(country("FR"), &web, &again(2));
    // Of those from before, one ended; one is new.
    let mut ended = closed(1);
    (ended.open, ended.carried) = (0, 1);
    account.credit(country("DE"), &web, &ended);
    account.credit(country("DE"), &web, &opened(1));
    assert_eq!(account.settle(), 2);
    assert_eq!(account.settle(), 0);
    assert_eq!(account.open(), 10);
    let germany = of(&account.snapshot(), "DE").counters.changes;
    assert_eq!([germany[0].opened, germany[0].closed], [8, 3]);
    assert_eq!([germany[1].opened, germany[1].closed], [3, 0]);
}

#[test]
fn missing_ones_close_under_other_if_connections_have_moved() {
    let mut account = account(&config(&[]));
    let web = key(1, 443, Inbound);
    account.credit(country("DE"), &web, &opened(2));
    account.owe_open();
    account.credit(country("FR"), &web, &again(1));
    assert_eq!(account.settle(), 1);
    // Also if the kernel had no room for their addresses.
    account.credit(None, &web, &opened(2));
    account.owe_open();
    account.credit(country("FR"), &web, &again(1));
    // A further change comes before they are given up.
    account.owe_open();
    account.credit(country("FR"), &web, &again(1));
    assert_eq!(account.settle(), 2);
    let snapshot = account.snapshot();
    assert_eq!(snapshot.other.counters.changes[0].closed, 3);
    for code in ["DE", "FR"] {
        assert_eq!(of(&snapshot, code).counters.changes[0].closed, 0);
    }
    // If others are ignored from now on, none is missing.
    account.owe_open();
    account.forget_open();
    assert_eq!(account.settle(), 0);
}
