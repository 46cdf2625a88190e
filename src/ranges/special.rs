//! Addresses of IANA's registries of special-purpose addresses, and addresses
//! that carry an IPv4 address.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Prefix;

/// The purpose of a special address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Special {
    /// RFC 1918, and unique local addresses.
    Private,
    /// RFC 6598: between a provider and its customers.
    Shared,
    /// The machine itself.
    Loopback,
    /// One link only.
    LinkLocal,
    /// A group of receivers.
    Multicast,
    /// Everybody on a link.
    Broadcast,
    /// Examples.
    Documentation,
    /// All other addresses that are not given out.
    Reserved,
}

impl Special {
    /// Every purpose.
    pub const ALL: [Self; 8] = [
        Self::Private,
        Self::Shared,
        Self::Loopback,
        Self::LinkLocal,
        Self::Multicast,
        Self::Broadcast,
        Self::Documentation,
        Self::Reserved,
    ];

    /// Returns the value of the label `country`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Private => "PRIVATE",
            Self::Shared => "SHARED",
            Self::Loopback => "LOOPBACK",
            Self::LinkLocal => "LINK_LOCAL",
            Self::Multicast => "MULTICAST",
            Self::Broadcast => "BROADCAST",
            Self::Documentation => "DOCUMENTATION",
            Self::Reserved => "RESERVED",
        }
    }

    /// Returns a place in an array of all.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the purpose of the prefix of this length at an address. Of a
    /// prefix that also has other addresses, the first one decides, except that
    /// the end of IPv4's space means the broadcast address: nothing else in it
    /// is used.
    #[must_use]
    pub fn of(address: IpAddr, length: u8) -> Option<Self> {
        match address {
            IpAddr::V4(v4) => {
                let prefix = Prefix::of(address, length)?;
                let broadcast = Ipv4Addr::BROADCAST.into();
                match length >= 8 && prefix.contains(broadcast) {
                    true => Some(Self::Broadcast),
                    false => find(&V4, u32::from(v4).into(), 32),
                }
            }
            IpAddr::V6(v6) => find(&V6, v6.into(), 128),
        }
    }
}

/// A special prefix: first address, length, purpose.
type Row<A> = (A, u8, Special);

fn find<A>(rows: &[Row<A>], address: u128, bits: u8) -> Option<Special>
where
    A: Copy + Into<u128>,
{
    let is_in = |(first, length, _): &&Row<A>| {
        let rest = u32::from(bits - length);
        let (first, address) = ((*first).into(), address);
        rest == 128 || first >> rest == address >> rest
    };
    rows.iter().find(is_in).map(|(.., special)| *special)
}

const fn v4(a: u8, b: u8, c: u8) -> u32 {
    u32::from_be_bytes([a, b, c, 0])
}

/// The narrower prefix first.
const V4: [Row<u32>; 16] = [
    (v4(0, 0, 0), 8, Special::Reserved),
    (v4(10, 0, 0), 8, Special::Private),
    (v4(100, 64, 0), 10, Special::Shared),
    (v4(127, 0, 0), 8, Special::Loopback),
    (v4(169, 254, 0), 16, Special::LinkLocal),
    (v4(172, 16, 0), 12, Special::Private),
    (v4(192, 0, 0), 24, Special::Reserved),
    (v4(192, 0, 2), 24, Special::Documentation),
    (v4(192, 88, 99), 24, Special::Reserved),
    (v4(192, 168, 0), 16, Special::Private),
    (v4(198, 18, 0), 15, Special::Reserved),
    (v4(198, 51, 100), 24, Special::Documentation),
    (v4(203, 0, 113), 24, Special::Documentation),
    (v4(224, 0, 0), 4, Special::Multicast),
    (u32::MAX, 32, Special::Broadcast),
    (v4(240, 0, 0), 4, Special::Reserved),
];

const fn v6(a: u16, b: u16, c: u16, d: u16, last: u16) -> u128 {
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, last).to_bits()
}

/// The narrower prefix first.
const V6: [Row<u128>; 16] = [
    (v6(0, 0, 0, 0, 1), 128, Special::Loopback),
    // Unspecified, mapped and compatible addresses.
    (v6(0, 0, 0, 0, 0), 48, Special::Reserved),
    (NAT64, 96, Special::Reserved),
    (v6(0x64, 0xff9b, 1, 0, 0), 48, Special::Private),
    (v6(0x100, 0, 0, 0, 0), 48, Special::Reserved),
    (v6(0x2001, 2, 0, 0, 0), 48, Special::Reserved),
    (v6(0x2001, 0x10, 0, 0, 0), 28, Special::Reserved),
    (v6(0x2001, 0x20, 0, 0, 0), 28, Special::Reserved),
    (v6(0x2001, 0xdb8, 0, 0, 0), 32, Special::Documentation),
    (TEREDO, 32, Special::Reserved),
    (v6(0x3fff, 0, 0, 0, 0), 20, Special::Documentation),
    (v6(0x5f00, 0, 0, 0, 0), 16, Special::Reserved),
    (v6(0xfc00, 0, 0, 0, 0), 7, Special::Private),
    (v6(0xfe80, 0, 0, 0, 0), 10, Special::LinkLocal),
    (v6(0xfec0, 0, 0, 0, 0), 10, Special::Reserved),
    (v6(0xff00, 0, 0, 0, 0), 8, Special::Multicast),
];

