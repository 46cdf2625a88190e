//! Turns the counters of the flow table into growth. A flow is known by its
//! place, so that a poll hashes only the keys of new flows.
//!
//! The program and user space share the table without a lock. A way goes round
//! like this, and each step is one side's alone:
//!
//! 1. free to used, by the program, on the way's own CPU;
//! 2. used to retired, here: the program does not find it any more, and takes
//!    another way if the flow comes back;
//! 3. a grace period: every program that was running has ended, so that none
//!    can still be adding to a way it found before;
//! 4. the growth until then is credited, and the way is free.
//!
//! Counters are never set back: the next flow goes on from where the last one
//! ended, and so do the volumes that are remembered here.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use self::density::{Fit, Occupancy};
use self::patience::patience;
use super::{FlowKey, FlowTable, TrafficDelta, Volume};

mod density;
mod patience;

/// The beginning or the end of a flow in a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Began,
    Ended,
}

/// The facts that a sweep depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Circumstances {
    /// Whether a grace period has passed since the last sweep.
    pub(super) has_grace_passed: bool,
    /// Whether flows found no room since the last sweep.
    pub(super) is_short: bool,
}

/// The last sweep of the table, with a note of the caller's for each way.
#[derive(Debug)]
pub(super) struct TableTracker<N> {
    /// One for each CPU.
    shadows: Vec<Shadow<N>>,
    /// A slot of every flow. The keys are in the table alone, and the hash is
    /// seeded at random, as they come from the network.
    flows: HashTable<u32>,
    hasher: RandomState,
    retired: usize,
    reclaimed: u64,
}

/// The memory of one CPU's ways; empty until the CPU has used one.
#[derive(Debug, Default)]
struct Shadow<N> {
    /// Packets and bytes: in this form memory is set aside but not touched.
    volumes: Vec<[u64; 2]>,
    /// The next slot that has the same flow: a ring.
    siblings: Vec<u32>,
    /// Sweeps since the way grew, and one; zero for a free way.
    ages: Vec<u8>,
    notes: Vec<N>,
    used: usize,
    fit: Fit,
}

impl<N> Default for TableTracker<N> {
    fn default() -> Self {
        Self {
            shadows: Vec::new(),
            flows: HashTable::new(),
            hasher: RandomState::default(),
            retired: 0,
            reclaimed: 0,
        }
    }
}

impl<N: Copy + Default> TableTracker<N> {
    /// Returns a tracker of a table that another tracker tracked before.
    /// `reclaimed` is the number of ways that the earlier one had freed.
    pub(super) fn resume(reclaimed: u64) -> Self {
        Self { reclaimed, ..Self::default() }
    }

    /// Observes the whole table, calls `credit` with every growth and the
    /// way's note, and `change` with each flow that came or went. Retires idle
    /// ways if room is short, and frees the ways that were retired before the
    /// grace period.
    pub(super) fn observe<T: FlowTable>(
        &mut self,
        table: &T,
        now: Circumstances,
        mut credit: impl FnMut(&TrafficDelta, &mut N),
        mut change: impl FnMut(&FlowKey, Change),
    ) {
        self.shadows.resize_with(table.cpus(), Shadow::default);
        let (mut new, mut ended) = (Vec::new(), Vec::new());
        for cpu in 0..table.cpus() {
            let base = cpu * table.ways();
            let shadow = &mut self.shadows[cpu];
            // On an idle CPU ways do not age, and need not.
            if !table.has_counted(cpu) && self.retired == 0 {
                continue;
            }
            let patience = patience(shadow.used, table.ways(), now.is_short);
            let places = table.ways_of_places(cpu);
            let mut occupancy = Occupancy::default();
            let retired = &mut self.retired;
            table.visit(cpu, |way, seen| {
                occupancy.outside += usize::from(way >= places);
                let Some(age @ 1..) = shadow.ages.get(way).copied() else {
                    // The tracker before this one may have retired it.
                    *retired += usize::from(seen.is_retired);
                    return new.push(way);
                };
                let growth = shadow.growth(way, seen.volume);
                if growth != Volume::default() {
                    shadow.ages[way] = 1;
                    table.remember(base + way, seen.volume);
                    let delta = TrafficDelta { key: seen.key, volume: growth };
                    credit(&delta, &mut shadow.notes[way]);
                } else {
                    shadow.ages[way] = age.saturating_add(1);
                    if !seen.is_retired && age > patience {
                        table.retire(base + way);
                        *retired += 1;
                    }
                }
                if seen.is_retired && now.has_grace_passed {
                    ended.push(way);
                }
            });
            for way in ended.drain(..) {
                self.end(table, cpu, way, &mut change);
            }
            let taken = new.len();
            for way in new.drain(..) {
                self.begin(table, cpu, way, &mut change);
                self.credit_first(table, cpu, way, &mut credit);
            }
            let shadow = &mut self.shadows[cpu];
            occupancy.used = shadow.used;
            shadow.fit.follow(shadow.used, taken);
            if now.is_short {
                shadow.fit.widen(table, cpu);
            } else if self.retired == 0 {
                shadow.fit.halve(table, cpu, occupancy);
            }
        }
    }

