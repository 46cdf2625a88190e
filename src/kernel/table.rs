//! The flow table in memory that programs write at the same time.
//! `accounting::table` explains the steps; this file fixes the order in which
//! words are read and written, on which both sides rely.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicU64, Ordering};

use super::abi::{
    BLOCKS_MASK_WORD, ENTRY_WORDS, FREED_WORD, LIMIT_WORD, PART_WORDS,
    PLACES_MASK_WORD, SET_WORDS, Tag, WAYS,
};
use super::mapping::MappedWords;
use super::read_volumes::ReadVolumes;
use crate::accounting::{FlowKey, FlowTable, Volume, Way};

/// A word that another thread of execution may change at any time.
pub trait Word {
    /// Reads a counter: nothing else is concluded from it.
    fn counter(&self) -> u64;

    /// Reads a tag; later reads see all that was written before it.
    fn tag(&self) -> Tag;

    /// Writes a tag after all earlier reads and writes.
    fn set_tag(&self, tag: Tag);

    /// Reads a limit before all that it limits.
    fn limit(&self) -> u64;

    /// Writes a limit. Nothing depends on the time at which it is seen.
    fn set_limit(&self, limit: u64);

    /// Adds one to a counter that only user space writes.
    fn count(&self);
}

impl Word for AtomicU64 {
    fn counter(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    fn tag(&self) -> Tag {
        Tag(self.load(Ordering::Acquire))
    }

    fn set_tag(&self, tag: Tag) {
        self.store(tag.0, Ordering::Release);
    }

    fn limit(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    fn set_limit(&self, limit: u64) {
        self.store(limit, Ordering::Relaxed);
    }

    fn count(&self) {
        let next = self.load(Ordering::Relaxed).wrapping_add(1);
        self.store(next, Ordering::Relaxed);
    }
}

/// The sets of all CPUs, in memory of any kind.
#[derive(Debug)]
pub struct Table<M> {
    words: M,
    /// The ends of long IPv6 prefixes, a word for each slot, if there are any.
    rests: Option<M>,
    /// Sets of each CPU.
    sets: usize,
    /// The part of its sets that each CPU uses; all of them if absent.
    parts: Option<Parts<M>>,
    /// By CPU, whether it may have counted packets since the last sweep.
    has_counted: Vec<bool>,
    /// The volumes that were read, for the next process, if the table is
    /// pinned.
    read: Option<ReadVolumes<MappedWords>>,
}

/// The part of its sets that each CPU uses.
#[derive(Debug)]
struct Parts<M> {
    /// By CPU, `struct traffic_part`.
    words: M,
    block_sets: usize,
}

impl<M, W> Parts<M>
where
    M: Deref<Target = [W]>,
    W: Word,
{
    /// Returns the number of sets for the mask in a word, of `most` at most.
    fn sets(&self, cpu: usize, word: usize, most: usize) -> usize {
        let mask = self.words[cpu * PART_WORDS + word].limit();
        let blocks = usize::try_from(mask).unwrap_or(usize::MAX);
        blocks.saturating_add(1).saturating_mul(self.block_sets).min(most)
    }
}

impl<M, W> Table<M>
where
    M: Deref<Target = [W]>,
    W: Word,
{
    /// Takes `words` as the sets of `cpus` CPUs, and `rests` as the ends of
    /// IPv6 prefixes, if these are longer than 64 bits.
    #[must_use]
    pub fn new(words: M, rests: Option<M>, cpus: usize) -> Self {
        let sets = words.len() / SET_WORDS / cpus.max(1);
        let has_counted = vec![true; cpus];
        Self { words, rests, sets, parts: None, has_counted, read: None }
    }

    /// Takes the number of blocks, of so many sets, of each CPU from `words`.
    #[must_use]
    pub fn in_parts(mut self, words: M, block_sets: usize) -> Self {
        self.parts = Some(Parts { words, block_sets });
        self
    }

    /// Records the volumes that are read from now on.
    pub(super) fn remember_in(&mut self, read: ReadVolumes<MappedWords>) {
        self.read = Some(read);
    }

    /// Takes note of whether a CPU may have counted packets since the last
    /// sweep.
    pub(super) fn set_has_counted(&mut self, cpu: usize, has_counted: bool) {
        self.has_counted[cpu] = has_counted;
    }

    fn way(&self, slot: usize) -> &[W; ENTRY_WORDS] {
        &self.words.as_chunks().0[slot]
    }

    fn key_in(&self, way: &[W; ENTRY_WORDS], tag: Tag, slot: usize) -> FlowKey {
        let rest = self.rests.as_ref().map_or(0, |rests| rests[slot].counter());
        tag.key([way[1].counter(), rest])
    }

    fn ways_at(&self, range: Range<usize>) -> &[[W; ENTRY_WORDS]] {
        self.words.as_chunks().0.get(range).unwrap_or_default()
    }
}

fn volume_in<W: Word>([_, _, packets, bytes]: &[W; ENTRY_WORDS]) -> Volume {
    Volume { packets: packets.counter(), bytes: bytes.counter() }
}

impl<M, W> FlowTable for Table<M>
where
    M: Deref<Target = [W]>,
    W: Word,
{
    fn cpus(&self) -> usize {
        self.has_counted.len()
    }

    fn ways(&self) -> usize {
        self.sets * WAYS
    }

    /// Reads the size of the part anew: a program that counted a packet of a
    /// total that was read, or that has ended, made it large enough before.
    fn ways_in_use(&self, cpu: usize) -> usize {
        self.parts.as_ref().map_or(FlowTable::ways(self), |parts| {
            parts.sets(cpu, BLOCKS_MASK_WORD, self.sets) * WAYS
        })
    }

    fn ways_of_places(&self, cpu: usize) -> usize {
        self.parts.as_ref().map_or(FlowTable::ways(self), |parts| {
            parts.sets(cpu, PLACES_MASK_WORD, self.sets) * WAYS
        })
    }

    /// The program may make the part larger at the same time. Then one of the
    /// two sizes stays, and the part fits again after a few sweeps.
    fn halve_places(&self, cpu: usize) {
        let Some(Parts { words, .. }) = &self.parts else { return };
        let mask = &words[cpu * PART_WORDS + PLACES_MASK_WORD];
        mask.set_limit(mask.limit() / 2);
    }

    fn set_limit(&self, cpu: usize, limit: usize) {
        let Some(Parts { words, .. }) = &self.parts else { return };
        let word = |at| &words[cpu * PART_WORDS + at];
        let blocks = word(PLACES_MASK_WORD).limit() + 1;
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        word(LIMIT_WORD).set_limit(blocks << 32 | u64::from(limit));
    }

    fn has_counted(&self, cpu: usize) -> bool {
        self.has_counted[cpu]
    }

    fn visit(&self, cpu: usize, mut visit: impl FnMut(usize, Way)) {
        let ways = FlowTable::ways(self);
        let start = cpu * ways;
        let own = self.ways_at(start..start + self.ways_in_use(cpu));
        for (piece, first) in own.chunks(64).zip((0..).step_by(64)) {
            // Free ways follow no pattern that a processor could predict, so
            // all tags are gathered before anything depends on them.
            let mut used = 0_u64;
            for (at, way) in piece.iter().enumerate() {
                used |= u64::from(!way[0].tag().is_free()) << at;
            }
            while used != 0 {
                let at = used.trailing_zeros() as usize;
                used &= used - 1;
                let way = &piece[at];
                let tag = way[0].tag();
                let slot = cpu * ways + first + at;
                let key = self.key_in(way, tag, slot);
                let (volume, is_retired) = (volume_in(way), tag.is_retired());
                visit(first + at, Way { key, volume, is_retired });
            }
        }
    }

    fn key(&self, slot: usize) -> FlowKey {
        let way = self.way(slot);
        self.key_in(way, way[0].tag(), slot)
    }

    fn volume(&self, slot: usize) -> Volume {
        volume_in(self.way(slot))
    }

    fn remembered(&self, slot: usize) -> Volume {
        let read = self.read.as_ref();
        read.map_or_else(Volume::default, |read| read.get(slot))
    }

    fn remember(&self, slot: usize, volume: Volume) {
        if let Some(read) = &self.read {
            read.set(slot, volume);
        }
    }

    fn retire(&self, slot: usize) {
        let [tag, ..] = self.way(slot);
        tag.set_tag(tag.tag().retired());
    }

    fn is_retired(&self, slot: usize) -> bool {
        self.way(slot)[0].tag().is_retired()
    }

    fn free(&self, slot: usize) {
        self.way(slot)[0].set_tag(Tag::FREE);
        if let Some(Parts { words, .. }) = &self.parts {
            let cpu = slot / FlowTable::ways(self);
            words[cpu * PART_WORDS + FREED_WORD].count();
        }
    }
}

#[cfg(test)]
mod tests;
