//! A database that is replaced while the daemon counts.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::fake::FakeHost;
use super::running::{BASE, Running, Scrape, database};
use crate::mmdb;

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

/// Replaces a file in one step.
fn replace(path: &Path, content: &[u8]) {
    let next = path.with_extension("next");
    fs::write(&next, content).unwrap();
    fs::rename(&next, path).unwrap();
}

const LOADED: &str =
    "geoip_database_last_load_successful{database=\"country\"}";

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
        scrape.get(LOADED)
    };
    assert_eq!(check(&daemon), 1.0);
    let mut refuse = |reason: &str, change: &dyn Fn()| {
        let mark = daemon.host.log.mark();
        change();
        daemon.host.log.wait_for(mark, &["stays in use", reason]);
        assert_eq!(check(&daemon), 0.0, "{reason}");
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
            replace(&path, &fs::read(database(name)).unwrap());
        });
    }
    refuse("its records take too long to read", &|| {
        replace(&path, &mmdb::slow());
    });
    refuse("larger than 512 MiB", &|| {
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    });
    refuse("No such file", &|| fs::remove_file(&path).unwrap());
    refuse("it is a FIFO, not a file", &|| {
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
    });
    fs::remove_file(&path).unwrap();

    let mark = daemon.host.log.mark();
    fs::copy(database("country-dbip.mmdb"), &path).unwrap();
    daemon.host.log.wait_for(mark, &["opened the GeoIP database"]);
    // Said before the poller has it.
    daemon.wait_for("a database", |scrape| scrape.get(LOADED) == 1.0);
    check(&daemon);
    let text = daemon.host.log.since(start);
    assert_eq!(text.matches("stays in use").count(), 7, "{text}");
    daemon.stop();
}

/// A file that was made to take long holds up neither polls nor scrapes nor
/// signals.
#[test]
fn a_stop_does_not_wait_for_a_database_that_is_being_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("country.mmdb");
    fs::copy(database("country-maxmind.mmdb"), &path).unwrap();
    let lines = "log_level = \"debug\"\n";
    let config = format!("{BASE}{lines}geoip_db = {path:?}\n");
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    let mark = daemon.host.log.mark();
    replace(&path, &mmdb::slow());
    daemon.host.log.wait_for(mark, &["opening a changed file"]);
    daemon.host.receive(2, "192.0.2.7", 30);
    assert_eq!(daemon.settled().received("DE", "eth0"), 30.0);
    let log = daemon.host.log.clone();
    daemon.stop();
    let said = log.since(mark);
    assert!(!said.contains("take too long"), "{said}");
}

/// A reload tells the same as a change of the file.
#[test]
fn a_reload_tells_whether_the_database_could_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("country.mmdb");
    let config = format!("{BASE}geoip_db_watch = false\ngeoip_db = {path:?}\n");
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    assert_eq!(daemon.scrape().get(LOADED), 0.0);
    for (content, expected) in [
        ("country-maxmind.mmdb", 1.0),
        ("damaged-cyclic.mmdb", 0.0),
        ("country-dbip.mmdb", 1.0),
    ] {
        replace(&path, &fs::read(database(content)).unwrap());
        daemon.reload();
        assert_eq!(daemon.scrape().get(LOADED), expected, "{content}");
    }
    daemon.stop();
}
