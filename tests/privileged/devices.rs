//! Every kind of device this kernel has, with real traffic: what each counts,
//! and what we count there.

use crate::harness::account::{Account, Counted, count, count_all, settle};
use crate::harness::conversation::{
    Datagrams, Host, bound_tcp, introduce, talk_tcp, talk_udp,
};
use crate::harness::fixtures::{GERMANY, JAPAN, LOCAL4, LOCAL6, Remote};
use crate::harness::frames::{ETHERNET, Packet};
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::{
    Volume, bridge, connect, mac_of, mac_text, set_offloads, set_up,
};
use crate::harness::netns::Netns;
use crate::harness::send::{Sender, Sniffed, Sniffer};
use crate::harness::tun::{Cable, Layer, SuperFrames};

/// Bytes each way over each connection, and that TCP sends ahead.
const CONVERSATION: usize = 1_000_000;
const AHEAD: u32 = 400_000;

/// Exchanges TCP and UDP of both families, with segmentation offload.
fn talk(a: &Host<'_>, b: &Host<'_>) {
    for ip_version in [4, 6] {
        talk_tcp(a, b, ip_version, CONVERSATION);
        for (length, segment) in [(1_000, None), (12_000, Some(1_200))] {
            let datagrams =
                Datagrams { length, segment, merged: false, count: 20 };
            talk_udp(a, b, ip_version, datagrams);
        }
    }
}

/// Cuts super-frames in the stack, so that the device counts real frames.
fn without_tso(namespace: &Netns, names: &[&str]) {
    for name in names {
        let offloads = ["tso", "tx-udp-segmentation"];
        set_offloads(namespace, name, &offloads, false);
    }
}

/// The volume with so many bytes more for each packet.
fn with(volume: Volume, missing: usize) -> Volume {
    let missing = volume.packets * missing as u64;
    Volume { bytes: volume.bytes + missing, ..volume }
}

fn assert_same(account: &Account, what: &str) {
    assert_eq!(account.received, account.device.received, "{what}: received");
    assert_eq!(account.sent, account.device.sent, "{what}: sent");
}

fn assert_carried(volume: Volume) {
    assert!(volume.bytes > 2 * CONVERSATION as u64, "{volume:?}");
}

/// A packet is counted once on each interface it passes.
#[test]
fn a_bridge_and_its_port_are_each_counted_to_the_byte() {
    let (machine, world) = (Netns::new(), Netns::new());
    connect(&machine, "port0", &world, PEER);
    bridge(&machine, "br0", &["port0"]);
    without_tso(&machine, &["br0", "port0"]);
    without_tso(&world, &[PEER]);
    set_offloads(&machine, "port0", &["gro"], false);
    set_offloads(&world, PEER, &["gro"], false);
    let inside = Host {
        namespace: &machine,
        interface: "br0",
        ipv4: LOCAL4,
        ipv6: LOCAL6,
    };
    let outside = Host {
        namespace: &world,
        interface: PEER,
        ipv4: GERMANY.ipv4,
        ipv6: GERMANY.ipv6,
    };
    for host in [&inside, &outside] {
        bound_tcp(host.namespace, AHEAD);
    }
    let daemon = count_all(&machine, &["br0", "port0"]);
    let mut sniffer = Sniffer::open(&machine, "br0");
    introduce(&inside, &outside);
    talk(&inside, &outside);
    let port =
        Counted { namespace: &machine, interface: "port0", daemon: &daemon };
    let [bridge, port] = settle([Counted::of(&inside, &daemon), port]);
    bridge.show("bridge", sniffer.drain());
    port.show("bridge port", Sniffed::default());
    assert_carried(bridge.sent);
    assert_eq!(bridge.received, port.received);
    assert_eq!(bridge.sent, port.sent);
    assert_same(&port, "port");
    // A bridge counts what it received without the Ethernet header.
    let device = bridge.device;
    assert_eq!(bridge.received, with(device.received, ETHERNET));
    assert_eq!(bridge.sent, device.sent);
}

#[test]
fn a_macvlan_and_its_parent_are_each_counted_to_the_byte() {
    let lab = Lab::new();
    lab.machine.ip(&format!(
        "link add link {WAN} mv0 address {} type macvlan mode bridge",
        mac_text(mac_of("mv0"))
    ));
    set_up(&lab.machine, "mv0");
    // The macvlan itself cannot be told.
    without_tso(&lab.machine, &[WAN]);
    without_tso(&lab.world, &[PEER]);
    for (namespace, name) in [(&lab.machine, WAN), (&lab.world, PEER)] {
        bound_tcp(namespace, AHEAD);
        set_offloads(namespace, name, &["gro"], false);
    }
    let inside = Host { interface: "mv0", ..Host::machine(&lab) };
    let outside = Host::world(&lab);
    let daemon = count_all(&lab.machine, &["mv0", WAN]);
    let mut sniffer = Sniffer::open(&lab.machine, "mv0");
    introduce(&inside, &outside);
    talk(&inside, &outside);
    let parent = Counted::of(&Host::machine(&lab), &daemon);
    let [child, parent] = settle([Counted::of(&inside, &daemon), parent]);
    child.show("macvlan", sniffer.drain());
    parent.show("macvlan's parent", Sniffed::default());
    assert_carried(child.sent);
    assert_same(&parent, "parent");
    assert_eq!(child.sent, parent.sent);
    // What comes in is counted on the parent, and what is for the macvlan
    // there too; it gets no multicast that it did not ask for. It sends
    // super-frames, which it counts as one packet each.
    assert_eq!(child.received, child.device.received);
    assert!(child.received.packets <= parent.received.packets);
    assert!(child.sent.packets > child.device.sent.packets);
}

