//! A prefix of IPv4 or IPv6 addresses.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A prefix: an address whose bits past the length are zero.
///
/// The order is that of a walk over nested prefixes: IPv4 before IPv6, then by
/// address, a wider prefix before those in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// The reason why a text is not a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixFault {
    /// It is not an address with an optional length.
    #[error(
        "is no prefix: write an address and a length, such as \
         \"198.51.100.0/24\" or \"2001:db8::/32\", or an address alone"
    )]
    Form,
    /// The length is larger than an address has bits.
    #[error("has a length that is not from 0 to {most}")]
    Length {
        /// The bits of an address.
        most: u8,
    },
    /// A bit past the length is set.
    #[error(
        "has bits set past its length: write \"{network}\", or \"{address}\" \
         for this address alone"
    )]
    HostBits {
        /// The same prefix without these bits.
        network: Prefix,
        /// The address as it was written.
        address: IpAddr,
    },
    /// An IPv4 address in the form of an IPv6 address.
    #[error("is an IPv4 prefix in the form of IPv6: write \"{plain}\"")]
    Mapped {
        /// The IPv4 prefix.
        plain: Prefix,
    },
}

impl Prefix {
    /// Returns the prefix of this length that contains the address, or `None`
    /// if the address has fewer bits.
    #[must_use]
    pub fn of(address: IpAddr, length: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(v4) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length));
                Ipv4Addr::from(u32::from(v4) & mask.unwrap_or(0)).into()
            }
            IpAddr::V6(v6) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length));
                Ipv6Addr::from(u128::from(v6) & mask.unwrap_or(0)).into()
            }
            _ => return None,
        };
        Some(Self { address, length })
    }

    /// Reads `198.51.100.0/24`, `2001:db8::/32` or an address alone.
    ///
    /// # Errors
    /// The end of a sentence that begins with the text.
    pub fn read(text: &str) -> Result<Self, PrefixFault> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| PrefixFault::Form)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(digits) => {
                let are_digits = digits.bytes().all(|b| b.is_ascii_digit());
                if digits.is_empty() || !are_digits {
                    return Err(PrefixFault::Form);
                }
                let length = digits.parse().ok().filter(|it| *it <= most);
                length.ok_or(PrefixFault::Length { most })?
            }
        };
        let network =
            Self::of(address, length).ok_or(PrefixFault::Length { most })?;
        if network.address != address {
            return Err(PrefixFault::HostBits { network, address });
        }
        if let IpAddr::V6(v6) = address
            && length >= 96
            && let Some(v4) = v6.to_ipv4_mapped()
            && let Some(plain) = Self::of(v4.into(), length - 96)
        {
            return Err(PrefixFault::Mapped { plain });
        }
        Ok(network)
    }

    /// Returns the first address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// Returns the number of bits that all addresses have in common.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Returns whether the address lies in the prefix.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        Self::of(address, self.length) == Some(self)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, String> {
        Prefix::read(text)
            .map(|prefix| prefix.to_string())
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn addresses_and_prefixes_are_read() {
        for (text, expected) in [
            ("198.51.100.0/24", "198.51.100.0/24"),
            ("198.51.100.7", "198.51.100.7/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(read(text), Ok(expected.into()), "{text}");
        }
    }

    #[test]
    fn a_fault_names_the_remedy() {
        for (text, expected) in [
            (
                "198.51.100.7/24",
                "write \"198.51.100.0/24\", or \"198.51.100.7\"",
            ),
            ("2001:db8::1/32", "write \"2001:db8::/32\""),
            ("198.51.100.0/33", "not from 0 to 32"),
            ("2001:db8::/999", "not from 0 to 128"),
            ("::ffff:198.51.100.0/120", "write \"198.51.100.0/24\""),
            ("198.51.100.0/", "is no prefix"),
            ("198.51.100.0/+8", "is no prefix"),
            ("198.51.100/24", "is no prefix"),
            ("198.051.100.0/24", "is no prefix"),
            ("fe80::1%eth0", "is no prefix"),
            ("", "is no prefix"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.contains(expected), "{text}: {fault}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_prefix_that_reads_back_or_a_fault(
            text in prop_oneof![".*", "[0-9a-f.:/]{0,20}"]
        ) {
            if let Ok(prefix) = Prefix::read(&text) {
                prop_assert!(prefix.contains(prefix.address()));
                let again = Prefix::read(&prefix.to_string());
                prop_assert_eq!(again, Ok(prefix));
            }
        }
    }
}
