//! Classes of packets: the programs, run by the kernel on packets made by hand.

use std::collections::BTreeMap;
use std::net::IpAddr;

use geoip_exporter::accounting::{Direction, FlowKey, IpVersion};
use geoip_exporter::kernel::abi::{
    CLASS_HAS_LOCAL, CLASS_HAS_NARROW, CLASS_HAS_SERVICES, CLASS_IS_SECOND,
    names,
};

use crate::harness::classifier::{Classifier, Hook, Offload};
use crate::harness::fixtures::{GERMANY, LOCAL4, LOCAL6};
use crate::harness::frames::{DOT1Q, Extension, Packet, Transport};

/// The numbers of a class in the first and in the second half.
const FIRST: u16 = 1;
const LOCAL: u16 = 101;
const NARROW: u16 = 10;
const WEB: u16 = 1;
const DNS: u16 = 3;

/// A pair whose second half is 1,000 more than its first.
fn pair(number: u16) -> u32 {
    u32::from(number) | (u32::from(number) + 1_000) << 16
}

/// A pair that adds the same in both halves.
fn digit(number: u16) -> u32 {
    u32::from(number) * 0x1_0001
}

const ALL: u64 = CLASS_HAS_LOCAL | CLASS_HAS_NARROW | CLASS_HAS_SERVICES;

/// Programs with a local range, a narrow one, and two services.
fn classifier() -> Classifier {
    let mut classifier = Classifier::load_with_classes();
    let locals = [(IpAddr::from(LOCAL4), 31), (LOCAL6.into(), 64)];
    for (address, length) in locals {
        let network = match address {
            IpAddr::V4(_) => IpAddr::from([198, 18, 0, 0]),
            IpAddr::V6(_) => "2001:db8:beef::".parse().unwrap(),
        };
        classifier.set_range(names::LOCAL_RANGES, network, length, pair(LOCAL));
    }
    for (address, length) in
        [(IpAddr::from(GERMANY.ipv4), 32), (GERMANY.ipv6.into(), 128)]
    {
        let map = names::NARROW_RANGES;
        classifier.set_range(map, address, length, digit(NARROW));
    }
    for is_udp in [false, true] {
        classifier.set_port(is_udp, 443, digit(WEB));
    }
    classifier.set_port(true, 53, digit(DNS));
    classifier.set_classes(u64::from(pair(FIRST)) | ALL);
    classifier
}

/// Runs a program on a packet of its own and returns the class of its flow.
fn class_of(classifier: &Classifier, hook: Hook, bytes: &[u8]) -> u16 {
    class_with(classifier, hook, bytes, Offload::default())
}

fn class_with(
    classifier: &Classifier,
    hook: Hook,
    bytes: &[u8],
    offload: Offload,
) -> u16 {
    let before = by_key(classifier);
    classifier.run(hook, bytes, offload);
    let after = by_key(classifier);
    let has_grown =
        |(key, _): &(&FlowKey, &u64)| before.get(*key) != after.get(*key);
    let grown: Vec<_> = after.iter().filter(has_grown).collect();
    assert_eq!(grown.len(), 1, "{grown:?}");
    grown[0].0.class
}

/// Returns the packets of each flow.
fn by_key(classifier: &Classifier) -> BTreeMap<FlowKey, u64> {
    let mut flows = BTreeMap::new();
    for (key, volume) in classifier.flows() {
        *flows.entry(key).or_default() += volume.packets;
    }
    flows
}

fn received(is_ipv6: bool) -> Packet {
    match is_ipv6 {
        true => Packet::new(GERMANY.ipv6, LOCAL6),
        false => Packet::new(GERMANY.ipv4, LOCAL4),
    }
}

fn sent(is_ipv6: bool) -> Packet {
    match is_ipv6 {
        true => Packet::new(LOCAL6, GERMANY.ipv6),
        false => Packet::new(LOCAL4, GERMANY.ipv4),
    }
}

const BOTH: u16 = LOCAL + NARROW;

