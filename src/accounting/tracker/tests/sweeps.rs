//! Tests both tiers with packets on all CPUs, evictions, reclaims and
//! interfaces that go, all of it also while the poller reads.

mod steps;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use self::steps::{Restart, step};
use super::super::super::Volume;
use super::super::super::kernel_model::{Event, KernelModel, Log};
use super::super::*;
use crate::accounting::InterfaceId;

const CPUS: usize = 2;
const INTERFACES: u32 = 3;
const SETS: usize = 2;
const WAYS: usize = SETS * 2;

/// A kernel, its reader, and the facts that both can know.
struct Run {
    model: KernelModel,
    tracker: FlowTracker<u64>,
    map_packets: Option<u64>,
    ways: BTreeMap<usize, FlowKey>,
    /// Flows of the map, each with its generation.
    mapped: BTreeMap<FlowKey, u32>,
    /// The newest reading of the map showed this.
    created: u64,
    begun: u64,
    joined: u64,
    reclaimed: u64,
    credited: BTreeMap<FlowKey, u64>,
    notes: Vec<FlowKey>,
    /// The newest note that is forgotten.
    forgotten: u64,
    last: FlowStatistics,
    /// The last save: the readings of flows, and the credits.
    saved: (FlowMarks, BTreeMap<FlowKey, u64>),
    /// Interfaces that went since then: later ones have their numbers.
    gone: BTreeSet<InterfaceId>,
    /// The credits of a killed process after its last save.
    died: BTreeMap<FlowKey, u64>,
    /// True if numbers may be off, because of events between a save and a kill,
    /// or because flows of both tiers changed while no process ran.
    is_restarted: bool,
    is_killed: bool,
}

impl Run {
    fn new() -> Self {
        Self {
            model: KernelModel::new(CPUS, SETS, 5),
            tracker: FlowTracker::default(),
            map_packets: None,
            ways: BTreeMap::new(),
            mapped: BTreeMap::new(),
            created: 0,
            begun: 0,
            joined: 0,
            reclaimed: 0,
            credited: BTreeMap::new(),
            notes: Vec::new(),
            forgotten: 0,
            last: FlowStatistics::default(),
            saved: <(FlowMarks, BTreeMap<FlowKey, u64>)>::default(),
            gone: BTreeSet::new(),
            died: BTreeMap::new(),
            is_restarted: false,
            is_killed: false,
        }
    }

    fn restart(&mut self, how: Restart) {
        if matches!(how, Restart::Save | Restart::Stop) {
            self.saved = (self.tracker.marks(), self.credited.clone());
            self.gone.clear();
        }
        if matches!(how, Restart::Stop | Restart::Kill) {
            // As `State::limit_attachments()` does.
            let ahead = &mut self.saved.0.map.ahead;
            ahead.retain(|it| !self.gone.contains(&it.key.interface));
            self.tracker = FlowTracker::resume(&self.saved.0);
            let before =
                std::mem::replace(&mut self.credited, self.saved.1.clone());
            for (flow, credited) in before {
                let saved = of(&self.credited, &flow);
                *self.died.entry(flow).or_default() += credited - saved;
            }
            // It reads the map at once, and looks up every flow anew.
            self.map_packets = None;
            self.forgotten = self.notes.len() as u64;
            self.is_restarted = true;
            self.is_killed |= how == Restart::Kill;
        }
    }

    fn has_way(&self, flow: &FlowKey) -> bool {
        self.ways.values().any(|other| other == flow)
    }

    fn poll(
        &mut self,
        [of_totals, of_map, of_table]: [&[Event]; 3],
        has_grace: bool,
    ) {
        let has_grace_passed = has_grace && self.tracker.waits_for_grace();
        let (counts, before, map_packets) = {
            let mut state = self.model.state();
            if has_grace_passed {
                state.wait_for_programs();
            }
            let (new_keys, map_packets) = (state.new_keys, state.map_packets);
            for &event in of_totals {
                state.happen(event);
            }
            let before = (state.sent.clone(), state.lost.clone());
            (Counts { new_keys, map_packets }, before, state.map_packets)
        };
        let is_read = self.map_packets != Some(map_packets);
        self.map_packets = Some(counts.map_packets);
        let readings = is_read.then(|| {
            self.model.begin_reading(of_map);
            let readings = self.model.read_map();
            self.model.end_reading();
            readings
        });
        let now = self.model.state().now;
        let sweep =
            readings.as_ref().map(|readings| MapSweep { readings, now });
        self.model.begin_reading(of_table);
        let Self { credited, notes, forgotten, .. } = self;
        let seen = self.tracker.observe(
            counts,
            sweep,
            Some(&self.model),
            has_grace_passed,
            |delta, note| {
                let Volume { packets, bytes } = delta.volume;
                assert!(packets > 0 && bytes == packets * 100);
                *credited.entry(delta.key).or_default() += packets;
                if *note == 0 {
                    notes.push(delta.key);
                    *note = notes.len() as u64;
                }
                assert!(*note > *forgotten);
                let index = usize::try_from(*note).unwrap() - 1;
                assert_eq!(notes[index], delta.key);
            },
        );
        let log = self.model.end_reading();
        if let Some(readings) = readings {
            self.created = counts.new_keys;
            self.follow_map(&readings);
        }
        assert!(has_grace_passed || log.freed.is_empty());
        self.follow_table(&log);
        self.check_numbers(seen);
        self.check_credits(&before.0);
    }

    fn follow_map(&mut self, readings: &[Reading]) {
        let now: BTreeMap<_, _> =
            readings.iter().map(|r| (r.key, r.generation)).collect();
        for (flow, generation) in &now {
            let is_new = self.mapped.get(flow) != Some(generation);
            self.joined += u64::from(is_new && self.has_way(flow));
        }
        self.mapped = now;
    }

