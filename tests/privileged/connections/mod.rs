//! TCP connections by country.

mod kernel_side;
mod load;
mod open;
mod pages;
mod quality;
mod restart;
mod states;
mod switching;
mod tools;

use std::collections::BTreeMap;
use std::fs;

use crate::harness::connections::{Asking, CountryLab, Tallies, Tally};
use crate::harness::countries;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::{Scrape, whole};
use crate::privileges::{NEEDED, as_nobody};

const OPEN: &str = "geoip_tcp_connections";
const OPENED: &str = "geoip_tcp_connections_opened_total";
const FAILED: &str = "geoip_tcp_connections_failed_total";
const CLOSED: &str = "geoip_tcp_connections_closed_total";

/// Describes an exporter that counts connections as nobody, with the
/// capabilities that it needs, and knows the fifty countries.
pub(crate) fn setup(lab: &CountryLab) -> Setup {
    let setup = as_nobody(Setup::new(&lab.lab.machine), NEEDED);
    let database = setup.path("countries.mmdb");
    fs::write(&database, countries::database()).expect("cannot write a file");
    setup
        .set("geoip_db", database.to_str().expect("an ASCII path"))
        .set("interfaces", "lo")
        .set("connections", true)
        .set("log_level", "info")
        .set("connections_interval", "1s")
}

/// Starts it and waits until it counts connections by programs.
pub(crate) fn start(setup: Setup) -> Daemon {
    let mut daemon = setup.start();
    let line = daemon.await_log("that connections are counted", 0, |line| {
        line.message() == "counting connections"
    });
    assert_eq!(line.get("by").as_deref(), Some("eBPF programs"));
    daemon
}

/// Returns the numbers of opened, failed and closed connections.
pub(crate) fn tallies(scrape: &Scrape) -> Tallies {
    let mut tallies = Tallies::default();
    for name in [OPENED, FAILED, CLOSED] {
        let of_name = |is: &str, count| if is == name { count } else { 0 };
        let tally = |count| Tally {
            opened: of_name(OPENED, count),
            failed: of_name(FAILED, count),
            closed: of_name(CLOSED, count),
        };
        for (labels, value) in scrape.matching(name, &[]) {
            let asking = [Asking::World, Asking::Machine].into_iter();
            let mut asking =
                asking.filter(|it| it.label() == labels["direction"]);
            let asking = asking.next().expect("one of two directions");
            tallies.add(&labels["country"], asking, tally(whole(value)));
        }
    }
    tallies
}

/// Waits until the exporter has counted exactly these connections.
pub(crate) fn await_tallies(daemon: &Daemon, expected: &Tallies) {
    daemon.await_scrape("all connections", |scrape| {
        let seen = tallies(scrape);
        let differences = differences(&seen, expected);
        if differences.is_empty() { Ok(()) } else { Err(differences) }
    });
}

/// Returns the lines that differ, with the number that was seen and the one
/// that was expected.
pub(crate) fn differences(seen: &Tallies, expected: &Tallies) -> String {
    let keys = seen.0.keys().chain(expected.0.keys());
    let keys: std::collections::BTreeSet<_> = keys.collect();
    let of = |all: &Tallies, key| all.0.get(key).copied().unwrap_or_default();
    keys.into_iter()
        .filter(|key| of(seen, *key) != of(expected, *key))
        .map(|key| {
            format!(
                "{key:?}: {:?} instead of {:?}\n",
                of(seen, key),
                of(expected, key)
            )
        })
        .collect()
}

/// The numbers of open connections by country, direction and service.
pub(crate) type Gauges = BTreeMap<(String, String, String), u64>;

/// Returns the numbers of open connections that are not zero.
pub(crate) fn gauges(scrape: &Scrape) -> Gauges {
    let samples = scrape.matching(OPEN, &[]).filter(|(_, value)| *value != 0.0);
    samples
        .map(|(labels, value)| {
            let label = |name: &str| labels[name].clone();
            let key = (label("country"), label("direction"), label("service"));
            (key, whole(value))
        })
        .collect()
}

/// Waits until exactly these connections are open.
pub(crate) fn await_gauges(daemon: &Daemon, expected: &Gauges) {
    daemon.await_scrape("the open connections", |scrape| {
        match gauges(scrape) {
            seen if seen == *expected => Ok(()),
            seen => Err(format!("{seen:?}\ninstead of {expected:?}")),
        }
    });
}

/// Waits until this many visits that began after the call have ended and been
/// published.
pub(crate) fn await_visits(daemon: &Daemon, count: usize) {
    let of_connections = [("collector", "connections")];
    daemon.await_sum("geoip_collector_success", &of_connections, 1);
    // Each duration differs from the last one. The first change may come from a
    // visit that had begun before.
    let mut durations = Vec::new();
    daemon.await_scrape("further visits", |scrape| {
        let name = "geoip_collector_duration_seconds";
        let duration = scrape.value(name, &of_connections);
        if durations.last() != Some(&duration) {
            durations.push(duration);
        }
        match durations.len() > count + 1 {
            true => Ok(()),
            false => Err(format!("durations {durations:?}")),
        }
    });
}
