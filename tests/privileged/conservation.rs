//! Every byte is accounted for, whatever happens to it or to the map of flows:
//! countries + unattributed + non-IP = what the kernel counted.

use std::sync::atomic::Ordering;

use aya::programs::TcAttachType;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::flood::{
    HALF, Offered, frames_from, frames_to, on_each_cpu,
};
use crate::harness::flow_map::FlowMap;
use crate::harness::frames::{ARP, non_ip};
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::{Volume, connect, statistics};
use crate::harness::send::Sender;
use crate::harness::tcx::Counter;
use crate::harness::wait::await_equal;
use crate::harness::watch::{accounted, during, unattributed, watch};

/// More prefixes than any map here has room for.
const PREFIXES: u32 = 100_000;

/// An interface that comes and goes, and its other end.
const CHURNED: &str = "wan1";
const CHURNED_PEER: &str = "peer1";

const DIRECTIONS: [&str; 2] = ["received", "sent"];

/// An exporter of single addresses with a map that is far too small.
fn overflowing(lab: &Lab) -> Setup {
    Setup::new(&lab.machine)
        .set("map_max_entries", 1_000)
        .set("ipv4_prefix_length", 32)
        .set("log_level", "info")
}

#[test]
fn a_map_that_overflows_between_two_polls_loses_countries_but_no_byte() {
    let lab = Lab::new();
    // Polls at the start and at reloads, and not in between.
    let daemon = overflowing(&lab)
        .set("interfaces", WAN)
        .set("poll_interval", "1h")
        .start();
    let frames = [frames_from(0..PREFIXES), frames_to(0..PREFIXES)];
    let senders = [lab.inbound(), lab.outbound()];
    let arp = non_ip(ARP, 46);
    for round in 1..=3 {
        on_each_cpu([0, 1].map(|i| {
            let (sender, frames, arp) = (&senders[i], &frames[i], &arp);
            move || {
                sender.send(frames);
                sender.repeat(arp, 10)
            }
        }));
        daemon.reload();
        let scrape = daemon.scrape();
        let seen = statistics(&lab.machine, WAN);
        assert_eq!(seen.dropped, 0);
        assert_eq!(seen.received, seen.sent);
        let expected = Volume::of(&frames[0]) + Volume::of([&arp]).times(10);
        assert_eq!(seen.received, expected.times(round));
        for direction in DIRECTIONS {
            assert_eq!(
                accounted(&scrape, WAN, direction),
                seen.received.bytes,
                "{direction}"
            );
            let name = format!("geoip_non_ip_bytes_{direction}_total");
            assert_eq!(scrape.sum(&name, &[]), round * 10 * arp.len() as u64);
        }
        assert_eq!(
            scrape.sum("geoip_ebpf_packets_total", &[]),
            seen.received.packets + seen.sent.packets
        );
        // Nearly all of them lost theirs.
        let both = seen.received.bytes + seen.sent.bytes;
        assert!(unattributed(&scrape) > both / 10 * 9);

        let present = FlowMap::of(&daemon).keys().len() as u64;
        let created = scrape.sum("geoip_ebpf_new_keys_total", &[]);
        assert!(present <= 1_000, "{present} entries");
        // At first each packet makes a flow; later some are still there.
        let sent = u64::from(PREFIXES) * 2;
        match round {
            1 => assert_eq!(created, sent),
            _ => assert!(created > round * (sent - 1_000), "{created}"),
        }
        assert_eq!(scrape.sum("geoip_ebpf_map_entries", &[]), present);
        assert_eq!(
            scrape.sum("geoip_ebpf_evictions_total", &[]),
            created - present
        );
        assert_eq!(
            scrape.value("geoip_ebpf_minimum_eviction_age_seconds", &[]),
            Some(0.0)
        );
        eprintln!(
            "round {round}: {} bytes each way; {} attributed, {} unattributed",
            seen.received.bytes,
            both - unattributed(&scrape),
            unattributed(&scrape),
        );
    }
}

