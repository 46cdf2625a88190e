//! Which series there are: before their first packet, and after their interface
//! is gone; and when they began.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use super::fake::FakeHost;
use super::running::{Running, Scrape, with_database};

fn start(lines: &str) -> Running {
    let host = FakeHost::new(&[(2, "eth0"), (3, "eth1")]);
    Running::start(host, &with_database(lines))
}

fn series(country: &str, interface: &str) -> String {
    format!(
        "geoip_bytes_received_total{{country=\"{country}\",\
         interface=\"{interface}\",ip_version=\"4\"}}"
    )
}

/// Returns how many series by country there are.
fn by_country(scrape: &Scrape) -> usize {
    let series = scrape.0.keys();
    series.filter(|series| series.contains("country=")).count()
}

#[test]
fn countries_at_zero_are_there_from_the_start_on_every_interface() {
    let daemon = start("countries_at_zero = [\"DE\", \"UNKNOWN\"]\n");
    let scrape = daemon.settled();
    for interface in ["eth0", "eth1"] {
        for country in ["DE", "UNKNOWN"] {
            assert_eq!(scrape.get(&series(country, interface)), 0.0);
        }
    }
    // Four metrics, two versions.
    assert_eq!(by_country(&scrape), 2 * 2 * 4 * 2);
    daemon.host.receive(2, "192.0.2.7", 1_000);
    let scrape = daemon.settled();
    assert_eq!(scrape.get(&series("DE", "eth0")), 1_000.0);
    assert_eq!(scrape.get(&series("DE", "eth1")), 0.0);
    assert_eq!(by_country(&scrape), 2 * 2 * 4 * 2);

    daemon.configure(&with_database("countries_at_zero = \"all\"\n"));
    daemon.reload();
    let scrape = daemon.settled();
    assert_eq!(scrape.get(&series("ZW", "eth1")), 0.0);
    assert_eq!(scrape.get(&series("DE", "eth0")), 1_000.0);
    assert_eq!(by_country(&scrape), 2 * 251 * 4 * 2);

    daemon.configure(&with_database(""));
    daemon.reload();
    // Bytes and packets.
    assert_eq!(by_country(&daemon.settled()), 2);
    daemon.stop();
}

/// As is everything else about it, but that it is not found where it is waited
/// for.
#[test]
fn the_series_of_an_interface_that_is_gone_go_and_come_back_as_they_were() {
    let state = TempDir::new().unwrap();
    let lines = format!(
        "interfaces = [\"eth0\", \"eth1\"]\n\
         absent_interface_retention = \"1s\"\n\
         state_directory = {:?}\npin_directory = \"\"\n",
        state.path()
    );
    let daemon = start(&lines);
    daemon.host.receive(3, "192.0.2.7", 1_000);
    assert_eq!(daemon.settled().get(&series("DE", "eth1")), 1_000.0);
    daemon.host.receive(3, "192.0.2.7", 500);
    daemon.host.remove(3);
    daemon.host.wait_until("its number is free", |k| k.numbers_in_use() == 1);
    // The last bytes are shown before, unless the test was stopped for so long.
    let scrape = daemon.settled();
    if let Some(bytes) = scrape.find(&series("DE", "eth1")) {
        assert_eq!(bytes, 1_500.0);
    }
    let scrape = daemon.wait_for("the series have gone", |scrape| {
        !scrape.0.keys().any(|series| {
            series.contains("interface=\"eth1\"") && series.contains("_total")
        })
    });
    assert_eq!(scrape.status("eth1"), Some(2.0));
    assert_eq!(scrape.get("geoip_interfaces_absent"), 0.0);
    assert_eq!(scrape.get("geoip_interfaces_remembered"), 1.0);
    // What was on it is still in the sum of all packets.
    assert_eq!(scrape.get("geoip_ebpf_packets_total"), 2.0);
    daemon.stop();

    // Also over a restart.
    let host = FakeHost::new(&[(2, "eth0")]);
    let daemon = Running::start(host, &with_database(&lines));
    let scrape = daemon.settled();
    assert_eq!(scrape.find(&series("DE", "eth1")), None);
    assert_eq!(scrape.get("geoip_interfaces_remembered"), 1.0);
    daemon.host.add(9, "eth1");
    daemon.host.log.wait_for(0, &["attached, interface: eth1"]);
    daemon.host.receive(9, "192.0.2.7", 30);
    let scrape = daemon.settled();
    assert_eq!(scrape.get(&series("DE", "eth1")), 1_530.0);
    assert_eq!(scrape.get("geoip_interfaces_remembered"), 0.0);
    daemon.stop();
}

