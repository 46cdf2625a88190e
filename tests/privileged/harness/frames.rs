//! Frames to the byte: what a test sends is what it later asks for.
//!
//! A [`Packet`] describes a correct packet, checksums included. For anything
//! malformed, build a correct one and spoil its bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::link::Mac;

/// Length of an Ethernet header, which counts as bytes on the wire.
pub(crate) const ETHERNET: usize = 14;

/// An address nobody has: the receiving machine counts the frame at its hook
/// and then ignores it, so nothing is ever answered.
const NOBODY: Mac = [2, 0, 0, 0, 0, 0xee];
const SENDER: Mac = [2, 0, 0, 0, 0, 0xdd];

/// EtherTypes.
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const DOT1Q: u16 = 0x8100;
pub(crate) const DOT1AD: u16 = 0x88a8;
pub(crate) const LLDP: u16 = 0x88cc;

/// What stands above the network header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp {
        source: u16,
        destination: u16,
    },
    Tcp {
        source: u16,
        destination: u16,
    },
    /// TCP that asks for a connection.
    Syn {
        source: u16,
        destination: u16,
    },
    /// An echo request of the address's family.
    Echo,
}

impl Transport {
    /// Returns the protocol number and the header's length.
    fn header(self, is_ipv6: bool) -> (u8, usize) {
        match self {
            Self::Udp { .. } => (17, 8),
            Self::Tcp { .. } | Self::Syn { .. } => (6, 20),
            Self::Echo => (if is_ipv6 { 58 } else { 1 }, 8),
        }
    }
}

/// A header between an IPv6 header and its transport, each 8 bytes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extension {
    HopByHop,
    Routing,
    Fragment { offset_bytes: u16, more: bool },
    DestinationOptions,
}

impl Extension {
    fn protocol(self) -> u8 {
        match self {
            Self::HopByHop => 0,
            Self::Routing => 43,
            Self::Fragment { .. } => 44,
            Self::DestinationOptions => 60,
        }
    }

    fn body(self) -> [u8; 7] {
        match self {
            // Both end in a PadN option of four zeros.
            Self::HopByHop | Self::DestinationOptions => [0, 1, 4, 0, 0, 0, 0],
            // An unknown type without segments left is passed over.
            Self::Routing => [0, 253, 0, 0, 0, 0, 0],
            Self::Fragment { offset_bytes, more } => {
                assert_eq!(offset_bytes % 8, 0, "offsets are multiples of 8");
                let [high, low] =
                    (offset_bytes | u16::from(more)).to_be_bytes();
                [0, high, low, 0, 0, 0, 1]
            }
        }
    }
}

/// An IP packet and the frame around it.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    source: IpAddr,
    destination: IpAddr,
    transport: Transport,
    payload_length: usize,
    ipv4_options_length: usize,
    ipv4_fragment: u16,
    extensions: Vec<Extension>,
    tags: Vec<(u16, u16)>,
    macs: (Mac, Mac),
}

impl Packet {
    /// Describes an empty UDP packet between two addresses of one family.
    pub(crate) fn new(
        source: impl Into<IpAddr>,
        destination: impl Into<IpAddr>,
    ) -> Self {
        let (source, destination) = (source.into(), destination.into());
        assert_eq!(source.is_ipv6(), destination.is_ipv6(), "mixed families");
        Self {
            source,
            destination,
            transport: Transport::Udp { source: 40_000, destination: 40_001 },
            payload_length: 0,
            ipv4_options_length: 0,
            ipv4_fragment: 0,
            extensions: Vec::new(),
            tags: Vec::new(),
            macs: (SENDER, NOBODY),
        }
    }

    pub(crate) fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Fills the packet with this many bytes.
    pub(crate) fn payload(mut self, length: usize) -> Self {
        self.payload_length = length;
        self
    }

    /// Adds this many bytes of IPv4 options, a multiple of 4 up to 40.
    pub(crate) fn ipv4_options(mut self, length: usize) -> Self {
        assert!(
            length.is_multiple_of(4) && length <= 40,
            "{length} bytes of options"
        );
        self.ipv4_options_length = length;
        self
    }

    /// Makes it an IPv4 fragment.
    pub(crate) fn ipv4_fragment(mut self, offset: u16, more: bool) -> Self {
        assert_eq!(offset % 8, 0, "offsets are multiples of 8");
        self.ipv4_fragment = (offset / 8) | (u16::from(more) << 13);
        self
    }

    /// Adds an IPv6 extension header behind those already there.
    pub(crate) fn extension(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    /// Adds a VLAN tag behind those already there, the outermost first.
    pub(crate) fn tag(mut self, protocol: u16, vlan: u16) -> Self {
        self.tags.push((protocol, vlan));
        self
    }

    /// Sends it from one hardware address to another that may answer.
    pub(crate) fn between(mut self, source: Mac, destination: Mac) -> Self {
        self.macs = (source, destination);
        self
    }

    /// Returns whether it is an IPv6 packet.
    pub(crate) fn is_ipv6(&self) -> bool {
        self.source.is_ipv6()
    }

    /// Returns the frame: Ethernet header, tags and packet.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let inner = if self.source.is_ipv6() { IPV6 } else { IPV4 };
        framed(self.macs, &self.tags, inner, &self.packet())
    }

