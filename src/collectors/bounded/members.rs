//! The members of a family in a snapshot.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::accounting::Timestamp;

/// The values of the counters of a member.
pub type Sums<const N: usize> = [u64; N];

/// A member of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<K, const N: usize> {
    /// Its key.
    pub key: K,
    /// The values that it shows, or showed when it was hidden.
    pub value: Sums<N>,
    /// The amounts that were counted in `other` while it was not shown.
    pub in_other: Sums<N>,
    /// True if it is shown.
    pub is_shown: bool,
    /// The time at which it was first shown, at zero.
    pub created: Option<Timestamp>,
}

impl<K, const N: usize> Member<K, N> {
    /// Returns a hidden member without any amount.
    #[must_use]
    pub fn new(key: K) -> Self {
        let (value, in_other) = ([0; N], [0; N]);
        Self { key, value, in_other, is_shown: false, created: None }
    }

    /// Returns the sum of all counters, shown or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        let all = self.value.iter().chain(&self.in_other);
        all.fold(0, |sum, one| sum.saturating_add(*one))
    }

    /// Returns the sum of the first so many counters, shown or not.
    pub(super) fn size(&self, counters: usize) -> u64 {
        let sums = [&self.value, &self.in_other];
        let first = sums.iter().flat_map(|sums| sums.iter().take(counters));
        first.fold(0, |sum, one| sum.saturating_add(*one))
    }
}

/// A whole family at the end of a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members<K, const N: usize> {
    /// The members, in the order in which they came.
    pub parts: Vec<Arc<[Member<K, N>]>>,
    /// All that was counted for members while they were not shown.
    pub other: Sums<N>,
    /// The part of it that belongs to members that are not kept, or to none.
    pub not_kept: Sums<N>,
    /// The time at which `other` was zero, if known.
    pub created: Option<Timestamp>,
    /// The number of members that took another's place within the last hour.
    pub recent: usize,
}

impl<K, const N: usize> Default for Members<K, N> {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            other: [0; N],
            not_kept: [0; N],
            created: None,
            recent: 0,
        }
    }
}

impl<K: Copy + Ord, const N: usize> Members<K, N> {
    /// Returns the members, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &Member<K, N>> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    /// Returns the number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// Returns whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Returns the shown members in the order of their keys.
    #[must_use]
    pub fn shown(&self) -> Vec<&Member<K, N>> {
        let mut shown: Vec<_> =
            self.iter().filter(|member| member.is_shown).collect();
        shown.sort_unstable_by_key(|member| member.key);
        shown
    }

    /// Returns all that was ever credited.
    #[must_use]
    pub fn whole(&self) -> Sums<N> {
        let mut whole = self.other;
        for member in self.iter() {
            super::add(&mut whole, &member.value);
        }
        whole
    }

    /// Returns whether the parts agree: `other` is the sum of its parts.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let mut sum = self.not_kept.map(u128::from);
        for member in self.iter() {
            for (sum, part) in sum.iter_mut().zip(member.in_other) {
                *sum += u128::from(part);
            }
        }
        sum == self.other.map(u128::from)
    }
}