#[test]
fn a_class_is_the_sum_of_its_local_range_narrow_range_and_service() {
    let mut classifier = classifier();
    for half in 0..2 {
        let plus = half * 1_000;
        let flag = if half == 1 { CLASS_IS_SECOND } else { 0 };
        classifier.set_classes(u64::from(pair(FIRST)) | ALL | flag);
        for is_ipv6 in [false, true] {
            for (hook, mine, other) in [
                (Hook::Ingress, received(is_ipv6), 7),
                (Hook::Egress, sent(is_ipv6), 7),
            ] {
                let ports = |local: u16| match hook.is_egress() {
                    true => (local, other),
                    false => (other, local),
                };
                for (transport, service) in [
                    (udp(ports(443)), WEB),
                    (udp(ports(53)), DNS),
                    (tcp(ports(443)), WEB),
                    (tcp(ports(53)), 0),
                    (udp(ports(7)), 0),
                    // The remote port does not count.
                    (udp((ports(443).1, ports(443).0)), 0),
                    (Transport::Echo, 0),
                ] {
                    let frame = mine.clone().transport(transport).frame();
                    let class = class_of(&classifier, hook, &frame);
                    assert_eq!(
                        class,
                        BOTH + service + plus,
                        "{hook:?} {is_ipv6} {transport:?}"
                    );
                }
            }
        }
    }
}

fn udp((source, destination): (u16, u16)) -> Transport {
    Transport::Udp { source, destination }
}

fn tcp((source, destination): (u16, u16)) -> Transport {
    Transport::Tcp { source, destination }
}

#[test]
fn only_a_received_packet_that_asks_for_a_connection_is_an_attempt() {
    let classifier = classifier();
    for is_ipv6 in [false, true] {
        let syn = |source, destination| Transport::Syn { source, destination };
        let asks = received(is_ipv6).transport(syn(7, 443)).frame();
        let class = class_of(&classifier, Hook::Ingress, &asks);
        assert_eq!(class, BOTH + WEB + 1);
        // SYN and ACK is an answer.
        let mut answers = asks.clone();
        answers[if is_ipv6 { 67 } else { 47 }] |= 0x10;
        assert_eq!(class_of(&classifier, Hook::Ingress, &answers), BOTH + WEB);
        let other = received(is_ipv6).transport(syn(7, 80)).frame();
        assert_eq!(class_of(&classifier, Hook::Ingress, &other), BOTH);
        let sent = sent(is_ipv6).transport(syn(443, 7)).frame();
        assert_eq!(class_of(&classifier, Hook::Egress, &sent), BOTH + WEB);
    }
}

#[test]
fn fragments_belong_to_a_service_only_with_their_ports() {
    let classifier = classifier();
    let packet = received(false).transport(udp((7, 443))).payload(64);
    for (offset, more, service) in
        [(0, true, WEB), (0, false, WEB), (8, true, 0), (800, false, 0)]
    {
        let frame = packet.clone().ipv4_fragment(offset, more).frame();
        let class = class_of(&classifier, Hook::Ingress, &frame);
        assert_eq!(class, BOTH + service, "{offset} {more}");
    }
    let packet = received(true).transport(udp((7, 443))).payload(64);
    for (offset_bytes, more, service) in
        [(0, true, WEB), (0, false, WEB), (8, true, 0), (800, false, 0)]
    {
        let fragment = Extension::Fragment { offset_bytes, more };
        for before in [None, Some(Extension::HopByHop)] {
            let packet = before
                .into_iter()
                .fold(packet.clone(), |it, one| it.extension(one));
            let frame = packet.extension(fragment).frame();
            let class = class_of(&classifier, Hook::Ingress, &frame);
            assert_eq!(class, BOTH + service, "{offset_bytes} {more}");
        }
    }
}

#[test]
fn six_extension_headers_are_read_past_and_options_and_tags_too() {
    let classifier = classifier();
    for count in 0..=7 {
        let kinds = [
            Extension::HopByHop,
            Extension::DestinationOptions,
            Extension::Routing,
        ];
        let packet = received(true).transport(udp((7, 53)));
        let kinds = kinds.iter().cycle().take(count);
        let packet = kinds.fold(packet, |it, one| it.extension(*one));
        let service = if count <= 6 { DNS } else { 0 };
        let class = class_of(&classifier, Hook::Ingress, &packet.frame());
        assert_eq!(class, BOTH + service, "{count}");
    }
    for length in [0, 4, 40] {
        for tags in 0..4 {
            let packet =
                received(false).transport(udp((7, 53))).ipv4_options(length);
            let packet = (0..tags).fold(packet, |it, _| it.tag(DOT1Q, 7));
            let class = class_of(&classifier, Hook::Ingress, &packet.frame());
            assert_eq!(class, BOTH + DNS, "{length} {tags}");
        }
    }
}

