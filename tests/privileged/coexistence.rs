//! Other people's programs on the same hooks, and the fate of packets.

use std::net::UdpSocket;

use aya::programs::{LinkOrder, TcAttachType};

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::fixtures::{GERMANY, LOCAL4, LOCAL6};
use crate::harness::frames::{Packet, Transport};
use crate::harness::lab::{Lab, PEER, WAN, received_from, sent_to};
use crate::harness::link::{Volume, mac_of, statistics};
use crate::harness::send::Capture;
use crate::harness::sys::Signal;
use crate::harness::tcx::{Counter, Verdict, attached};
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_equal};
use crate::harness::watch::accounted;

const HOOKS: [TcAttachType; 2] = [TcAttachType::Ingress, TcAttachType::Egress];

/// How the kernel names the tests' other program and the exporter's.
const OTHER: &str = "count";
const OURS: [&str; 2] = ["traffic_ingress", "traffic_egress"];

fn start(lab: &Lab) -> Daemon {
    Setup::new(&lab.machine).set("interfaces", WAN).start()
}

/// Attaches a program to each hook of the machine's interface.
fn others(
    lab: &Lab,
    order: fn() -> LinkOrder,
    verdict: Verdict,
) -> [Counter; 2] {
    HOOKS.map(|hook| Counter::attach(&lab.machine, WAN, hook, order(), verdict))
}

/// Waits until the hooks' programs are these, in this order; `ours` stands for
/// the exporter's. What is detached is gone once no child that is just being
/// started holds it, too.
fn await_order(lab: &Lab, expected: &[&str]) {
    for (hook, ours) in HOOKS.into_iter().zip(OURS) {
        let expected: Vec<String> = expected
            .iter()
            .map(|name| if *name == "ours" { ours } else { name })
            .map(|name| (*name).to_owned())
            .collect();
        await_equal(&format!("the order of {hook:?}"), &expected, || {
            attached(&lab.machine, WAN, hook)
        });
    }
}

/// Panics unless each of these programs saw all that was sent.
fn assert_saw_all(traffic: &Traffic, counters: &[[Counter; 2]]) {
    for [ingress, egress] in counters {
        assert_eq!(ingress.seen(), traffic.total("received"));
        assert_eq!(egress.seen(), traffic.total("sent"));
    }
}

#[test]
fn programs_before_and_behind_see_every_packet_whoever_came_first() {
    for daemon_first in [true, false] {
        let lab = Lab::new();
        let mut early = None;
        if !daemon_first {
            early = Some(others(&lab, LinkOrder::first, Verdict::Next));
        }
        let daemon = start(&lab);
        let mut counters = Vec::from_iter(early);
        if daemon_first {
            await_order(&lab, &["ours"]);
        } else {
            await_order(&lab, &["ours", OTHER]);
        }
        counters.push(others(&lab, LinkOrder::first, Verdict::Next));
        counters.push(others(&lab, LinkOrder::last, Verdict::Next));
        let behind = vec![OTHER; counters.len() - 1];
        await_order(&lab, &[&[OTHER, "ours"], behind.as_slice()].concat());

        let mut traffic = Traffic::new(&lab);
        for _ in 0..20 {
            traffic.exchange();
        }
        traffic.await_booked(&daemon);
        assert_saw_all(&traffic, &counters);
        let seen = statistics(&lab.machine, WAN);
        assert_eq!(seen.received, traffic.total("received"));
        assert_eq!(seen.sent, traffic.total("sent"));
    }
}

#[test]
fn programs_that_were_there_first_stay_when_the_exporter_leaves() {
    for signal in [Signal::Terminate, Signal::Kill] {
        let lab = Lab::new();
        let counters = [
            others(&lab, LinkOrder::first, Verdict::Next),
            others(&lab, LinkOrder::last, Verdict::Next),
        ];
        let mut daemon = start(&lab);
        await_order(&lab, &["ours", OTHER, OTHER]);
        let mut traffic = Traffic::new(&lab);
        traffic.exchange();
        traffic.await_booked(&daemon);
        daemon.signal(signal);
        daemon.wait(PATIENCE);
        for hook in HOOKS {
            await_equal(
                "programs that stay",
                &vec![OTHER.to_owned(); 2],
                || attached(&lab.machine, WAN, hook),
            );
        }
        traffic.exchange();
        assert_saw_all(&traffic, &counters);
        // And it comes back without disturbing them.
        let _daemon = start(&lab);
        await_order(&lab, &["ours", OTHER, OTHER]);
        traffic.exchange();
        assert_saw_all(&traffic, &counters);
    }
}

