//! Frames of every shape, on real devices: where each is counted, and that
//! none is lost.

use crate::harness::account::{Account, Counted, count, settle};
use crate::harness::conversation::Host;
use crate::harness::fixtures::{GERMANY, LOCAL4, LOCAL6};
use crate::harness::frames::{
    ARP, DOT1AD, DOT1Q, ETHERNET, Extension, IPV4, IPV6, LLDP, Packet,
    Transport, framed, non_ip,
};
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::{Volume, mac_of, set_offloads};
use crate::harness::send::ScatteredSender;
use crate::harness::tun::{Layer, Tun};

/// What an IP packet must at least hold to have addresses.
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// How many tags before its network header a packet may have in the packet.
const TAGS: usize = 4;

/// Frames that belong to Germany, seen from either end.
fn genuine(outgoing: bool) -> Vec<Vec<u8>> {
    let ipv4 = || {
        if outgoing {
            Packet::new(LOCAL4, GERMANY.ipv4)
        } else {
            Packet::new(GERMANY.ipv4, LOCAL4)
        }
    };
    let ipv6 = || {
        if outgoing {
            Packet::new(LOCAL6, GERMANY.ipv6)
        } else {
            Packet::new(GERMANY.ipv6, LOCAL6)
        }
    };
    let tcp = Transport::Tcp { source: 443, destination: 50_000 };
    let mut packets = vec![
        ipv4().payload(1),
        ipv4().ipv4_options(40).payload(100),
        ipv4().ipv4_options(4).transport(tcp),
        ipv4().ipv4_fragment(0, true).payload(1_200),
        ipv4().ipv4_fragment(1_208, false).payload(17),
        ipv6().payload(1),
        ipv6().transport(tcp).payload(1_301),
    ];
    for extension in [
        Extension::HopByHop,
        Extension::Routing,
        Extension::DestinationOptions,
        Extension::Fragment { offset_bytes: 0, more: true },
        Extension::Fragment { offset_bytes: 1_208, more: false },
    ] {
        packets.push(ipv6().extension(extension).payload(64));
        packets.push(
            ipv6()
                .extension(Extension::HopByHop)
                .extension(Extension::DestinationOptions)
                .extension(extension)
                .payload(65),
        );
    }
    let mut frames: Vec<Vec<u8>> = packets.iter().map(Packet::frame).collect();
    let tagged: [&[u16]; 7] = [
        &[DOT1Q],
        &[DOT1AD],
        &[DOT1AD, DOT1Q],
        &[DOT1Q, DOT1Q],
        &[DOT1AD, DOT1AD],
        &[DOT1AD, DOT1Q, DOT1Q],
        &[DOT1AD, DOT1AD, DOT1Q, DOT1Q],
    ];
    for tags in tagged {
        for packet in [ipv4().payload(50), ipv6().payload(51)] {
            let packet = tags
                .iter()
                .zip(100..)
                .fold(packet, |packet, (tag, vlan)| packet.tag(*tag, vlan));
            frames.push(packet.frame());
        }
    }
    frames
}

/// Frames without an IP header that could be counted for somebody.
fn nobodys() -> Vec<Vec<u8>> {
    let ipv4 = Packet::new(GERMANY.ipv4, GERMANY.ipv4).payload(8).packet();
    let ipv6 = Packet::new(GERMANY.ipv6, GERMANY.ipv6).payload(8).packet();
    let macs = (mac_of("from"), mac_of("to"));
    let mut frames = vec![
        non_ip(ARP, 28),
        non_ip(LLDP, 100),
        // The version of the other family, and one that never was.
        framed(macs, &[], IPV6, &ipv4),
        framed(macs, &[], IPV4, &ipv6),
        non_ip(IPV4, 60),
        non_ip(IPV6, 60),
        // 802.3: a length instead of a type.
        non_ip(60, 60),
    ];
    // A header length of less than the header.
    let mut short = ipv4.clone();
    short[0] = 0x44;
    frames.push(framed(macs, &[], IPV4, &short));
    // Too many tags: where a header is is not known.
    let tags = [(DOT1Q, 1); TAGS + 2];
    frames.push(framed(macs, &tags, IPV4, &ipv4));
    // Tags with nothing behind.
    frames.push(framed(macs, &[(DOT1AD, 1), (DOT1Q, 2)], DOT1Q, &[]));
    // All lengths at which the header is cut.
    for (ether_type, packet, header) in
        [(IPV4, &ipv4, IPV4_HEADER), (IPV6, &ipv6, IPV6_HEADER)]
    {
        for length in 0..header {
            frames.push(framed(macs, &[], ether_type, &packet[..length]));
        }
    }
    frames
}

