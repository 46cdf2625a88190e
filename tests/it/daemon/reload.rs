//! SIGHUP: everything or nothing.

use std::fs;

use super::fake::FakeHost;
use super::running::{
    BASE, Running, Scrape, database, with_database, without_ticks,
};

const SUCCESS: &str = "geoip_config_last_reload_successful";
const SUCCESS_TIME: &str = "geoip_config_last_reload_success_timestamp_seconds";

fn start(config: &str) -> Running {
    Running::start(FakeHost::new(&[(2, "eth0"), (3, "eth1")]), config)
}

/// Returns a configuration with a database of this name and these lines.
fn with(name: &str, lines: &str) -> String {
    format!("{BASE}geoip_db = {:?}\n{lines}", database(name))
}

/// Returns what a reload must not touch where nothing changed.
fn lasting(scrape: &Scrape) -> Vec<(String, f64)> {
    let series = scrape.0.iter().filter(|(series, _)| {
        ["geoip_config_m", "geoip_config_p", "geoip_config_f"]
            .iter()
            .chain(&["geoip_database_info", "geoip_database_build"])
            .chain(&["geoip_bytes", "geoip_interface", "geoip_ebpf_packets"])
            .any(|prefix| series.starts_with(prefix))
    });
    series.map(|(series, &value)| (series.clone(), value)).collect()
}

#[test]
fn a_good_reload_applies_every_live_setting_and_loses_nothing() {
    let daemon = start(&with_database("interfaces = [\"eth0\"]\n"));
    let host = &daemon.host;
    host.receive(2, "192.0.2.7", 1_000);
    let before = daemon.settled();
    assert_eq!(before.status("eth1"), None);

    daemon.configure(
        &with_database(
            "interfaces = [\"eth1\"]\nflow_batch_size = 77\n\
             metrics_path = \"/numbers\"\n",
        )
        .replace("10ms", "20ms"),
    );
    host.receive(2, "192.0.2.7", 200);
    let log = daemon.reload();
    assert!(log.contains("INFO reloaded"), "{log}");
    assert!(!log.contains("WARN"), "{log}");
    host.receive(2, "192.0.2.7", 5); // Detached: nobody sees it.
    host.receive(3, "192.0.2.7", 30);
    host.settle();

    let (status, hint) = daemon.get("/metrics");
    assert_eq!(status, 404, "{hint}");
    let (status, page) = daemon.get("/numbers");
    assert_eq!(status, 200);
    let scrape = Scrape::parse(&page);
    assert_eq!(scrape.received("DE", "eth0"), 1_200.0);
    assert_eq!(scrape.received("DE", "eth1"), 30.0);
    assert_eq!(scrape.status("eth1"), Some(0.0));
    assert_eq!(scrape.status("eth0"), None);
    assert_eq!(scrape.get("geoip_config_poll_interval_seconds"), 0.02);
    assert_eq!(scrape.get("geoip_config_flow_batch_size"), 77.0);
    assert_eq!(host.kernel().batch_size, 77);
    assert_eq!(scrape.get(SUCCESS), 1.0);
    assert!(scrape.get(SUCCESS_TIME) > before.get(SUCCESS_TIME));
    daemon.stop();
}

#[test]
fn a_reload_without_a_change_says_so() {
    let daemon = start(BASE);
    let told = daemon.reload();
    assert!(told.contains("INFO reloaded, changed: nothing\n"), "{told}");
    daemon.stop();
}

#[test]
fn a_reload_ends_a_long_interval_at_once() {
    let daemon = start(&without_ticks(""));
    daemon.configure(&with_database(""));
    daemon.reload();
    daemon.host.settle();
    daemon.stop();
}

#[test]
fn a_bad_reload_names_every_fault_and_changes_nothing() {
    let good = with_database("interfaces = [\"eth0\"]\n");
    let daemon = start(&good);
    let host = &daemon.host;
    host.receive(2, "192.0.2.7", 1_000);
    let before = daemon.settled();

    daemon.configure(
        "poll_interval = \"0s\"\ninterfaces = [\"eth1\"]\ncolour = 1\n\
         flow_batch_size = -4\nmetrics_path = \"numbers\"\n",
    );
    let log = daemon.reload();
    let faults: Vec<_> = log
        .lines()
        .filter(|line| line.contains("ERROR configuration"))
        .collect();
    for key in ["poll_interval", "colour", "flow_batch_size", "metrics_path"] {
        let named = faults.iter().filter(|line| line.contains(key)).count();
        assert_eq!(named, 1, "{key} in\n{log}");
    }
    assert_eq!(faults.len(), 4, "{log}");
    let bad = daemon.wait_for("the failure", |s| s.get(SUCCESS) == 0.0);
    assert_eq!(lasting(&bad), lasting(&before));
    assert_eq!(bad.get(SUCCESS_TIME), before.get(SUCCESS_TIME));
    assert_eq!(host.kernel().attached(), [2]);
    host.receive(2, "192.0.2.7", 200);
    assert_eq!(daemon.settled().received("DE", "eth0"), 1_200.0);

    daemon.configure(&good);
    daemon.reload();
    let scrape = daemon.scrape();
    assert_eq!(scrape.get(SUCCESS), 1.0);
    assert!(scrape.get(SUCCESS_TIME) > before.get(SUCCESS_TIME));
    assert_eq!(scrape.received("DE", "eth0"), 1_200.0);
    daemon.stop();
}

