//! Turns cumulative readings into growth, through eviction, return and
//! removal.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::marks::MapMarks;
use super::table::Change;
use super::{FlowKey, Reading, TrafficDelta, Volume};

/// The last reading of every flow in the kernel's map, each with a note of the
/// caller's.
///
/// The keys come from the network: the hash is seeded at random.
#[derive(Debug)]
pub struct DeltaTracker<N> {
    flows: HashMap<FlowKey, Flow<N>, RandomState>,
    /// The number of this sweep; a flow last seen in an earlier one is gone.
    sweep: u32,
    clock: Clock,
    /// Flows that the caller removed from the map.
    removed: u64,
    evictions: Evictions,
    /// The flows as readings, once somebody asked for them and until they
    /// change.
    readings: Option<Arc<[Reading]>>,
    /// True if an earlier tracker knew flows that this one does not know: a
    /// flow that the next sweep shows for the first time may be one of them.
    is_incomplete: bool,
}

/// A flow as it was when last read.
#[derive(Debug)]
struct Flow<N> {
    volume: Volume,
    last_seen: u64,
    generation: u32,
    sweep: u32,
    note: N,
}

/// The results of a sweep besides the deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Flows in the kernel's map.
    pub entries: u64,
    /// Flows evicted since the start. Exact as of the moment the statistics
    /// were read, once a sweep meets no more new flows than they told of; less
    /// until then, never more.
    pub evictions: u64,
    /// The shortest time, in ticks, from the last packet that was read of a
    /// flow to the poll that missed it; zero if one came and went between two
    /// polls.
    pub minimum_eviction_age: Option<u64>,
}

/// A clock of 32 bits, widened to 64.
#[derive(Debug, Default)]
struct Clock {
    now: u64,
}

impl Clock {
    /// Moves on to the time whose low half is `now`.
    fn advance(&mut self, now: u32) {
        #[expect(clippy::cast_possible_truncation, reason = "the low half")]
        let low = self.now as u32;
        self.now += u64::from(now.wrapping_sub(low));
    }

    /// Returns the time not after now whose low half is `then`. A time more
    /// than half a round ago looks like a time to come, such as that of a
    /// packet counted after the clock was read: both count as now.
    fn widen(&self, then: u32) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "the low half")]
        let age = (self.now as u32).wrapping_sub(then);
        if age < u32::MAX / 2 {
            self.now.saturating_sub(u64::from(age))
        } else {
            self.now
        }
    }
}

#[derive(Debug, Default)]
struct Evictions {
    /// Evictions by the numbers of flows created, present and removed.
    total: u64,
    /// Those that a sweep showed, or that the numbers revealed.
    explained: u64,
    minimum_age: Option<u64>,
}

impl Evictions {
    /// Takes note of a flow that was there at the last sweep.
    fn see(&mut self, age: u64) {
        self.explained += 1;
        self.shorten(age);
    }

    fn shorten(&mut self, age: u64) {
        let shortest = self.minimum_age.unwrap_or(u64::MAX);
        self.minimum_age = Some(shortest.min(age));
    }

    /// Takes note of all that happened by the numbers.
    fn count(&mut self, total: u64) {
        self.total = self.total.max(total);
        if self.total > self.explained {
            self.explained = self.total;
            self.shorten(0);
        }
    }
}

impl<N> Default for DeltaTracker<N> {
    fn default() -> Self {
        Self {
            flows: HashMap::default(),
            sweep: 0,
            clock: Clock::default(),
            removed: 0,
            evictions: Evictions::default(),
            readings: None,
            is_incomplete: false,
        }
    }
}

impl<N: Default> DeltaTracker<N> {
    /// Returns a tracker that goes on from what another one remembered of the
    /// same map.
    pub(super) fn resume(marks: &MapMarks) -> Self {
        let clock = Clock { now: marks.now.into() };
        let flow = |reading: &Reading| {
            let flow = Flow {
                volume: reading.volume,
                last_seen: clock.widen(reading.last_seen),
                generation: reading.generation,
                sweep: 0,
                note: N::default(),
            };
            (reading.key, flow)
        };
        Self {
            flows: marks.readings.iter().map(flow).collect(),
            sweep: 0,
            removed: marks.removed,
            evictions: Evictions {
                total: marks.evictions,
                explained: marks.explained,
                minimum_age: marks.minimum_age,
            },
            readings: Some(Arc::clone(&marks.readings)),
            is_incomplete: marks.is_incomplete,
            clock,
        }
    }

    /// Returns the facts that a later tracker needs.
    pub(super) fn marks(&mut self) -> MapMarks {
        #[expect(clippy::cast_possible_truncation, reason = "the low half")]
        let reading = |(key, flow): (&FlowKey, &Flow<N>)| Reading {
            key: *key,
            volume: flow.volume,
            generation: flow.generation,
            last_seen: flow.last_seen as u32,
        };
        let flows = &self.flows;
        let readings = self
            .readings
            .get_or_insert_with(|| flows.iter().map(reading).collect());
        #[expect(clippy::cast_possible_truncation, reason = "the low half")]
        let now = self.clock.now as u32;
        MapMarks {
            readings: Arc::clone(readings),
            ahead: Vec::new(),
            is_incomplete: self.is_incomplete,
            now,
            removed: self.removed,
            evictions: self.evictions.total,
            explained: self.evictions.explained,
            minimum_age: self.evictions.minimum_age,
        }
    }

