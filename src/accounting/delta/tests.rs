//! The tracker against a kernel of our own making, which knows the truth.

use std::collections::BTreeSet;

use std::collections::BTreeMap;

use proptest::prelude::*;

mod sweeps;

use super::super::{Direction, IpVersion};
use super::*;
use crate::accounting::InterfaceId;

fn key(interface: u32, number: u8) -> FlowKey {
    let mut remote = [0; 16];
    remote[0] = number;
    FlowKey {
        interface: InterfaceId(interface),
        direction: Direction::Received,
        ip_version: IpVersion::V4,
        class: 0,
        remote,
    }
}

fn set(interface: u32) -> BTreeSet<InterfaceId> {
    [InterfaceId(interface)].into()
}

fn reading(number: u8, packets: u64, generation: u32) -> Reading {
    Reading {
        key: key(0, number),
        volume: Volume { packets, bytes: packets * 100 },
        generation,
        last_seen: 0,
    }
}

/// Observes and returns the packets credited to each flow.
fn credited(
    tracker: &mut DeltaTracker<()>,
    readings: &[Reading],
    now: u32,
    new_keys: u64,
) -> (Vec<(u8, u64)>, Observation) {
    let mut credits = Vec::new();
    let observation = tracker.observe(readings, now, new_keys, |delta, ()| {
        assert_eq!(delta.volume.bytes, delta.volume.packets * 100);
        credits.push((delta.key.remote[0], delta.volume.packets));
    });
    (credits, observation)
}

#[test]
fn a_flow_is_credited_with_what_it_grew_by() {
    let mut tracker = DeltaTracker::default();
    let mut packets =
        |count| credited(&mut tracker, &[reading(1, count, 1)], 0, 1).0;
    assert_eq!(packets(5), [(1, 5)]);
    assert_eq!(packets(7), [(1, 2)]);
    assert_eq!(packets(7), []);
}

#[test]
fn an_evicted_flow_that_came_back_restarts_from_zero() {
    let mut tracker = DeltaTracker::default();
    credited(&mut tracker, &[reading(1, 5, 1)], 0, 1);
    // More than before, so only the generation tells.
    let (credits, observation) =
        credited(&mut tracker, &[reading(1, 9, 2)], 0, 2);
    assert_eq!(credits, [(1, 9)]);
    assert_eq!((observation.entries, observation.evictions), (1, 1));
}

#[test]
fn a_flow_shown_twice_in_a_sweep_is_counted_once() {
    let mut tracker = DeltaTracker::default();
    let twice = [reading(1, 5, 1), reading(1, 6, 1)];
    let (credits, observation) = credited(&mut tracker, &twice, 0, 1);
    assert_eq!(credits, [(1, 5), (1, 1)]);
    assert_eq!(observation.entries, 1);
    assert_eq!(observation.evictions, 0);
}

#[test]
fn the_note_stays_with_the_flow_until_it_is_evicted() {
    let mut tracker = DeltaTracker::<u32>::default();
    let mut notes = Vec::new();
    for (readings, new_keys) in [
        (vec![reading(1, 1, 1)], 1),
        (vec![reading(1, 2, 1)], 1),
        (vec![], 1),
        (vec![reading(1, 3, 2)], 2),
    ] {
        tracker.observe(&readings, 0, new_keys, |_, note| {
            notes.push(*note);
            *note += 1;
        });
    }
    assert_eq!(notes, [0, 1, 0]);
}

#[test]
fn the_age_of_an_evicted_flow_is_counted_from_its_last_packet() {
    let mut tracker = DeltaTracker::default();
    let seen_at = |last_seen| Reading { last_seen, ..reading(1, 1, 1) };
    credited(&mut tracker, &[seen_at(900)], 1000, 1);
    let (_, observation) = credited(&mut tracker, &[], 1500, 1);
    assert_eq!(observation.minimum_eviction_age, Some(600));
    assert_eq!(observation.evictions, 1);
}

#[test]
fn a_flow_that_came_and_went_between_two_polls_has_no_age() {
    let mut tracker = DeltaTracker::default();
    let (_, before) = credited(&mut tracker, &[], 1000, 0);
    assert_eq!(before.minimum_eviction_age, None);
    let (_, after) = credited(&mut tracker, &[], 2000, 1);
    assert_eq!(after.evictions, 1);
    assert_eq!(after.minimum_eviction_age, Some(0));
}

/// A packet counted after the clock was read is from the future by a tick.
#[test]
fn a_flow_seen_after_the_clock_was_read_has_age_zero() {
    let mut tracker = DeltaTracker::default();
    let early = Reading { last_seen: 1001, ..reading(1, 1, 1) };
    credited(&mut tracker, &[early], 1000, 1);
    let (_, observation) = credited(&mut tracker, &[], 1000, 1);
    assert_eq!(observation.minimum_eviction_age, Some(0));
}

#[test]
fn ages_are_right_across_the_wrap_of_the_clock() {
    let mut tracker = DeltaTracker::default();
    let near_the_end = Reading { last_seen: u32::MAX - 10, ..reading(1, 1, 1) };
    credited(&mut tracker, &[near_the_end], u32::MAX - 5, 1);
    let (_, observation) = credited(&mut tracker, &[], 20, 1);
    assert_eq!(observation.minimum_eviction_age, Some(31));
}

