//! The last volumes read from the flow table, in words of 64 bits: packets and
//! bytes of every slot. They are in a map beside the table, so that they
//! outlive the process as it does, and are never behind the credited counts.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::accounting::Volume;

/// The words, in memory of any kind.
#[derive(Debug)]
pub(super) struct ReadVolumes<M>(M);

impl<M: Deref<Target = [AtomicU64]>> ReadVolumes<M> {
    /// Returns the number of words for a table of so many slots.
    pub(super) fn words(slots: u64) -> u64 {
        2 * slots
    }

    /// Takes words that are zero, or that were read volumes before.
    pub(super) fn new(words: M) -> Self {
        Self(words)
    }

    fn of(&self, slot: usize) -> Option<&[AtomicU64; 2]> {
        self.0.get(2 * slot..)?.first_chunk()
    }

    /// Returns the volume of a slot at the last read by any process.
    pub(super) fn get(&self, slot: usize) -> Volume {
        let Some([packets, bytes]) = self.of(slot) else {
            return Volume::default();
        };
        Volume {
            packets: packets.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
        }
    }

    /// Records the volume of a slot that was read.
    pub(super) fn set(&self, slot: usize, volume: Volume) {
        if let Some([packets, bytes]) = self.of(slot) {
            packets.store(volume.packets, Ordering::Relaxed);
            bytes.store(volume.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_its_own_volume() {
        let words = ReadVolumes::<Vec<AtomicU64>>::words(8);
        let read = ReadVolumes::new(
            (0..words).map(|_| AtomicU64::new(0)).collect::<Vec<_>>(),
        );
        let volume =
            |slot: u64| Volume { packets: slot + 1, bytes: slot * 100 + 1 };
        for slot in 0..8 {
            assert_eq!(read.get(slot), Volume::default());
            read.set(slot, volume(slot as u64));
        }
        for slot in 0..8 {
            assert_eq!(read.get(slot), volume(slot as u64));
        }
        // A slot beyond the end is no reason to fail.
        read.set(8, volume(8));
        assert_eq!(read.get(8), Volume::default());
    }
}
