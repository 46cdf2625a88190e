//! The user side of `bpf-src/traffic_abi.h`: the same structs, names and
//! numbers, and how they read as the accounting's types. No calls.
//!
//! The header is the truth. That the two agree is checked here at compile
//! time, in `tests/it/abi.rs` against the compiled object, by aya when it
//! opens the maps, and with real packets in `tests/privileged`.

#![allow(unsafe_code)]

use std::mem::{offset_of, size_of};

use crate::accounting::{Direction, Family, FlowKey, InterfaceId, IpVersion};

/// Most interfaces that can be counted at the same time.
pub const INTERFACES: u32 = 4096;

/// Ifindexes below this are looked up in an array, others in a hash map.
pub const DIRECT_IFINDEXES: u32 = 65_536;

/// What the totals tell apart: IPv4, IPv6 and everything else.
pub const FAMILIES: usize = 3;

/// The families in the order of their numbers in C.
pub const FAMILY_ORDER: [Family; FAMILIES] =
    [Family::Ip(IpVersion::V4), Family::Ip(IpVersion::V6), Family::NonIp];

/// The directions in the order of their numbers in C.
pub const DIRECTION_ORDER: [Direction; 2] =
    [Direction::Received, Direction::Sent];

/// The names of maps, programs and read-only variables in the object.
pub mod names {
    /// The map of flows.
    pub const FLOWS: &str = "flows";
    /// The map of exact totals.
    pub const TOTALS: &str = "totals";
    /// The map of statistics.
    pub const STATISTICS: &str = "statistics";
    /// The map from low ifindexes to interface numbers.
    pub const INTERFACES: &str = "interfaces";
    /// The map from high ifindexes to interface numbers.
    pub const FAR_INTERFACES: &str = "far_interfaces";
    /// How many bits of an IPv4 address are kept.
    pub const IPV4_PREFIX_LENGTH: &str = "ipv4_prefix_length";
    /// How many bits of an IPv6 address are kept.
    pub const IPV6_PREFIX_LENGTH: &str = "ipv6_prefix_length";
    /// Counts what arrives with an Ethernet header.
    pub const INGRESS: &str = "traffic_ingress";
    /// Counts what leaves with an Ethernet header.
    pub const EGRESS: &str = "traffic_egress";
    /// Counts what arrives without a link layer.
    pub const INGRESS_L3: &str = "traffic_ingress_l3";
    /// Counts what leaves without a link layer.
    pub const EGRESS_L3: &str = "traffic_egress_l3";
    /// Tells the time in the unit of `last_seen`.
    pub const CLOCK: &str = "traffic_clock";
}

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
    /// Zero.
    pub local_range: u16,
    /// The remote prefix in network order.
    pub remote: [u8; 16],
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
#[derive(Clone, Copy, Debug, Default)]
pub struct TrafficTotal {
    /// Packets by family.
    pub packets: [u64; FAMILIES],
    /// Bytes by family.
    pub bytes: [u64; FAMILIES],
}

/// `struct traffic_statistics`, one a CPU.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct TrafficStatistics {
    /// Keys created.
    pub new_keys: u64,
    /// Packets whose key was not there yet.
    pub lookup_failures: u64,
    /// Packets whose key could not be created.
    pub update_failures: u64,
    /// Packets of a device that is not being counted.
    pub unknown_interfaces: u64,
}

const _: () = {
    assert!(size_of::<TrafficKey>() == 24);
    assert!(offset_of!(TrafficKey, direction) == 4);
    assert!(offset_of!(TrafficKey, remote) == 8);
    assert!(size_of::<TrafficValue>() == 24);
    assert!(offset_of!(TrafficValue, last_seen) == 16);
    assert!(size_of::<TrafficTotal>() == 48);
    assert!(size_of::<TrafficStatistics>() == 32);
};

// SAFETY: the struct is `repr(C)`, made of integers only, and has no padding
// (its size, asserted above, is the sum of its fields), so every bit pattern
// is a value and every byte is initialised.
unsafe impl aya::Pod for TrafficTotal {}
// SAFETY: as above.
unsafe impl aya::Pod for TrafficStatistics {}

impl TrafficKey {
    /// Returns whom the key counts for, or `None` where a number in it has no
    /// meaning, which the kernel side never writes.
    #[must_use]
    pub fn decode(&self) -> Option<FlowKey> {
        Some(FlowKey {
            interface: InterfaceId(self.interface),
            direction: *DIRECTION_ORDER.get(usize::from(self.direction))?,
            ip_version: match self.ip_version {
                4 => IpVersion::V4,
                6 => IpVersion::V6,
                _ => return None,
            },
            remote: self.remote,
        })
    }
}

impl From<&FlowKey> for TrafficKey {
    fn from(key: &FlowKey) -> Self {
        Self {
            interface: key.interface.0,
            direction: match key.direction {
                Direction::Received => 0,
                Direction::Sent => 1,
            },
            ip_version: match key.ip_version {
                IpVersion::V4 => 4,
                IpVersion::V6 => 6,
            },
            local_range: 0,
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