#[test]
fn a_super_frame_and_a_cut_off_packet_have_classes() {
    let classifier = classifier();
    let packet = received(false).transport(tcp((7, 443))).payload(1_000);
    let offload = Offload { gso_size: 100, gso_segs: 10, wire_len: 0 };
    let frame = packet.frame();
    let class = class_with(&classifier, Hook::Ingress, &frame, offload);
    assert_eq!(class, BOTH + WEB);
    // Not even ports, and ports without flags.
    for (kept, service) in [(34, 0), (36, 0), (38, WEB), (40, WEB)] {
        let class = class_of(&classifier, Hook::Ingress, &frame[..kept]);
        assert_eq!(class, BOTH + service, "{kept}");
    }
}

#[test]
fn without_a_link_layer_classes_are_found_too() {
    let classifier = classifier();
    // For the kernel a test packet begins with an Ethernet header: bytes 12 and
    // 13, the source, say IPv4.
    let remote = [8, 0, 2, 7];
    let packet = Packet::new(remote, LOCAL4).transport(udp((7, 53)));
    let packet = packet.payload(22).packet();
    let class = class_of(&classifier, Hook::IngressWithoutEthernet, &packet);
    assert_eq!(class, LOCAL + DNS);
}

#[test]
fn an_address_in_no_range_has_the_first_number() {
    let classifier = classifier();
    let frame = Packet::new([203, 0, 113, 1], [203, 0, 113, 2])
        .transport(udp((7, 53)))
        .frame();
    assert_eq!(class_of(&classifier, Hook::Ingress, &frame), FIRST + DNS);
}

/// The kinds of one remote are found in the first place again, whatever their
/// number: the flows of a remote must not share two sets.
#[test]
fn a_remote_may_have_flows_of_very_many_classes() {
    let mut classifier = classifier();
    for port in 1..=200 {
        classifier.set_port(true, port, digit(2 * port));
    }
    for _ in 0..2 {
        for port in 1..=200 {
            let frame = received(true).transport(udp((7, port))).frame();
            classifier.run(Hook::Ingress, &frame, Offload::default());
        }
    }
    assert_eq!(classifier.assert_conserved(), 200);
    assert!(by_key(&classifier).values().all(|packets| *packets == 2));
}

/// Without classes the verifier leaves nothing of them in the programs.
#[test]
fn programs_without_classes_are_as_short_as_before() {
    let [without, with] = [Classifier::load(), Classifier::load_with_classes()]
        .map(|it| it.instructions());
    eprintln!("instructions: {without:?} without classes, {with:?} with them");
    for (without, with) in without.iter().zip(&with) {
        assert!(without < with, "{without} {with}");
    }
}

#[test]
fn an_ipv4_address_in_one_of_ipv6_is_kept() {
    let classifier = Classifier::load();
    for (address, kept, shown) in [
        ("64:ff9b::c000:207", "64:ff9b:c000:200::", "64:ff9b::c000:200"),
        // Teredo has the bits of the client's address inverted.
        (
            "2001:0:c633:6401:8000:63bf:3fff:fdf8",
            "2001:0:c000:200::",
            "2001::3fff:fdff",
        ),
        ("64:ff9b:1::c000:207", "64:ff9b:1::", "64:ff9b:1::"),
        ("64:ff9b::1:0:c000:207", "64:ff9b::", "64:ff9b::"),
        ("2001:db8:1::7", "2001:db8:1::", "2001:db8:1::"),
    ] {
        let remote: std::net::Ipv6Addr = address.parse().unwrap();
        let kept: std::net::Ipv6Addr = kept.parse().unwrap();
        let shown: IpAddr = shown.parse().unwrap();
        let before = classifier.flows().len();
        let frame = Packet::new(remote, LOCAL6).frame();
        classifier.run(Hook::Ingress, &frame, Offload::default());
        let frame = Packet::new(LOCAL6, remote).frame();
        classifier.run(Hook::Egress, &frame, Offload::default());
        let flows = classifier.flows();
        let flows = flows
            .iter()
            .filter(|(key, _)| key.remote == kept.octets())
            .collect::<Vec<_>>();
        for direction in [Direction::Received, Direction::Sent] {
            let own = flows.iter().find(|(key, _)| key.direction == direction);
            let (key, _) = own.unwrap_or_else(|| panic!("{address}"));
            assert_eq!(key.ip_version, IpVersion::V6);
            assert_eq!(key.remote_address(), shown, "{address}");
        }
        assert!(classifier.flows().len() <= before + 2);
    }
}
