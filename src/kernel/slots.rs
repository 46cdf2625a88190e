//! The interface numbers in use.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use crate::accounting::InterfaceId;

/// Gives out the lowest free number.
#[derive(Debug)]
pub(super) struct Slots {
    limit: u32,
    /// The lowest number that was never given out.
    unused: u32,
    /// Numbers that were given back.
    free: BTreeSet<u32>,
}

impl Slots {
    /// Returns slots with the numbers below `limit`.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, unused: 0, free: BTreeSet::new() }
    }

    /// Returns slots with the numbers below `limit`, of which these are in use.
    pub(super) fn taken(
        limit: u32,
        in_use: impl Iterator<Item = InterfaceId>,
    ) -> Self {
        let in_use: BTreeSet<u32> = in_use.map(|id| id.0).collect();
        let unused = in_use.last().map_or(0, |last| last + 1);
        let free = (0..unused).filter(|id| !in_use.contains(id)).collect();
        Self { limit, unused, free }
    }

    /// Returns a number that is not in use, or `None` if all are.
    pub(super) fn take(&mut self) -> Option<InterfaceId> {
        if let Some(number) = self.free.pop_first() {
            return Some(InterfaceId(number));
        }
        if self.unused == self.limit {
            return None;
        }
        self.unused += 1;
        Some(InterfaceId(self.unused - 1))
    }

    /// Returns whether there is a number that is not in use.
    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty() || self.unused < self.limit
    }

    /// Takes a number back.
    pub(super) fn give_back(&mut self, number: InterfaceId) {
        debug_assert!(number.0 < self.unused, "was never given out");
        self.free.insert(number.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_out_once_until_it_comes_back() {
        let mut slots = Slots::new(2);
        assert_eq!(slots.take(), Some(InterfaceId(0)));
        assert_eq!(slots.take(), Some(InterfaceId(1)));
        assert_eq!(slots.take(), None);
        assert!(!slots.has_free());
        slots.give_back(InterfaceId(0));
        assert!(slots.has_free());
        assert_eq!(slots.take(), Some(InterfaceId(0)));
        assert_eq!(slots.take(), None);
    }

    #[test]
    fn numbers_that_are_in_use_already_are_not_given_out() {
        let mut slots =
            Slots::taken(5, [InterfaceId(1), InterfaceId(3)].into_iter());
        let given: Vec<_> = std::iter::from_fn(|| slots.take()).collect();
        assert_eq!(given, [0, 2, 4].map(InterfaceId));
        slots.give_back(InterfaceId(3));
        assert_eq!(slots.take(), Some(InterfaceId(3)));
        let mut none = Slots::taken(1, std::iter::empty());
        assert_eq!(none.take(), Some(InterfaceId(0)));
    }
}