/// Frames that say they are longer than they are, and have their addresses.
fn truncated(outgoing: bool) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for frame in genuine(outgoing) {
        let is_ipv6 = frame[12..14] == IPV6.to_be_bytes();
        let is_ipv4 = frame[12..14] == IPV4.to_be_bytes();
        let header = match (is_ipv4, is_ipv6) {
            (true, _) => ETHERNET + IPV4_HEADER,
            (_, true) => ETHERNET + IPV6_HEADER,
            _ => continue,
        };
        for length in header..frame.len().min(header + 30) {
            frames.push(frame[..length].to_vec());
        }
    }
    frames
}

/// Checks that an interface received and sent these volumes, by country and
/// without.
fn assert_volumes(
    account: &Account,
    [received, sent]: [&[Vec<u8>]; 2],
    nobodys: &[Vec<u8>],
) {
    let nobodys = Volume::of(nobodys);
    for (ours, non_ip, known) in [
        (account.received, account.non_ip_received, received),
        (account.sent, account.non_ip_sent, sent),
    ] {
        let known = Volume::of(known);
        let bytes = known.bytes + nobodys.bytes;
        assert_eq!(ours, Volume { bytes, ..known });
        assert_eq!(non_ip, nobodys.bytes);
    }
}

#[test]
fn every_shape_of_frame_is_counted_where_it_belongs() {
    for gro in [false, true] {
        let lab = Lab::new();
        set_offloads(&lab.machine, WAN, &["gro"], gro);
        let machine = Host::machine(&lab);
        let daemon = count(&machine);
        let mut known = [Vec::new(), Vec::new()];
        for (outgoing, frames) in [false, true].into_iter().zip(&mut known) {
            frames.extend(genuine(outgoing));
            frames.extend(truncated(outgoing));
        }
        for (sender, frames) in
            [lab.inbound(), lab.outbound()].iter().zip(&known)
        {
            sender.send(frames);
            sender.send(nobodys());
        }
        let [account] = settle([Counted::of(&machine, &daemon)]);
        let [received, sent] = &known;
        assert_volumes(&account, [received, sent], &nobodys());
        let scrape = daemon.scrape();
        for (direction, frames) in ["received", "sent"].iter().zip(&known) {
            let bytes = format!("geoip_bytes_{direction}_total");
            let germany = scrape.sum(&bytes, &[("country", "DE")]);
            assert_eq!(germany, Volume::of(frames).bytes, "{direction}");
        }
        if !gro {
            // The device counted all of them, and no byte more.
            let all = Volume::of(sent) + Volume::of(&nobodys());
            assert_eq!(account.device.sent, all);
            let all = Volume::of(received) + Volume::of(&nobodys());
            assert_eq!(account.device.received, all);
        }
    }
}

#[test]
fn a_tap_device_loses_no_shape_of_frame() {
    let lab = Lab::unplugged();
    let mut tap = Tun::create(&lab.machine, WAN, Layer::Ethernet);
    let machine = Host::machine(&lab);
    let daemon = count(&machine);
    let mut received = genuine(false);
    received.extend(truncated(false));
    tap.inject(&received);
    tap.inject(&nobodys());
    let mut sent = genuine(true);
    sent.extend(truncated(true));
    // Taken at once: the device's queue is short.
    let sender = lab.outbound();
    for frame in sent.iter().chain(&nobodys()) {
        sender.send([frame]);
        assert_eq!(&tap.take(), frame);
    }
    let [account] = settle([Counted::of(&machine, &daemon)]);
    assert_volumes(&account, [&received, &sent], &nobodys());
}

