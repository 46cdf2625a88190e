//! The tags of the flow table.

#![forbid(unsafe_code)]

use super::{DIRECTION_ORDER, INTERFACES};
use crate::accounting::{FlowKey, InterfaceId, IpVersion};

/// The IP versions in the order of the bit in a tag.
const VERSION_ORDER: [IpVersion; 2] = [IpVersion::V4, IpVersion::V6];

fn is_ipv6(key: &FlowKey) -> bool {
    key.ip_version == VERSION_ORDER[1]
}

/// A tag of the flow table, as `struct traffic_entry` describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub u64);

/// The first bit of each field of a tag.
mod bits {
    pub(super) const STATE: u32 = 32;
    pub(super) const IPV6: u32 = 34;
    pub(super) const DIRECTION: u32 = 35;
    pub(super) const INTERFACE: u32 = 36;
    pub(super) const INTERFACE_BITS: u32 = 12;
    pub(super) const CLASS: u32 = INTERFACE + INTERFACE_BITS;
}

impl Tag {
    /// The tag of a way that no flow has.
    pub const FREE: Self = Self(0);
    /// `TRAFFIC_USED` and `TRAFFIC_RETIRED`.
    const USED: u64 = 1;
    const RETIRED: u64 = 2;

    /// Returns whether no flow has the way, not even a retired one.
    #[must_use]
    pub fn is_free(self) -> bool {
        self == Self::FREE
    }

    /// Returns whether the program does not find the flow any more.
    #[must_use]
    pub fn is_retired(self) -> bool {
        self.0 >> bits::STATE & 3 == Self::RETIRED
    }

    /// Returns the tag with which the program does not find the flow.
    #[must_use]
    pub fn retired(self) -> Self {
        let state = Self::USED ^ Self::RETIRED;
        if self.is_retired() {
            self
        } else {
            Self(self.0 ^ state << bits::STATE)
        }
    }

    /// Returns the key of the flow, given the address of its entry.
    #[must_use]
    pub fn key(self, remote: [u64; 2]) -> FlowKey {
        let bit = |at: u32| usize::from(self.0 >> at & 1 == 1);
        let interface =
            self.0 >> bits::INTERFACE & ((1 << bits::INTERFACE_BITS) - 1);
        let mut address = [0; 16];
        address[..8].copy_from_slice(&remote[0].to_ne_bytes());
        address[8..].copy_from_slice(&remote[1].to_ne_bytes());
        FlowKey {
            interface: InterfaceId(interface as u32),
            direction: DIRECTION_ORDER[bit(bits::DIRECTION)],
            ip_version: VERSION_ORDER[bit(bits::IPV6)],
            class: (self.0 >> bits::CLASS) as u16,
            remote: address,
        }
    }

    /// Returns the tag of a used way. For IPv6 the low half of a tag is a hash,
    /// which the program computes.
    #[must_use]
    pub fn of(key: &FlowKey, hash: u32) -> Self {
        let [a, b, c, d, ..] = key.remote;
        let is_ipv6 = is_ipv6(key);
        let low = match key.ip_version {
            IpVersion::V4 => u32::from_ne_bytes([a, b, c, d]),
            IpVersion::V6 => hash,
        };
        let is_sent = key.direction == DIRECTION_ORDER[1];
        Self(
            u64::from(low)
                | Self::USED << bits::STATE
                | u64::from(is_ipv6) << bits::IPV6
                | u64::from(is_sent) << bits::DIRECTION
                | u64::from(key.interface.0) << bits::INTERFACE
                | u64::from(key.class) << bits::CLASS,
        )
    }
}

const _: () = {
    assert!(1 << bits::INTERFACE_BITS == INTERFACES);
    assert!(bits::CLASS + u16::BITS == u64::BITS);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_way_into_a_tag_and_back() {
        for direction in DIRECTION_ORDER {
            for ip_version in [IpVersion::V4, IpVersion::V6] {
                let mut key = FlowKey {
                    interface: InterfaceId(INTERFACES - 1),
                    direction,
                    ip_version,
                    class: 0x7ffe,
                    remote: *b"0123456789abcdef",
                };
                if ip_version == IpVersion::V4 {
                    key.remote[4..].fill(0);
                }
                let (high, low) = key.remote.split_at(8);
                let remote = [high, low]
                    .map(|it| u64::from_ne_bytes(it.try_into().unwrap()));
                let tag = Tag::of(&key, u32::MAX);
                assert!(!tag.is_free() && !tag.is_retired());
                assert_eq!(tag.key(remote), key);
                let retired = tag.retired();
                assert!(!retired.is_free() && retired.is_retired());
                assert_eq!(retired.key(remote), key);
                assert_eq!(retired.retired(), retired);
            }
        }
    }
}
