//! What `tc` sends elsewhere. A frame that came in and goes out as it is keeps
//! its VLAN tag beside it, and what GRO merged stays merged.

use crate::harness::account::{Counted, count_all, settle};
use crate::harness::conversation::{Host, bound_tcp, introduce, talk_tcp};
use crate::harness::fixtures::{GERMANY, LOCAL4, LOCAL6};
use crate::harness::frames::{ARP, DOT1AD, DOT1Q, Packet, non_ip};
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::{Volume, connect, set_offloads, set_up};
use crate::harness::netns::Netns;
use crate::harness::process::output_of;

/// Sends all that comes in on one interface out through another.
fn redirect(namespace: &Netns, from: &str, to: &str) {
    for arguments in [
        format!("qdisc add dev {from} clsact"),
        format!(
            "filter add dev {from} ingress protocol all \
             u32 match u32 0 0 action mirred egress redirect dev {to}"
        ),
    ] {
        let mut command = namespace.command("tc");
        output_of(command.args(arguments.split_whitespace()));
    }
}

#[test]
fn a_tag_beside_the_packet_is_counted_on_the_way_in_and_out() {
    let lab = Lab::new();
    connect(&lab.machine, "out0", &lab.world, "far0");
    redirect(&lab.machine, WAN, "out0");
    let daemon = count_all(&lab.machine, &[WAN, "out0"]);
    let mut frames = vec![non_ip(ARP, 28)];
    for packet in [
        Packet::new(GERMANY.ipv4, LOCAL4).payload(100),
        Packet::new(GERMANY.ipv6, LOCAL6).payload(101),
    ] {
        frames.push(packet.frame());
        frames.push(packet.clone().tag(DOT1Q, 7).frame());
        frames.push(packet.clone().tag(DOT1AD, 7).tag(DOT1Q, 8).frame());
    }
    let sent = lab.inbound().send(&frames);
    let [in_, out] = [WAN, "out0"].map(|interface| Counted {
        namespace: &lab.machine,
        interface,
        daemon: &daemon,
    });
    let [in_, out] = settle([in_, out]);
    assert_eq!(in_.received.bytes, sent.bytes);
    assert_eq!(out.sent.bytes, sent.bytes);
    assert_eq!(in_.received.packets + 1, sent.packets, "without ARP");
    assert_eq!(out.sent.packets, in_.received.packets);
    // A veth keeps the tag beside the packet as well, and leaves it out.
    let tags = Volume { packets: 0, bytes: 4 * 4 };
    assert_eq!(out.device.sent, sent - tags);
}

/// The ifb device gives packets back to where they came from.
#[test]
fn a_detour_over_an_ifb_is_counted_to_the_byte() {
    let lab = Lab::new();
    let (machine, world) = (Host::machine(&lab), Host::world(&lab));
    lab.machine.ip("link add ifb0 type ifb");
    set_up(&lab.machine, "ifb0");
    redirect(&lab.machine, WAN, "ifb0");
    for (namespace, name) in [(&lab.machine, WAN), (&lab.world, PEER)] {
        bound_tcp(namespace, 400_000);
        set_offloads(namespace, name, &["tso"], false);
        set_offloads(namespace, name, &["gro"], true);
    }
    let daemon = count_all(&lab.machine, &[WAN, "ifb0"]);
    introduce(&machine, &world);
    for ip_version in [4, 6] {
        talk_tcp(&machine, &world, ip_version, 1_000_000);
    }
    let detour = Host { interface: "ifb0", ..machine };
    let [wan, detour] =
        settle([Counted::of(&machine, &daemon), Counted::of(&detour, &daemon)]);
    assert!(wan.received.bytes > 2_000_000);
    assert_eq!(detour.sent, wan.received);
    // The way back does not pass a hook again.
    assert_eq!(detour.received, Volume::default());
    // It counts what GRO merged as single packets.
    assert!(detour.device.sent.packets < detour.sent.packets);
}
