//! Remembers the answers of the records used last.
//!
//! Answers are kept by record, not by address: a country database has some
//! 250 distinct records and a million prefixes, so that the first address in a
//! country pays for all others. A database of autonomous systems has as many
//! records as there are systems.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::num::NonZeroUsize;

use foldhash::fast::FixedState;
use lru::LruCache;

/// The number of records that are found without asking the list: several times
/// the number that a country database has.
const SHORTCUTS: usize = 1024;

/// A bounded cache of records' answers that forgets the one unused longest.
pub(super) struct RecordCache<A> {
    /// By the record's offset in the database. Its hash needs no secret: the
    /// keys come from a file that is checked, not from the network.
    answers: LruCache<usize, A, FixedState>,
    /// Records by a part of their offset, each in its only place or not here.
    /// Asked first as long as the list has room: until a record has to go, the
    /// order of use does not matter, and this is ten times as fast.
    shortcuts: Box<[Option<(usize, A)>]>,
}

impl<A: Copy> RecordCache<A> {
    /// Returns an empty cache for at most `size` records. It takes memory for
    /// those it holds only, and for a few shortcuts.
    pub(super) fn new(size: NonZeroUsize) -> Self {
        // `with_hasher` would set the whole table aside at once.
        let mut answers =
            LruCache::unbounded_with_hasher(FixedState::default());
        answers.resize(size);
        Self { answers, shortcuts: vec![None; SHORTCUTS].into() }
    }

    /// Returns the answer of the record at `offset`, from `decode` if it is
    /// not remembered.
    #[inline]
    pub(super) fn answer(
        &mut self,
        offset: usize,
        decode: impl FnOnce() -> A,
    ) -> A {
        let has_room = self.answers.len() < self.answers.cap().get();
        match self.shortcuts[shortcut(offset)] {
            Some((known, answer)) if known == offset && has_room => answer,
            _ => self.ask_list(offset, decode),
        }
    }

    #[cold]
    fn ask_list(&mut self, offset: usize, decode: impl FnOnce() -> A) -> A {
        let answer = *self.answers.get_or_insert(offset, decode);
        self.shortcuts[shortcut(offset)] = Some((offset, answer));
        answer
    }

    /// Changes the bound, forgetting the records that no longer fit.
    pub(super) fn resize(&mut self, size: NonZeroUsize) {
        self.answers.resize(size);
    }

    /// Forgets everything, because offsets mean other records now.
    pub(super) fn clear(&mut self) {
        self.answers.clear();
        self.shortcuts.fill(None);
    }
}

/// Returns the only place of the record at `offset`. Records follow each other
/// closely: the product spreads them.
fn shortcut(offset: usize) -> usize {
    offset.wrapping_mul(0x9e37_79b1) >> 12 & (SHORTCUTS - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::geoip::Country;

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
            cache.answer(7, || {
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
            cache.answer(offset, || country(offset));
        }
        cache.answer(1, || panic!("1 was used after 2"));
        let mut decoded = false;
        cache.answer(2, || {
            decoded = true;
            country(2)
        });
        assert!(decoded);
    }

    #[test]
    fn a_cleared_cache_asks_again() {
        let mut cache = RecordCache::new(size(2));
        cache.answer(1, || country(1));
        cache.clear();
        assert_eq!(cache.answer(1, || country(2)), country(2));
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
                let answer = cache.answer(offset, || country(offset));
                prop_assert_eq!(answer, truth[&offset]);
                prop_assert!(
                    cache.answers.len() <= cache.answers.cap().get()
                );
            }
        }
    }
}
