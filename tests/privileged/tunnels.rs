//! Tunnels: a super-frame may be one inside a tunnel, whose packets then each
//! repeat the headers of both.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::harness::bench::{Bench, Link, Segmenting};
use crate::harness::conversation::{
    Datagrams, Host, introduce, talk_tcp, talk_udp,
};
use crate::harness::link::{mac_of, mac_text, set_up};
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

/// Makes a VXLAN device at both ends of a bench and returns the hosts inside.
fn build(bench: &Bench, outer: u8) -> [Host<'_>; 2] {
    let ends = [bench.machine(), bench.world()];
    let hosts = [0, 1].map(|own| {
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
    });
    introduce(&hosts[0], &hosts[1]);
    hosts
}

fn vxlan_is_exact(segmenting: Segmenting) {
    for outer in [4, 6] {
        for gro in [false, true] {
            let link = Link { segmenting, gro, mtu: 1_500 };
            let bench = Bench::new(link);
            let [machine, world] = build(&bench, outer);
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
