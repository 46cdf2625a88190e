//! Bytes by remote address.

mod cities;
mod scripts;

use geoip_exporter::api::Hosts;

use super::fake::FakeHost;
use super::running::{Running, Scrape, with_database};

const ON: &str = "remote_hosts = true\nremote_hosts_metrics = true\n\
                  remote_hosts_threshold = \"0B\"\nhost = true\n";

fn start(lines: &str) -> Running {
    let config = with_database(&format!("{ON}{lines}"));
    Running::start(FakeHost::new(&[(2, "eth0")]), &config)
}

fn bytes(scrape: &Scrape, direction: &str, remote: &str) -> Option<f64> {
    let name = format!("geoip_remote_host_bytes_{direction}_total");
    scrape.find(&format!("{name}{{remote=\"{remote}\"}}"))
}

fn whole(scrape: &Scrape, direction: &str) -> f64 {
    scrape.sum(&format!("geoip_remote_host_bytes_{direction}_total"))
}

fn exchange(daemon: &Running) -> Scrape {
    for (remote, bytes) in [
        ("192.0.2.7", 1_000),
        ("192.0.2.8", 300),
        ("2001:db8::7", 50),
        ("2001:db8::8", 7),
    ] {
        daemon.host.receive(2, remote, bytes);
        daemon.host.send(2, remote, 3 * bytes);
    }
    daemon.settled()
}

/// Addresses of one /24 and one /48 are apart, and all of them are the machine.
#[test]
fn whole_addresses_are_counted_to_the_byte() {
    let daemon = start("counted_once = \"eth0\"\n");
    let log = daemon.host.log.text();
    assert!(log.contains("counting remote hosts"), "{log}");
    assert!(log.contains("ipv4_prefix_length: 32"), "{log}");
    assert!(log.contains("ipv6_prefix_length: 128"), "{log}");
    exchange(&daemon);
    let scrape = exchange(&daemon);
    for (remote, received) in [
        ("192.0.2.7", 1_000.0),
        ("192.0.2.8", 300.0),
        ("2001:db8::7", 50.0),
        ("2001:db8::8", 7.0),
        ("other", 1_357.0),
    ] {
        assert_eq!(bytes(&scrape, "received", remote), Some(received));
        assert_eq!(bytes(&scrape, "sent", remote), Some(3.0 * received));
    }
    for direction in ["received", "sent"] {
        let host = scrape.sum(&format!("geoip_host_bytes_{direction}_total"));
        assert_eq!(whole(&scrape, direction), host);
    }
    daemon.stop();
}

/// Prefixes of the length that the configuration has stand in place of
/// addresses, and a warning says so.
#[test]
fn lengths_that_the_configuration_sets_stay() {
    let daemon = start("ipv4_prefix_length = 24\nipv6_prefix_length = 48\n");
    let log = daemon.host.log.text();
    assert!(log.contains("remote hosts are prefixes, not addresses"), "{log}");
    exchange(&daemon);
    let scrape = exchange(&daemon);
    assert_eq!(bytes(&scrape, "received", "192.0.2.0/24"), Some(1_300.0));
    assert_eq!(bytes(&scrape, "received", "2001:db8::/48"), Some(57.0));
    daemon.stop();
}

/// A reload cannot change what the kernel keeps. It says what waits for a
/// restart, and changes the series at once.
#[test]
fn a_reload_says_what_needs_a_restart_and_changes_the_series() {
    let config = with_database("host = true\n");
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    assert!(!daemon.host.log.text().contains("remote hosts"));
    daemon.configure(&with_database(ON));
    let log = daemon.reload();
    let waits = "changed but in force only after a restart: \
                 ipv4_prefix_length, ipv6_prefix_length, remote_hosts";
    assert!(log.contains(waits), "{log}");
    assert_eq!(whole(&exchange(&daemon), "sent"), 0.0);
    daemon.stop();

    let daemon = start("");
    exchange(&daemon);
    assert_eq!(bytes(&exchange(&daemon), "sent", "192.0.2.7"), Some(3_000.0));
    daemon.configure(&with_database("remote_hosts = true\nhost = true\n"));
    let log = daemon.reload();
    assert!(!log.contains("only after a restart"), "{log}");
    assert_eq!(whole(&daemon.settled(), "sent"), 0.0, "no series");
    daemon.configure(&with_database(&format!("{ON}remote_hosts_top = 1\n")));
    daemon.reload();
    // Shown from the next poll on, with its value.
    let scrape = daemon.settled();
    assert_eq!(bytes(&scrape, "sent", "192.0.2.7"), Some(3_000.0));
    let scrape = exchange(&daemon);
    assert_eq!(bytes(&scrape, "sent", "192.0.2.7"), Some(6_000.0));
    assert_eq!(bytes(&scrape, "sent", "192.0.2.8"), None);
    daemon.stop();
}

