//! The programs, run by the kernel on packets made by hand: every kind of
//! header in every place, also of tunnels that this kernel may not have.

mod packets;

use geoip_exporter::accounting::IpVersion;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::harness::classifier::{Classifier, Hook, Offload};
use crate::harness::frames::{DOT1AD, DOT1Q, IPV4, IPV6};
use crate::harness::link::Volume;

use self::packets::{
    ESP, PAYLOAD, Part, TCP, UDP, ethernet, ipv4, ipv6, plain, tcp, tunnelled,
    udp,
};

fn version(ether_type: u16) -> Option<IpVersion> {
    match ether_type {
        IPV4 => Some(IpVersion::V4),
        IPV6 => Some(IpVersion::V6),
        _ => None,
    }
}

/// Checks that a packet that stands for `segments` is counted as them, however
/// it is told.
fn assert_segments(
    classifier: &Classifier,
    hook: Hook,
    packet: &Part,
    ip_version: Option<IpVersion>,
) {
    for segments in [1, 2, 7, 10] {
        let gso_size = PAYLOAD.div_ceil(segments);
        let repeated = (segments - 1) * packet.headers;
        let bytes = (packet.bytes.len() + repeated) as u64;
        let number = |number: usize| u32::try_from(number).unwrap();
        let wire_len = if hook.is_egress() {
            u32::try_from(bytes).unwrap()
        } else {
            // Not to be trusted there.
            0
        };
        for gso_segs in [number(segments), 0] {
            let gso_size = number(gso_size);
            let offload = Offload { gso_size, gso_segs, wire_len };
            let count = classifier.run(hook, &packet.bytes, offload);
            let expected = Volume { packets: segments as u64, bytes };
            assert_eq!(
                (count.ip_version, count.volume),
                (ip_version, expected),
                "{hook:?} {offload:?} {}",
                packet.name
            );
        }
    }
}

#[test]
fn super_frames_are_taken_apart_whatever_their_headers_are() {
    let classifier = Classifier::load();
    for (ether_type, packet) in plain() {
        let ip_version = version(ether_type);
        for tags in [
            &[][..],
            &[DOT1Q],
            &[DOT1AD],
            &[DOT1AD, DOT1Q],
            &[DOT1AD, DOT1Q, DOT1Q, DOT1Q],
        ] {
            let frame = ethernet(tags, ether_type, &packet);
            for hook in [Hook::Ingress, Hook::Egress] {
                assert_segments(&classifier, hook, &frame, ip_version);
            }
        }
        for hook in [Hook::IngressWithoutEthernet, Hook::EgressWithoutEthernet]
        {
            assert_segments(&classifier, hook, &packet, ip_version);
        }
    }
    // Both directions of one prefix of each family.
    assert_eq!(classifier.assert_conserved(), 4);
}

#[test]
fn super_frames_in_tunnels_repeat_the_headers_of_both() {
    let classifier = Classifier::load();
    for (ether_type, packet) in tunnelled() {
        let ip_version = version(ether_type);
        let frame = ethernet(&[], ether_type, &packet);
        for hook in [Hook::Ingress, Hook::Egress] {
            assert_segments(&classifier, hook, &frame, ip_version);
        }
        for hook in [Hook::IngressWithoutEthernet, Hook::EgressWithoutEthernet]
        {
            assert_segments(&classifier, hook, &packet, ip_version);
        }
    }
    classifier.assert_conserved();
}

/// BIG TCP: each frame is without the header that says how long the
/// super-frame is. The kernel's `wire_len` counts it.
#[test]
fn the_jumbo_header_is_on_no_wire() {
    let classifier = Classifier::load();
    let mut packet = ipv6(TCP, &[0], &tcp(8));
    packet.bytes[4..6].fill(0);
    packet.bytes[40..48].copy_from_slice(&[TCP, 0, 0xC2, 4, 0, 1, 0, 0]);
    let frame = ethernet(&[], IPV6, &packet);
    for hook in [Hook::Ingress, Hook::Egress] {
        let length = frame.bytes.len() + 9 * frame.headers;
        let wire_len = if hook == Hook::Egress { length } else { 0 };
        let wire_len = u32::try_from(wire_len).unwrap();
        for gso_segs in [10, 0] {
            let offload = Offload { gso_size: 100, gso_segs, wire_len };
            let count = classifier.run(hook, &frame.bytes, offload);
            let bytes = (length - 10 * 8) as u64;
            assert_eq!(count.volume, Volume { packets: 10, bytes });
        }
    }
}

