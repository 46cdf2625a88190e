//! Remembers the countries of the records used last.
//!
//! Answers are kept by record, not by address: a country database has some
//! 250 distinct records and a million prefixes, so that the first address in a
//! country pays for all others.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use foldhash::fast::FixedState;
use lru::LruCache;

use super::Country;

/// A bounded cache of records' countries that forgets the one unused longest.
pub(super) struct RecordCache {
    /// By the record's offset in the database. Its hash needs no secret: the
    /// keys come from a file that is checked, not from the network.
    countries: LruCache<usize, Country, FixedState>,
}

impl RecordCache {
    /// Returns an empty cache for at most `size` records. It takes memory for
    /// those it holds only.
    pub(super) fn new(size: NonZeroUsize) -> Self {
        // `with_hasher` would set the whole table aside at once.
        let mut countries =
            LruCache::unbounded_with_hasher(FixedState::default());
        countries.resize(size);
        Self { countries }
    }

    /// Returns the country of the record at `offset`, from `decode` where it
    /// is not remembered.
    pub(super) fn country(
        &mut self,
        offset: usize,
        decode: impl FnOnce() -> Country,
    ) -> Country {
        *self.countries.get_or_insert(offset, decode)
    }

    /// Changes the bound, forgetting what no longer fits.
    pub(super) fn resize(&mut self, size: NonZeroUsize) {
        self.countries.resize(size);
    }

    /// Forgets everything, because offsets mean other records now.
    pub(super) fn clear(&mut self) {
        self.countries.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn size(size: usize) -> NonZeroUsize {
        NonZeroUsize::new(size).unwrap()
    }

    fn country(offset: usize) -> Country {
        let letter = b'A' + u8::try_from(offset % 26).unwrap();
        Country::from_code(&format!("X{}", char::from(letter))).unwrap()
    }

    #[test]
    fn a_record_is_decoded_once() {
        let mut cache = RecordCache::new(size(2));
        let mut decoded = 0;
        for _ in 0..3 {
            cache.country(7, || {
                decoded += 1;
                country(7)
            });
        }
        assert_eq!(decoded, 1);
    }

    #[test]
    fn the_record_unused_longest_goes_first() {
        let mut cache = RecordCache::new(size(2));
        for offset in [1, 2, 1, 3] {
            cache.country(offset, || country(offset));
        }
        cache.country(1, || panic!("1 was used after 2"));
        let mut decoded = false;
        cache.country(2, || {
            decoded = true;
            country(2)
        });
        assert!(decoded);
    }

    #[test]
    fn a_cleared_cache_asks_again() {
        let mut cache = RecordCache::new(size(2));
        cache.country(1, || country(1));
        cache.clear();
        assert_eq!(cache.country(1, || country(2)), country(2));
    }

    proptest! {
        /// The bound holds and no answer is ever another record's.
        #[test]
        fn a_bounded_cache_answers_as_a_table_does(
            steps in prop::collection::vec((0_usize..40, 1_usize..20), 1..400),
        ) {
            let truth: HashMap<_, _> =
                (0..40).map(|offset| (offset, country(offset))).collect();
            let mut cache = RecordCache::new(size(10));
            for (offset, bound) in steps {
                if offset == 0 {
                    cache.resize(size(bound));
                }
                let answer = cache.country(offset, || country(offset));
                prop_assert_eq!(answer, truth[&offset]);
                prop_assert!(
                    cache.countries.len() <= cache.countries.cap().get()
                );
            }
        }
    }
}