#[test]
fn what_needs_a_restart_is_named_in_one_warning_and_stays() {
    let daemon = start(&with_database(""));
    let before = daemon.settled();
    daemon.configure(
        &with_database(
            "map_max_entries = 5\nipv4_prefix_length = 32\n\
             ipv6_prefix_length = 64\n",
        )
        .replace("127.0.0.1:0", "127.0.0.1:1"),
    );
    let log = daemon.reload();
    let warnings: Vec<_> =
        log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    for key in [
        "map_max_entries",
        "ipv4_prefix_length",
        "ipv6_prefix_length",
        "listen_address",
    ] {
        assert!(warnings[0].contains(key), "{key} in {}", warnings[0]);
    }
    let after = daemon.settled();
    assert_eq!(after.get(SUCCESS), 1.0);
    assert_eq!(lasting(&after), lasting(&before));
    daemon.stop();
}

#[test]
fn the_log_level_and_format_change_at_once() {
    let daemon = start(&with_database(""));
    let log = &daemon.host.log;
    daemon.configure(&with_database("log_format = \"json\"\n"));
    let reload = daemon.reload();
    let last = reload.lines().last().unwrap();
    let line: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(line["msg"], "reloaded");

    let mark = log.mark();
    let before = daemon.scrape().get(SUCCESS_TIME);
    daemon.configure(&with_database("log_level = \"error\"\n"));
    daemon.hang_up();
    daemon.wait_for("reloaded", |s| s.get(SUCCESS_TIME) > before);
    let quiet = log.since(mark);
    assert!(quiet.contains("\"reloading\""), "{quiet}");
    assert!(!quiet.contains("reloaded"), "{quiet}");

    daemon.configure("nonsense");
    daemon.hang_up();
    log.wait_for(mark, &["ERROR not reloaded"]);
    daemon.stop();
}

/// The two databases differ in where 198.51.100.240 is.
#[test]
fn another_database_is_for_what_comes_after_the_reload() {
    let daemon = start(&without_ticks("ipv4_prefix_length = 32\n"));
    let host = &daemon.host;
    host.receive(2, "198.51.100.240", 1_000);
    // Nothing polls in between: the reload itself must.
    let flat = with("country-flat.mmdb", "ipv4_prefix_length = 32\n");
    daemon.configure(&flat);
    daemon.reload();
    host.receive(2, "198.51.100.240", 30);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("UNKNOWN", "eth0"), 1_000.0);
    assert_eq!(scrape.received("CA", "eth0"), 30.0);
    let info = scrape.0.keys().find(|s| s.starts_with("geoip_database_info"));
    assert!(info.unwrap().contains("country-flat.mmdb"));
    daemon.stop();
}

#[test]
fn a_database_that_does_not_open_leaves_everything_as_it_was() {
    for name in ["damaged-truncated.mmdb", "asn.mmdb", "not-there.mmdb"] {
        let daemon = start(&with_database("interfaces = [\"eth0\"]\n"));
        let host = &daemon.host;
        host.receive(2, "192.0.2.7", 1_000);
        let before = daemon.settled();
        daemon.configure(&with(name, "flow_batch_size = 5\n"));
        let log = daemon.reload();
        let faults: Vec<_> = log
            .lines()
            .filter(|line| line.contains("ERROR database"))
            .collect();
        assert_eq!(faults.len(), 1, "{log}");
        assert!(faults[0].contains(name), "{log}");
        let scrape = daemon.wait_for("failed", |s| s.get(SUCCESS) == 0.0);
        assert_eq!(lasting(&scrape), lasting(&before), "{name}");
        host.receive(2, "192.0.2.7", 200);
        assert_eq!(daemon.settled().received("DE", "eth0"), 1_200.0);
        daemon.stop();
    }
}

/// Starts without a database and returns where it is looked for.
fn start_without(lines: &str) -> (Running, std::path::PathBuf, String) {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.keep().join("x.mmdb");
    let config = format!("{BASE}geoip_db = {path:?}\n{lines}");
    let daemon = start(&config);
    daemon.host.receive(2, "192.0.2.7", 1_000);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("UNKNOWN", "eth0"), 1_000.0);
    assert_eq!(scrape.sum("geoip_database_info"), 0.0);
    (daemon, path, config)
}

fn assert_opened(daemon: &Running) {
    daemon.host.receive(2, "192.0.2.7", 30);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("UNKNOWN", "eth0"), 1_000.0);
    assert_eq!(scrape.received("DE", "eth0"), 30.0);
}

#[test]
fn a_database_that_was_missing_is_opened_by_a_reload() {
    let (daemon, path, _) = start_without("geoip_db_watch = false\n");
    let log = daemon.reload();
    assert!(log.contains("every country stays UNKNOWN"), "{log}");
    assert_eq!(daemon.settled().get(SUCCESS), 1.0);

    fs::copy(database("country-maxmind.mmdb"), &path).unwrap();
    daemon.reload();
    assert_opened(&daemon);
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    daemon.stop();
}

#[test]
fn a_database_that_was_missing_is_opened_when_it_appears() {
    let (daemon, path, _) = start_without("geoip_db_watch = true\n");
    fs::copy(database("country-maxmind.mmdb"), &path).unwrap();
    daemon.wait_for("opened", |s| s.sum("geoip_database_info") == 1.0);
    assert_opened(&daemon);

    // What replaces it and is no database leaves it in use, with one warning.
    let mark = daemon.host.log.mark();
    fs::copy(database("damaged-garbage.mmdb"), &path).unwrap();
    daemon.host.log.wait_for(mark, &["the last good one stays in use"]);
    daemon.host.receive(2, "192.0.2.7", 4);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("DE", "eth0"), 34.0);
    assert_eq!(scrape.sum("geoip_database_info"), 1.0);
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    daemon.stop();
}