    /// Returns the packet alone, as devices without Ethernet carry it.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let segment = self.segment();
        let (protocol, _) = self.transport.header(self.source.is_ipv6());
        let mut packet =
            match (self.source, self.destination) {
                (IpAddr::V4(source), IpAddr::V4(destination)) => self
                    .ipv4_header(source, destination, protocol, segment.len()),
                (IpAddr::V6(source), IpAddr::V6(destination)) => self
                    .ipv6_header(source, destination, protocol, segment.len()),
                _ => unreachable!("the constructor refuses mixed families"),
            };
        packet.extend(segment);
        packet
    }

    fn ipv4_header(
        &self,
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: u8,
        above: usize,
    ) -> Vec<u8> {
        let length = 20 + self.ipv4_options_length;
        let words = u8::try_from(length / 4).expect("at most 15 words");
        let mut header = vec![0x40 | words, 0];
        header.extend(be16(length + above));
        header.extend([0, 1]);
        header.extend(self.ipv4_fragment.to_be_bytes());
        header.extend([64, protocol, 0, 0]);
        header.extend(source.octets());
        header.extend(destination.octets());
        // 1 is the option that does nothing.
        header.resize(length, 1);
        let sum = checksum([header.as_slice()]);
        header[10..12].copy_from_slice(&sum);
        header
    }

    fn ipv6_header(
        &self,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        protocol: u8,
        above: usize,
    ) -> Vec<u8> {
        let mut header = vec![0x60, 0, 0, 0];
        header.extend(be16(self.extensions.len() * 8 + above));
        let mut next: Vec<u8> =
            self.extensions.iter().map(|e| e.protocol()).collect();
        next.push(protocol);
        header.extend([next[0], 64]);
        header.extend(source.octets());
        header.extend(destination.octets());
        for (extension, following) in self.extensions.iter().zip(&next[1..]) {
            header.push(*following);
            header.extend(extension.body());
        }
        header
    }

    /// Returns the transport header and payload.
    fn segment(&self) -> Vec<u8> {
        let is_ipv6 = self.source.is_ipv6();
        let (protocol, header) = self.transport.header(is_ipv6);
        let length = header + self.payload_length;
        let mut segment = Vec::with_capacity(length);
        let checksum_at = match self.transport {
            Transport::Udp { source, destination } => {
                segment.extend(source.to_be_bytes());
                segment.extend(destination.to_be_bytes());
                segment.extend(be16(length));
                6
            }
            Transport::Tcp { source, destination } => {
                segment.extend(source.to_be_bytes());
                segment.extend(destination.to_be_bytes());
                // Sequence and acknowledgement 1, five words, ACK, window.
                segment.extend([0, 0, 0, 1, 0, 0, 0, 1]);
                segment.extend([0x50, 0x10, 0xff, 0xff]);
                16
            }
            Transport::Syn { source, destination } => {
                segment.extend(source.to_be_bytes());
                segment.extend(destination.to_be_bytes());
                // Sequence 1, five words, SYN, window.
                segment.extend([0, 0, 0, 1, 0, 0, 0, 0]);
                segment.extend([0x50, 0x02, 0xff, 0xff]);
                16
            }
            Transport::Echo => {
                segment.extend([if is_ipv6 { 128 } else { 8 }, 0]);
                2
            }
        };
        segment.resize(length, 0);
        let mut pseudo = Vec::new();
        if protocol != 1 {
            match (self.source, self.destination) {
                (IpAddr::V4(source), IpAddr::V4(destination)) => {
                    pseudo.extend(source.octets());
                    pseudo.extend(destination.octets());
                }
                (IpAddr::V6(source), IpAddr::V6(destination)) => {
                    pseudo.extend(source.octets());
                    pseudo.extend(destination.octets());
                }
                _ => unreachable!("the constructor refuses mixed families"),
            }
            pseudo.extend([0, protocol]);
            pseudo.extend(be16(length));
        }
        let sum = checksum([pseudo.as_slice(), segment.as_slice()]);
        segment[checksum_at..checksum_at + 2].copy_from_slice(&sum);
        segment
    }
}

/// Returns a frame of this EtherType with this many zero bytes behind its
/// header.
pub(crate) fn non_ip(ether_type: u16, length: usize) -> Vec<u8> {
    framed((SENDER, NOBODY), &[], ether_type, &vec![0; length])
}

/// Puts an Ethernet header and tags before anything.
pub(crate) fn framed(
    (source, destination): (Mac, Mac),
    tags: &[(u16, u16)],
    ether_type: u16,
    body: &[u8],
) -> Vec<u8> {
    let mut frame = Vec::with_capacity(ETHERNET + tags.len() * 4 + body.len());
    frame.extend(destination);
    frame.extend(source);
    for (protocol, vlan) in tags {
        frame.extend(protocol.to_be_bytes());
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(body);
    frame
}

fn be16(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("a packet's length").to_be_bytes()
}

/// Returns the Internet checksum over pieces of even length but the last.
fn checksum<const N: usize>(pieces: [&[u8]; N]) -> [u8; 2] {
    let mut sum: u32 = 0;
    for pair in pieces.iter().flat_map(|piece| piece.chunks(2)) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // Zero means "none" to UDP; all ones is the same number.
    let folded = !u16::try_from(sum).expect("folded to 16 bits");
    if folded == 0 { [0xff, 0xff] } else { folded.to_be_bytes() }
}