/// What is sent over loopback comes back: once out, once in.
#[test]
fn loopback_is_counted_both_ways_when_it_is_named() {
    let namespace = Netns::new();
    let daemon = count_all(&namespace, &["lo"]);
    // The exporter's own pages pass over loopback too, from and to nowhere.
    let frames: Vec<Vec<u8>> = [0, 100, 1_400]
        .into_iter()
        .flat_map(|payload| {
            [
                Packet::new(JAPAN.ipv4, GERMANY.ipv4),
                Packet::new(JAPAN.ipv6, GERMANY.ipv6),
            ]
            .map(|packet| packet.payload(payload).frame())
        })
        .collect();
    let sent = Sender::open(&namespace, "lo").send(&frames);
    for (direction, country) in [("sent", "DE"), ("received", "JP")] {
        let labels = [("interface", "lo"), ("country", country)];
        let name = |what| format!("geoip_{what}_{direction}_total");
        daemon.await_sum(&name("bytes"), &labels, sent.bytes);
        daemon.await_sum(&name("packets"), &labels, sent.packets);
    }

    // Super-frames of up to 64 KiB, at an MTU that they do not fit into.
    namespace.ip("link set lo mtu 1500");
    let host = |remote: Remote| Host {
        namespace: &namespace,
        interface: "lo",
        ipv4: remote.ipv4,
        ipv6: remote.ipv6,
    };
    for address in ["192.0.2.7/32", "2001:db8:1::7/128 nodad"] {
        namespace.ip(&format!("addr add {address} dev lo"));
    }
    for ip_version in [4, 6] {
        talk_tcp(&host(GERMANY), &host(GERMANY), ip_version, CONVERSATION);
    }
    daemon.await_scrape("as much in as out", |scrape| {
        let sum = |name, country| {
            scrape.sum(name, &[("interface", "lo"), ("country", country)])
        };
        let bytes_in = sum("geoip_bytes_received_total", "DE");
        let packets_in = sum("geoip_packets_received_total", "DE");
        let out = Volume {
            bytes: sum("geoip_bytes_sent_total", "DE"),
            packets: sum("geoip_packets_sent_total", "DE"),
        } - sent;
        let back = Volume { bytes: bytes_in, packets: packets_in };
        let enough = 4 * CONVERSATION as u64;
        if back == out && out.bytes > enough {
            Ok(())
        } else {
            Err(format!("{back:?} in, {out:?} out"))
        }
    });
}

fn tun_is_exact(layer: Layer, super_frames: SuperFrames) {
    let what = format!("{layer:?}, super-frames {super_frames:?}");
    let lab = Lab::unplugged();
    let (machine, world) = (Host::machine(&lab), Host::world(&lab));
    let ends = [(&lab.machine, WAN), (&lab.world, PEER)];
    let _cable = Cable::new(ends, layer, super_frames);
    for (namespace, name) in ends {
        bound_tcp(namespace, AHEAD);
        if layer == Layer::Ethernet {
            let mac = mac_text(mac_of(name));
            namespace.ip(&format!("link set {name} address {mac}"));
        }
    }
    let daemons = [count(&machine), count(&world)];
    let mut sniffer = Sniffer::open(&lab.machine, WAN);
    introduce(&machine, &world);
    talk(&machine, &world);
    let [here, there] = settle([
        Counted::of(&machine, &daemons[0]),
        Counted::of(&world, &daemons[1]),
    ]);
    here.show(&what, sniffer.drain());
    assert_carried(here.sent);
    assert_eq!(here.sent, there.received, "{what}");
    assert_eq!(there.sent, here.received, "{what}");
    assert_eq!(here.device.dropped, 0, "{what}");
    match super_frames {
        SuperFrames::No => {
            assert_same(&here, &what);
            assert_same(&there, &what);
        }
        SuperFrames::Yes => {
            assert!(here.sent.packets > here.device.sent.packets);
            assert!(here.received.packets > here.device.received.packets);
        }
    }
}

#[test]
fn a_tap_device_is_counted_to_the_byte() {
    tun_is_exact(Layer::Ethernet, SuperFrames::No);
}

#[test]
fn a_tun_device_is_counted_from_its_ip_header_on() {
    tun_is_exact(Layer::Ip, SuperFrames::No);
}

/// Behind such a device is a virtual machine or a program, which tells the
/// size of the packets in a super-frame but not their number.
#[test]
fn super_frames_from_outside_the_kernel_are_counted_as_their_packets() {
    tun_is_exact(Layer::Ethernet, SuperFrames::Yes);
    tun_is_exact(Layer::Ip, SuperFrames::Yes);
}