/// A UDP super-frame is no tunnel because its payload happens to begin like
/// one, as long as it does not go on so.
#[test]
fn a_payload_that_only_looks_like_a_tunnel_is_a_payload() {
    let classifier = Classifier::load();
    let inner = ethernet(&[], IPV4, &ipv4(TCP, 0, &tcp(5)));
    let vxlan = inner.behind("VXLAN", &[8, 0, 0, 0, 0, 0, 42, 0]);
    let mut packet = ethernet(&[], IPV4, &ipv4(UDP, 0, &udp(&vxlan)));
    // The inner packet is said to be a byte shorter than what is left.
    packet.bytes[14 + 20 + 8 + 8 + 14 + 3] -= 1;
    let offload = Offload { gso_size: 200, gso_segs: 6, wire_len: 0 };
    let count = classifier.run(Hook::Ingress, &packet.bytes, offload);
    let bytes = (packet.bytes.len() + 5 * (14 + 20 + 8)) as u64;
    assert_eq!(count.volume, Volume { packets: 6, bytes });
}

#[test]
fn what_is_cut_off_anywhere_is_counted_once() {
    let classifier = Classifier::load();
    let packets = plain().into_iter().chain(tunnelled());
    // Every so many of them, each cut at every length of its headers.
    for (ether_type, packet) in packets.step_by(37) {
        let frame = ethernet(&[DOT1Q], ether_type, &packet);
        let header = if ether_type == IPV4 { 20 } else { 40 };
        for length in 15..frame.headers + 3 {
            for hook in [Hook::Ingress, Hook::Egress] {
                let offload =
                    Offload { gso_size: 100, gso_segs: 4, wire_len: 0 };
                let cut = &frame.bytes[..length];
                let count = classifier.run(hook, cut, offload);
                let whole = length >= 18 + header;
                let expected = version(ether_type).filter(|_| whole);
                assert_eq!(count.ip_version, expected, "{length}");
                assert_eq!(count.volume.packets, 4);
            }
        }
    }
    classifier.assert_conserved();
}

/// An IP packet that is no super-frame is as long as it is, whatever it holds.
#[test]
fn what_cannot_be_merged_is_counted_by_its_length() {
    let classifier = Classifier::load();
    let above = Part { name: String::new(), bytes: vec![0; 80], headers: 0 };
    for protocol in 0..=255 {
        for (ether_type, packet) in [
            (IPV4, ipv4(protocol, 0, &above)),
            (IPV6, ipv6(protocol, &[], &above)),
        ] {
            let frame = ethernet(&[], ether_type, &packet);
            for hook in [Hook::Ingress, Hook::Egress] {
                let offload = Offload::default();
                let count = classifier.run(hook, &frame.bytes, offload);
                let bytes = frame.bytes.len() as u64;
                assert_eq!(count.ip_version, version(ether_type));
                assert_eq!(count.volume, Volume { packets: 1, bytes });
            }
        }
    }
    let encrypted = ethernet(&[], IPV4, &ipv4(ESP, 0, &above));
    let offload = Offload { gso_size: 20, gso_segs: 4, wire_len: 0 };
    let count = classifier.run(Hook::Ingress, &encrypted.bytes, offload);
    let bytes = (encrypted.bytes.len() + 3 * 34) as u64;
    assert_eq!(count.volume, Volume { packets: 4, bytes });
    classifier.assert_conserved();
}

