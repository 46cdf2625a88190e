//! The masks that keep the prefix of an address.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Returns the bits of an IPv4 address that a prefix of this length keeps, as
/// they lie in a packet.
#[must_use]
pub fn ipv4_prefix_mask(length: u8) -> u32 {
    let bits = u32::from(length).min(32);
    u32::MAX.checked_shl(32 - bits).unwrap_or(0).to_be()
}

/// As [`ipv4_prefix_mask`], for both halves of an IPv6 address.
#[must_use]
pub fn ipv6_prefix_masks(length: u8) -> [u64; 2] {
    let bits = u32::from(length).min(128);
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0).to_be_bytes();
    let (first, second) = mask.split_at(8);
    let half = |bytes: &[u8]| {
        bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
    };
    [first, second].map(half).map(u64::to_le)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_the_first_bits_of_an_address_in_memory() {
        for length in 0..=128_u8 {
            let kept = |bytes: &[u8], length: u32| {
                bytes.iter().zip(0_u32..).all(|(byte, at)| {
                    let bits = length.saturating_sub(at * 8).min(8);
                    byte.leading_ones() == bits && byte.count_ones() == bits
                })
            };
            let masks = ipv6_prefix_masks(length).map(u64::to_ne_bytes);
            assert!(kept(masks.as_flattened(), length.into()), "{masks:x?}");
            let length = length.min(32);
            let mask = ipv4_prefix_mask(length).to_ne_bytes();
            assert!(kept(&mask, length.into()), "{mask:x?}");
        }
    }
}
