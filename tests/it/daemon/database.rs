//! A database that is replaced while the daemon counts.

use std::fs;
use std::time::Duration;

use super::fake::FakeHost;
use super::running::{BASE, Running, Scrape, database};

/// Returns how many databases are in use.
fn shown(scrape: &Scrape) -> f64 {
    scrape.sum("geoip_database_info")
}

/// Who sees that a database is there gets its countries from then on, however
/// long the poll takes that was on its way.
#[test]
fn a_database_is_shown_once_the_poller_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("country.mmdb");
    let config = format!("{BASE}geoip_db = {path:?}\n");
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    let host = &daemon.host;
    host.kernel().failures.slow_reads = Duration::from_millis(700);
    let reads = host.kernel().reads;
    host.wait_until("a slow poll", |kernel| kernel.reads > reads);

    fs::copy(database("country-maxmind.mmdb"), &path).unwrap();
    while shown(&daemon.scrape()) == 0.0 {}
    host.receive(2, "192.0.2.7", 30);
    host.kernel().failures.slow_reads = Duration::ZERO;
    let scrape = daemon.settled();
    assert_eq!(scrape.received("UNKNOWN", "eth0"), 0.0);
    assert_eq!(scrape.received("DE", "eth0"), 30.0);
    daemon.stop();
}