    fn begin<T: FlowTable>(
        &mut self,
        table: &T,
        cpu: usize,
        way: usize,
        change: &mut impl FnMut(&FlowKey, Change),
    ) {
        let slot = slot_of(table, cpu, way);
        let key = table.key(slot as usize);
        let shadow = &mut self.shadows[cpu];
        if shadow.ages.is_empty() {
            *shadow = Shadow::of(table, cpu);
        }
        shadow.used += 1;
        let (mut next, mut note) = (slot, N::default());
        let hash = self.hasher.hash_one(key);
        let entry = self.flows.entry(
            hash,
            |&other| table.key(other as usize) == key,
            |&other| self.hasher.hash_one(table.key(other as usize)),
        );
        match entry {
            Entry::Vacant(vacant) => {
                vacant.insert(slot);
                change(&key, Change::Began);
            }
            Entry::Occupied(occupied) => {
                let (cpu, way) = place_of(table, *occupied.get());
                let other = &mut self.shadows[cpu];
                note = other.notes[way];
                next = std::mem::replace(&mut other.siblings[way], slot);
            }
        }
        let shadow = &mut self.shadows[cpu];
        shadow.ages[way] = 1;
        shadow.siblings[way] = next;
        shadow.notes[way] = note;
        self.retire_outdated(table, slot);
    }

    /// Retires the ways that a flow had on a CPU before it took another one
    /// there. The program takes a second way only if it does not find the first
    /// any more: the part of the table that it uses has grown, and the flow's
    /// place in it is another.
    ///
    /// A tracker that finds both at its first sweep may retire the newer one.
    /// Then the flow takes a third way, and the older one is retired too.
    fn retire_outdated<T: FlowTable>(&mut self, table: &T, newest: u32) {
        let (cpu, way) = place_of(table, newest);
        let mut at = self.shadows[cpu].siblings[way];
        while at != newest {
            let (other_cpu, other_way) = place_of(table, at);
            if other_cpu == cpu && !table.is_retired(at as usize) {
                table.retire(at as usize);
                self.retired += 1;
            }
            at = self.shadows[other_cpu].siblings[other_way];
        }
    }

    fn credit_first<T: FlowTable>(
        &mut self,
        table: &T,
        cpu: usize,
        way: usize,
        credit: &mut impl FnMut(&TrafficDelta, &mut N),
    ) {
        let slot = slot_of(table, cpu, way) as usize;
        let shadow = &mut self.shadows[cpu];
        let volume = table.volume(slot);
        let growth = shadow.growth(way, volume);
        if growth != Volume::default() {
            table.remember(slot, volume);
            let delta = TrafficDelta { key: table.key(slot), volume: growth };
            credit(&delta, &mut shadow.notes[way]);
        }
    }

    fn end<T: FlowTable>(
        &mut self,
        table: &T,
        cpu: usize,
        way: usize,
        change: &mut impl FnMut(&FlowKey, Change),
    ) {
        let slot = slot_of(table, cpu, way);
        let key = table.key(slot as usize);
        let shadow = &mut self.shadows[cpu];
        shadow.ages[way] = 0;
        shadow.used -= 1;
        let next = shadow.siblings[way];
        let hash = self.hasher.hash_one(key);
        let known = self
            .flows
            .find_entry(hash, |&other| table.key(other as usize) == key);
        if let Ok(mut known) = known {
            if next == slot {
                known.remove();
                change(&key, Change::Ended);
            } else {
                // The ring goes on without the slot, first or not.
                *known.get_mut() = next;
            }
        }
        self.leave_ring(table, slot, next);
        self.retired -= 1;
        self.reclaimed += 1;
        // The last step: from here on the way can be another flow's.
        table.free(slot as usize);
    }

