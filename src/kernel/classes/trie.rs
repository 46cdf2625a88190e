//! The content of a trie of ranges.
//!
//! A value is a pair of numbers, one of which is in force. To change the ranges,
//! user space writes the other numbers of all old and new ranges, turns the
//! switch, and then removes the ranges that are gone: so each packet finds the
//! range that the old or the new configuration gives it.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Ordering;

use crate::accounting::ClassPrefix;

/// A half of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Half {
    #[default]
    First,
    Second,
}

impl Half {
    pub(super) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    fn shift(self) -> u32 {
        match self {
            Self::First => 0,
            Self::Second => 16,
        }
    }

    /// Returns this half of a pair.
    pub(super) fn of(self, pair: u32) -> u16 {
        #[expect(clippy::cast_possible_truncation, reason = "a half")]
        let half = (pair >> self.shift()) as u16;
        half
    }

    /// Returns the pair with this number in this half.
    pub(super) fn set(self, pair: u32, number: u16) -> u32 {
        let mask = u32::from(u16::MAX) << self.shift();
        pair & !mask | u32::from(number) << self.shift()
    }
}

/// A range and its pair.
pub(super) type Entry = (ClassPrefix, u32);

/// Returns the entries of a trie that has old and new ranges, in their order.
/// A range that is only in one of the configurations gets, for the other, the
/// number of the range around it; `none` has the numbers of no range.
/// `half` is the half of the new numbers.
pub(super) fn merge(
    old: &[Entry],
    new: &[(ClassPrefix, u16)],
    none: [u16; 2],
    half: Half,
) -> Vec<Entry> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut around: Vec<(ClassPrefix, [u16; 2])> = Vec::new();
    let mut merged = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return merged,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let was = old.next_if(|_| order.is_le());
        let is = new.next_if(|_| order.is_ge());
        let Some(prefix) = was.map(|it| it.0).or(is.map(|it| it.0)) else {
            return merged;
        };
        while around.pop_if(|(wider, _)| !wider.contains(&prefix)).is_some() {}
        let outer = around.last().map_or(none, |(_, numbers)| *numbers);
        let numbers = [
            was.map_or(outer[0], |(_, pair)| half.other().of(*pair)),
            is.map_or(outer[1], |(_, number)| *number),
        ];
        around.push((prefix, numbers));
        let pair = half.other().set(0, numbers[0]);
        merged.push((prefix, half.set(pair, numbers[1])));
    }
}

#[cfg(test)]
mod tests;
