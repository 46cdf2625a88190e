//! The user side of `bpf-src/traffic_abi.h`: the same structs, names and
//! numbers, and their conversion to the accounting's types. No calls.
//!
//! The header is the truth. That the two agree is checked here at compile
//! time, in `tests/it/abi.rs` against the compiled object, by aya when it
//! opens the maps, and with real packets in `tests/privileged`.

#![forbid(unsafe_code)]

use std::mem::{offset_of, size_of};
use std::ops::AddAssign;

use crate::accounting::{
    Direction, Family, FlowKey, InterfaceId, IpVersion, KernelCounter,
};

/// The version of the totals and of all that the other maps rely on, as in
/// `bpf-src/traffic_abi.h`.
pub const ABI_VERSION: u32 = 2;

/// The version of the map of flows.
pub const FLOW_MAP_VERSION: u32 = 1;

/// The version of the flow table.
pub const FLOW_TABLE_VERSION: u32 = 1;

/// The version of the map of IPsec states.
pub const IPSEC_VERSION: u32 = 1;

/// The version of the notes on classes.
pub const CLASSES_VERSION: u32 = 1;

/// In the element of `class_settings`: the second half of each pair is in force.
pub const CLASS_IS_SECOND: u64 = 1 << 32;
/// There are local ranges.
pub const CLASS_HAS_LOCAL: u64 = 1 << 33;
/// There are ranges that are narrower than the kept prefix.
pub const CLASS_HAS_NARROW: u64 = 1 << 34;
/// There are services.
pub const CLASS_HAS_SERVICES: u64 = 1 << 35;

/// Elements of `service_ports` for each protocol.
pub const PORTS: usize = 65_536;

/// Most keys of `class_totals`.
pub const CLASS_TOTALS: u32 = 65_536;

/// Bits of a range before its address.
pub const RANGE_VERSION_BITS: u32 = 32;

/// In `packet_path`: IPv6 prefixes are longer than half an address.
pub const PATH_LONG_PREFIXES: u32 = 1;
/// Packets have classes.
pub const PATH_CLASSES: u32 = 2;

/// Most interfaces that can be counted at the same time.
pub const INTERFACES: u32 = 4096;

/// Ifindexes below this are looked up in an array, others in a hash map.
pub const DIRECT_IFINDEXES: u32 = 65_536;

/// A bit beside the number in an element of the map of interfaces: the programs
/// look for packets that IPsec decrypted.
pub const HAS_IPSEC: u32 = 1 << 27;

/// Places for IPsec states that were seen on the wire.
pub const IPSEC_STATES: u32 = 8192;

/// The families of the totals: IPv4, IPv6 and everything else.
pub const FAMILIES: usize = 3;

/// Ways of a set of the flow table.
pub const WAYS: usize = 8;

/// Words of 64 bits of `struct traffic_set`.
pub const SET_WORDS: usize = WAYS * ENTRY_WORDS;
/// Words of `struct traffic_entry`: tag, address, packets, bytes.
pub const ENTRY_WORDS: usize = 4;
/// Words of `struct traffic_total`.
pub const TOTAL_WORDS: usize = size_of::<TrafficTotal>() / 8;
/// Words of `struct traffic_statistics`.
pub const STATISTICS_WORDS: usize = size_of::<TrafficStatistics>() / 8;
/// Words of `struct traffic_part`.
pub const PART_WORDS: usize = size_of::<TrafficPart>() / 8;
/// The place of the mask of blocks in `struct traffic_part`.
pub const BLOCKS_MASK_WORD: usize = offset_of!(TrafficPart, blocks_mask) / 8;
/// The place of the mask of places in `struct traffic_part`.
pub const PLACES_MASK_WORD: usize = offset_of!(TrafficPart, places_mask) / 8;
/// The place of the limit in `struct traffic_part`.
pub const LIMIT_WORD: usize = offset_of!(TrafficPart, limit) / 8;
/// The place of the count of freed ways in `struct traffic_part`.
pub const FREED_WORD: usize = offset_of!(TrafficPart, freed_entries) / 8;

/// The families in the order of their numbers in C.
pub const FAMILY_ORDER: [Family; FAMILIES] =
    [Family::Ip(IpVersion::V4), Family::Ip(IpVersion::V6), Family::NonIp];

/// The directions in the order of their numbers in C.
pub const DIRECTION_ORDER: [Direction; 2] =
    [Direction::Received, Direction::Sent];

/// Returns the kernel's name of the hook that a direction is counted on.
#[must_use]
pub fn hook_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Received => "ingress",
        Direction::Sent => "egress",
    }
}

/// The user side of `bpf-src/connections_abi.h`.
pub mod connections;
/// The names of maps, programs and read-only variables in the object.
pub mod names;

mod tag;

pub use tag::Tag;

/// `struct traffic_key`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficKey {
    /// The attachment's number.
    pub interface: u32,
    /// 0 received, 1 sent.
    pub direction: u8,
    /// 4 or 6.
    pub ip_version: u8,
    /// The class; zero without classes.
    pub class: u16,
    /// The remote prefix in network order.
    pub remote: [u8; 16],
}

