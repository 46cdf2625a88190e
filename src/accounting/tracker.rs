//! Tracks both tiers of flows as one: a flow may be in the table, on several
//! CPUs, and in the map at the same time, and is one flow.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::class_totals::ClassTotals;
use super::delta::DeltaTracker;
use super::flow_table::FlowTable;
use super::marks::{FlowMarks, MapMarks};
use super::table::{Change, Circumstances, TableTracker};
use super::{FlowKey, Reading, TrafficDelta};

/// A poll's readings of the flow map.
#[derive(Clone, Copy, Debug)]
pub struct MapSweep<'a> {
    /// Every flow in it.
    pub readings: &'a [Reading],
    /// The time when it was complete, in the unit of [`Reading::last_seen`].
    pub now: u32,
}

/// The kernel side's counters that a poll read before any flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flows created in the map since the start.
    pub new_keys: u64,
    /// Packets counted in the map since the start, because the table, if there
    /// is one, had no room for their flows.
    pub map_packets: u64,
}

/// Statistics of the flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowStatistics {
    /// The number of present flows.
    pub entries: u64,
    /// The number of flows ever; one that came back counts again.
    pub new_keys: u64,
    /// Flows that the map evicted.
    pub evictions: u64,
    /// The shortest time in ticks that an evicted flow had been idle.
    pub minimum_eviction_age: Option<u64>,
    /// Ways of the table that are in use: flows by CPU.
    pub table_entries: u64,
    /// Ways of the table that were idle and are free again.
    pub table_reclaims: u64,
}

/// The last reading of every flow, with a note of the caller's.
#[derive(Debug)]
pub struct FlowTracker<N> {
    map: DeltaTracker<N>,
    class_totals: ClassTotals,
    table: TableTracker<N>,
    /// Flows of the table ever begun.
    begun: u64,
    /// Flows that are in both.
    shared: u64,
    /// The number of times that a flow of one appeared in the other too.
    joined: u64,
    /// Packets that the map had counted at the last sweep.
    map_packets: u64,
    /// The map, at the last sweep of it.
    evictions: u64,
    minimum_eviction_age: Option<u64>,
    new_keys: u64,
    /// The number of new flows that was last shown.
    shown_new_keys: u64,
}

impl<N> Default for FlowTracker<N> {
    fn default() -> Self {
        Self {
            map: DeltaTracker::default(),
            class_totals: ClassTotals::default(),
            table: TableTracker::default(),
            begun: 0,
            shared: 0,
            joined: 0,
            map_packets: 0,
            evictions: 0,
            minimum_eviction_age: None,
            new_keys: 0,
            shown_new_keys: 0,
        }
    }
}

impl<N: Copy + Default> FlowTracker<N> {
    /// Returns a tracker that goes on from what another one remembered of the
    /// same table and map. It finds the flows of the table anew.
    #[must_use]
    pub fn resume(marks: &FlowMarks) -> Self {
        Self {
            map: DeltaTracker::resume(&marks.map),
            class_totals: ClassTotals::resume(&marks.map.ahead),
            table: TableTracker::resume(marks.table_reclaims),
            begun: marks.begun.saturating_sub(marks.table_flows),
            joined: marks.joined.saturating_sub(marks.shared),
            evictions: marks.map.evictions,
            minimum_eviction_age: marks.map.minimum_age,
            shown_new_keys: marks.new_keys,
            ..Self::default()
        }
    }

    /// Returns the facts that a later tracker needs.
    pub fn marks(&mut self) -> FlowMarks {
        FlowMarks {
            begun: self.begun,
            table_flows: self.table.len(),
            joined: self.joined,
            shared: self.shared,
            new_keys: self.shown_new_keys,
            table_reclaims: self.table.reclaimed(),
            map: MapMarks {
                ahead: self.class_totals.marks(),
                ..self.map.marks()
            },
        }
    }

