use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::accounting::IpVersion;

fn prefixes() -> impl Strategy<Value = BTreeMap<ClassPrefix, u16>> {
    // Few bits, so that ranges are nested and the same ones come again.
    let prefix = (any::<bool>(), 0_u8..8, 0_u8..=8).prop_map(
        |(is_ipv6, first, length)| {
            let mut address = [0; 16];
            let mask = 0xff_u8.checked_shl(8 - u32::from(length));
            address[0] = first.wrapping_mul(37) & mask.unwrap_or(0);
            let ip_version = match is_ipv6 {
                true => IpVersion::V6,
                false => IpVersion::V4,
            };
            ClassPrefix { ip_version, address, length }
        },
    );
    proptest::collection::btree_map(prefix, 1_u16..100, 0..20)
}

/// The longest range that an address is in, by looking at all of them.
fn naive<V: Copy>(
    ranges: &[(ClassPrefix, V)],
    address: &ClassPrefix,
) -> Option<V> {
    let around = ranges.iter().filter(|(range, _)| range.contains(address));
    around.max_by_key(|(range, _)| range.length).map(|(_, value)| *value)
}

fn addresses() -> impl Iterator<Item = ClassPrefix> {
    [IpVersion::V4, IpVersion::V6].into_iter().flat_map(|ip_version| {
        (0..=u8::MAX).map(move |first| {
            let mut address = [0; 16];
            address[0] = first;
            ClassPrefix { ip_version, address, length: 32 }
        })
    })
}

proptest! {
    #[test]
    fn before_and_after_the_switch_each_address_has_its_own_range(
        configurations in proptest::collection::vec(prefixes(), 1..6),
        nones in proptest::collection::vec(0_u16..10, 6),
        keeps in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let mut entries: Vec<Entry> = Vec::new();
        let mut half = Half::First;
        let mut before: Vec<(ClassPrefix, u16)> = Vec::new();
        let mut none = 0;
        for (at, configuration) in configurations.into_iter().enumerate() {
            let new: Vec<_> = configuration.into_iter().collect();
            let next = half.other();
            entries = merge(&entries, &new, [none, nones[at]], next);
            prop_assert!(entries.is_sorted_by(|(a, _), (b, _)| a < b));
            for address in addresses() {
                let pair = naive(&entries, &address);
                let found = |half: Half, none| pair.map_or(none, |it| half.of(it));
                let expected = naive(&before, &address).unwrap_or(none);
                prop_assert_eq!(found(half, none), expected);
                let expected = naive(&new, &address).unwrap_or(nones[at]);
                prop_assert_eq!(found(next, nones[at]), expected);
            }
            // Ranges that are gone may stay, if they could not be removed.
            if !keeps[at] {
                let is_wanted = |prefix: &ClassPrefix| {
                    new.binary_search_by_key(prefix, |(own, _)| *own).is_ok()
                };
                entries.retain(|(prefix, _)| is_wanted(prefix));
            }
            (half, none, before) = (next, nones[at], new);
        }
    }
}
