//! A part of many rows.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::Range;

/// Returns the rows at these places in the order of their keys, and the place of
/// the first. The other rows are not sorted.
pub(super) fn select<T, K: Ord>(
    all: &mut [T],
    places: Range<usize>,
    key: impl Fn(&T) -> K,
) -> (u64, &[T]) {
    let begin = places.start.min(all.len());
    let end = places.end.min(all.len());
    if end < all.len() {
        all.select_nth_unstable_by_key(end, &key);
    }
    let first = &mut all[..end];
    first.sort_unstable_by_key(&key);
    (begin as u64, &first[begin..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_together_are_all_rows_in_order(
            mut all in prop::collection::vec(0..50_u32, 0..60),
            limit in 1..20_usize,
        ) {
            let mut sorted = all.clone();
            sorted.sort_unstable();
            let mut found = Vec::new();
            for offset in (0..80).step_by(limit) {
                let places = offset..offset + limit;
                let (begin, rows) = select(&mut all, places, |row| *row);
                prop_assert_eq!(begin, offset.min(sorted.len()) as u64);
                found.extend_from_slice(rows);
            }
            prop_assert_eq!(found, sorted);
        }
    }
}
