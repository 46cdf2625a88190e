//! The flow table in memory that programs write at the same time. What the
//! steps mean is in `accounting::table`; here is in what order words are read
//! and written, so that both sides may rely on it.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicU64, Ordering};

use super::abi::{ENTRY_WORDS, SET_WORDS, Tag, WAYS};
use crate::accounting::{FlowKey, FlowTable, Volume, Way};

/// A word that another thread of execution may change at any time.
pub trait Word {
    /// Reads a counter: nothing else is concluded from it.
    fn counter(&self) -> u64;

    /// Reads what was written before the tag was, too.
    fn tag(&self) -> Tag;

    /// Writes a tag behind all that was read and written before.
    fn set_tag(&self, tag: Tag);
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
}

/// The sets of all CPUs, in memory of any kind.
#[derive(Debug)]
pub struct Table<M> {
    words: M,
    /// Sets of each CPU.
    sets: usize,
    cpus: usize,
}

impl<M, W> Table<M>
where
    M: Deref<Target = [W]>,
    W: Word,
{
    /// Takes `words` as the sets of `cpus` CPUs.
    #[must_use]
    pub fn new(words: M, cpus: usize) -> Self {
        let sets = words.len() / SET_WORDS / cpus.max(1);
        Self { words, sets, cpus }
    }

    fn set(&self, slot: usize) -> &[W; SET_WORDS] {
        &self.sets(0..self.cpus * self.sets)[slot / WAYS]
    }

    fn sets(&self, range: Range<usize>) -> &[[W; SET_WORDS]] {
        self.words.as_chunks().0.get(range).unwrap_or_default()
    }
}

/// Returns where in a set the entry of a way is.
fn entry(way: usize) -> usize {
    WAYS + way * ENTRY_WORDS
}

fn volume_in<W: Word>(set: &[W; SET_WORDS], way: usize) -> Volume {
    let entry = entry(way);
    Volume {
        packets: set[entry + 2].counter(),
        bytes: set[entry + 3].counter(),
    }
}

impl<M, W> FlowTable for Table<M>
where
    M: Deref<Target = [W]>,
    W: Word,
{
    fn cpus(&self) -> usize {
        self.cpus
    }

    fn ways(&self) -> usize {
        self.sets * WAYS
    }

    fn visit(&self, cpu: usize, mut visit: impl FnMut(usize, Way)) {
        let own = cpu * self.sets..(cpu + 1) * self.sets;
        for (index, set) in self.sets(own).iter().enumerate() {
            for way in 0..WAYS {
                let tag = set[way].tag();
                if !tag.is_free() {
                    let volume = volume_in(set, way);
                    let is_retired = tag.is_retired();
                    visit(index * WAYS + way, Way { volume, is_retired });
                }
            }
        }
    }

    fn key(&self, slot: usize) -> FlowKey {
        let set = self.set(slot);
        let tag = set[slot % WAYS].tag();
        let entry = entry(slot % WAYS);
        tag.key([set[entry].counter(), set[entry + 1].counter()])
    }

    fn volume(&self, slot: usize) -> Volume {
        volume_in(self.set(slot), slot % WAYS)
    }

    fn retire(&self, slot: usize) {
        let tag = &self.set(slot)[slot % WAYS];
        tag.set_tag(tag.tag().retired());
    }

    fn free(&self, slot: usize) {
        self.set(slot)[slot % WAYS].set_tag(Tag::FREE);
    }
}

#[cfg(test)]
mod tests;
