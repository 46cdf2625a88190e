//! Packets made by hand, header by header from the inside out, which know how
//! many of their bytes each frame of a super-frame repeats.

use crate::harness::frames::{IPV4, IPV6, framed};
use crate::harness::link::mac_of;

/// The merged payload of the super-frames here.
pub(super) const PAYLOAD: usize = 1_000;

/// Bytes 12 and 13 say an EtherType: for the kernel a test packet begins with
/// an Ethernet header, where for a program without link layer it does not.
const SOURCE4: [u8; 4] = [8, 0, 2, 7];
const SOURCE6: [u8; 16] =
    [0x20, 1, 0xd, 0xb8, 0x86, 0xdd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

/// Protocol numbers.
const IPIP: u8 = 4;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
pub(super) const ESP: u8 = 50;

/// EtherTypes inside GRE.
const TRANSPARENT_ETHERNET: u16 = 0x6558;

/// A packet, or its inner part.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// How many of the bytes each frame of a super-frame repeats.
    pub(super) headers: usize,
}

impl Part {
    /// Puts a header before it, which each frame repeats.
    pub(super) fn behind(&self, name: &str, header: &[u8]) -> Self {
        Self {
            name: format!("{name} {}", self.name),
            bytes: [header, &self.bytes].concat(),
            headers: header.len() + self.headers,
        }
    }
}

fn be(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap().to_be_bytes()
}

pub(super) fn tcp(words: u8) -> Part {
    let mut header = vec![0; usize::from(words) * 4];
    header[12] = words << 4;
    let payload =
        Part { name: String::new(), bytes: vec![0xAB; PAYLOAD], headers: 0 };
    payload.behind(&format!("TCP of {words} words"), &header)
}

pub(super) fn udp(above: &Part) -> Part {
    let length = be(8 + above.bytes.len());
    let header = [&[0x12, 0x34, 0x56, 0x78], &length[..], &[0, 0]].concat();
    above.behind("UDP", &header)
}

fn datagrams() -> Part {
    udp(&Part { name: String::new(), bytes: vec![0; PAYLOAD], headers: 0 })
}

pub(super) fn ipv4(protocol: u8, options: usize, above: &Part) -> Part {
    let length = 20 + options;
    let mut header = vec![0x40 | u8::try_from(length / 4).unwrap(), 0];
    header.extend(be(length + above.bytes.len()));
    header.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
    header.extend(SOURCE4);
    header.extend([198, 18, 0, 1]);
    header.resize(length, 1);
    above.behind(&format!("IPv4+{options}"), &header)
}

pub(super) fn ipv6(protocol: u8, extensions: &[u8], above: &Part) -> Part {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend(be(extensions.len() * 8 + above.bytes.len()));
    let next: Vec<u8> = extensions.iter().copied().chain([protocol]).collect();
    header.extend([next[0], 64]);
    header.extend(SOURCE6);
    header.extend(SOURCE6);
    for following in &next[1..] {
        // Padded with one option.
        header.extend([*following, 0, 1, 4, 0, 0, 0, 0]);
    }
    above.behind(&format!("IPv6{extensions:?}"), &header)
}

pub(super) fn ethernet(tags: &[u16], ether_type: u16, above: &Part) -> Part {
    let macs = (mac_of("from"), mac_of("to"));
    let tags: Vec<(u16, u16)> = tags.iter().map(|tag| (*tag, 7)).collect();
    let header = framed(macs, &tags, ether_type, &[]);
    above.behind(&format!("Ethernet{tags:x?}"), &header)
}

/// Packets with what GSO and GRO merge.
pub(super) fn plain() -> Vec<(u16, Part)> {
    let mut packets = Vec::new();
    for above in [tcp(5), tcp(8), tcp(15), datagrams()] {
        let protocol = if above.name.starts_with("TCP") { TCP } else { UDP };
        for options in [0, 4, 40] {
            packets.push((IPV4, ipv4(protocol, options, &above)));
        }
        for extensions in
            [&[][..], &[0], &[43], &[60], &[0, 60], &[0, 60, 43, 60]]
        {
            packets.push((IPV6, ipv6(protocol, extensions, &above)));
        }
    }
    packets
}

/// The same inside each kind of tunnel.
pub(super) fn tunnelled() -> Vec<(u16, Part)> {
    let mut packets = Vec::new();
    for (inner_type, inner) in plain() {
        let is_ipv4 = inner_type == IPV4;
        let mut payloads = Vec::new();
        payloads.push((if is_ipv4 { IPIP } else { IPV6_IN_IP }, inner.clone()));
        let frame = ethernet(&[], inner_type, &inner);
        // Checksum, key, sequence number.
        for flags in [0_u16, 0x8000, 0x2000, 0x1000, 0x3000, 0xB000] {
            let length = 4 + 4 * flags.count_ones() as usize;
            for (carried, part) in
                [(inner_type, &inner), (TRANSPARENT_ETHERNET, &frame)]
            {
                let mut header = flags.to_be_bytes().to_vec();
                header.extend(carried.to_be_bytes());
                header.resize(length, 0x11);
                let name = format!("GRE({flags:x},{carried:x})");
                payloads.push((GRE, part.behind(&name, &header)));
            }
        }
        let vxlan = [8, 0, 0, 0, 0, 0, 42, 0];
        payloads.push((UDP, udp(&frame.behind("VXLAN", &vxlan))));
        for words in [0, 1, 2, 7] {
            let mut geneve = vec![words, 0, 0x65, 0x58, 0, 0, 42, 0];
            geneve.resize(8 + usize::from(words) * 4, 0x22);
            let name = format!("Geneve+{words}");
            payloads.push((UDP, udp(&frame.behind(&name, &geneve))));
        }
        for (protocol, payload) in payloads {
            packets.push((IPV4, ipv4(protocol, 0, &payload)));
            packets.push((IPV6, ipv6(protocol, &[], &payload)));
        }
    }
    packets
}
