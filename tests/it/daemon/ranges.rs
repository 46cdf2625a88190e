//! Named ranges: their files, reloads and restarts.

use std::fs;
use std::path::Path;

use super::fake::FakeHost;
use super::running::{Running, Scrape, with_database};

const LOADED: &str = "geoip_database_last_load_successful{database=\"ranges\"}";

/// Replaces a file in one step.
fn replace(path: &Path, content: &str) {
    let next = path.with_extension("next");
    fs::write(&next, content).unwrap();
    fs::rename(&next, path).unwrap();
}

fn received(scrape: &Scrape, name: &str) -> f64 {
    let series = format!(
        "geoip_range_bytes_received_total{{destination=\"other\",\
         interface=\"eth0\",ip_version=\"4\",source={name:?}}}"
    );
    scrape.find(&series).unwrap_or_default()
}

fn start(config: &str) -> Running {
    Running::start(FakeHost::new(&[(2, "eth0")]), config)
}

#[test]
fn ranges_name_traffic_and_give_countries_of_their_own() {
    let daemon = start(&with_database(
        "name_special_addresses = true\n\
         [[range]]\nname = \"wide\"\ncidrs = [\"192.0.2.0/23\"]\n\
         country = \"HQ\"\n\
         [[range]]\nname = \"narrow\"\ncidrs = [\"192.0.2.0/24\"]\n",
    ));
    daemon.host.receive(2, "192.0.2.7", 100);
    daemon.host.receive(2, "192.0.3.7", 30);
    daemon.host.receive(2, "10.0.0.7", 7);
    let scrape = daemon.settled();
    assert_eq!(received(&scrape, "narrow"), 100.0);
    assert_eq!(received(&scrape, "wide"), 30.0);
    assert_eq!(received(&scrape, "other"), 7.0);
    assert_eq!(scrape.received("HQ", "eth0"), 130.0);
    assert_eq!(scrape.received("PRIVATE", "eth0"), 7.0);
    assert_eq!(scrape.get(LOADED), 1.0);

    // Without ranges their series are gone, and the others go on.
    daemon.configure(&with_database(""));
    daemon.reload();
    daemon.host.receive(2, "192.0.2.7", 1);
    let scrape = daemon.settled();
    assert!(!scrape.0.keys().any(|series| series.contains("geoip_range")));
    assert_eq!(scrape.find(LOADED), None);
    assert_eq!(scrape.received("HQ", "eth0"), 130.0);
    assert_eq!(scrape.received("DE", "eth0"), 1.0);
    daemon.stop();
}

#[test]
fn a_file_of_ranges_is_followed_and_a_bad_one_is_warned_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, list) =
        (folder.path().join("ranges.json"), folder.path().join("list.txt"));
    replace(&path, r#"[{"name": "a", "ipv4": ["192.0.2.0/24"]}]"#);
    replace(&list, "198.51.100.0/24\n");
    let config = with_database(&format!(
        "range_files = [{path:?}, {{ path = {list:?}, name = \"b\" }}]\n"
    ));
    let daemon = start(&config);
    daemon.host.receive(2, "192.0.2.7", 100);
    daemon.host.receive(2, "198.51.100.7", 50);
    let scrape = daemon.settled();
    assert_eq!(received(&scrape, "a"), 100.0);
    assert_eq!(received(&scrape, "b"), 50.0);

    let refused = |content: &str, reason: &str| {
        let mark = daemon.host.log.mark();
        replace(&list, content);
        daemon.host.log.wait_for(mark, &[reason]);
        daemon.host.receive(2, "198.51.100.7", 1);
        let scrape = daemon.settled();
        assert_eq!(scrape.get(LOADED), 0.0, "{reason}");
        scrape
    };
    refused("# b\nnonsense\n", "list.txt:2: \"nonsense\" is no prefix");
    refused("198.51.100.7/24\n", "list.txt:1: \"198.51.100.7/24\" has bits");
    let scrape = refused("192.0.2.0/24\n", "a prefix has one name");
    assert_eq!(received(&scrape, "b"), 53.0);

    // A reload is refused as a whole.
    daemon.configure(&format!("flow_batch_size = 77\n{config}"));
    let log = daemon.reload();
    assert!(log.contains("ERROR ranges"), "{log}");
    assert!(log.contains("list.txt:1"), "{log}");
    assert!(log.contains("not reloaded"), "{log}");
    let scrape = daemon.settled();
    assert_eq!(scrape.get("geoip_config_flow_batch_size"), 10_000.0);

    replace(&list, "198.51.0.0/16\n");
    daemon.wait_for("the list is loaded", |s| s.get(LOADED) == 1.0);
    daemon.host.receive(2, "198.51.7.7", 5);
    let scrape = daemon.settled();
    assert_eq!(received(&scrape, "b"), 58.0);
    daemon.stop();
}