    /// Takes a slot out of the ring that goes on at `next`.
    fn leave_ring<T: FlowTable>(&mut self, table: &T, slot: u32, next: u32) {
        let mut at = next;
        loop {
            let (cpu, way) = place_of(table, at);
            let sibling = &mut self.shadows[cpu].siblings[way];
            if *sibling == slot {
                *sibling = next;
                return;
            }
            at = *sibling;
        }
    }

    /// Retires every way of the flows that `is_given_up` chooses, and returns the
    /// number of those that are not free yet.
    pub(super) fn retire<T: FlowTable>(
        &mut self,
        table: &T,
        is_given_up: impl Fn(&FlowKey) -> bool,
    ) -> usize {
        let mut left = 0;
        for cpu in 0..self.shadows.len() {
            let base = cpu * table.ways();
            table.visit(cpu, |way, seen| {
                let slot = base + way;
                if is_given_up(&seen.key) {
                    left += 1;
                    // A way that is not known yet is retired at the next
                    // sweep.
                    let age = self.shadows[cpu].ages.get(way).copied();
                    if !seen.is_retired && age.is_some_and(|age| age > 0) {
                        table.retire(slot);
                        self.retired += 1;
                    }
                }
            });
        }
        left
    }

    /// Returns whether ways wait for a grace period.
    pub(super) fn has_retired(&self) -> bool {
        self.retired > 0
    }

    /// Returns whether a flow is in the table.
    pub(super) fn contains<T: FlowTable>(
        &self,
        table: &T,
        key: &FlowKey,
    ) -> bool {
        let hash = self.hasher.hash_one(key);
        let is_it = |&slot: &u32| table.key(slot as usize) == *key;
        self.flows.find(hash, is_it).is_some()
    }

    /// Sets all notes back to their default.
    pub(super) fn forget_notes(&mut self) {
        for shadow in &mut self.shadows {
            shadow.notes.fill(N::default());
        }
    }

    /// Returns the number of flows in the table.
    pub(super) fn len(&self) -> u64 {
        self.flows.len() as u64
    }

    /// Returns the number of ways in use.
    pub(super) fn used(&self) -> u64 {
        self.shadows.iter().map(|shadow| shadow.used as u64).sum()
    }

    /// Returns the number of ways freed since the start.
    pub(super) fn reclaimed(&self) -> u64 {
        self.reclaimed
    }
}

impl<N: Copy + Default> Shadow<N> {
    fn of<T: FlowTable>(table: &T, cpu: usize) -> Self {
        let ways = table.ways();
        let mut volumes = vec![[0; 2]; ways];
        // Memory of ways without a written reading is left untouched.
        let in_use = volumes.iter_mut().take(table.ways_in_use(cpu));
        for (way, own) in in_use.enumerate() {
            let Volume { packets, bytes } = table.remembered(cpu * ways + way);
            if packets > 0 {
                *own = [packets, bytes];
            }
        }
        Self {
            volumes,
            siblings: vec![0; ways],
            ages: vec![0; ways],
            notes: vec![N::default(); ways],
            used: 0,
            fit: Fit::default(),
        }
    }

    /// Returns the growth of a way, and remembers its volume.
    fn growth(&mut self, way: usize, volume: Volume) -> Volume {
        let [packets, bytes] = std::mem::replace(
            &mut self.volumes[way],
            [volume.packets, volume.bytes],
        );
        volume - Volume { packets, bytes }
    }
}

fn slot_of<T: FlowTable>(table: &T, cpu: usize, way: usize) -> u32 {
    u32::try_from(cpu * table.ways() + way)
        .expect("a table has fewer ways than a u32 counts")
}

fn place_of<T: FlowTable>(table: &T, slot: u32) -> (usize, usize) {
    let slot = slot as usize;
    (slot / table.ways(), slot % table.ways())
}

#[cfg(test)]
mod tests;
