//! The health rules that users of the Go exporter have: they are quiet while
//! all is well, and each fires when its condition is made.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::faults::{Call, Fault};
use crate::harness::flood::frames_from;
use crate::harness::lab::{Lab, WAN};
use crate::harness::prometheus::Prometheus;
use crate::harness::traffic::Traffic;

const NO_PACKETS: &str = "geoip_ebpf_packets_total == 0";
const PRESSURE: &str = "geoip_ebpf_minimum_eviction_age_seconds \
    < geoip_config_poll_interval_seconds";
const SLOW: &str = "geoip_ebpf_map_read_duration_seconds \
    >= geoip_config_poll_interval_seconds";
const EVICTIONS: &str =
    "geoip_ebpf_evictions_total / geoip_config_map_max_entries > 0.1";
const FAILURES: &str = "rate(geoip_ebpf_lookup_fail_total[5m]) > 0 \
    or rate(geoip_ebpf_update_fail_total[5m]) > 0";
/// One half of it, which some have alone.
const LOOKUPS: &str = "rate(geoip_ebpf_lookup_fail_total[5m]) > 0";

const RULES: [&str; 6] =
    [NO_PACKETS, PRESSURE, SLOW, EVICTIONS, FAILURES, LOOKUPS];

/// The time between two scrapes of the history.
const STEP: u64 = 15;

/// BPF_MAP_LOOKUP_BATCH.
const READ_THE_MAP: u32 = 24;

/// Returns which rules a Prometheus with these scrapes would have fired, one
/// scrape every 15 seconds.
fn fired(lab: &Lab, scrapes: Vec<Scrape>) -> Vec<&'static str> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = now.as_secs() - STEP * (scrapes.len() as u64 + 4);
    let last = first + STEP * (scrapes.len() as u64 - 1);
    let times = (first..).step_by(usize::try_from(STEP).unwrap());
    let history: Vec<_> = times.zip(scrapes).collect();
    let prometheus = Prometheus::with_history(&lab.machine, &history);
    let kept = "count_over_time(geoip_ebpf_packets_total[2h])";
    let kept = prometheus.evaluate_over(kept, last..=last);
    let kept = kept[0]["values"][0][1].as_str().map(str::parse);
    assert_eq!(kept, Some(Ok(history.len())), "Prometheus has them all");
    let fires =
        |rule: &&str| !prometheus.evaluate_over(rule, first..=last).is_empty();
    RULES.into_iter().filter(fires).collect()
}

/// Polls and scrapes.
fn polled(daemon: &Daemon) -> Scrape {
    daemon.reload();
    daemon.scrape()
}

/// An hour in which flows begin all the time, as they do on every host.
#[test]
fn an_hour_of_ordinary_traffic_sets_off_no_rule() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("ipv4_prefix_length", 32)
        .set("poll_interval", "2s")
        .set("log_level", "info")
        .start();
    let mut traffic = Traffic::new(&lab);
    let inbound = lab.inbound();
    let hour = (0..240).map(|step| {
        traffic.exchange();
        inbound.send(frames_from(step * 100..(step + 1) * 100));
        polled(&daemon)
    });
    let hour: Vec<_> = hour.collect();
    let last = hour.last().unwrap();
    let flows = last.sum("geoip_ebpf_new_keys_total", &[]);
    assert!(flows > 24_000, "{flows} flows began");
    for counter in ["lookup", "update"] {
        let counter = format!("geoip_ebpf_{counter}_fail_total");
        assert_eq!(last.sum(&counter, &[]), 0, "{counter}");
    }
    assert_eq!(fired(&lab, hour), [""; 0]);
}

#[test]
fn an_interface_without_packets_sets_off_its_rule() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine).set("interfaces", "wan9").start();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    let scrapes = vec![polled(&daemon), polled(&daemon)];
    assert_eq!(fired(&lab, scrapes), [NO_PACKETS]);
}

#[test]
fn a_map_too_small_for_one_interval_sets_off_its_rules() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("map_max_entries", 1_000)
        .set("ipv4_prefix_length", 32)
        .set("poll_interval", "10m")
        .start();
    let inbound = lab.inbound();
    inbound.send(frames_from(0..10));
    let before = polled(&daemon);
    inbound.send(frames_from(1_000..4_000));
    let scrapes = vec![before, polled(&daemon)];
    assert_eq!(fired(&lab, scrapes), [PRESSURE, EVICTIONS]);
}

/// More new flows than the table has ways and the map lets in.
#[test]
fn packets_whose_flow_finds_no_room_set_off_their_rules() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("map_max_entries", 10_000)
        .set("ipv4_prefix_length", 32)
        .set("poll_interval", "10m")
        .start();
    let inbound = lab.inbound();
    inbound.send(frames_from(0..10));
    let before = polled(&daemon);
    inbound.send(frames_from(10..60_000));
    let after = polled(&daemon);
    let lost = after.sum("geoip_ebpf_update_fail_total", &[]);
    assert!(lost > 0);
    assert_eq!(after.sum("geoip_ebpf_lookup_fail_total", &[]), lost);
    let fired = fired(&lab, vec![before, after]);
    assert!(fired.ends_with(&[FAILURES, LOOKUPS]), "{fired:?}");
}

#[test]
fn a_map_that_is_read_too_slowly_sets_off_its_rule() {
    let lab = Lab::new();
    let fault = Fault::of(Call::bpf(READ_THE_MAP));
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        // So few that all are in the map, and more than are read one by one.
        .set("map_max_entries", 1_000)
        .set("ipv4_prefix_length", 32)
        .set("poll_interval", "100ms")
        .with_fault(&fault)
        .start();
    let inbound = lab.inbound();
    inbound.send(frames_from(0..500));
    fault.slow_down(Duration::from_millis(150));
    // A map in which nothing was counted is not read.
    let scrape = daemon.await_scrape("a slow read", |scrape| {
        inbound.send(frames_from(0..500));
        let took = scrape.value("geoip_ebpf_map_read_duration_seconds", &[]);
        match took {
            Some(took) if took >= 0.1 => Ok(scrape.clone()),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(fired(&lab, vec![scrape.clone(), scrape]), [SLOW]);
}
