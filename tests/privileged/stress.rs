//! No flow twice, none lost: two CPUs count at the same time, in the same
//! flows, and are polled all the while.

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::flood::{HALF, frames_from, frames_to, on_each_cpu};
use crate::harness::flow_map::FlowMap;
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::{Volume, connect, statistics};
use crate::harness::send::Sender;
use crate::harness::traffic::{Books, Subject, books};
use crate::harness::wait::{PATIENCE, await_until};
use crate::harness::watch::{unattributed, watch};

/// Addresses, half of them in Brazil and half in France.
const PREFIXES: u32 = 60_000;
const NUMBERS: std::ops::Range<u32> = HALF - PREFIXES / 2..HALF + PREFIXES / 2;

fn setup(lab: &Lab) -> Setup {
    Setup::new(&lab.machine)
        .set("interfaces", "any")
        .set("map_max_entries", 400_000)
        .set("ipv4_prefix_length", 32)
        .set("poll_interval", "10ms")
        .set("log_level", "info")
}

/// Books what was sent: frames in the order of [`NUMBERS`], this many times.
fn book(
    books: &mut Books,
    interface: &str,
    direction: &'static str,
    frames: &[Vec<u8>],
    times: u64,
) {
    let (brazil, france) = frames.split_at(frames.len() / 2);
    for (country, frames) in [("BR", brazil), ("FR", france)] {
        let subject = Subject {
            interface: interface.to_owned(),
            direction,
            country: country.to_owned(),
            ip_version: "4".to_owned(),
        };
        let volume = books.entry(subject).or_default();
        *volume = *volume + Volume::of(frames).times(times);
    }
}

/// Waits until the exporter has counted this, and panics unless each packet
/// found its flow and each flow is there once.
fn await_books(daemon: &Daemon, expected: &Books, flows: u64) -> Scrape {
    daemon.await_scrape("all is counted", |scrape| match books(scrape) {
        seen if seen == *expected => Ok(()),
        seen => Err(format!("{seen:#?}\ninstead of {expected:#?}")),
    });
    daemon.await_polls();
    let scrape = daemon.scrape();
    assert_eq!(books(&scrape), *expected, "counted on without traffic");
    assert_eq!(unattributed(&scrape), 0);
    for (name, value) in [
        ("geoip_ebpf_map_entries", flows),
        ("geoip_ebpf_new_keys_total", flows),
        ("geoip_ebpf_evictions_total", 0),
        ("geoip_ebpf_update_fail_total", 0),
    ] {
        assert_eq!(scrape.sum(name, &[]), value, "{name}");
    }
    let mut keys = FlowMap::of(daemon).keys();
    assert_eq!(keys.len() as u64, flows);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len() as u64, flows, "a key twice");
    scrape
}

/// Sends from both CPUs, each all frames of its own, some times, and checks at
/// every scrape that no byte lost its country.
fn flood(
    daemon: &Daemon,
    senders: &[Sender; 2],
    frames: [&[Vec<u8>]; 2],
    times: u64,
) -> u64 {
    let check = |scrape: &Scrape| assert_eq!(unattributed(scrape), 0);
    let (_, scrapes) = watch(&daemon.scraper(), check, || {
        on_each_cpu([0, 1].map(|i| {
            let (sender, frames) = (&senders[i], frames[i]);
            move || (0..times).for_each(|_| _ = sender.send(frames))
        }))
    });
    scrapes
}

