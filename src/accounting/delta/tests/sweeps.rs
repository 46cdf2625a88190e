//! The tracker against a map that changes while it is read, as the real one
//! does: flows come, grow and are evicted between the statistics and the first
//! bucket, and between one bucket and the next.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::*;
use super::{key, set};

const FLOWS: u8 = 12;
const BUCKETS: u8 = 4;
const INTERFACES: u32 = 3;

/// An event at any time.
#[derive(Clone, Debug)]
enum Event {
    Packets { flow: u8, count: u8 },
    Evict { flow: u8 },
    Wait { ticks: u8 },
}

/// A poll, and the events meanwhile.
#[derive(Clone, Debug)]
struct Step {
    before: Vec<Event>,
    /// Those before each bucket is read.
    during: [Vec<Event>; BUCKETS as usize],
    /// The interface that was detached before the poll and is removed after
    /// it, if there is such an interface.
    removed: u32,
    /// Those between the poll and the removal.
    after: Vec<Event>,
}

fn step() -> impl Strategy<Value = Step> {
    let event = prop_oneof![
        4 => (0..FLOWS, 1..9_u8)
            .prop_map(|(flow, count)| Event::Packets { flow, count }),
        3 => (0..FLOWS).prop_map(|flow| Event::Evict { flow }),
        2 => (1..50_u8).prop_map(|ticks| Event::Wait { ticks }),
    ];
    let events = move || prop::collection::vec(event.clone(), 0..5);
    let during = [events(), events(), events(), events()];
    (events(), during, 0..INTERFACES * 3, events()).prop_map(
        |(before, during, removed, after)| Step {
            before,
            during,
            removed,
            after,
        },
    )
}

/// A flow as it is in the map.
#[derive(Clone, Copy)]
struct Present {
    reading: Reading,
    /// As the newest sweep read it, if one did.
    read: Option<Reading>,
}

/// The kernel's map, and the truth about it.
#[derive(Default)]
struct Oracle {
    map: BTreeMap<u8, Present>,
    detached: Option<u32>,
    now: u32,
    created: u64,
    sent: u64,
    /// Packets that nobody had read when their flow was evicted.
    lost: u64,
    evicted: u64,
    /// Whether a flow was evicted before anybody had read it.
    unread: bool,
    /// Flows that were read and evicted, which no sweep has missed yet.
    ghosts: Vec<Reading>,
    /// The lowest age of the flows that a sweep has missed.
    minimum_age: Option<u64>,
}

impl Oracle {
    fn interface(flow: u8) -> u32 {
        u32::from(flow) % INTERFACES
    }

    fn happen(&mut self, events: &[Event]) {
        for event in events {
            match *event {
                Event::Wait { ticks } => self.now += u32::from(ticks),
                Event::Packets { flow, count } => self.pass(flow, count.into()),
                Event::Evict { flow } => self.evict(flow),
            }
        }
    }

    fn pass(&mut self, flow: u8, count: u64) {
        if self.detached == Some(Self::interface(flow)) {
            return;
        }
        self.sent += count;
        let created = &mut self.created;
        let present = self.map.entry(flow).or_insert_with(|| {
            *created += 1;
            let reading = Reading {
                key: key(Self::interface(flow), flow),
                volume: Volume::default(),
                generation: u32::try_from(*created).unwrap(),
                last_seen: 0,
            };
            Present { reading, read: None }
        });
        present.reading.last_seen = self.now;
        present.reading.volume += Volume { packets: count, bytes: count * 100 };
    }

    fn evict(&mut self, flow: u8) {
        let Some(Present { reading, read }) = self.map.remove(&flow) else {
            return;
        };
        self.evicted += 1;
        self.lost += reading.volume.packets;
        match read {
            Some(read) => {
                self.lost -= read.volume.packets;
                self.ghosts.push(read);
            }
            None => self.unread = true,
        }
    }

    /// Reads the map bucket by bucket while things happen.
    fn sweep(&mut self, during: &[Vec<Event>]) -> Vec<Reading> {
        let mut readings = Vec::new();
        for (bucket, events) in (0..BUCKETS).zip(during) {
            self.happen(events);
            let flows = self.map.iter_mut();
            for (_, present) in flows.filter(|(f, _)| *f % BUCKETS == bucket) {
                present.read = Some(present.reading);
                readings.push(present.reading);
            }
        }
        // One that was evicted behind its bucket's reading is not missed yet.
        let is_read = |ghost: &Reading| {
            readings.iter().any(|r| r.generation == ghost.generation)
        };
        let ghosts = std::mem::take(&mut self.ghosts);
        let (unmissed, missed): (Vec<_>, Vec<_>) =
            ghosts.into_iter().partition(is_read);
        self.ghosts = unmissed;
        for ghost in missed {
            let age = u64::from(self.now - ghost.last_seen);
            let minimum = self.minimum_age.unwrap_or(u64::MAX);
            self.minimum_age = Some(minimum.min(age));
        }
        readings
    }

    /// Removes a flow as the poller does, and returns whether it was there.
    fn remove(&mut self, flow: &FlowKey) -> bool {
        self.map.remove(&flow.remote[0]).is_some()
    }
}

proptest! {
    /// No poll shows too many packets or evictions, and a quiet one shows all
    /// of them. The age is that of the flow that was evicted soonest.
    #[test]
    fn a_map_that_changes_under_a_sweep_is_accounted_for_in_the_end(
        steps in prop::collection::vec(step(), 1..20),
    ) {
        let mut oracle = Oracle::default();
        let mut tracker = DeltaTracker::<()>::default();
        let (mut credited, mut evictions) = (0, 0);
        for step in steps {
            oracle.happen(&step.before);
            oracle.detached =
                (step.removed < INTERFACES).then_some(step.removed);
            // In the order of the poller: statistics, totals, flows, clock.
            let (new_keys, total) = (oracle.created, oracle.sent);
            let readings = oracle.sweep(&step.during);
            let observation = tracker.observe(
                &readings,
                oracle.now,
                new_keys,
                |delta, ()| credited += delta.volume.packets,
            );
            prop_assert!(credited + oracle.lost <= oracle.sent);
            // The rest was evicted; no packet is merely late.
            prop_assert!(total <= credited + oracle.lost);
            prop_assert_eq!(observation.entries, readings.len() as u64);
            prop_assert!(observation.evictions >= evictions);
            prop_assert!(observation.evictions <= oracle.evicted);
            evictions = observation.evictions;
            match observation.minimum_eviction_age {
                Some(0) if oracle.unread => {}
                age => prop_assert_eq!(age, oracle.minimum_age),
            }

            oracle.happen(&step.after);
            if let Some(interface) = oracle.detached.take() {
                for flow in tracker.flows_of(|key| set(interface).contains(&key.interface)) {
                    if oracle.remove(&flow) {
                        tracker.forget(&flow);
                    }
                }
                let left = oracle.map.keys();
                prop_assert!(
                    left.copied().all(|f| Oracle::interface(f) != interface)
                );
            }
        }
        let readings = oracle.sweep(&[const { Vec::new() }; 4]);
        let observation = tracker.observe(
            &readings,
            oracle.now,
            oracle.created,
            |delta, ()| credited += delta.volume.packets,
        );
        prop_assert_eq!(credited + oracle.lost, oracle.sent);
        prop_assert_eq!(observation.evictions, oracle.evicted);
        let age = if oracle.unread { Some(0) } else { oracle.minimum_age };
        prop_assert_eq!(observation.minimum_eviction_age, age);
    }
}
