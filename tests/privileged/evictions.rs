//! How many flows the kernel's map dropped, and how long they had been idle.

use std::ops::Range;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::flood::{frames_from, on_each_cpu};
use crate::harness::flow_map::FlowMap;
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::connect;
use crate::harness::send::Sender;
use crate::harness::watch::{unattributed, watch};

const EVICTIONS: &str = "geoip_ebpf_evictions_total";
const AGE: &str = "geoip_ebpf_minimum_eviction_age_seconds";
const ENTRIES: u32 = 1_000;

fn setup(lab: &Lab) -> Setup {
    Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("map_max_entries", i64::from(ENTRIES))
        .set("ipv4_prefix_length", 32)
        .set("log_level", "info")
}

/// Sends a packet from each address, all on one CPU: the kernel keeps some
/// free entries for each.
fn send(sender: &Sender, numbers: Range<u32>) {
    let frames = frames_from(numbers);
    on_each_cpu([|| sender.send(&frames)]);
}

/// Polls and panics unless the evictions are what is missing in the map.
fn poll(daemon: &Daemon) -> (Scrape, u64) {
    daemon.reload();
    let scrape = daemon.scrape();
    let created = scrape.sum("geoip_ebpf_new_keys_total", &[]);
    let present = FlowMap::of(daemon).keys().len() as u64;
    let evictions = scrape.sum(EVICTIONS, &[]);
    assert_eq!(evictions, created - present, "{created} created");
    (scrape, evictions)
}

#[test]
fn the_minimum_age_is_that_of_the_flow_dropped_soonest_after_its_last_packet() {
    let lab = Lab::new();
    // Polls when told to, so that no age is a multiple of an interval.
    let daemon = setup(&lab).set("poll_interval", "1h").start();
    let inbound = lab.inbound();
    assert_eq!(daemon.scrape().value(AGE, &[]), Some(f64::INFINITY));

    // Of 1,200 flows the map drops some hundred of the oldest, but neither
    // all of them nor any that was not polled yet.
    let first = Instant::now();
    send(&inbound, 0..600);
    let last = Instant::now();
    let (scrape, evictions) = poll(&daemon);
    assert_eq!(evictions, 0);
    assert_eq!(scrape.value(AGE, &[]), Some(f64::INFINITY));
    // What is awaited is time itself.
    sleep(Duration::from_millis(700));
    send(&inbound, 600..1_200);
    let before = last.elapsed();
    let (scrape, evictions) = poll(&daemon);
    let after = first.elapsed();
    assert!((200..600).contains(&evictions), "{evictions} evictions");
    assert_eq!(unattributed(&scrape), 0, "only idle flows were dropped");
    let age = scrape.value(AGE, &[]).unwrap();
    // The clock it is measured with moves once a tick, at most 10 ms.
    let tick = 0.010;
    let bounds =
        (before.as_secs_f64() - tick)..(after.as_secs_f64() + 2.0 * tick);
    assert!(bounds.contains(&age), "{age} s, not in {bounds:?}");
    eprintln!("age {age} within {bounds:?}, {evictions} evictions");

    // Nothing evicted, nothing changed, however late it is.
    let (scrape, same) = poll(&daemon);
    assert_eq!((same, scrape.value(AGE, &[])), (evictions, Some(age)));

    // More new flows than there is room for: some come and go unseen.
    send(&inbound, 2_000..4_000);
    let (scrape, _) = poll(&daemon);
    assert_eq!(scrape.value(AGE, &[]), Some(0.0));
    assert!(unattributed(&scrape) > 0);
}

#[test]
fn evictions_amid_polls_are_exact_once_it_is_quiet() {
    let lab = Lab::new();
    let daemon = setup(&lab).set("poll_interval", "10ms").start();
    // Partly the same flows on both CPUs.
    let frames = [frames_from(0..6_000), frames_from(3_000..9_000)];
    let senders = [lab.inbound(), lab.inbound()];
    let check = |scrape: &Scrape| {
        let created = scrape.sum("geoip_ebpf_new_keys_total", &[]);
        assert!(scrape.sum(EVICTIONS, &[]) <= created);
    };
    watch(&daemon.scraper(), check, || {
        on_each_cpu([0, 1].map(|i| {
            let (sender, frames) = (&senders[i], &frames[i]);
            move || (0..25).for_each(|_| _ = sender.send(frames))
        }));
    });
    daemon.await_polls();
    let (scrape, evictions) = poll(&daemon);
    assert!(evictions > 200_000, "{evictions}");
    assert_eq!(scrape.sum("geoip_ebpf_packets_total", &[]), 300_000);
}

#[test]
fn flows_removed_with_their_interface_were_not_evicted() {
    let lab = Lab::new();
    connect(&lab.machine, "wan1", &lab.world, "peer1");
    let daemon = setup(&lab)
        .set("interfaces", "any")
        .set("map_max_entries", 10_000)
        .start();
    let inbound = [lab.inbound(), Sender::open(&lab.world, "peer1")];
    for sender in &inbound {
        send(sender, 0..2_000);
    }
    daemon.await_sum("geoip_ebpf_map_entries", &[], 4_000);
    lab.machine.ip("link del wan1");
    daemon.await_sum("geoip_ebpf_map_entries", &[], 2_000);
    assert_eq!(FlowMap::of(&daemon).keys().len(), 2_000);
    let scrape = daemon.scrape();
    assert_eq!(scrape.sum("geoip_ebpf_new_keys_total", &[]), 4_000);
    assert_eq!(scrape.sum(EVICTIONS, &[]), 0);
    assert_eq!(scrape.value(AGE, &[]), Some(f64::INFINITY));
    assert_eq!(unattributed(&scrape), 0);
}