/// `struct traffic_range_key`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficRangeKey {
    /// Bits from `ip_version` on.
    pub prefix_length: u32,
    /// 4 or 6.
    pub ip_version: u32,
    /// The first address in network order.
    pub address: [u8; 16],
}

/// `struct traffic_value`, one a CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TrafficValue {
    /// Packets on the wire.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// The low half of jiffies; meaningless where `packets` is zero.
    pub last_seen: u32,
    /// Not zero on the CPU that created the key.
    pub generation: u32,
}

/// `struct traffic_total`, one a CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficTotal {
    /// Packets by family.
    pub packets: [u64; FAMILIES],
    /// Bytes by family.
    pub bytes: [u64; FAMILIES],
}

impl AddAssign for TrafficTotal {
    fn add_assign(&mut self, other: Self) {
        for family in 0..FAMILIES {
            self.packets[family] += other.packets[family];
            self.bytes[family] += other.bytes[family];
        }
    }
}

/// `struct traffic_statistics`, one a CPU: the values of
/// [`KernelCounter`] in their order, and room
/// that fills the cache line.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TrafficStatistics {
    /// The counters.
    pub counters: [u64; 8],
}

/// `struct traffic_part`, one a CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TrafficPart {
    /// The blocks of the flow table that may have used ways, less one.
    pub blocks_mask: u64,
    /// Ways of the flow table taken.
    pub taken_entries: u64,
    /// Ways of the flow table freed; written by user space alone.
    pub freed_entries: u64,
    /// The blocks in which flows have their places, less one.
    pub places_mask: u64,
    /// The used ways from which on the part grows.
    pub limit: u64,
    /// Fills the cache line.
    pub unused: [u64; 3],
}

/// `struct traffic_entry`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TrafficEntry {
    /// The state and the owner of the way: see [`Tag`].
    pub tag: u64,
    /// The first half of the remote prefix of IPv6; all of one of IPv4.
    pub remote: u64,
    /// Packets on the wire, of all flows that ever had the way.
    pub packets: u64,
    /// Bytes on the wire, likewise.
    pub bytes: u64,
}

/// `struct traffic_set`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TrafficSet {
    /// The ways.
    pub entries: [TrafficEntry; WAYS],
}

/// `struct traffic_rests`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TrafficRests {
    /// The second halves of the remote prefixes of IPv6 in a set.
    pub remote: [u64; WAYS],
}

/// `struct traffic_admission`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TrafficAdmission {
    /// Keys taken in since user space set the count back.
    pub admitted: u64,
}

/// `struct traffic_ipsec_state`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TrafficIpsecState {
    /// The time at which a whole packet was received; zero for never.
    pub seen_at: u32,
    /// Packets in fragments that are not decrypted yet.
    pub fragments: i32,
}

const _: () = {
    assert!(size_of::<TrafficKey>() == 24);
    assert!(offset_of!(TrafficKey, direction) == 4);
    assert!(offset_of!(TrafficKey, remote) == 8);
    assert!(size_of::<TrafficValue>() == 24);
    assert!(offset_of!(TrafficValue, last_seen) == 16);
    assert!(size_of::<TrafficTotal>() == 48);
    assert!(size_of::<TrafficStatistics>() == 64);
    assert!(KernelCounter::ALL.len() <= STATISTICS_WORDS);
    assert!(size_of::<TrafficSet>() == SET_WORDS * 8);
    assert!(size_of::<TrafficEntry>() == ENTRY_WORDS * 8);
};

impl TrafficKey {
    /// As [`FlowKey::is_without_remote`].
    #[must_use]
    pub fn is_without_remote(&self) -> bool {
        self.class != 0 && self.remote == [u8::MAX; 16]
    }

    /// Returns the key that the accounting uses, or `None` if a number in it
    /// has no meaning, which the kernel side never writes.
    #[must_use]
    pub fn decode(&self) -> Option<FlowKey> {
        Some(FlowKey {
            interface: InterfaceId(self.interface),
            direction: Direction::from_number(self.direction)?,
            ip_version: IpVersion::from_number(self.ip_version)?,
            class: self.class,
            remote: self.remote,
        })
    }
}

impl From<&FlowKey> for TrafficKey {
    fn from(key: &FlowKey) -> Self {
        Self {
            interface: key.interface.0,
            direction: key.direction.number(),
            ip_version: key.ip_version.number(),
            class: key.class,
            remote: key.remote,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_way_to_the_kernel_and_back() {
        for direction in DIRECTION_ORDER {
            for ip_version in [IpVersion::V4, IpVersion::V6] {
                let key = FlowKey {
                    interface: InterfaceId(7),
                    direction,
                    ip_version,
                    class: 0x8001,
                    remote: *b"0123456789abcdef",
                };
                assert_eq!(TrafficKey::from(&key).decode(), Some(key));
            }
        }
    }

    #[test]
    fn a_key_with_a_senseless_number_is_nobodys() {
        let key =
            TrafficKey { ip_version: 4, direction: 1, ..Default::default() };
        assert!(key.decode().is_some());
        assert_eq!(TrafficKey { ip_version: 5, ..key }.decode(), None);
        assert_eq!(TrafficKey { direction: 2, ..key }.decode(), None);
    }
}