#[test]
fn without_a_limit_series_stay_and_a_reload_can_set_one() {
    let daemon = start("absent_interface_retention = \"0\"\n");
    daemon.host.receive(3, "192.0.2.7", 1_000);
    daemon.settled();
    daemon.host.remove(3);
    daemon.host.wait_until("its number is free", |k| k.numbers_in_use() == 1);
    let scrape = daemon.settled();
    assert_eq!(scrape.get(&series("DE", "eth1")), 1_000.0);
    assert_eq!(scrape.get("geoip_interfaces_absent"), 1.0);
    let limited = "absent_interface_retention = \"1s\"\n";
    daemon.configure(&with_database(limited));
    daemon.reload();
    daemon.wait_for("the series have gone", |scrape| {
        scrape.find(&series("DE", "eth1")).is_none()
    });
    daemon.stop();
}

/// Returns when every counter of ours began, by its labels.
fn created(daemon: &Running) -> BTreeMap<String, f64> {
    daemon.host.settle();
    let (status, page) =
        daemon.get_as("/metrics", "application/openmetrics-text");
    assert_eq!(status, 200, "{page}");
    let of = |suffix: &str| {
        let lines = page.lines().filter(|line| line.starts_with("geoip_"));
        let samples = lines.filter_map(|line| line.rsplit_once(' '));
        let samples = samples.filter(|(name, _)| {
            let name = name.split('{').next().unwrap();
            name.ends_with(suffix)
        });
        samples
            .map(|(name, value)| {
                (name.replacen(suffix, "", 1), value.parse().unwrap())
            })
            .collect::<BTreeMap<String, f64>>()
    };
    let created = of("_created");
    assert!(created.keys().eq(of("_total").keys()), "{page}");
    created
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs_f64()
}

fn with_state(state: &Path) -> String {
    format!("state_directory = {state:?}\npin_directory = \"\"\n")
}

#[test]
fn when_a_counter_began_is_the_same_after_a_restart_that_keeps_it() {
    let state = TempDir::new().unwrap();
    let before = now() - 0.002;
    let daemon = start(&with_state(state.path()));
    daemon.host.receive(2, "192.0.2.7", 1_000);
    daemon.host.receive(3, "192.0.2.7", 1_000);
    let first = created(&daemon);
    let after = now();
    assert!(first.values().all(|at| (before..after).contains(at)), "{first:?}");
    daemon.host.send(2, "198.51.100.9", 20);
    let second = created(&daemon);
    for (name, at) in &second {
        let earlier = first.get(name).copied();
        // A poll ended in between.
        assert_eq!(earlier.unwrap_or(*at), *at, "{name}");
        assert!(earlier.is_some() || *at >= before, "{name}");
    }
    assert_eq!(second.len(), first.len() + 2);
    daemon.stop();

    let daemon = start(&with_state(state.path()));
    let third = created(&daemon);
    assert_eq!(third, second);
    daemon.stop();

    // Without the state they begin anew.
    let between = now() - 0.002;
    let daemon = start("");
    daemon.host.receive(2, "192.0.2.7", 1_000);
    let fourth = created(&daemon);
    assert!(fourth.values().all(|at| *at >= between), "{fourth:?}");
    daemon.stop();
}
