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

/// Each is warned of once, and none is used.
#[test]
fn what_takes_its_place_and_cannot_be_used_is_warned_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("country.mmdb");
    fs::copy(database("country-maxmind.mmdb"), &path).unwrap();
    let config = format!("{BASE}geoip_db = {path:?}\n");
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    let start = daemon.host.log.mark();
    let mut expected = 0;
    let mut check = |daemon: &Running| {
        daemon.host.receive(2, "192.0.2.7", 10);
        expected += 10;
        let scrape = daemon.settled();
        assert_eq!(scrape.received("DE", "eth0"), f64::from(expected));
        assert_eq!(shown(&scrape), 1.0);
    };
    let mut refuse = |reason: &str, change: &dyn Fn()| {
        let mark = daemon.host.log.mark();
        change();
        daemon.host.log.wait_for(mark, &["stays in use", reason]);
        check(&daemon);
    };
    refuse("it is not a complete MaxMind database", &|| {
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(900).unwrap();
    });
    for (name, reason) in [
        ("damaged-cyclic.mmdb", "deeper than an address is long"),
        ("asn.mmdb", "its records carry no country"),
    ] {
        refuse(reason, &|| {
            let next = folder.path().join("next");
            fs::copy(database(name), &next).unwrap();
            fs::rename(&next, &path).unwrap();
        });
    }
    refuse("larger than 512 MiB", &|| {
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    });
    fs::remove_file(&path).unwrap();
    // Nothing is to happen: this is as long as two looks take.
    std::thread::sleep(Duration::from_millis(2_500));
    check(&daemon);

    let mark = daemon.host.log.mark();
    fs::copy(database("country-dbip.mmdb"), &path).unwrap();
    daemon.host.log.wait_for(mark, &["opened the GeoIP database"]);
    check(&daemon);
    let text = daemon.host.log.since(start);
    assert_eq!(text.matches("stays in use").count(), 4, "{text}");
    daemon.stop();
}
