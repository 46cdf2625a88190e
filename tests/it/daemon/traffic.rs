//! What was counted is on the page, to the byte.

use geoip_exporter::accounting::Direction;

use super::fake::FakeHost;
use super::kernel::Packet;
use super::running::{BASE, Running, with_database};

const DEVICES: [(u32, &str); 3] = [(1, "lo"), (2, "eth0"), (3, "eth1")];

fn start(lines: &str) -> Running {
    Running::start(FakeHost::new(&DEVICES), &with_database(lines))
}

/// Does the same without a flow table and with one.
fn with_both(test: impl Fn(Running)) {
    for host in [FakeHost::new, FakeHost::with_table] {
        test(Running::start(host(&DEVICES), &with_database("")));
    }
}

#[test]
fn bytes_are_counted_by_country_interface_direction_and_version() {
    with_both(|daemon| {
        let host = &daemon.host;
        host.receive(2, "192.0.2.7", 1_000);
        host.receive(2, "192.0.2.8", 200); // the same prefix
        host.receive(2, "203.0.113.1", 30);
        host.receive(2, "10.1.2.3", 4);
        host.send(2, "192.0.2.7", 50_000);
        host.send(3, "2001:db8:1::1", 600_000);
        host.receive(3, "2001:db8::1", 7_000_000);
        let scrape = daemon.settled();
        for (direction, country, interface, version, bytes) in [
            ("received", "DE", "eth0", "4", 1_200.0),
            ("received", "JP", "eth0", "4", 30.0),
            ("received", "UNKNOWN", "eth0", "4", 4.0),
            ("sent", "DE", "eth0", "4", 50_000.0),
            ("sent", "DE", "eth1", "6", 600_000.0),
            ("received", "GB", "eth1", "6", 7_000_000.0),
        ] {
            assert_eq!(
                scrape.bytes(direction, country, interface, version),
                bytes,
                "{direction} {country} {interface} {version}"
            );
        }
        assert_eq!(scrape.sum("geoip_bytes_received_total"), 7_001_234.0);
        assert_eq!(scrape.sum("geoip_bytes_sent_total"), 650_000.0);
        assert_eq!(scrape.sum("geoip_packets_received_total"), 5.0);
        assert_eq!(scrape.sum("geoip_packets_sent_total"), 2.0);
        assert_eq!(scrape.get("geoip_ebpf_packets_total"), 7.0);
        assert_eq!(scrape.get("geoip_ebpf_map_entries"), 6.0);
        assert_eq!(scrape.get("geoip_ebpf_new_keys_total"), 6.0);
        assert_eq!(scrape.get("geoip_ebpf_lookup_fail_total"), 0.0);
        assert_eq!(scrape.get("geoip_ebpf_evictions_total"), 0.0);
        assert_eq!(scrape.sum("geoip_unattributed_bytes_received_total"), 0.0);
        daemon.stop();
    });
}

#[test]
fn loopback_is_not_among_any_and_traffic_series_wait_for_traffic() {
    let daemon = start("");
    daemon.host.receive(1, "127.0.0.1", 1_000);
    let scrape = daemon.settled();
    assert!(!scrape.0.keys().any(|s| s.starts_with("geoip_bytes_")));
    assert_eq!((scrape.status("lo"), scrape.status("eth0")), (None, Some(0.0)));
    daemon.stop();
}

#[test]
fn only_growth_is_added_from_poll_to_poll() {
    with_both(|daemon| {
        let mut sum = 0.0;
        for bytes in [100, 20, 3] {
            daemon.host.receive(2, "192.0.2.7", bytes);
            sum += bytes as f64;
            assert_eq!(daemon.settled().received("DE", "eth0"), sum);
            assert_eq!(daemon.settled().received("DE", "eth0"), sum);
        }
        daemon.stop();
    });
}

#[test]
fn a_flow_that_was_evicted_and_came_back_goes_on_where_it_was() {
    let daemon = start("");
    let host = &daemon.host;
    host.receive(2, "192.0.2.7", 1_000);
    assert_eq!(daemon.settled().received("DE", "eth0"), 1_000.0);

    // Comes back larger than it was: without a sign of the eviction the
    // first thousand would be taken for the old ones.
    let flow = host.kernel().flows()[0];
    {
        let mut kernel = host.kernel();
        kernel.now += 300;
        kernel.evict(&flow);
    }
    host.receive(2, "192.0.2.7", 5_000);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("DE", "eth0"), 6_000.0);
    assert_eq!(scrape.get("geoip_ebpf_evictions_total"), 1.0);
    assert_eq!(scrape.get("geoip_ebpf_minimum_eviction_age_seconds"), 3.0);
    assert_eq!(scrape.sum("geoip_unattributed_bytes_received_total"), 0.0);
    daemon.stop();
}