#[test]
fn a_removed_flow_is_no_eviction() {
    let mut tracker = DeltaTracker::default();
    credited(&mut tracker, &[reading(1, 1, 1), reading(2, 1, 2)], 0, 2);
    assert_eq!(
        tracker.flows_of(|key| set(0).contains(&key.interface)).len(),
        2
    );
    assert_eq!(
        tracker.flows_of(|key| set(1).contains(&key.interface)).len(),
        0
    );
    // The other had been evicted before it could be removed.
    tracker.forget(&key(0, 1));
    let (_, observation) = credited(&mut tracker, &[], 7, 2);
    assert_eq!((observation.entries, observation.evictions), (0, 1));
    assert_eq!(observation.minimum_eviction_age, Some(7));
}

/// An event in a map of flows between two polls.
#[derive(Clone, Debug)]
enum Event {
    Packets { flow: u8, count: u8 },
    Evict { flow: u8 },
    Poll { doubled: bool },
    FailedPoll,
    RemoveInterface { interface: u32 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..12_u8, 1..9_u8)
            .prop_map(|(flow, count)| Event::Packets { flow, count }),
        4 => (0..12_u8).prop_map(|flow| Event::Evict { flow }),
        3 => any::<bool>().prop_map(|doubled| Event::Poll { doubled }),
        1 => Just(Event::FailedPoll),
        1 => (0..3_u32)
            .prop_map(|interface| Event::RemoveInterface { interface }),
    ]
}

/// The kernel's map, and the truth about it.
#[derive(Default)]
struct Oracle {
    map: BTreeMap<u8, Reading>,
    created: u64,
    evicted: u64,
    /// The uncredited packets with which each flow was evicted since the last
    /// poll: lost.
    lost: u64,
    /// Packets in total, and those the tracker can know of.
    sent: u64,
    /// The packets of each flow at the last poll.
    polled: BTreeMap<u8, u64>,
}

impl Oracle {
    fn interface(flow: u8) -> u32 {
        u32::from(flow) % 3
    }

    fn packets(&mut self, flow: u8, count: u8) {
        self.sent += u64::from(count);
        let created = &mut self.created;
        let entry = self.map.entry(flow).or_insert_with(|| {
            *created += 1;
            Reading {
                key: key(Self::interface(flow), flow),
                volume: Volume::default(),
                generation: u32::try_from(*created).unwrap(),
                last_seen: 0,
            }
        });
        entry.volume +=
            Volume { packets: count.into(), bytes: u64::from(count) * 100 };
    }

    fn evict(&mut self, flow: u8) {
        if let Some(reading) = self.map.remove(&flow) {
            self.evicted += 1;
            let polled = self.polled.remove(&flow).unwrap_or_default();
            self.lost += reading.volume.packets - polled;
        }
    }

    fn poll(&mut self) -> Vec<Reading> {
        self.polled =
            self.map.iter().map(|(&f, r)| (f, r.volume.packets)).collect();
        self.map.values().copied().collect()
    }
}

proptest! {
    /// Whatever is evicted, comes back, is shown twice, removed or missed:
    /// credited + lost = sent, and no eviction stays unseen.
    #[test]
    fn every_packet_is_credited_once_or_was_evicted(
        events in prop::collection::vec(event(), 0..200),
    ) {
        let mut oracle = Oracle::default();
        let mut tracker = DeltaTracker::<()>::default();
        let mut total = 0;
        let events =
            events.into_iter().chain([Event::Poll { doubled: false }]);
        for event in events {
            match event {
                Event::Packets { flow, count } => oracle.packets(flow, count),
                Event::Evict { flow } => oracle.evict(flow),
                // A sweep that failed is never shown to the tracker.
                Event::FailedPoll => {}
                Event::Poll { doubled } => {
                    let mut readings = oracle.poll();
                    if doubled {
                        readings.extend(readings.clone());
                    }
                    let (credits, observation) = credited(
                        &mut tracker, &readings, 0, oracle.created,
                    );
                    total += credits.iter().map(|c| c.1).sum::<u64>();
                    prop_assert_eq!(total + oracle.lost, oracle.sent);
                    prop_assert_eq!(
                        observation.entries, oracle.map.len() as u64,
                    );
                    prop_assert_eq!(observation.evictions, oracle.evicted);
                }
                Event::RemoveInterface { interface } => {
                    // As the poller does: a last poll, then remove.
                    let (credits, _) = credited(
                        &mut tracker, &oracle.poll(), 0, oracle.created,
                    );
                    total += credits.iter().map(|c| c.1).sum::<u64>();
                    let flows = tracker.flows_of(|key| set(interface).contains(&key.interface));
                    for flow in &flows {
                        oracle.map.remove(&flow.remote[0]);
                        oracle.polled.remove(&flow.remote[0]);
                        tracker.forget(flow);
                    }
                }
            }
        }
    }
}

/// Their growth is in the totals, and so becomes unattributed.
#[test]
fn flows_that_marks_leave_out_are_not_credited_again() {
    let mut tracker = DeltaTracker::<()>::default();
    let before = [reading(1, 5, 1), reading(2, 7, 2)];
    credited(&mut tracker, &before, 0, 2);
    let mut marks = tracker.marks();
    assert!(!marks.is_incomplete);
    marks.readings = [reading(1, 5, 1)].into();
    marks.is_incomplete = true;
    let mut next = DeltaTracker::<()>::resume(&marks);
    assert!(next.marks().is_incomplete, "until there was a sweep");
    let now = [reading(1, 6, 1), reading(2, 9, 2)];
    let (credits, observation) = credited(&mut next, &now, 0, 2);
    assert_eq!(credits, [(1, 1)]);
    assert_eq!((observation.entries, observation.evictions), (2, 0));
    assert!(!next.marks().is_incomplete);
    let now = [reading(1, 6, 1), reading(2, 10, 2), reading(3, 4, 3)];
    assert_eq!(credited(&mut next, &now, 0, 3).0, [(2, 1), (3, 4)]);
}
