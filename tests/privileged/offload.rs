//! Segmentation and receive offload: what the stack handles as one super-frame
//! is counted as the frames on the wire.
//!
//! The truth is a device that counts real frames: with TSO off the stack cuts
//! super-frames behind the hook and the device sees each frame. Where devices
//! count super-frames, the two exporters at the ends of the link must agree:
//! the one knows the frames from the kernel that is going to cut them, the
//! other from the headers of what arrived.

use crate::harness::bench::{Bench, Link, Segmenting};
use crate::harness::conversation::{Datagrams, bound_tcp, talk_tcp, talk_udp};
use crate::harness::frames::{Packet, Transport};
use crate::harness::link::{set_offloads, set_super_frame_size};
use crate::harness::send::Sender;

/// Bytes each way over each connection.
const CONVERSATION: usize = 3_000_000;

fn every_transport_is_exact(segmenting: Segmenting) {
    for mtu in [1_500, 9_000] {
        for gro in [false, true] {
            let link = Link { segmenting, gro, mtu };
            let gro = if gro { "on" } else { "off" };
            let case = format!("{segmenting:?}, GRO {gro}, MTU {mtu}");
            let bench = Bench::new(link);
            tcp_is_exact(&bench, &case, link);
            udp_is_exact(&bench, &case);
            icmp_is_exact(&bench, &case);
        }
    }
}

fn tcp_is_exact(bench: &Bench, case: &str, link: Link) {
    for ip_version in [4, 6] {
        talk_tcp(&bench.machine(), &bench.world(), ip_version, CONVERSATION);
        let account = bench.check(&format!("{case}, TCP/IPv{ip_version}"));
        assert!(account.sent.bytes > CONVERSATION as u64);
        assert!(account.received.bytes > CONVERSATION as u64);
    }
    // Or else the case would prove nothing.
    let [ingress, egress] = bench.hooks();
    let longest = u64::from(link.mtu) + 14;
    let super_frames = link.segmenting != Segmenting::Protocol;
    assert_eq!(egress.longest() > longest, super_frames, "{case}");
    let merged = ingress.longest() > longest;
    match link.segmenting {
        Segmenting::Device => assert!(merged, "{case}"),
        Segmenting::Stack => assert_eq!(merged, link.gro, "{case}"),
        // Frames that come one at a time may find nothing to merge with.
        Segmenting::Protocol => assert!(link.gro || !merged, "{case}"),
    }
}

fn udp_is_exact(bench: &Bench, case: &str) {
    for ip_version in [4, 6] {
        for (what, segment, lengths) in [
            // The second in IP fragments.
            ("UDP", None, [1_000, 20_000]),
            ("UDP GSO", Some(1_300), [40_000, 1_301]),
            ("small UDP GSO", Some(100), [6_001, 200]),
        ] {
            for length in lengths {
                let datagrams =
                    Datagrams { length, segment, merged: false, count: 20 };
                let (machine, world) = (bench.machine(), bench.world());
                talk_udp(&machine, &world, ip_version, datagrams);
            }
            bench.check(&format!("{case}, {what}/IPv{ip_version}"));
        }
    }
}

fn icmp_is_exact(bench: &Bench, case: &str) {
    let (machine, world) = (bench.machine(), bench.world());
    let sender = Sender::open(world.namespace, world.interface);
    for payload in [0, 56, 1_000] {
        let echo = [
            Packet::new(world.ipv4, machine.ipv4),
            Packet::new(world.ipv6, machine.ipv6),
        ]
        .map(|packet| {
            packet
                .transport(Transport::Echo)
                .payload(payload)
                .between(world.mac(), machine.mac())
                .frame()
        });
        for _ in 0..20 {
            sender.send(&echo);
        }
    }
    bench.check(&format!("{case}, ICMP and ICMPv6"));
}

#[test]
fn segments_of_the_protocol_are_counted_to_the_byte() {
    every_transport_is_exact(Segmenting::Protocol);
}

#[test]
fn super_frames_that_the_stack_cuts_are_counted_to_the_byte() {
    every_transport_is_exact(Segmenting::Stack);
}

#[test]
fn super_frames_that_nobody_cuts_are_counted_alike_at_both_ends() {
    every_transport_is_exact(Segmenting::Device);
}

/// GRO merges datagrams for a socket that asked, for forwarding, or as a list
/// of packets: each makes another kind of super-frame.
#[test]
fn merged_datagrams_are_counted_to_the_byte() {
    for (what, offload, merged) in [
        ("UDP GRO by socket", None, true),
        ("rx-udp-gro-forwarding", Some("rx-udp-gro-forwarding"), false),
        ("rx-gro-list", Some("rx-gro-list"), false),
    ] {
        let link =
            Link { segmenting: Segmenting::Stack, gro: true, mtu: 1_500 };
        let bench = Bench::prepared(link, |host| {
            if let Some(offload) = offload {
                let (namespace, name) = (host.namespace, host.interface);
                set_offloads(namespace, name, &[offload], true);
            }
        });
        for ip_version in [4, 6] {
            for (segment, length) in [(1_300, 40_000), (100, 6_001)] {
                let segment = Some(segment);
                let datagrams =
                    Datagrams { length, segment, merged, count: 20 };
                let (machine, world) = (bench.machine(), bench.world());
                talk_udp(&machine, &world, ip_version, datagrams);
            }
            bench.check(&format!("{what}, UDP GSO/IPv{ip_version}"));
            talk_tcp(
                &bench.machine(),
                &bench.world(),
                ip_version,
                CONVERSATION,
            );
            bench.check(&format!("{what}, TCP/IPv{ip_version}"));
        }
        let [ingress, _] = bench.hooks();
        assert!(ingress.longest() > 1_514, "{what}: nothing was merged");
    }
}

/// BIG TCP: super-frames longer than an IP header can tell. The kernel puts an
/// IPv6 header behind them that says so and that never reaches a wire.
#[test]
fn super_frames_beyond_64_kilobytes_are_counted_to_the_byte() {
    for segmenting in [Segmenting::Stack, Segmenting::Device] {
        for gro in [false, true] {
            let link = Link { segmenting, gro, mtu: 9_000 };
            let bench = Bench::prepared(link, |host| {
                // 125 frames at most, half of what a veth's ring holds.
                bound_tcp(host.namespace, 1_200_000);
                set_super_frame_size(host.namespace, host.interface, 180_000);
            });
            for ip_version in [4, 6] {
                let (machine, world) = (bench.machine(), bench.world());
                let megabytes = 4 * CONVERSATION;
                talk_tcp(&machine, &world, ip_version, megabytes);
                let gro = if gro { "on" } else { "off" };
                bench.check(&format!(
                    "BIG TCP/IPv{ip_version}, {segmenting:?}, GRO {gro}"
                ));
            }
            let [ingress, egress] = bench.hooks();
            assert!(egress.longest() > 65_600, "{}", egress.longest());
            let merged = gro || segmenting == Segmenting::Device;
            assert_eq!(
                ingress.longest() > 65_600,
                merged,
                "{segmenting:?}, {}",
                ingress.longest()
            );
        }
    }
}