#[test]
fn a_start_with_a_bad_file_counts_with_the_ranges_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ranges.json");
    replace(&path, "[{");
    let daemon = start(&with_database(&format!(
        "range_files = [{path:?}]\n\
         [[range]]\nname = \"a\"\ncidrs = \"192.0.2.0/24\"\n"
    )));
    daemon.host.receive(2, "192.0.2.7", 100);
    let scrape = daemon.settled();
    assert_eq!(received(&scrape, "a"), 100.0);
    assert_eq!(scrape.get(LOADED), 0.0);
    let text = daemon.host.log.text();
    assert!(text.contains("cannot load the files of ranges"), "{text}");
    replace(&path, r#"[{"name": "b", "ipv4": ["198.51.100.0/24"]}]"#);
    daemon.wait_for("the file is loaded", |s| s.get(LOADED) == 1.0);
    daemon.host.receive(2, "198.51.100.7", 50);
    assert_eq!(received(&daemon.settled(), "b"), 50.0);
    daemon.stop();
}

/// Each reload renames the range: nothing is lost, and nothing counted twice.
#[test]
fn a_thousand_reloads_under_traffic_lose_no_byte() {
    let config = |name: usize| {
        with_database(&format!(
            "[[range]]\nname = \"name {}\"\ncidrs = \"192.0.2.0/24\"\n",
            name % 7
        ))
    };
    let daemon = start(&config(0));
    let mut last = Scrape(Default::default());
    for number in 1..=1_000 {
        daemon.host.receive(2, "192.0.2.7", 3);
        daemon.host.receive(2, "198.51.100.7", 2);
        daemon.configure(&config(number));
        daemon.reload();
        if number % 100 == 0 {
            let scrape = daemon.settled();
            let family = "geoip_range_bytes_received_total";
            let wire = number as f64 * 5.0;
            assert_eq!(scrape.sum(family), wire);
            assert_eq!(scrape.sum("geoip_bytes_received_total"), wire);
            for (series, value) in &last.0 {
                let is_counter = series.contains("geoip_range_bytes");
                assert!(
                    !is_counter || scrape.get(series) >= *value,
                    "{series}"
                );
            }
            last = scrape;
        }
    }
    daemon.stop();
}

#[test]
fn the_largest_unknown_prefixes_are_in_the_api_if_it_is_on() {
    let daemon = start(&with_database(""));
    let (status, text) = daemon.get("/api/v1/unknown");
    assert_eq!(status, 404, "{text}");
    assert!(text.contains("unknown_prefixes = true"), "{text}");
    daemon.configure(&with_database("unknown_prefixes = true\n"));
    daemon.reload();
    daemon.host.receive(2, "9.9.9.9", 70);
    daemon.host.receive(2, "192.0.2.7", 500);
    daemon.host.send(2, "9.9.9.9", 7);
    daemon.host.receive(2, "2001:4860::1", 20);
    daemon.settled();
    let (status, text) = daemon.get("/api/v1/unknown");
    assert_eq!(status, 200, "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["bytes"], 97);
    let first = &json["prefixes"][0];
    assert_eq!(first["prefix"], "9.9.9.0/24");
    assert_eq!(first["bytes_received"], 70);
    assert_eq!(first["bytes_sent"], 7);
    assert_eq!(json["prefixes"][1]["prefix"], "2001:4860::/48");
    daemon.stop();
}

#[test]
fn a_restart_continues_the_counters_of_ranges() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_database(&format!(
        "state_directory = {:?}\npin_directory = \"\"\n\
         [[range]]\nname = \"a\"\ncidrs = \"192.0.2.0/24\"\n\
         [[range]]\nname = \"b\"\ncidrs = \"198.51.100.0/24\"\n",
        folder.path()
    ));
    let daemon = start(&config);
    daemon.host.receive(2, "192.0.2.7", 100);
    daemon.host.receive(2, "198.51.100.7", 50);
    assert_eq!(received(&daemon.settled(), "a"), 100.0);
    daemon.stop();
    // The other order gives them other numbers.
    let (head, ranges) = config.split_once("[[range]]").unwrap();
    let (a, b) = ranges.split_once("[[range]]").unwrap();
    let daemon = start(&format!("{head}[[range]]{b}[[range]]{a}"));
    daemon.host.receive(2, "192.0.2.7", 1);
    let scrape = daemon.settled();
    assert_eq!(received(&scrape, "a"), 101.0);
    assert_eq!(received(&scrape, "b"), 50.0);
    daemon.stop();
}