    /// Observes one complete sweep of the kernel's map and calls `credit` with
    /// every growth and the flow's note, which starts at its default and stays
    /// with the flow until it is evicted.
    ///
    /// `now` is the time when the sweep was complete, in the unit of
    /// [`Reading::last_seen`]; `new_keys` is the number of flows created before
    /// it began. A flow that the sweep shows twice is counted once.
    pub fn observe(
        &mut self,
        readings: &[Reading],
        now: u32,
        new_keys: u64,
        credit: impl FnMut(&TrafficDelta, &mut N),
    ) -> Observation {
        self.observe_changes(readings, now, new_keys, credit, |_, _| {})
    }

    /// As [`DeltaTracker::observe`], and calls `change` with each flow that
    /// was not there at the sweep before or was at that one only, and with
    /// both for one that was evicted and came back.
    pub(super) fn observe_changes(
        &mut self,
        readings: &[Reading],
        now: u32,
        new_keys: u64,
        mut credit: impl FnMut(&TrafficDelta, &mut N),
        mut change: impl FnMut(&FlowKey, Change),
    ) -> Observation {
        self.readings = None;
        // Its volume may have been credited before.
        let is_new_credited = !std::mem::take(&mut self.is_incomplete);
        self.sweep = self.sweep.wrapping_add(1);
        self.clock.advance(now);
        for reading in readings {
            let last_seen = self.clock.widen(reading.last_seen);
            let (growth, flow) = match self.flows.entry(reading.key) {
                Entry::Vacant(vacant) => {
                    change(&reading.key, Change::Began);
                    let flow = vacant.insert(Flow {
                        volume: reading.volume,
                        last_seen,
                        generation: reading.generation,
                        sweep: self.sweep,
                        note: N::default(),
                    });
                    let growth = match is_new_credited {
                        true => reading.volume,
                        false => Volume::default(),
                    };
                    (growth, flow)
                }
                Entry::Occupied(occupied) => {
                    let flow = occupied.into_mut();
                    let growth = if flow.generation == reading.generation {
                        reading.volume - flow.volume
                    } else {
                        self.evictions.see(self.clock.now - flow.last_seen);
                        change(&reading.key, Change::Ended);
                        change(&reading.key, Change::Began);
                        reading.volume
                    };
                    // Not changed without growth: an old `last_seen` could
                    // not be widened any more.
                    if growth != Volume::default() {
                        flow.last_seen = last_seen;
                    }
                    flow.volume = reading.volume;
                    flow.generation = reading.generation;
                    flow.sweep = self.sweep;
                    (growth, flow)
                }
            };
            if growth != Volume::default() {
                let delta = TrafficDelta { key: reading.key, volume: growth };
                credit(&delta, &mut flow.note);
            }
        }
        self.drop_evicted(&mut change);
        let entries = self.flows.len() as u64;
        self.evictions.count(new_keys.saturating_sub(entries + self.removed));
        Observation {
            entries,
            evictions: self.evictions.total,
            minimum_eviction_age: self.evictions.minimum_age,
        }
    }

    fn drop_evicted(&mut self, change: &mut impl FnMut(&FlowKey, Change)) {
        let (sweep, now) = (self.sweep, self.clock.now);
        let evictions = &mut self.evictions;
        self.flows.retain(|key, flow| {
            let is_present = flow.sweep == sweep;
            if !is_present {
                change(key, Change::Ended);
                evictions.see(now - flow.last_seen);
            }
            is_present
        });
        // A flood that is over should not hold its memory for ever.
        if self.flows.capacity() > 4096
            && self.flows.len() < self.flows.capacity() / 8
        {
            self.flows.shrink_to(self.flows.len() * 2);
        }
    }

    /// Returns the number of flows that the last sweep showed.
    pub(super) fn len(&self) -> u64 {
        self.flows.len() as u64
    }

    /// Returns whether the last sweep showed a flow.
    pub(super) fn contains(&self, flow: &FlowKey) -> bool {
        self.flows.contains_key(flow)
    }

    /// Sets all notes back to their default.
    pub(super) fn forget_notes(&mut self) {
        for flow in self.flows.values_mut() {
            flow.note = N::default();
        }
    }

    /// Returns the flows that `is_given_up` chooses.
    #[must_use]
    pub fn flows_of(
        &self,
        is_given_up: impl Fn(&FlowKey) -> bool,
    ) -> Vec<FlowKey> {
        self.flows.keys().filter(|key| is_given_up(key)).copied().collect()
    }

    /// Forgets a flow that the caller removed from the kernel's map. Not to be
    /// called for a flow that was gone already: it was evicted, and the next
    /// sweep misses it.
    pub fn forget(&mut self, flow: &FlowKey) {
        if self.flows.remove(flow).is_some() {
            self.readings = None;
            self.removed += 1;
        }
    }
}

#[cfg(test)]
mod tests;
