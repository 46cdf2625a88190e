//! The database of cities: followed, refused, in another language, and off.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::fake::FakeHost;
use super::super::running::{Running, Scrape, database, with_database};
use super::{ON, exchange};
use crate::mmdb::{Value, Writer};

const LOADED: &str = "geoip_database_last_load_successful{database=\"city\"}";

fn config(path: &Path, lines: &str) -> String {
    with_database(&format!("{ON}city_db = {path:?}\n{lines}"))
}

/// Replaces a file in one step.
fn replace(path: &Path, name: &str) {
    let next = path.with_extension("next");
    fs::copy(database(name), &next).unwrap();
    fs::rename(&next, path).unwrap();
}

fn start(lines: &str) -> (Running, tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    replace(&path, "city.mmdb");
    let host = FakeHost::new(&[(2, "eth0")]);
    let daemon = Running::start(host, &config(&path, lines));
    exchange(&daemon);
    (daemon, folder, path)
}

/// Returns the labels of a host's place, in the order of their names.
fn place(scrape: &Scrape, remote: &str) -> String {
    let remote = format!("remote={remote:?}");
    let all = scrape.0.keys();
    let mut all = all.filter_map(|series| {
        series.strip_prefix("geoip_remote_host_info{asn=\"UNKNOWN\",")
    });
    let found = all.find(|series| series.contains(&remote));
    found.unwrap_or("none").trim_end_matches('}').replace(&*remote, "-")
}

const COLOGNE: &str = "city=\"Cologne\",country=\"DE\",-,\
                       subdivision=\"North Rhine-Westphalia\"";

#[test]
fn a_host_has_its_city_in_the_language_that_the_configuration_asks_for() {
    let (daemon, _folder, path) = start("");
    assert_eq!(place(&daemon.settled(), "192.0.2.7"), COLOGNE);
    let london = "city=\"London\",country=\"GB\",-,subdivision=\"England\"";
    assert_eq!(place(&daemon.settled(), "2001:db8::7"), london);
    for (language, city) in [
        ("de", "Köln"),
        ("ja", "ケルン"),
        ("ru-RU", "Кёльн"),
        ("fr", "Cologne"),
    ] {
        let line = format!("names_language = \"{language}\"\n");
        daemon.configure(&config(&path, &line));
        let log = daemon.reload();
        assert!(!log.contains("not reloaded"), "{log}");
        let place = place(&daemon.settled(), "192.0.2.7");
        assert!(place.contains(&format!("city=\"{city}\"")), "{place}");
    }
    daemon.stop();
}

#[test]
fn the_database_is_followed_and_a_bad_one_changes_nothing() {
    let (daemon, _folder, path) = start("");
    for (name, reason) in [
        ("country-maxmind.mmdb", "carry no city"),
        ("damaged-truncated.mmdb", "not a complete MaxMind database"),
    ] {
        let mark = daemon.host.log.mark();
        replace(&path, name);
        daemon.host.log.wait_for(mark, &["stays in use", reason]);
        let scrape = daemon.settled();
        assert_eq!(scrape.get(LOADED), 0.0, "{reason}");
        assert_eq!(place(&scrape, "192.0.2.7"), COLOGNE);
        let log = daemon.reload();
        assert!(log.contains("not reloaded"), "{log}");
    }
    let mark = daemon.host.log.mark();
    replace(&path, "city-ipinfo.mmdb");
    daemon.host.log.wait_for(mark, &["opened the GeoIP database", "ipinfo"]);
    let scrape = daemon.wait_for("it is loaded", |s| s.get(LOADED) == 1.0);
    assert_eq!(place(&scrape, "192.0.2.7"), COLOGNE);
    // Without one, a host has no city.
    daemon.configure(&config(Path::new(""), ""));
    daemon.reload();
    let scrape = daemon.settled();
    assert_eq!(scrape.find(LOADED), None);
    let without = "city=\"UNKNOWN\",country=\"DE\",-,subdivision=\"UNKNOWN\"";
    assert_eq!(place(&scrape, "192.0.2.7"), without);
    daemon.stop();
}

#[test]
fn a_city_database_that_is_missing_is_taken_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    let host = FakeHost::new(&[(2, "eth0")]);
    let daemon = Running::start(host, &config(&path, ""));
    exchange(&daemon);
    let scrape = daemon.settled();
    assert_eq!(scrape.get(LOADED), 0.0);
    let without = "city=\"UNKNOWN\",country=\"DE\",-,subdivision=\"UNKNOWN\"";
    assert_eq!(place(&scrape, "192.0.2.7"), without);
    let text = daemon.host.log.text();
    let lines = text.lines().filter(|it| it.contains("city.mmdb"));
    let warnings = lines.filter(|it| it.contains("WARN")).count();
    assert_eq!(warnings, 1, "{text}");
    let mark = daemon.host.log.mark();
    replace(&path, "city.mmdb");
    daemon.host.log.wait_for(mark, &["opened the GeoIP database", "city"]);
    let scrape = daemon.wait_for("it is loaded", |s| s.get(LOADED) == 1.0);
    assert_eq!(place(&scrape, "192.0.2.7"), COLOGNE);
    daemon.stop();
}

#[test]
fn a_smaller_city_database_leaves_the_other_hosts_without_a_city() {
    let (daemon, _folder, path) = start("");
    let before = daemon.settled();
    assert_eq!(place(&before, "192.0.2.7"), COLOGNE);
    let mut writer = Writer::new(6, 24);
    let names = Value::Map(vec![("en", Value::Text("London"))]);
    let city = Value::Map(vec![("names", names)]);
    writer.insert("2001:db8::/48", &Value::Map(vec![("city", city)]));
    let next = path.with_extension("next");
    fs::write(&next, writer.finish("A-Small-City")).unwrap();
    let mark = daemon.host.log.mark();
    fs::rename(&next, &path).unwrap();
    daemon.host.log.wait_for(mark, &["opened the GeoIP", "A-Small-City"]);
    let scrape = daemon.wait_for("the new places", |scrape| {
        place(scrape, "192.0.2.7").contains("city=\"UNKNOWN\"")
    });
    let london = "city=\"London\",country=\"GB\",-,subdivision=\"UNKNOWN\"";
    assert_eq!(place(&scrape, "2001:db8::7"), london);
    for direction in ["received", "sent"] {
        let bytes = |of| super::bytes(of, direction, "192.0.2.7");
        assert_eq!(bytes(&scrape), bytes(&before));
    }
    daemon.stop();
}

/// A file that does not exist would be warned of.
#[test]
fn without_remote_hosts_the_database_is_not_opened() {
    let config = with_database("city_db = \"/nowhere/city.mmdb\"\n");
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    assert_eq!(daemon.settled().find(LOADED), None);
    let text = daemon.host.log.text();
    assert!(!text.contains("/nowhere"), "{text}");
    daemon.stop();
}