const NAT64: u128 = v6(0x64, 0xff9b, 0, 0, 0);
const TEREDO: u128 = v6(0x2001, 0, 0, 0, 0);
const SIX_TO_FOUR: u128 = v6(0x2002, 0, 0, 0, 0);

/// Returns the IPv4 address that an IPv6 address carries.
///
/// | prefix | bits of the IPv4 address |
/// |---|---|
/// | 2002::/16 (6to4) | 16 to 47 |
/// | 64:ff9b::/96 (NAT64's well-known prefix) | 96 to 127 |
/// | 2001::/32 (Teredo) | 96 to 127, inverted |
///
/// A key that keeps 48 bits has the address of 6to4 as a whole. For the other
/// two, the kernel's programs keep the prefix of the carried address at another
/// place of the key; the address of a flow's key has it at its own again. An
/// address with zeros there carries none.
#[must_use]
pub fn carried_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = u128::from(address);
    let last = || {
        let [.., a, b, c, d] = address.octets();
        Some(u32::from_be_bytes([a, b, c, d])).filter(|last| *last != 0)
    };
    let carried = if bits >> 112 == SIX_TO_FOUR >> 112 {
        let [_, _, a, b, c, d, ..] = address.octets();
        Some(u32::from_be_bytes([a, b, c, d]))
    } else if bits >> 32 == NAT64 >> 32 {
        last()
    } else if bits >> 96 == TEREDO >> 96 {
        last().map(|inverted| !inverted)
    } else {
        None
    };
    carried.map(Ipv4Addr::from)
}

/// Returns whether the address has NAT64's well-known prefix.
#[must_use]
pub fn is_nat64(address: Ipv6Addr) -> bool {
    u128::from(address) >> 32 == NAT64 >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registered_purpose_has_its_label() {
        for (text, length, label) in [
            ("10.1.2.0", 24, "PRIVATE"),
            ("172.31.255.0", 24, "PRIVATE"),
            ("192.168.0.0", 24, "PRIVATE"),
            ("fd00:1::", 48, "PRIVATE"),
            ("64:ff9b:1::", 48, "PRIVATE"),
            ("100.127.0.0", 24, "SHARED"),
            ("127.0.0.1", 32, "LOOPBACK"),
            ("::1", 128, "LOOPBACK"),
            ("169.254.1.0", 24, "LINK_LOCAL"),
            ("fe80::", 48, "LINK_LOCAL"),
            ("224.0.0.0", 24, "MULTICAST"),
            ("239.255.255.250", 32, "MULTICAST"),
            ("ff02::", 48, "MULTICAST"),
            ("255.255.255.255", 32, "BROADCAST"),
            ("255.255.255.0", 24, "BROADCAST"),
            ("192.0.2.0", 24, "DOCUMENTATION"),
            ("198.51.100.0", 24, "DOCUMENTATION"),
            ("203.0.113.0", 24, "DOCUMENTATION"),
            ("2001:db8:7::", 48, "DOCUMENTATION"),
            ("3fff::", 48, "DOCUMENTATION"),
            ("0.0.0.0", 24, "RESERVED"),
            ("198.19.0.0", 24, "RESERVED"),
            ("255.255.254.0", 24, "RESERVED"),
            ("::", 48, "RESERVED"),
            ("100::", 48, "RESERVED"),
            ("5f00::", 48, "RESERVED"),
        ] {
            let special = Special::of(text.parse().unwrap(), length);
            assert_eq!(special.map(Special::label), Some(label), "{text}");
        }
        for text in [
            "9.255.255.0",
            "11.0.0.0",
            "100.128.0.0",
            "172.32.0.0",
            "192.0.1.0",
            "198.20.0.0",
            "223.255.255.0",
            "2002:c633:6401::",
            "2606:4700::",
            "fb00::",
            "4000::",
            "2001:200::",
        ] {
            assert_eq!(
                Special::of(
                    text.parse().unwrap(),
                    48.min(if text.contains(':') { 48 } else { 24 })
                ),
                None,
                "{text}"
            );
        }
        for (at, special) in Special::ALL.into_iter().enumerate() {
            assert_eq!(special.index(), at);
        }
    }

    #[test]
    fn the_carried_address_is_found() {
        for (text, expected) in [
            ("2002:c633:6401::1", Some("198.51.100.1")),
            ("64:ff9b::c633:6401", Some("198.51.100.1")),
            // A client at 192.0.2.45, as in RFC 4380.
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Some("192.0.2.45")),
            ("64:ff9b::", None),
            ("2001::", None),
            ("2001:1::c633:6401", None),
            ("64:ff9b:1::c633:6401", None),
            ("2003:c633:6401::", None),
        ] {
            let carried = carried_ipv4(text.parse().unwrap());
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(carried, expected, "{text}");
        }
    }
}
