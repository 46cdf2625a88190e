//! Bytes by network, and their database.

mod restarts;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use geoip_exporter::api;

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

/// The bytes by `asn` and direction, and all of them in one direction with the
/// unattributed ones.
fn bytes(scrape: &Scrape, direction: &str, asn: &str) -> Option<f64> {
    scrape.find(&format!("geoip_as_bytes_{direction}_total{{asn=\"{asn}\"}}"))
}

fn whole(scrape: &Scrape, direction: &str) -> f64 {
    scrape.sum(&format!("geoip_as_bytes_{direction}_total"))
        + scrape.sum(&format!("geoip_as_unattributed_bytes_{direction}_total"))
}

/// A network starts at zero, what it had before is in `other`, and all series
/// together are the bytes of the machine.
#[test]
fn networks_are_counted_once_and_to_the_byte() {
    let (daemon, _folder, _) =
        start("networks_top = 2\ncounted_once = \"eth0\"\n");
    let host = &daemon.host;
    host.add(3, "br0");
    daemon.wait_for("attached", |scrape| scrape.attached("br0") == Some(1.0));
    let exchange = |scale: u64| {
        for device in [2, 3] {
            host.receive(device, "192.0.2.7", 1_000 * scale);
            host.receive(device, "2001:db8::7", 300 * scale);
            host.receive(device, "198.18.0.1", 50 * scale);
            host.receive(device, "10.1.2.3", 7 * scale);
            host.send(device, "198.19.0.1", 90_000 * scale);
        }
    };
    exchange(1);
    let first = daemon.settled();
    // IPv4 and IPv6 are one network.
    assert_eq!(bytes(&first, "received", "64496"), Some(0.0));
    assert_eq!(bytes(&first, "sent", "65551"), Some(0.0));
    assert_eq!(bytes(&first, "received", "64500"), None);
    assert_eq!(bytes(&first, "received", "UNKNOWN"), Some(7.0));
    assert_eq!(bytes(&first, "received", "other"), Some(1_350.0));
    assert_eq!(whole(&first, "received"), 1_357.0);
    assert_eq!(whole(&first, "sent"), 90_000.0);
    exchange(1_000_000);
    let second = daemon.settled();
    assert_eq!(bytes(&second, "received", "64496"), Some(1_300_000_000.0));
    assert_eq!(bytes(&second, "sent", "65551"), Some(90_000_000_000.0));
    assert_eq!(bytes(&second, "received", "other"), Some(50_001_350.0));
    assert_eq!(whole(&second, "received"), 1_357_001_357.0);
    assert_eq!(whole(&second, "sent"), 90_000_090_000.0);
    let name = "geoip_as_info{asn=\"64496\",name=\"Example Networks\"}";
    assert_eq!(second.get(name), 1.0);
    assert_eq!(second.get("geoip_as_kept"), 3.0);
    daemon.stop();
}

/// Bytes that were evicted before a poll are in no network.
#[test]
fn evicted_bytes_are_unattributed_and_the_sum_is_the_whole() {
    let (daemon, _folder, _) =
        start("map_max_entries = 1\ncounted_once = \"eth0\"\n");
    daemon.settled();
    {
        // All under one lock, so that no poll comes in between.
        let mut kernel = daemon.host.kernel();
        for (remote, bytes) in [("192.0.2.7", 1_000), ("203.0.113.1", 30)] {
            kernel.receive(2, remote, bytes);
        }
    }
    let scrape = daemon.settled();
    let lost = "geoip_as_unattributed_bytes_received_total";
    assert_eq!(scrape.get(lost), 1_000.0);
    assert_eq!(bytes(&scrape, "received", "other"), Some(30.0));
    assert_eq!(whole(&scrape, "received"), 1_030.0);
    daemon.stop();
}

/// Reloads that turn the slice on and off, exchange its database and change the
/// number of networks, while packets flow.
#[test]
fn no_byte_is_lost_or_counted_twice_over_reloads_under_traffic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asn.mmdb");
    replace(&path, "asn.mmdb");
    let lines =
        |top| format!("networks_top = {top}\ncounted_once = \"eth0\"\n");
    let config = with_networks(&path, &lines(3));
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    let host = &daemon.host;
    let (mut sent, mut known) = (0.0, 0.0);
    let mut before = daemon.settled();
    let databases = ["asn-ipinfo.mmdb", "asn.mmdb", "asn-dbip.mmdb"];
    for round in 0..30_u32 {
        for (remote, bytes) in [
            ("192.0.2.7", 1_001),
            ("198.51.100.7", 20_003),
            ("198.18.0.9", 3_007),
            ("203.0.113.9", 40_009),
            ("10.0.0.1", 11),
        ] {
            host.send(2, remote, bytes * u64::from(round + 1));
            sent += bytes as f64 * f64::from(round + 1);
        }
        replace(&path, databases[round as usize % 3]);
        daemon.configure(&with_networks(&path, &lines(1 + round % 4)));
        let log = daemon.reload();
        assert!(!log.contains("not reloaded"), "{log}");
        known += 11.0 * f64::from(round + 1);
        let scrape = daemon.settled();
        assert_eq!(bytes(&scrape, "sent", "UNKNOWN"), Some(known));
        // Networks that lost their place keep a part.
        let hidden = sent - whole(&scrape, "sent");
        assert!(hidden >= 0.0, "round {round}: {hidden}");
        for (series, value) in &scrape.0 {
            let name = series.split('{').next().unwrap();
            if name.starts_with("geoip_as_") && name.ends_with("_total") {
                let earlier = before.find(series).unwrap_or(0.0);
                assert!(*value >= earlier, "{series} fell in round {round}");
            }
        }
        before = scrape;
    }
    // All of them are shown: nothing is missing.
    daemon.configure(&with_networks(&path, &lines(10)));
    daemon.reload();
    let scrape = daemon.settled();
    assert_eq!(whole(&scrape, "sent"), sent);

    // Off for a while: these bytes are in no series of networks, and later ones
    // continue where it was.
    daemon.configure(&with_database("counted_once = \"eth0\"\n"));
    daemon.reload();
    host.send(2, "192.0.2.7", 5_000);
    assert_eq!(daemon.settled().sum("geoip_as_bytes_sent_total"), 0.0);
    daemon.configure(&with_networks(&path, &lines(10)));
    daemon.reload();
    host.send(2, "192.0.2.7", 100);
    let scrape = daemon.settled();
    assert_eq!(whole(&scrape, "sent"), sent + 100.0);
    daemon.stop();
}

/// The page lists what has no series too.
#[test]
fn the_page_of_networks_lists_all_of_them() {
    let (daemon, _folder, _) =
        start("networks_top = 1\ncounted_once = \"eth0\"\n");
    daemon.host.send(2, "192.0.2.7", 5_000);
    daemon.host.send(2, "203.0.113.9", 30);
    daemon.settled();
    daemon.host.receive(2, "192.0.2.7", 7);
    daemon.settled();
    let (status, body) = daemon.get("/api/v1/networks");
    assert_eq!(status, 200);
    let page: api::Networks = serde_json::from_str(&body).unwrap();
    let rows = page.networks.iter().map(|row| {
        let bytes = [row.bytes.bytes_received, row.bytes.bytes_sent];
        (row.asn, row.name.as_deref().unwrap(), bytes, row.shown)
    });
    let expected = [
        (64_496, "Example Networks", [7, 5_000], true),
        (64_499, "two lines and more", [0, 30], false),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);

    daemon.configure(&with_database(""));
    daemon.reload();
    assert_eq!(daemon.get("/api/v1/networks").0, 404);
    daemon.stop();
}
