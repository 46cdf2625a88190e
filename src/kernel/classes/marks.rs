//! Notes on the meaning of classes, for the next process. They are in a map of
//! their own, `class_marks`, which is pinned beside the flows.
//!
//! Two areas take turns, and the first word says which one is valid: a process
//! that is killed while it writes leaves the area before. Each area has the
//! number of its bytes and the bytes.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use super::layout::Allotment;

/// Words of an area: 8,000 names of 16 bytes.
const AREA: usize = 16 * 1024;

/// The words, in memory of any kind.
#[derive(Debug)]
pub(in crate::kernel) struct ClassMarks<M>(M);

impl<M: Deref<Target = [AtomicU64]>> ClassMarks<M> {
    /// The number of words.
    pub(in crate::kernel) const WORDS: u64 = (1 + 2 * AREA) as u64;

    /// Takes words that are zero, or that were marks before.
    pub(in crate::kernel) fn new(words: M) -> Self {
        Self(words)
    }

    /// Returns the number of the valid area: 1, 2, or 0 for none.
    fn valid(&self) -> usize {
        usize::try_from(self.0[0].load(Ordering::Acquire)).unwrap_or(usize::MAX)
    }

    fn area(&self, number: usize) -> Option<&[AtomicU64]> {
        let start = match number {
            1 => 1,
            2 => 1 + AREA,
            _ => return None,
        };
        self.0.get(start..start + AREA)
    }

    /// Returns the allotment that was written last: an empty one if none ever
    /// was, and one of unknown meanings if it makes no sense.
    pub(super) fn read(&self) -> Allotment {
        let valid = self.valid();
        if valid == 0 {
            return Allotment::default();
        }
        let read = || {
            let (length, words) = self.area(valid)?.split_first()?;
            let length = length.load(Ordering::Relaxed);
            let length = usize::try_from(length).ok()?;
            let words = words.get(..length.div_ceil(8))?.iter();
            let mut bytes: Vec<u8> = words
                .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
                .collect();
            bytes.truncate(length);
            let read: Allotment = rmp_serde::from_slice(&bytes).ok()?;
            read.is_sound().then_some(read)
        };
        read().unwrap_or_else(Allotment::unknown)
    }

    /// Writes down an allotment, before a packet gets one of its numbers. If
    /// the names have no room, the next process knows no meaning of any number.
    pub(super) fn write(&self, allotment: &Allotment) {
        let next = if self.valid() == 1 { 2 } else { 1 };
        let bytes = rmp_serde::to_vec(allotment).unwrap_or_default();
        let (words, rest) = bytes.as_chunks();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let words = words.iter().chain(std::iter::once(&last));
        let Some((length, area)) =
            self.area(next).and_then(<[AtomicU64]>::split_first)
        else {
            return;
        };
        let fits = bytes.len().div_ceil(8) <= area.len();
        let kept = if fits { bytes.len() } else { 0 };
        length.store(kept as u64, Ordering::Relaxed);
        for (to, from) in area.iter().zip(words) {
            to.store(u64::from_le_bytes(*from), Ordering::Relaxed);
        }
        self.0[0].store(next as u64, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