    /// Observes the readings of a poll and calls `credit` with every growth and
    /// the flow's note, which starts at its default. `map` is absent if nothing
    /// was counted in it since the last poll.
    ///
    /// Packets of a class that the map counted and that no flow was credited
    /// with are credited under the key of their class: see
    /// [`FlowKey::is_without_remote`].
    ///
    /// `has_grace_passed` is true if all programs that were running when the
    /// last sweep ended have ended since.
    pub fn observe<T: FlowTable>(
        &mut self,
        counts: Counts,
        map: Option<MapSweep<'_>>,
        table: Option<&T>,
        has_grace_passed: bool,
        mut credit: impl FnMut(&TrafficDelta, &mut N),
    ) -> FlowStatistics {
        if let Some(sweep) = map {
            self.observe_map(counts, sweep, table, &mut credit);
        }
        let is_short = counts.map_packets > self.map_packets;
        self.map_packets = counts.map_packets;
        if let Some(table) = table {
            let now = Circumstances { has_grace_passed, is_short };
            self.observe_table(table, now, &mut credit);
        }
        // A flow of the table may be met in the map before it is counted as
        // created there; until then there are too few.
        let new_keys = (self.new_keys + self.begun).saturating_sub(self.joined);
        self.shown_new_keys = self.shown_new_keys.max(new_keys);
        FlowStatistics {
            entries: self.map.len() + self.table.len() - self.shared,
            new_keys: self.shown_new_keys,
            evictions: self.evictions,
            minimum_eviction_age: self.minimum_eviction_age,
            table_entries: self.table.used(),
            table_reclaims: self.table.reclaimed(),
        }
    }

    fn observe_map<T: FlowTable>(
        &mut self,
        counts: Counts,
        sweep: MapSweep<'_>,
        table: Option<&T>,
        credit: &mut impl FnMut(&TrafficDelta, &mut N),
    ) {
        let Self { map, class_totals, table: tracked, shared, joined, .. } =
            self;
        let is_in_table = |key: &FlowKey| {
            table.is_some_and(|table| tracked.contains(table, key))
        };
        let seen = map.observe_changes(
            sweep.readings,
            sweep.now,
            counts.new_keys,
            |delta, note| {
                if class_totals.note(delta) {
                    credit(delta, note);
                }
            },
            |key, change| match change {
                Change::Began if is_in_table(key) => {
                    *shared += 1;
                    *joined += 1;
                }
                Change::Ended if is_in_table(key) => *shared -= 1,
                _ => {}
            },
        );
        class_totals.settle(|delta| credit(delta, &mut N::default()));
        self.new_keys = counts.new_keys;
        self.evictions = seen.evictions;
        self.minimum_eviction_age = seen.minimum_eviction_age;
    }

    fn observe_table<T: FlowTable>(
        &mut self,
        table: &T,
        now: Circumstances,
        credit: &mut impl FnMut(&TrafficDelta, &mut N),
    ) {
        let Self { map, table: tracked, begun, shared, joined, .. } = self;
        tracked.observe(table, now, credit, |key, change| {
            let is_in_map = map.contains(key);
            match change {
                Change::Began => {
                    *begun += 1;
                    *joined += u64::from(is_in_map);
                    *shared += u64::from(is_in_map);
                }
                Change::Ended => *shared -= u64::from(is_in_map),
            }
        });
    }

    /// Returns the flows that `is_given_up` chooses and that are in the map.
    #[must_use]
    pub fn map_flows_of(
        &self,
        is_given_up: impl Fn(&FlowKey) -> bool,
    ) -> Vec<FlowKey> {
        self.map.flows_of(is_given_up)
    }

    /// Forgets a flow that the caller removed from the map. Not to be called
    /// for a flow that was gone already: it was evicted, and the next sweep
    /// misses it.
    pub fn forget<T: FlowTable>(&mut self, flow: &FlowKey, table: Option<&T>) {
        let is_shared = self.map.contains(flow)
            && table.is_some_and(|table| self.table.contains(table, flow));
        self.shared -= u64::from(is_shared);
        self.map.forget(flow);
    }

    /// Gives up the flows that `is_given_up` chooses and that are in the table,
    /// if there is one, and the totals of their classes. No program may count in
    /// them any more. Returns the number of ways that later sweeps still have to
    /// free.
    pub fn retire<T: FlowTable>(
        &mut self,
        table: Option<&T>,
        is_given_up: impl Fn(&FlowKey) -> bool,
    ) -> usize {
        self.class_totals.forget(&is_given_up);
        table.map_or(0, |table| self.table.retire(table, is_given_up))
    }

    /// Returns whether the next sweep is to be made after a grace period.
    #[must_use]
    pub fn waits_for_grace(&self) -> bool {
        self.table.has_retired()
    }

    /// Sets the notes of all flows back to their default.
    pub fn forget_notes(&mut self) {
        self.map.forget_notes();
        self.table.forget_notes();
    }
}

#[cfg(test)]
mod tests;
