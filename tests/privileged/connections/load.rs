//! Very many short connections: each is counted, once, for its country.

use super::{
    OPEN, await_gauges, await_tallies, await_visits, gauges, setup, start,
    tallies,
};
use crate::harness::connections::{Asking, CountryLab, Family, Tally};
use crate::harness::countries::CODES;

/// Returns the number of connections that `CONNECTIONS` says.
fn count() -> u64 {
    let count = std::env::var("CONNECTIONS").ok();
    count.map_or(10_000, |text| {
        text.parse().expect("CONNECTIONS is a whole number")
    })
}

/// Inbound and outbound, over IPv4, IPv6 and IPv4 in sockets of IPv6; closed by
/// either side, reset by either side, refused, given up, and several ones over
/// one socket.
#[test]
fn every_connection_is_counted_once() {
    every_one_of(CountryLab::new());
}

#[test]
fn every_connection_on_all_cpus_is_counted_once() {
    every_one_of(CountryLab::on_all_cpus());
}

fn every_one_of(lab: CountryLab) {
    let daemon = start(setup(&lab));
    let expected = lab.make_short(count(), 1);
    await_tallies(&daemon, &expected);
    await_gauges(&daemon, &Default::default());
    await_visits(&daemon, 1);
    let scrape = daemon.scrape();
    assert_eq!(tallies(&scrape), expected);
    assert_eq!(expected.0.len(), 2 * CODES.len());
    // Each country that was seen stays on the page.
    assert_eq!(scrape.values_of(OPEN, "country"), CODES);
    assert_eq!(gauges(&scrape), Default::default());
    assert_eq!(scrape.sum("geoip_tcp_connections_untracked_total", &[]), 0);
    let sum = expected.sum();
    eprintln!(
        "{} opened, {} failed, {} closed: difference 0",
        sum.opened, sum.failed, sum.closed
    );
}

/// No connection is lost where the kernel has no room for their addresses.
#[test]
fn more_addresses_than_there_is_room_for_lose_no_connection() {
    const ADDRESSES: u16 = 40_000;
    let lab = CountryLab::new();
    let daemon = start(setup(&lab));
    // Nothing is read while it is stopped.
    daemon.at_once(|| {
        lab.dial(Asking::World, 0, |dialer| {
            // Behind the hosts that do not answer.
            for host in 1_000..1_000 + ADDRESSES {
                dialer.open(3, host, Family::V6).close();
            }
        });
    });
    let inbound = |scrape: &_| {
        let mut sum = Tally::default();
        for ((country, direction), tally) in tallies(scrape).0 {
            assert!(["BE", "other"].contains(&country.as_str()), "{country}");
            assert_eq!(direction, "inbound");
            sum += tally;
        }
        sum
    };
    let count = u64::from(ADDRESSES);
    let expected = Tally { opened: count, failed: 0, closed: count };
    daemon.await_scrape("all connections", |scrape| match inbound(scrape) {
        seen if seen == expected => Ok(()),
        seen => Err(format!("{seen:?}")),
    });
    await_gauges(&daemon, &Default::default());
    let of_none = [("country", "other")];
    let without_room = daemon.scrape().sum(super::OPENED, &of_none);
    eprintln!("{without_room} of {count} had no room");
    assert!(without_room > 0);
}
