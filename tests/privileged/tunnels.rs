//! Tunnels: a super-frame may be one inside a tunnel, whose packets then each
//! repeat the headers of both.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::harness::account::{Counted, count, settle};
use crate::harness::bench::{Bench, Link, Segmenting};
use crate::harness::conversation::{
    Datagrams, Host, bound_tcp, introduce, talk_tcp, talk_udp,
};
use crate::harness::frames::ETHERNET;
use crate::harness::lab::Lab;
use crate::harness::link::{Volume, mac_of, mac_text, set_offloads, set_up};
use crate::harness::send::Sniffer;
use crate::harness::tcx::Counter;

/// Bytes each way over each connection.
const CONVERSATION: usize = 2_000_000;

/// The tunnel's interfaces.
const TUNNEL: [&str; 2] = ["vxa", "vxb"];

/// Addresses inside the tunnel: documentation's, and in no country.
const INSIDE4: [Ipv4Addr; 2] =
    [Ipv4Addr::new(100, 64, 1, 1), Ipv4Addr::new(100, 64, 2, 1)];
const INSIDE6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0x2001, 0xdb8, 0xaa, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0xbb, 0, 0, 0, 0, 1),
];

/// Makes a VXLAN device at both ends and returns the hosts inside.
fn build<'a>(ends: [Host<'a>; 2], outer: u8) -> [Host<'a>; 2] {
    [0, 1].map(|own| {
        let (this, other) = (&ends[own], &ends[1 - own]);
        this.namespace.ip(&format!(
            "link add {} address {} type vxlan id 42 dstport 4789 \
             local {} remote {} dev {}",
            TUNNEL[own],
            mac_text(mac_of(TUNNEL[own])),
            this.address(outer),
            other.address(outer),
            this.interface,
        ));
        set_up(this.namespace, TUNNEL[own]);
        Host {
            namespace: this.namespace,
            interface: TUNNEL[own],
            ipv4: INSIDE4[own],
            ipv6: INSIDE6[own],
        }
    })
}

fn vxlan_is_exact(segmenting: Segmenting) {
    for outer in [4, 6] {
        for gro in [false, true] {
            let link = Link { segmenting, gro, mtu: 1_500 };
            let bench = Bench::new(link);
            let ends = [bench.machine(), bench.world()];
            let [machine, world] = build(ends, outer);
            introduce(&machine, &world);
            let case = format!(
                "VXLAN over IPv{outer}, {segmenting:?}, GRO {}",
                if gro { "on" } else { "off" }
            );
            for inner in [4, 6] {
                talk_tcp(&machine, &world, inner, CONVERSATION);
                bench.check(&format!("{case}, TCP/IPv{inner}"));
            }
            let [ingress, egress] =
                bench.hooks().each_ref().map(Counter::longest);
            assert!(egress > 1_514, "{case}: {egress}");
            assert_eq!(
                ingress > 1_514,
                gro || segmenting == Segmenting::Device,
                "{case}: {ingress}"
            );
            for inner in [4, 6] {
                let datagrams = Datagrams {
                    length: 12_000,
                    segment: Some(1_000),
                    merged: false,
                    count: 20,
                };
                talk_udp(&machine, &world, inner, datagrams);
                bench.check(&format!("{case}, UDP GSO/IPv{inner}"));
            }
        }
    }
}

#[test]
fn tunnelled_super_frames_that_the_stack_cuts_are_counted_to_the_byte() {
    vxlan_is_exact(Segmenting::Stack);
}

#[test]
fn tunnelled_super_frames_that_nobody_cuts_are_counted_alike_at_both_ends() {
    vxlan_is_exact(Segmenting::Device);
}

#[test]
fn a_vxlan_device_is_counted_to_the_byte() {
    for gro in [false, true] {
        let lab = Lab::new();
        let ends = [Host::machine(&lab), Host::world(&lab)];
        for end in &ends {
            bound_tcp(end.namespace, 400_000);
            set_offloads(end.namespace, end.interface, &["gro"], gro);
        }
        let inside = build(ends, 4);
        for host in &inside {
            let by_device = ["tso", "tx-udp-segmentation"];
            set_offloads(host.namespace, host.interface, &by_device, false);
            set_offloads(host.namespace, host.interface, &["gro"], gro);
        }
        let daemons = inside.each_ref().map(count);
        let mut sniffer = Sniffer::open(&lab.machine, TUNNEL[0]);
        introduce(&ends[0], &ends[1]);
        introduce(&inside[0], &inside[1]);
        for ip_version in [4, 6] {
            talk_tcp(&inside[0], &inside[1], ip_version, CONVERSATION);
        }
        let [here, there] = settle([
            Counted::of(&inside[0], &daemons[0]),
            Counted::of(&inside[1], &daemons[1]),
        ]);
        here.show(&format!("vxlan device, GRO {gro}"), sniffer.drain());
        assert_eq!(here.sent, there.received);
        assert_eq!(there.sent, here.received);
        assert_eq!(here.device.dropped, 0);
        // The device counts without the Ethernet header of what it carries.
        for (ours, device) in [
            (here.sent, here.device.sent),
            (here.received, here.device.received),
        ] {
            let header = ETHERNET as u64 * device.packets;
            let bytes = device.bytes + header;
            assert_eq!(ours, Volume { bytes, ..device });
        }
    }
}
