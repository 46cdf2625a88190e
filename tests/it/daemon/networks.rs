//! Bytes by network, and their database.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::fake::FakeHost;
use super::running::{Running, Scrape, database, with_database};

const LOADED: &str = "geoip_database_last_load_successful{database=\"asn\"}";

fn with_networks(path: &Path, lines: &str) -> String {
    with_database(&format!("networks = true\nasn_db = {path:?}\n{lines}"))
}

/// Replaces a file in one step.
fn replace(path: &Path, name: &str) {
    let next = path.with_extension("next");
    fs::copy(database(name), &next).unwrap();
    fs::rename(&next, path).unwrap();
}

/// Starts with a copy of a database of networks.
fn start(lines: &str) -> (Running, tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asn.mmdb");
    replace(&path, "asn.mmdb");
    let config = with_networks(&path, lines);
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    (daemon, folder, path)
}

/// Returns the types of the open databases of networks.
fn open(scrape: &Scrape) -> Vec<String> {
    let begin = "geoip_database_info{database=\"asn\",";
    let found = scrape.0.keys().filter(|series| series.starts_with(begin));
    found.map(|series| series.split("type=").last().unwrap().into()).collect()
}

#[test]
fn a_database_of_networks_that_cannot_be_used_is_warned_of_once() {
    let (daemon, _folder, path) = start("");
    let start = daemon.host.log.mark();
    let scrape = daemon.settled();
    assert_eq!(scrape.get(LOADED), 1.0);
    assert_eq!(open(&scrape), ["\"GeoLite2-ASN\"}"]);
    let refuse = |reason: &str, change: &dyn Fn()| {
        let mark = daemon.host.log.mark();
        change();
        daemon.host.log.wait_for(mark, &["stays in use", reason]);
        let scrape = daemon.settled();
        assert_eq!(scrape.get(LOADED), 0.0, "{reason}");
        assert_eq!(open(&scrape), ["\"GeoLite2-ASN\"}"], "{reason}");
    };
    for (name, reason) in [
        ("damaged-asn.mmdb", "deeper than an address is long"),
        ("country-maxmind.mmdb", "carry no number of an autonomous system"),
        ("damaged-truncated.mmdb", "not a complete MaxMind database"),
    ] {
        refuse(reason, &|| replace(&path, name));
    }
    refuse("No such file", &|| fs::remove_file(&path).unwrap());
    let mark = daemon.host.log.mark();
    replace(&path, "asn-ipinfo.mmdb");
    daemon.host.log.wait_for(mark, &["opened the GeoIP database"]);
    let scrape = daemon.wait_for("it is loaded", |s| s.get(LOADED) == 1.0);
    assert_eq!(open(&scrape), ["\"ipinfo asn.mmdb\"}"]);
    let text = daemon.host.log.since(start);
    assert_eq!(text.matches("stays in use").count(), 4, "{text}");
    // The database of countries had nothing to do with it.
    let country = "geoip_database_last_load_successful{database=\"country\"}";
    assert_eq!(scrape.get(country), 1.0);
    daemon.stop();
}

#[test]
fn a_bad_database_of_networks_refuses_the_reload_as_a_whole() {
    let (daemon, _folder, path) = start("geoip_db_watch = false\n");
    for (name, reason) in [
        ("damaged-asn.mmdb", "deeper than an address is long"),
        ("country-flat.mmdb", "carry no number of an autonomous system"),
    ] {
        replace(&path, name);
        let lines = "geoip_db_watch = false\nflow_batch_size = 77\n";
        daemon.configure(&with_networks(&path, lines));
        let log = daemon.reload();
        assert!(log.contains("not reloaded"), "{log}");
        assert!(log.contains(reason), "{log}");
        let scrape = daemon.settled();
        assert_eq!(scrape.get(LOADED), 0.0);
        assert_eq!(scrape.get("geoip_config_flow_batch_size"), 10_000.0);
        assert_eq!(open(&scrape), ["\"GeoLite2-ASN\"}"]);
    }
    // Gone, while one is in use.
    fs::remove_file(&path).unwrap();
    let log = daemon.reload();
    assert!(log.contains("No such file"), "{log}");
    assert_eq!(open(&daemon.settled()), ["\"GeoLite2-ASN\"}"]);

    replace(&path, "asn-dbip.mmdb");
    daemon.reload();
    let scrape = daemon.settled();
    assert_eq!(scrape.get(LOADED), 1.0);
    assert_eq!(scrape.get("geoip_config_flow_batch_size"), 77.0);
    daemon.stop();
}

/// Opening the FIFO would be refused, and a thread that followed it would say
/// so.
#[test]
fn while_networks_are_off_their_file_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let off = format!("asn_db = {path:?}\n");
    let config = with_database(&off);
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    daemon.reload();
    let scrape = daemon.settled();
    assert_eq!(scrape.find(LOADED), None);
    assert!(!scrape.0.keys().any(|series| series.contains("geoip_as_")));
    let text = daemon.host.log.text();
    assert!(!text.contains("fifo"), "{text}");

    // On without a file: every network is UNKNOWN until there is one.
    let missing = folder.path().join("none.mmdb");
    daemon.configure(&with_networks(&missing, ""));
    let log = daemon.reload();
    assert!(log.contains("every network stays UNKNOWN"), "{log}");
    assert_eq!(daemon.settled().get(LOADED), 0.0);
    replace(&missing, "asn-isp.mmdb");
    let scrape = daemon.wait_for("it is loaded", |s| s.get(LOADED) == 1.0);
    assert_eq!(open(&scrape), ["\"GeoIP2-ISP\"}"]);

    daemon.configure(&config);
    daemon.reload();
    let scrape = daemon.settled();
    assert_eq!((scrape.find(LOADED), open(&scrape)), (None, Vec::new()));
    assert!(!scrape.0.keys().any(|series| series.contains("geoip_as_")));
    daemon.stop();
}