    fn follow_table(&mut self, log: &Log) {
        for cpu in 0..CPUS {
            let own = cpu * WAYS..(cpu + 1) * WAYS;
            let seen = log.seen.keys().filter(|slot| own.contains(slot));
            let new: Vec<_> =
                seen.filter(|slot| !self.ways.contains_key(slot)).collect();
            for slot in log.freed.iter().filter(|slot| own.contains(slot)) {
                assert!(self.ways.remove(slot).is_some());
                self.reclaimed += 1;
            }
            for &slot in new {
                let flow = self.model.key(slot);
                if !self.has_way(&flow) {
                    self.begun += 1;
                    let is_mapped = self.mapped.contains_key(&flow);
                    self.joined += u64::from(is_mapped);
                }
                self.ways.insert(slot, flow);
            }
        }
    }

    fn check_numbers(&mut self, seen: FlowStatistics) {
        let flows: BTreeSet<_> =
            self.ways.values().chain(self.mapped.keys()).collect();
        assert_eq!(seen.entries, flows.len() as u64);
        assert_eq!(seen.table_entries, self.ways.len() as u64);
        if !self.is_killed {
            assert_eq!(seen.table_reclaims, self.reclaimed);
            assert!(seen.new_keys >= self.last.new_keys);
            assert!(seen.evictions >= self.last.evictions);
            assert!(seen.evictions <= self.model.state().evictions);
        }
        if !self.is_restarted {
            let new_keys =
                (self.created + self.begun).saturating_sub(self.joined);
            assert_eq!(seen.new_keys, new_keys.max(self.last.new_keys));
        }
        self.last = seen;
    }

    /// A poll credits all packets counted before it, except those that were
    /// lost with a process.
    fn check_credits(&self, before: &BTreeMap<FlowKey, u64>) {
        let state = self.model.state();
        for (flow, &sent) in &state.sent {
            let known = of(&self.credited, flow) + of(&state.lost, flow);
            assert!(known <= sent, "too much");
            let known = known + of(&self.died, flow);
            assert!(known >= of(before, flow), "too little");
        }
        for (class, sent) in classes_of(&state.sent) {
            let credited = of(&classes_of(&self.credited), &class);
            assert!(credited <= sent, "too much of a class");
        }
    }

    /// Gives up detached interfaces, as the poller does after every poll.
    fn retire(&mut self) {
        let detached = self.model.state().detached.clone();
        for flow in self
            .tracker
            .map_flows_of(|key: &FlowKey| detached.contains(&key.interface))
        {
            if self.model.state().remove(&flow) {
                self.tracker.forget(&flow, Some(&self.model));
                self.mapped.remove(&flow);
            }
        }
        let left = self.tracker.retire(Some(&self.model), |key: &FlowKey| {
            detached.contains(&key.interface)
        });
        let mut state = self.model.state();
        let ways = detached.iter().map(|&interface| state.ways_of(interface));
        assert_eq!(left, ways.sum::<usize>());
        if left == 0 {
            self.gone.append(&mut state.detached);
        }
    }
}

/// Returns the sums of classes, with the packets that no flow was credited
/// with.
fn classes_of(counts: &BTreeMap<FlowKey, u64>) -> BTreeMap<FlowKey, u64> {
    let mut classes = BTreeMap::new();
    for (flow, count) in counts.iter().filter(|(flow, _)| flow.class != 0) {
        *classes.entry(flow.without_remote()).or_default() += count;
    }
    classes
}

fn of(counts: &BTreeMap<FlowKey, u64>, flow: &FlowKey) -> u64 {
    counts.get(flow).copied().unwrap_or_default()
}

proptest! {
    /// Every poll credits all packets counted before it, once and to their own
    /// flow, if they were not evicted, else to their class; and the numbers are
    /// right. This also
    /// holds if another process goes on, except for the unsaved credits of a
    /// process that was killed.
    #[test]
    fn every_packet_of_both_tiers_is_credited_once(
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let mut run = Run::new();
        for step in steps {
            for event in step.before {
                run.model.state().happen(event);
            }
            let meanwhile = [
                &*step.while_totals_are_read,
                &*step.while_map_is_read,
                &*step.while_table_is_read,
            ];
            run.poll(meanwhile, step.has_grace);
            run.retire();
            if step.forgets_notes {
                run.tracker.forget_notes();
                run.forgotten = run.notes.len() as u64;
            }
            for _ in 0..step.idle {
                run.poll([&[]; 3], step.has_grace);
                run.retire();
            }
            for restart in step.restarts {
                run.restart(restart);
            }
            if step.detached < INTERFACES {
                let mut state = run.model.state();
                // Detaching waits for the programs.
                state.wait_for_programs();
                state.detached.insert(InterfaceId(step.detached));
            }
        }
        // The kernel evicts only to make room for a flow that it counts, so the
        // map is read after it.
        run.map_packets = None;
        for _ in 0..2 {
            run.model.state().wait_for_programs();
            run.poll([&[]; 3], true);
            run.retire();
        }
        let state = run.model.state();
        prop_assert!(state.detached.is_empty());
        for (flow, sent) in &state.sent {
            let known = of(&run.credited, flow) + of(&state.lost, flow);
            prop_assert!(known <= *sent);
            prop_assert!(known + of(&run.died, flow) >= *sent);
        }
        // Also those that the map evicted unread.
        let credited = classes_of(&run.credited);
        let died = classes_of(&run.died);
        for (class, sent) in classes_of(&state.sent) {
            let known = of(&credited, &class);
            prop_assert!(known <= sent);
            prop_assert!(known + of(&died, &class) >= sent);
        }
        if !run.is_killed {
            prop_assert_eq!(run.last.evictions, state.evictions);
        }
    }
}