#[test]
fn two_cpus_that_count_in_the_same_flows_lose_and_double_nothing() {
    let lab = Lab::new();
    let daemon = setup(&lab).start();
    let frames = frames_from(NUMBERS);
    let senders = [lab.inbound(), lab.inbound()];
    let mut expected = Books::new();
    // At first both create the same flows in the same order.
    flood(&daemon, &senders, [&frames, &frames], 1);
    book(&mut expected, WAN, "received", &frames, 2);
    await_books(&daemon, &expected, PREFIXES.into());
    let map = FlowMap::of(&daemon);
    let shared = map.keys().iter().filter(|k| map.cpus(k) > 1).count();
    assert!(shared > 10_000, "{shared} flows on two CPUs");

    let (memory, files) = (daemon.resident_bytes(), daemon.open_files());
    let scrapes = flood(&daemon, &senders, [&frames, &frames], 9);
    book(&mut expected, WAN, "received", &frames, 18);
    await_books(&daemon, &expected, PREFIXES.into());
    let seen = statistics(&lab.machine, WAN).received;
    assert_eq!(seen, sum(&expected));
    assert!(seen.packets >= 1_000_000);
    eprintln!(
        "{seen:?}, {shared} flows on two CPUs, {scrapes} scrapes, \
         {memory} bytes resident then, {} now",
        daemon.resident_bytes()
    );
    await_flat(&daemon, memory, files);
}

#[test]
fn two_cpus_on_two_interfaces_both_ways_lose_and_double_nothing() {
    let lab = Lab::new();
    connect(&lab.machine, "wan1", &lab.world, "peer1");
    let daemon = setup(&lab).start();
    let received = frames_from(NUMBERS);
    let sent = frames_to(NUMBERS);
    let inbound = [lab.inbound(), Sender::open(&lab.world, "peer1")];
    let outbound = [Sender::open(&lab.machine, "wan1"), lab.outbound()];
    let mut expected = Books::new();
    for interface in [WAN, "wan1"] {
        book(&mut expected, interface, "received", &received, 3);
        book(&mut expected, interface, "sent", &sent, 3);
    }
    flood(&daemon, &inbound, [&received, &received], 1);
    flood(&daemon, &outbound, [&sent, &sent], 3);
    flood(&daemon, &inbound, [&received, &received], 2);
    let flows = u64::from(PREFIXES) * 4;
    await_books(&daemon, &expected, flows);
    assert_eq!(FlowMap::of(&daemon).total(), sum(&expected));
    for interface in [WAN, "wan1"] {
        let seen = statistics(&lab.machine, interface);
        eprintln!("{interface}: {seen:?}");
        assert_eq!(
            seen.received + seen.sent,
            Volume {
                packets: sum(&expected).packets / 2,
                bytes: sum(&expected).bytes / 2,
            }
        );
    }
}

#[test]
fn the_batch_size_changes_no_total() {
    let lab = Lab::new();
    // As many flows as the map has buckets: many buckets hold several, more
    // than fit into the smallest batch.
    let mut daemon = setup(&lab).set("map_max_entries", 4_096).start();
    let frames = frames_from(HALF - 1_500..HALF + 1_500);
    let inbound = lab.inbound();
    let mut expected = Books::new();
    for batch_size in [1_i64, 7, 10_000, 2] {
        daemon.configure("flow_batch_size", batch_size);
        daemon.reload();
        // The kernel keeps some entries free for each CPU that sends.
        on_each_cpu([|| inbound.send(&frames)]);
        book(&mut expected, WAN, "received", &frames, 1);
        await_books(&daemon, &expected, frames.len() as u64);
    }
    assert_eq!(
        statistics(&lab.machine, WAN).received,
        Volume::of(&frames).times(4)
    );
}

fn sum(books: &Books) -> Volume {
    books.values().fold(Volume::default(), |sum, volume| sum + *volume)
}

/// Waits until no file is open that was not, and panics where memory grew.
fn await_flat(daemon: &Daemon, memory: u64, files: usize) {
    // Connections of scrapes that are still closing count, then as now.
    await_until(PATIENCE, "no descriptor leaked", || {
        match daemon.open_files() {
            now if now <= files => Ok(()),
            now => Err(format!("{now} open files, {files} before")),
        }
    });
    // The allocator's own play; a leak by scrape, poll or packet is more.
    let play = 4 << 20;
    let now = daemon.resident_bytes();
    assert!(now < memory + play, "{now} bytes resident, {memory} before");
}
