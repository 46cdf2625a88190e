//! A real Prometheus, its checker, and the other pages.

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::fixtures::{JAPAN, data};
use crate::harness::http;
use crate::harness::lab::{Lab, WAN};
use crate::harness::prometheus::{Prometheus, promtool_check};
use crate::harness::traffic::Traffic;

/// Starts the exporter, with slices that are off by default, and returns it once
/// it has counted one exchange.
fn counted_exchange() -> (Lab, Daemon, Traffic) {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("counted_once", WAN)
        .set("host", true)
        .set("networks", true)
        .set("country_info", true)
        .set("connections", true)
        .set("asn_db", data("asn.mmdb").to_str().unwrap())
        .start();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    (lab, daemon, traffic)
}

#[test]
fn a_real_prometheus_sums_up_what_was_sent() {
    let (lab, daemon, mut traffic) = counted_exchange();

    let prometheus = Prometheus::start(&lab.machine, daemon.address());
    prometheus.await_query("up", 1);
    traffic.exchange();
    for direction in ["received", "sent"] {
        let total = traffic.total(direction);
        let bytes = format!("sum(geoip_bytes_{direction}_total)");
        prometheus.await_query(&bytes, total.bytes);
        let packets = format!("sum(geoip_packets_{direction}_total)");
        prometheus.await_query(&packets, total.packets);
    }
    let (_, japan) = traffic
        .booked()
        .iter()
        .find(|(subject, _)| {
            subject.country == JAPAN.country
                && subject.direction == "sent"
                && subject.ip_version == "6"
        })
        .expect("it was just sent");
    prometheus.await_query(
        "geoip_bytes_sent_total{country=\"JP\",interface=\"wan0\",\
         ip_version=\"6\"}",
        japan.bytes,
    );
    prometheus.await_query("geoip_interface_status", 0);
}

/// Returns the PromQL of the documents, an expression each.
fn documented_expressions() -> Vec<String> {
    let pages = [
        include_str!("../../README.md"),
        include_str!("../../docs/metrics.md"),
        include_str!("../../docs/operation.md"),
    ];
    let blocks = pages.iter().flat_map(|page| {
        let blocks = page.split("```promql\n").skip(1);
        blocks.map(|rest| rest.split("```").next().unwrap())
    });
    let expressions = blocks.flat_map(|block| block.split("\n\n"));
    expressions
        .map(|expression| {
            let lines = expression.lines().filter(|l| !l.starts_with('#'));
            lines.collect::<Vec<_>>().join("\n")
        })
        .collect()
}

/// An alarm that a healthy exporter sets off is worse than none.
#[test]
fn the_expressions_of_the_documents_hold_on_a_healthy_exporter() {
    let (lab, daemon, _traffic) = counted_exchange();
    let prometheus = Prometheus::start(&lab.machine, daemon.address());
    prometheus.await_query("up", 1);

    let expressions = documented_expressions();
    assert!(expressions.len() > 5, "{expressions:?}");
    for expression in expressions {
        let answer = prometheus.evaluate(&expression);
        // The test's database is old, and says so.
        let expected = expression.contains("build_timestamp");
        // What is no alarm has no comparison.
        if expression.contains(['<', '>', '='])
            || expression.starts_with("absent")
        {
            assert_eq!(!answer.is_empty(), expected, "{expression}");
        }
    }
}

#[test]
fn promtool_finds_no_fault_with_a_live_scrape() {
    let (lab, daemon, _traffic) = counted_exchange();
    let scrape = daemon.scrape();
    assert_eq!(promtool_check(&lab.machine, &scrape.text), "");
}

#[test]
fn every_metric_of_the_contract_has_its_type() {
    let (_lab, daemon, _traffic) = counted_exchange();
    let scrape = daemon.scrape();
    let counters = [
        "geoip_bytes_received_total",
        "geoip_bytes_sent_total",
        "geoip_packets_received_total",
        "geoip_packets_sent_total",
        "geoip_unattributed_bytes_received_total",
        "geoip_unattributed_bytes_sent_total",
        "geoip_non_ip_bytes_received_total",
        "geoip_non_ip_bytes_sent_total",
        "geoip_ebpf_packets_total",
        "geoip_ebpf_lookup_fail_total",
        "geoip_ebpf_update_fail_total",
        "geoip_ebpf_new_keys_total",
        "geoip_ebpf_evictions_total",
        "process_cpu_seconds_total",
    ];
    let gauges = [
        "geoip_interface_status",
        "geoip_interface_attached",
        "geoip_config_map_max_entries",
        "geoip_config_poll_interval_seconds",
        "geoip_config_flow_batch_size",
        "geoip_ebpf_map_entries",
        "geoip_ebpf_minimum_eviction_age_seconds",
        "geoip_ebpf_map_read_duration_seconds",
        "geoip_build_info",
        "geoip_config_info",
        "geoip_database_last_load_successful",
        "geoip_database_info",
        "geoip_database_build_timestamp_seconds",
        "geoip_config_last_reload_successful",
        "geoip_config_last_reload_success_timestamp_seconds",
        "geoip_poll_duration_seconds",
        "process_resident_memory_bytes",
        "process_open_fds",
    ];
    let histograms = ["geoip_tcp_rtt_seconds"];
    for (names, kind) in [
        (&counters[..], "counter"),
        (&gauges[..], "gauge"),
        (&histograms[..], "histogram"),
    ] {
        for name in names {
            assert_eq!(scrape.type_of(name), Some(kind), "{name}");
        }
    }
    assert_eq!(
        scrape.value("geoip_ebpf_minimum_eviction_age_seconds", &[]),
        Some(f64::INFINITY)
    );
    let (labels, _) = scrape
        .matching("geoip_bytes_sent_total", &[])
        .next()
        .expect("there was traffic");
    let labels: Vec<&str> = labels.keys().map(String::as_str).collect();
    assert_eq!(labels, ["country", "interface", "ip_version"]);
}

#[test]
fn the_other_pages_answer() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    // Not ready before the first poll.
    daemon.await_polls();
    for (target, status, part) in [
        ("/", 200, "/metrics"),
        ("/-/healthy", 200, ""),
        ("/-/ready", 200, ""),
        ("/metric", 404, "/metrics"),
    ] {
        let response = daemon.get(target).unwrap();
        assert_eq!(response.status, status, "{target}");
        assert!(response.body.contains(part), "{target}: {}", response.body);
    }
    let posted =
        http::request(&lab.machine, daemon.address(), "POST", "/metrics");
    let posted = posted.unwrap();
    assert_eq!(posted.status, 405);
    let allow = posted.headers.iter().find(|(name, _)| name == "allow");
    assert!(allow.is_some_and(|(_, methods)| methods.contains("GET")));
}
