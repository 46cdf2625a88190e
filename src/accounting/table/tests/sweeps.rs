//! The tracker against programs that run while it sweeps, and that may have
//! found a way which is retired before they add to it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::super::Volume;
use super::super::super::kernel_model::{Event, KernelModel, Log, flow};
use super::super::*;
use crate::accounting::InterfaceId;

const CPUS: usize = 3;
const INTERFACES: u32 = 3;
const SETS: usize = 4;
const WAYS: usize = SETS * 2;

/// A sweep, and the steps meanwhile.
#[derive(Clone, Debug)]
struct Step {
    before: Vec<Event>,
    during: Vec<Event>,
    now: Circumstances,
    /// Sweeps in which nothing happens.
    idle: u8,
    /// The interface that is detached behind the sweep, if there is such a
    /// one, until its ways are free.
    detached: u32,
    forgets_notes: bool,
}

fn event() -> impl Strategy<Value = Event> {
    let place = (0..CPUS, 0..INTERFACES, 0..6_u8)
        .prop_map(|(cpu, interface, number)| (cpu, flow(interface, number)));
    prop_oneof![
        4 => (place.clone(), 1..9_u8).prop_map(|((cpu, flow), packets)|
            Event::Pass { cpu, flow, packets }),
        2 => (place, any::<bool>()).prop_map(|((cpu, flow), is_known)|
            Event::Stop { cpu, flow, is_known }),
        1 => (0..CPUS).prop_map(|cpu| Event::GoOn { cpu }),
        1 => (0..CPUS).prop_map(|cpu| Event::Grow { cpu }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let events = || prop::collection::vec(event(), 0..12);
    let idle = prop_oneof![8 => 0..4_u8, 1 => 0..80_u8];
    let detached = prop_oneof![4 => Just(INTERFACES), 1 => 0..INTERFACES];
    let forgets = prop::bool::weighted(0.1);
    let now = any::<[bool; 2]>();
    (events(), events(), now, idle, detached, forgets).prop_map(
        |(before, during, now, idle, detached, forgets_notes)| Step {
            before,
            during,
            now: Circumstances { has_grace_passed: now[0], is_short: now[1] },
            idle,
            detached,
            forgets_notes,
        },
    )
}

/// A way as the newest sweep left it.
#[derive(Clone, Copy, Debug)]
struct Known {
    flow: FlowKey,
    volume: Volume,
    /// Sweeps without a growth.
    idle: u64,
}

/// The facts that user space can know.
#[derive(Default)]
struct Oracle {
    ways: BTreeMap<usize, Known>,
    reclaimed: u64,
    credited: BTreeMap<FlowKey, u64>,
    /// Flows in the table, as the tracker told, with the first note that can
    /// be theirs.
    flows: BTreeMap<FlowKey, u64>,
    begun: u64,
    notes: Vec<FlowKey>,
}

impl Oracle {
    fn credit(&mut self, delta: &TrafficDelta, note: &mut u64) {
        let Volume { packets, bytes } = delta.volume;
        assert!(packets > 0 && bytes == packets * 100);
        *self.credited.entry(delta.key).or_default() += packets;
        let first = self.flows[&delta.key];
        if *note == 0 {
            self.notes.push(delta.key);
            *note = self.notes.len() as u64;
        }
        assert!(*note > first, "a note of what was before");
        assert_eq!(self.notes[usize::try_from(*note).unwrap() - 1], delta.key);
    }

    fn change(&mut self, key: &FlowKey, change: Change) {
        let first = self.notes.len() as u64;
        match change {
            Change::Began => {
                assert_eq!(self.flows.insert(*key, first), None);
                self.begun += 1;
            }
            Change::Ended => assert!(self.flows.remove(key).is_some()),
        }
    }

    fn forget_notes(&mut self) {
        let first = self.notes.len() as u64;
        self.flows.values_mut().for_each(|own| *own = first);
    }

    /// Returns the number of sweeps that a way of this CPU may be idle.
    fn patience(&self, cpu: usize, is_short: bool) -> Option<u64> {
        let own = cpu * WAYS..(cpu + 1) * WAYS;
        match self.ways.range(own).count() {
            0..4 => None,
            8 => Some(2),
            _ if is_short => Some(2),
            7 => Some(8),
            _ => Some(64),
        }
    }

    /// Takes note of a sweep; returns the number of flows that began in it.
    fn follow(
        &mut self,
        model: &KernelModel,
        log: &Log,
        now: Circumstances,
    ) -> u64 {
        let patience = [0, 1, 2].map(|cpu| self.patience(cpu, now.is_short));
        let mut begun = 0;
        for slot in &log.freed {
            assert!(now.has_grace_passed);
            self.ways.get(slot).expect("freed what was not known");
        }
        for (cpu, patience) in patience.into_iter().enumerate() {
            let own = cpu * WAYS..(cpu + 1) * WAYS;
            let (known, new): (Vec<_>, Vec<_>) = log
                .seen
                .range(own)
                .partition(|(slot, _)| self.ways.contains_key(slot));
            let flows: Vec<_> = new
                .iter()
                .map(|&(slot, _)| (*slot, model.key(*slot)))
                .collect();
            // A flow that took another way, and of several the last one that
            // the tracker met, has no use for the others.
            let is_outdated = |slot: usize, flow: FlowKey, is_new: bool| {
                let mut others = flows.iter().filter(|other| other.1 == flow);
                others.any(|other| !is_new || other.0 > slot)
            };
            for (slot, &volume) in known {
                let way = self.ways.get_mut(slot).unwrap();
                let has_grown = volume != way.volume;
                way.idle = if has_grown { 0 } else { way.idle + 1 };
                way.volume = volume;
                let is_retired = log.retired.contains(slot);
                let was_retired = model.state().is_retired(*slot)
                    && !is_retired
                    || log.freed.contains(slot);
                let is_late = patience.is_some_and(|most| way.idle > most);
                let is_outdated = is_outdated(*slot, way.flow, false);
                assert_eq!(
                    is_retired,
                    (is_late || is_outdated) && !was_retired,
                    "{way:?}"
                );
                if log.freed.contains(slot) {
                    self.ways.remove(slot);
                    self.reclaimed += 1;
                }
            }
            for (&slot, &volume) in new {
                let flow = model.key(slot);
                let is_outdated = is_outdated(slot, flow, true);
                assert_eq!(log.retired.contains(&slot), is_outdated);
                begun += u64::from(self.ways.values().all(|w| w.flow != flow));
                self.ways.insert(slot, Known { flow, volume, idle: 0 });
            }
        }
        begun
    }
}

struct Run {
    model: KernelModel,
    tracker: TableTracker<u64>,
    oracle: RefCell<Oracle>,
}

impl Run {
    fn new() -> Self {
        Self {
            model: KernelModel::new(CPUS, SETS, 8),
            tracker: TableTracker::default(),
            oracle: RefCell::default(),
        }
    }

    /// Returns the programs' counts in the table for each flow.
    fn sent(&self) -> BTreeMap<FlowKey, u64> {
        let state = self.model.state();
        let mut sent = state.sent.clone();
        for (flow, packets) in &state.in_map {
            *sent.get_mut(flow).unwrap() -= packets;
        }
        sent
    }

    fn sweep(&mut self, during: &[Event], now: Circumstances) {
        if now.has_grace_passed {
            self.model.state().wait_for_programs();
        }
        let (before, begun) = (self.sent(), self.oracle.get_mut().begun);
        let Self { model, tracker, oracle } = self;
        model.begin_reading(during);
        tracker.observe(
            model,
            now,
            |delta, note| oracle.borrow_mut().credit(delta, note),
            |key, change| oracle.borrow_mut().change(key, change),
        );
        let log = model.end_reading();
        let expected = oracle.get_mut().follow(model, &log, now);
        let oracle = oracle.get_mut();
        assert_eq!(oracle.begun - begun, expected);
        self.check(&before);
    }

    fn check(&mut self, before: &BTreeMap<FlowKey, u64>) {
        let after = self.sent();
        let oracle = self.oracle.get_mut();
        for (flow, sent) in after {
            let credited =
                oracle.credited.get(&flow).copied().unwrap_or_default();
            assert!(credited <= sent, "too much");
            let least = before.get(&flow).copied().unwrap_or_default();
            assert!(credited >= least, "too little");
        }
        let flows: BTreeSet<_> = oracle.ways.values().map(|w| w.flow).collect();
        assert!(oracle.flows.keys().eq(flows.iter()));
        let tracker = &self.tracker;
        assert_eq!(tracker.len(), flows.len() as u64);
        for flow in flows {
            assert!(tracker.contains(&self.model, &flow));
        }
        assert_eq!(tracker.used(), oracle.ways.len() as u64);
        assert_eq!(tracker.reclaimed(), oracle.reclaimed);
        let retired = self.model.state().retired();
        assert_eq!(tracker.has_retired(), retired > 0);
    }

    /// Gives up detached interfaces, as the poller does after every poll.
    fn retire(&mut self) {
        let detached = self.model.state().detached.clone();
        let left = self.tracker.retire(&self.model, |key: &FlowKey| {
            detached.contains(&key.interface)
        });
        let mut state = self.model.state();
        let ways = detached.iter().map(|&interface| state.ways_of(interface));
        assert_eq!(left, ways.sum::<usize>());
        if left == 0 {
            state.detached.clear();
        }
    }
}

const QUIET: Circumstances =
    Circumstances { has_grace_passed: true, is_short: false };

proptest! {
    /// Every sweep credits all packets counted before it, once and to their own
    /// flow, and the numbers are right.
    #[test]
    fn programs_that_run_under_a_sweep_are_accounted_for(
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let mut run = Run::new();
        for step in steps {
            for event in step.before {
                run.model.state().happen(event);
            }
            run.sweep(&step.during, step.now);
            run.retire();
            if step.forgets_notes {
                run.tracker.forget_notes();
                run.oracle.get_mut().forget_notes();
            }
            for _ in 0..step.idle {
                run.sweep(&[], Circumstances::default());
            }
            if step.detached < INTERFACES {
                let mut state = run.model.state();
                // Detaching waits for the programs.
                state.wait_for_programs();
                state.detached.insert(InterfaceId(step.detached));
            }
        }
        // One to see all ways, one behind their retirement.
        run.sweep(&[], QUIET);
        run.retire();
        run.sweep(&[], QUIET);
        run.retire();
        prop_assert!(run.model.state().detached.is_empty());
        let sent = run.sent();
        let oracle = run.oracle.get_mut();
        for (flow, packets) in sent {
            let credited = oracle.credited.get(&flow).copied();
            prop_assert_eq!(credited.unwrap_or_default(), packets);
        }
    }
}