#[test]
fn under_overflow_churn_and_reloads_no_scrape_shows_a_byte_too_many() {
    let lab = Lab::new();
    let mut daemon = overflowing(&lab).set("interfaces", "any").start();
    let flooded = [Offered::default(), Offered::default()];
    let churned = [Offered::default(), Offered::default()];
    let check = |scrape: &Scrape| {
        for (interface, offered) in [(WAN, &flooded), (CHURNED, &churned)] {
            for (direction, offered) in DIRECTIONS.iter().zip(offered) {
                let counted = accounted(scrape, interface, direction);
                // Read after the scrape, so it may be larger, never smaller.
                let bound = offered.bytes();
                assert!(
                    counted <= bound,
                    "{interface} {direction}: {counted} of {bound}"
                );
            }
        }
    };
    let (((), ()), scrapes) = watch(&daemon.scraper(), check, || {
        during(
            |stop| {
                let frames = [frames_from(0..HALF), frames_to(0..HALF)];
                let senders = [lab.inbound(), lab.outbound()];
                on_each_cpu([0, 1].map(|i| {
                    let pieces = frames[i].chunks(2_048).cycle();
                    let (sender, offered) = (&senders[i], &flooded[i]);
                    move || {
                        for piece in pieces {
                            if stop.load(Ordering::Relaxed) {
                                break;
                            }
                            offered.send(sender, piece);
                        }
                    }
                }));
            },
            || {
                for round in 0..6 {
                    churn(&mut daemon, &lab, &churned);
                    let interval = ["10ms", "15ms"][round % 2];
                    daemon.configure("poll_interval", interval);
                    daemon.reload();
                }
            },
        )
    });
    assert!(scrapes > 6, "{scrapes} scrapes");
    let seen = statistics(&lab.machine, WAN);
    let scrape = daemon.await_scrape("the balance", |scrape| {
        let sums = [
            (WAN, "received", seen.received.bytes),
            (WAN, "sent", seen.sent.bytes),
            (CHURNED, "received", churned[0].bytes()),
            (CHURNED, "sent", churned[1].bytes()),
        ];
        for (interface, direction, expected) in sums {
            let sum = accounted(scrape, interface, direction);
            if sum != expected {
                return Err(format!(
                    "{interface} {direction}: {sum} of {expected}"
                ));
            }
        }
        Ok(scrape.clone())
    });
    assert_eq!(seen.received.bytes, flooded[0].bytes());
    assert_eq!(seen.sent.bytes, flooded[1].bytes());
    assert!(unattributed(&scrape) > 0);
    let created = scrape.sum("geoip_ebpf_new_keys_total", &[]);
    let evictions = scrape.sum("geoip_ebpf_evictions_total", &[]);
    let present = FlowMap::of(&daemon).keys().len() as u64;
    // Those of the interface that went were removed, which is no eviction.
    assert!(evictions <= created - present);
    eprintln!(
        "{seen:?}; {scrapes} scrapes; {created} flows, {evictions} evicted; \
         {} bytes unattributed",
        unattributed(&scrape)
    );
}

/// Makes an interface, exchanges traffic over it, and takes it away before the
/// exporter has polled.
fn churn(daemon: &mut Daemon, lab: &Lab, offered: &[Offered; 2]) {
    let position = daemon.log_position();
    connect(&lab.machine, CHURNED, &lab.world, CHURNED_PEER);
    daemon.await_log("attached", position, |line| {
        line.message() == "attached"
            && line.get("interface").as_deref() == Some(CHURNED)
    });
    // Tells when all that was sent has come as far as the hook: what still
    // waits in a queue is thrown away with the interface.
    let counter = Counter::last(&lab.machine, CHURNED, TcAttachType::Ingress);
    let inbound = Sender::open(&lab.world, CHURNED_PEER);
    let outbound = Sender::open(&lab.machine, CHURNED);
    let received = offered[0].send(&inbound, &frames_from(0..2_000));
    offered[1].send(&outbound, &frames_to(0..2_000));
    await_equal("packets at the hook", &received, || counter.seen());
    lab.machine.ip(&format!("link del {CHURNED}"));
}