/// Nothing that a packet says of itself makes it count for less than its
/// frames' bytes, or for much more than could be sent.
#[test]
fn nonsense_is_counted_once_and_never_absurdly() {
    let classifier = Classifier::load();
    let templates: Vec<(u16, Part)> = plain()
        .into_iter()
        .chain(tunnelled().into_iter().step_by(11))
        .collect();
    let nonsense = (
        prop::sample::select(templates),
        prop::collection::vec((0_usize..160, any::<u8>()), 0..12),
        15_usize..1_200,
        (0_u32..3_000, 0_u32..60),
        prop::sample::select(Hook::ALL.to_vec()),
    );
    // No file: the test's own source is not found from here.
    let settings = ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new(settings);
    let result =
        runner.run(&nonsense, |(packet, changes, length, gso, hook)| {
            let (ether_type, packet) = packet;
            let is_ethernet = matches!(hook, Hook::Ingress | Hook::Egress);
            // The kernel runs no test on what it knows to be less than an IP
            // header, but does not look behind a tag.
            let (part, length) = if is_ethernet {
                (ethernet(&[DOT1Q], ether_type, &packet), length)
            } else {
                (packet, length.max(60))
            };
            let mut bytes = part.bytes;
            for (at, value) in changes {
                // All but the EtherType, for the same reason.
                if let Some(byte) =
                    bytes.get_mut(if at < 12 { at } else { at + 2 })
                {
                    *byte = value;
                }
            }
            bytes.truncate(length);
            let (gso_size, gso_segs) = gso;
            let offload = Offload { gso_size, gso_segs, wire_len: 0 };
            let Volume { packets, bytes: counted } =
                classifier.run(hook, &bytes, offload).volume;
            let length = bytes.len() as u64;
            // Without the jumbo header, at most.
            let least = length.saturating_sub(16 * packets);
            prop_assert!(counted >= least, "{counted} of {length}");
            // Headers of four extensions of 2 KiB, twice.
            let most = length + packets * 20_000;
            prop_assert!(counted <= most, "{counted} of {length}, {packets}");
            prop_assert!(packets <= u64::from(gso_segs).max(length));
            Ok(())
        });
    if let Err(error) = result {
        panic!("{error}");
    }
    classifier.assert_conserved();
}

/// A sender that lies about its packet's headers cannot make the count wrap.
#[test]
fn a_jumbo_header_never_takes_away_more_than_there_is() {
    let classifier = Classifier::load();
    let mut packet = ipv6(TCP, &[0], &tcp(5));
    packet.bytes[4..6].fill(0);
    packet.bytes[40..48].copy_from_slice(&[TCP, 0, 0xC2, 4, 0, 1, 0, 0]);
    let frame = ethernet(&[], IPV6, &packet);
    let offload = Offload { gso_size: 1, gso_segs: 1_000, wire_len: 0 };
    let count = classifier.run(Hook::Egress, &frame.bytes, offload);
    let bytes = frame.bytes.len() as u64;
    assert_eq!(count.volume, Volume { packets: 1_000, bytes });
}

/// A guest or a tun user gives the size of the segments alone, and may claim
/// that each is of one byte. Linux makes none so small.
#[test]
fn a_claim_of_tiny_segments_inflates_nothing() {
    let classifier = Classifier::load();
    let counted = |frame: &Part, gso_size| {
        let offload = Offload { gso_size, gso_segs: 0, wire_len: 0 };
        let count = classifier.run(Hook::Ingress, &frame.bytes, offload);
        assert!(count.volume.packets > 0, "{}", frame.name);
        count.volume
    };
    let expected = |frame: &Part, packets: usize| Volume {
        packets: packets as u64,
        bytes: (frame.bytes.len() + (packets - 1) * frame.headers) as u64,
    };
    // 48 bytes of options and payload, of them 8 of payload.
    for (words, least) in [(5, 48), (8, 36), (14, 12), (15, 8)] {
        let frame = ethernet(&[], IPV4, &ipv4(TCP, 0, &tcp(words)));
        for gso_size in 1..100 {
            let size = usize::try_from(gso_size).unwrap().max(least);
            let packets = PAYLOAD.div_ceil(size);
            assert_eq!(counted(&frame, gso_size), expected(&frame, packets));
        }
    }
    let payload = Part { name: String::new(), bytes: vec![0; 400], headers: 0 };
    let frame = ethernet(&[], IPV6, &ipv6(UDP, &[], &udp(&payload)));
    for (gso_size, packets) in [(1, 128), (3, 128), (4, 100), (100, 4)] {
        assert_eq!(counted(&frame, gso_size), expected(&frame, packets));
    }
    // What the stack says of its own super-frames is true.
    let offload = Offload { gso_size: 1, gso_segs: 400, wire_len: 0 };
    let count = classifier.run(Hook::Ingress, &frame.bytes, offload);
    assert_eq!(count.volume, expected(&frame, 400));
}