/// Of two programs that stop packets, one behind the exporter and one that
/// went before it: what the first stops is counted, what the second stops is
/// not, for the exporter never hears of it.
#[test]
fn what_a_program_behind_stops_is_counted_and_what_one_before_stops_is_not() {
    for verdict in [Verdict::Drop, Verdict::Pass] {
        let lab = Lab::new();
        let daemon = start(&lab);
        let frames = |packets: Vec<Packet>| -> Vec<_> {
            packets.iter().map(Packet::frame).collect()
        };
        let (from, to) =
            (frames(received_from(GERMANY)), frames(sent_to(GERMANY)));
        let exchange =
            || [lab.inbound().offer(&from), lab.outbound().offer(&to)];
        let await_counted = |times: u64| {
            daemon.await_polls();
            let scrape = daemon.scrape();
            for (direction, frames) in [("received", &from), ("sent", &to)] {
                assert_eq!(
                    accounted(&scrape, WAN, direction),
                    Volume::of(frames).times(times).bytes,
                    "{direction}, {verdict:?}"
                );
            }
        };

        let behind = others(&lab, LinkOrder::last, verdict);
        let once = exchange();
        await_counted(1);
        assert_eq!(behind.each_ref().map(Counter::seen), once);

        let before = others(&lab, LinkOrder::first, verdict);
        await_order(&lab, &[OTHER, "ours", OTHER]);
        exchange();
        await_counted(1);
        assert_eq!(before.each_ref().map(Counter::seen), once);
        assert_eq!(behind.each_ref().map(Counter::seen), once);

        drop((before, behind));
        await_order(&lab, &["ours"]);
        exchange();
        await_counted(2);
        // The device counts what it receives before any program runs, and
        // what it sends behind all of them.
        let seen = statistics(&lab.machine, WAN);
        assert_eq!(seen.received, once[0].times(3));
        let sent = if verdict == Verdict::Drop { 1 } else { 3 };
        assert_eq!(seen.sent, once[1].times(sent));
    }
}

#[test]
fn a_packet_meets_the_same_fate_with_and_without_the_exporter() {
    let lab = Lab::new();
    let mac = (mac_of(PEER), mac_of(WAN));
    lab.machine.ip(&format!("addr add {LOCAL4}/24 dev {WAN}"));
    lab.machine.ip(&format!("addr add {LOCAL6}/64 dev {WAN} nodad"));
    // What comes from a remote must have a way back.
    lab.machine.ip(&format!("route add default dev {WAN}"));
    lab.machine.ip(&format!("-6 route add default dev {WAN}"));
    let sockets = lab.machine.run(|| {
        [
            UdpSocket::bind((LOCAL4, 4_000)).unwrap(),
            UdpSocket::bind((LOCAL6, 4_000)).unwrap(),
        ]
    });
    for socket in &sockets {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let udp = Transport::Udp { source: 4_001, destination: 4_000 };
    let deliver = |length: usize| {
        let packets = [
            Packet::new(GERMANY.ipv4, LOCAL4),
            Packet::new(GERMANY.ipv6, LOCAL6),
        ];
        for (packet, socket) in packets.into_iter().zip(&sockets) {
            let packet = packet.transport(udp).payload(length);
            lab.inbound().repeat(&packet.between(mac.0, mac.1).frame(), 50);
            let mut buffer = [0; 2_048];
            for _ in 0..50 {
                assert_eq!(socket.recv(&mut buffer).unwrap(), length);
            }
        }
        // As they were sent, so they arrive: no byte and no tag is changed.
        let mut capture = Capture::open(&lab.world, PEER);
        let sent: Vec<_> = sent_to(GERMANY)
            .into_iter()
            .chain(received_from(GERMANY))
            .map(|packet| packet.frame())
            .collect();
        lab.outbound().send(&sent);
        assert_eq!(capture.take(sent.len(), PATIENCE), sent);
    };
    deliver(100);
    let daemon = start(&lab);
    deliver(200);
    for ip_version in ["4", "6"] {
        let labels = [("country", "DE"), ("ip_version", ip_version)];
        daemon.await_sum("geoip_packets_received_total", &labels, 50);
    }
    drop(daemon);
    deliver(300);
}
