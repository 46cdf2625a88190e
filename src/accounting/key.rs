//! The key of a flow: interface, direction, IP version, class and remote
//! prefix.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// The way in which a packet crossed the interface, seen from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Counted at the ingress hook.
    Received,
    /// Counted at the egress hook.
    Sent,
}

impl Direction {
    /// Returns 0 for received packets and 1 for sent ones, as the programs and
    /// saved states have it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Received => 0,
            Self::Sent => 1,
        }
    }

    /// Returns the direction with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Received),
            1 => Some(Self::Sent),
            _ => None,
        }
    }

    /// Returns a place in an array of two.
    #[must_use]
    pub const fn index(self) -> usize {
        self.number() as usize
    }
}

/// The version of the Internet Protocol a packet was counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpVersion {
    /// Returns 4 or 6, as the programs and saved states have it.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }

    /// Returns the version with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            4 => Some(Self::V4),
            6 => Some(Self::V6),
            _ => None,
        }
    }

    /// Returns a place in an array of two.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V6 => 1,
        }
    }

    /// Returns the value of the `ip_version` label: `"4"` or `"6"`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::V4 => "4",
            Self::V6 => "6",
        }
    }
}

/// The kinds of packets that the totals of an interface count apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// A packet whose remote address could be read.
    Ip(IpVersion),
    /// Everything else: ARP, LLDP, MPLS, truncated or malformed headers.
    NonIp,
}

/// One attachment to one network device, from attaching to detaching.
///
/// The number stands in the kernel's keys in place of the ifindex, because the
/// kernel gives an ifindex out again: a number is re-used only after all that
/// was counted under it has been read and removed.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
pub struct InterfaceId(pub u32);

/// The key by which the kernel counts a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// The interface that the packet crossed.
    pub interface: InterfaceId,
    /// The way it went.
    pub direction: Direction,
    /// The version of the address in `remote`.
    pub ip_version: IpVersion,
    /// The class that the program found for the packet; zero without classes.
    /// [`super::Classes`] has its meaning.
    pub class: u16,
    /// The prefix of the address at the other end, in network order; an IPv4
    /// prefix fills the first four bytes; bits past the prefix are zero. An
    /// address of IPv6 that carries one of IPv4 is kept in another form, which
    /// [`FlowKey::remote_address`] undoes.
    pub remote: [u8; 16],
}

impl FlowKey {
    /// Returns whether this is the key of a class: of packets without regard to
    /// their remote prefixes.
    #[must_use]
    pub fn is_without_remote(&self) -> bool {
        self.class != 0 && self.remote == [u8::MAX; 16]
    }

    /// Returns the key of the flow's class.
    pub(super) fn without_remote(self) -> Self {
        Self { remote: [u8::MAX; 16], ..self }
    }

    /// Returns the remote prefix's first address.
    ///
    /// For 64:ff9b::/96 of NAT64 and 2001::/32 of Teredo, the programs keep the
    /// prefix of the carried address of IPv4 in place of the bytes from the
    /// fifth to the eighth. This returns an address that carries it at its
    /// place. `carried_ipv4()` in `bpf-src/prefix.bpf.h` is the other side.
    #[must_use]
    pub fn remote_address(&self) -> IpAddr {
        match self.ip_version {
            IpVersion::V4 => {
                let [a, b, c, d, ..] = self.remote;
                Ipv4Addr::new(a, b, c, d).into()
            }
            IpVersion::V6 => carrying(self.remote).into(),
        }
    }
}

/// The first bytes of the two kinds of addresses that carry one of IPv4.
const NAT64: [u8; 4] = [0x00, 0x64, 0xff, 0x9b];
const TEREDO: [u8; 4] = [0x20, 0x01, 0x00, 0x00];

/// Returns the address of a remote prefix in its usual form. Neither kind has
/// such a prefix otherwise: nobody has an address in 0.0.0.0/8, and a whole
/// Teredo address does not end with zeros.
fn carrying(remote: [u8; 16]) -> Ipv6Addr {
    let [a, b, c, d, carried @ .., _, _, _, _, _, _, _, _] = remote;
    let mut address = remote;
    if carried[0] != 0 && remote[8..] == [0; 8] {
        let inverted = match [a, b, c, d] {
            NAT64 => 0,
            TEREDO => u8::MAX,
            _ => return address.into(),
        };
        address[4..8].fill(0);
        address[12..].copy_from_slice(&carried.map(|byte| byte ^ inverted));
    }
    address.into()
}

impl Hash for FlowKey {
    /// Hashes two words of 64 and 128 bits. A derived hash takes one step for
    /// each field.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { interface, direction, ip_version, class, remote } = *self;
        let [low, high] = class.to_le_bytes();
        let [a, b, c, d] = interface.0.to_le_bytes();
        let kind = [direction.number(), ip_version.number(), low, high];
        let [e, f, g, h] = kind;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
        state.write_u128(u128::from_le_bytes(remote));
    }
}