/// Hosts continue after a stop, and after kills at any moment.
#[test]
fn hosts_continue_after_a_stop_and_after_kills() {
    let folder = tempfile::tempdir().unwrap();
    let lines = format!(
        "{ON}counted_once = \"eth0\"\nstate_directory = {:?}\n\
         pin_directory = \"\"\n",
        folder.path()
    );
    let config = with_database(&lines);
    let mut host = FakeHost::new(&[(2, "eth0")])
        .keeping(folder.path().join("counters.state"));
    let mut sent = 0.0;
    let mut seen = 0.0;
    for calls in [0, 3, 9, 1, 20, 5, 12, 2] {
        let daemon = Running::start(host.clone(), &config);
        let scrape = exchange(&daemon);
        sent += 3.0 * 1_357.0;
        let lost = scrape.sum("geoip_host_unattributed_bytes_sent_total");
        assert_eq!(whole(&scrape, "sent") + lost, sent);
        let own = bytes(&scrape, "sent", "192.0.2.7").unwrap_or_default();
        assert!(own >= seen, "{own} after {seen}");
        seen = own;
        daemon.host.send(2, "192.0.2.7", 7);
        sent += 7.0;
        host.kill_after(calls);
        host.list();
        host.await_kill();
        daemon.stop();
        host.forget_since_kill();
        host = host.again();
    }
    assert!(seen > 9_000.0, "the series continues: {seen}");
}

/// The page for programs has the same hosts, and the same sums as the metrics.
#[test]
fn the_page_for_programs_has_every_host() {
    let daemon = start("counted_once = \"eth0\"\nremote_hosts_top = 1\n");
    exchange(&daemon);
    let scrape = exchange(&daemon);
    let answer = |query: &str| -> Hosts {
        let (status, body) = daemon.get(&format!("/api/v1/hosts{query}"));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let all = answer("");
    let rows: Vec<_> = all
        .hosts
        .iter()
        .map(|host| {
            let bytes = host.volume.bytes;
            (&*host.address, bytes.bytes_received, bytes.bytes_sent)
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("192.0.2.7", 2_000, 6_000),
            ("192.0.2.8", 600, 1_800),
            ("2001:db8::7", 100, 300),
            ("2001:db8::8", 14, 42),
        ]
    );
    let whole = all.whole.bytes;
    for (direction, bytes) in
        [("received", whole.bytes_received), ("sent", whole.bytes_sent)]
    {
        let host = scrape.sum(&format!("geoip_host_bytes_{direction}_total"));
        assert_eq!(host.to_string(), bytes.to_string());
    }
    let first = answer("?sort=address&limit=1&country=GB");
    assert_eq!(first.hosts[0].address, "2001:db8::7");
    assert_eq!((first.matching, first.kept), (2, 4));
    assert_eq!(first.not_listed.total_bytes(), 56);
    let (status, line) = daemon.get("/api/v1/hosts?sort=size");
    assert_eq!(status, 400, "{line}");
    daemon.stop();

    let config = with_database("");
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    let (status, line) = daemon.get("/api/v1/hosts");
    assert_eq!(status, 404);
    assert_eq!(line, "404: remote_hosts = true turns this page on\n");
    daemon.stop();
}

/// Packets whose flow the kernel dropped before a poll are no host's.
#[test]
fn a_full_map_leaves_bytes_of_hosts_unattributed_and_the_sum_whole() {
    let daemon = start("map_max_entries = 1\ncounted_once = \"eth0\"\n");
    daemon.settled();
    {
        // All under one lock, so that no poll comes in between.
        let mut kernel = daemon.host.kernel();
        for (remote, bytes) in [("192.0.2.7", 1_000), ("192.0.2.8", 30)] {
            kernel.receive(2, remote, bytes);
        }
    }
    let scrape = daemon.settled();
    let lost = "geoip_host_unattributed_bytes_received_total";
    assert_eq!(scrape.sum(lost), 1_000.0);
    let (_, body) = daemon.get("/api/v1/hosts");
    let answer: Hosts = serde_json::from_str(&body).unwrap();
    let hosts: Vec<_> = answer
        .hosts
        .iter()
        .map(|it| (&*it.address, it.volume.bytes.bytes_received))
        .collect();
    assert_eq!(hosts, [("192.0.2.8", 30)]);
    assert_eq!(answer.unattributed.bytes.bytes_received, 1_000);
    assert_eq!(answer.whole.bytes.bytes_received, 1_030);
    daemon.stop();
}