#[test]
fn what_was_evicted_before_a_poll_is_unattributed() {
    let daemon = start("map_max_entries = 1\n");
    let host = &daemon.host;
    daemon.host.settle();
    {
        // All under one lock, so that no poll comes in between.
        let mut kernel = host.kernel();
        for (remote, bytes) in [("192.0.2.7", 1_000), ("203.0.113.1", 30)] {
            kernel.receive(2, remote, bytes);
        }
        kernel.count(&Packet {
            ifindex: 2,
            direction: Direction::Sent,
            remote: None,
            packets: 1,
            bytes: 42,
        });
    }
    let scrape = daemon.settled();
    assert_eq!(scrape.received("JP", "eth0"), 30.0);
    assert_eq!(scrape.received("DE", "eth0"), 0.0);
    let unattributed = "geoip_unattributed_bytes_received_total";
    let labels = "{interface=\"eth0\",ip_version=\"4\"}";
    assert_eq!(scrape.get(&format!("{unattributed}{labels}")), 1_000.0);
    assert_eq!(scrape.sum(unattributed), 1_000.0);
    let non_ip = "geoip_non_ip_bytes_sent_total{interface=\"eth0\"}";
    assert_eq!(scrape.get(non_ip), 42.0);
    assert_eq!(scrape.get("geoip_ebpf_evictions_total"), 1.0);
    assert_eq!(scrape.get("geoip_ebpf_map_entries"), 1.0);
    daemon.stop();
}

/// Flows are read after the totals: for one poll they may be ahead.
#[test]
fn a_packet_counted_during_a_poll_is_counted_once_and_not_left_over() {
    with_both(|daemon| {
        daemon.host.settle();
        daemon.host.kernel().mid_read = vec![Packet {
            ifindex: 2,
            direction: Direction::Received,
            remote: Some("192.0.2.7".parse().unwrap()),
            packets: 2,
            bytes: 3_000,
        }];
        let scrape = daemon.settled();
        assert_eq!(scrape.received("DE", "eth0"), 3_000.0);
        assert_eq!(scrape.sum("geoip_unattributed_bytes_received_total"), 0.0);
        assert_eq!(scrape.get("geoip_ebpf_packets_total"), 2.0);
        daemon.stop();
    });
}

#[test]
fn a_failed_poll_changes_nothing_and_the_next_one_catches_up() {
    with_both(|daemon| {
        let host = &daemon.host;
        host.receive(2, "192.0.2.7", 1_000);
        let before = daemon.settled();
        assert_eq!(before.get("geoip_poll_failures_total"), 0.0);

        let mark = host.log.mark();
        host.kernel().failures.reads = true;
        host.receive(2, "192.0.2.7", 500);
        host.receive(2, "203.0.113.1", 30);
        let failing = daemon.wait_for("three failures", |scrape| {
            scrape.get("geoip_poll_failures_total") > 3.0
        });
        for family in ["geoip_bytes_received_total", "geoip_ebpf_packets_total"]
        {
            assert_eq!(failing.sum(family), before.sum(family), "{family}");
        }
        let warnings = host.log.since(mark).matches("cannot poll").count();
        assert_eq!(warnings, 1, "a lasting failure is one line");

        host.kernel().failures.reads = false;
        let after = daemon.settled();
        assert_eq!(after.received("DE", "eth0"), 1_500.0);
        assert_eq!(after.received("JP", "eth0"), 30.0);
        assert_eq!(after.get("geoip_ebpf_packets_total"), 3.0);
        assert!(host.log.since(mark).contains("polling again"));
        daemon.stop();
    });
}

#[test]
fn without_a_database_every_country_is_unknown() {
    let host = FakeHost::new(&[(2, "eth0")]);
    let config = format!("{BASE}geoip_db = \"/nonexistent/x.mmdb\"\n");
    let daemon = Running::start(host, &config);
    daemon.host.receive(2, "192.0.2.7", 1_000);
    assert_eq!(daemon.settled().received("UNKNOWN", "eth0"), 1_000.0);
    let log = daemon.host.log.text();
    assert_eq!(log.matches("every country is UNKNOWN").count(), 1, "{log}");
    assert!(log.contains("/nonexistent/x.mmdb"), "{log}");
    daemon.stop();
}