/// A tun device takes what looks like IP from the first four bits on.
#[test]
fn a_tun_device_loses_no_shape_of_packet() {
    let without_ethernet = |frames: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
        let mut packets = frames;
        packets.retain(|frame| {
            let ether_type = u16::from_be_bytes([frame[12], frame[13]]);
            ether_type == IPV4 || ether_type == IPV6
        });
        packets.iter().map(|frame| frame[ETHERNET..].to_vec()).collect()
    };
    let lab = Lab::unplugged();
    let mut tun = Tun::create(&lab.machine, WAN, Layer::Ip);
    let machine = Host::machine(&lab);
    let daemon = count(&machine);
    let mut received = without_ethernet(genuine(false));
    received.extend(without_ethernet(truncated(false)));
    let mut sent = without_ethernet(genuine(true));
    sent.extend(without_ethernet(truncated(true)));
    // A version that says something, and less than a header behind it.
    let mut cut = without_ethernet(nobodys());
    cut.retain(|packet| {
        let length = packet.len();
        match packet.first().map(|byte| byte >> 4) {
            Some(4) => length < IPV4_HEADER,
            Some(6) => length < IPV6_HEADER,
            _ => false,
        }
    });
    assert!(cut.len() > 50);
    tun.inject(&received);
    tun.inject(&cut);
    let sender = lab.outbound();
    for packet in sent.iter().chain(&cut) {
        sender.send([packet]);
        assert_eq!(&tun.take(), packet);
    }
    let [account] = settle([Counted::of(&machine, &daemon)]);
    assert_volumes(&account, [&received, &sent], &cut);
    assert_eq!(account.device.received.bytes, account.received.bytes);
    assert_eq!(account.device.sent.bytes, account.sent.bytes);
}

#[test]
fn headers_that_are_not_in_one_piece_are_found() {
    let lab = Lab::new();
    for (namespace, name) in [(&lab.machine, WAN), (&lab.world, PEER)] {
        namespace.ip(&format!("link set {name} mtu 9000"));
    }
    let machine = Host::machine(&lab);
    let daemon = count(&machine);
    let mut known = [Vec::new(), Vec::new()];
    for (outgoing, frames) in [false, true].into_iter().zip(&mut known) {
        let (namespace, name) =
            if outgoing { (&lab.machine, WAN) } else { (&lab.world, PEER) };
        let mut sender = ScatteredSender::open(namespace, name);
        let packets = if outgoing {
            [
                Packet::new(LOCAL4, GERMANY.ipv4),
                Packet::new(LOCAL6, GERMANY.ipv6),
            ]
        } else {
            [
                Packet::new(GERMANY.ipv4, LOCAL4),
                Packet::new(GERMANY.ipv6, LOCAL6),
            ]
        };
        for packet in packets {
            let packet = packet.payload(5_000);
            let tagged = packet.clone().tag(DOT1AD, 1).tag(DOT1Q, 2);
            for frame in [packet.frame(), tagged.frame()] {
                for linear in [14, 15, 18, 22, 33, 40, 53] {
                    sender.send(&frame, linear);
                    frames.push(frame.clone());
                }
            }
        }
    }
    let [account] = settle([Counted::of(&machine, &daemon)]);
    let [received, sent] = &known;
    assert_volumes(&account, [received, sent], &[]);
}

/// The kernel throws such a frame away before the hook, and the device has
/// counted it: the one difference there is.
#[test]
fn a_frame_cut_inside_its_outermost_tag_never_reaches_the_hook() {
    let lab = Lab::new();
    let machine = Host::machine(&lab);
    let daemon = count(&machine);
    let whole = Packet::new(GERMANY.ipv4, LOCAL4).tag(DOT1Q, 7).frame();
    let cut: Vec<Vec<u8>> =
        (14..20).map(|length| whole[..length].to_vec()).collect();
    let sender = lab.inbound();
    sender.send(&cut);
    let rest = [whole[..20].to_vec(), whole];
    sender.send(&rest);
    let [account] = settle([Counted::of(&machine, &daemon)]);
    let (cut, rest) = (Volume::of(&cut), Volume::of(&rest));
    assert_eq!(account.received.bytes, rest.bytes);
    assert_eq!(account.device.received, cut + rest);
}
