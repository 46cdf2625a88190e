//! Disjoint spans of addresses, each with the narrowest prefix that covers it.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::Add;

/// The number of a span without a prefix.
const NONE: u32 = 0;

/// Spans in the order of their addresses; each ends where the next begins.
///
/// Nested prefixes become at most twice as many spans, and a lookup is one
/// binary search, however deep they are nested.
#[derive(Debug)]
pub(super) struct Spans<A> {
    begins: Vec<A>,
    numbers: Vec<u32>,
}

impl<A> Default for Spans<A> {
    fn default() -> Self {
        Self { begins: Vec::new(), numbers: Vec::new() }
    }
}

/// An address as a number.
pub(super) trait Address:
    Copy + Ord + Add<Output = Self> + From<u8>
{
    const LAST: Self;
}

impl Address for u32 {
    const LAST: Self = Self::MAX;
}

impl Address for u128 {
    const LAST: Self = Self::MAX;
}

impl<A: Address> Spans<A> {
    /// Returns the spans of nested prefixes: first address, last address and
    /// number, in order of the first address, a wider prefix before those in
    /// it.
    pub(super) fn of(prefixes: impl Iterator<Item = (A, A, u32)>) -> Self {
        let mut spans = Self::default();
        // The prefixes around the current address: last address and number.
        let mut open: Vec<(A, u32)> = Vec::new();
        for (first, last, number) in prefixes {
            while let Some((end, _)) = open.last().copied()
                && end < first
            {
                spans.close(&mut open, end);
            }
            spans.push(first, number);
            open.push((last, number));
        }
        while let Some((end, _)) = open.last().copied() {
            spans.close(&mut open, end);
        }
        spans.begins.shrink_to_fit();
        spans.numbers.shrink_to_fit();
        spans
    }

    /// Ends the innermost prefix: the one around it goes on.
    fn close(&mut self, open: &mut Vec<(A, u32)>, end: A) {
        open.pop();
        if end < A::LAST {
            let outer = open.last().map_or(NONE, |(_, number)| *number);
            self.push(end + A::from(1), outer);
        }
    }

    fn push(&mut self, begin: A, number: u32) {
        if self.begins.last() == Some(&begin) {
            self.begins.pop();
            self.numbers.pop();
        }
        if self.numbers.last() != Some(&number) {
            self.begins.push(begin);
            self.numbers.push(number);
        }
    }

    /// Returns the number of the narrowest prefix around an address, or 0.
    pub(super) fn get(&self, address: A) -> u32 {
        let at = self.begins.partition_point(|begin| *begin <= address);
        at.checked_sub(1).map_or(NONE, |at| self.numbers[at])
    }

    /// Returns the bytes of memory.
    pub(super) fn bytes(&self) -> usize {
        self.begins.capacity() * size_of::<A>()
            + self.numbers.capacity() * size_of::<u32>()
    }
}
