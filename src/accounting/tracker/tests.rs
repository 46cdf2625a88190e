//! Both tiers against a model of the programs, which knows the truth.

mod sweeps;

use std::collections::BTreeSet;

use super::super::kernel_model::{Event, KernelModel, flow};
use super::*;
use crate::accounting::InterfaceId;

/// A kernel and its reader.
struct Poller {
    model: KernelModel,
    tracker: FlowTracker<u64>,
    map_packets: Option<u64>,
    last_note: u64,
}

/// The findings of a poll.
#[derive(Debug, PartialEq, Eq)]
struct Poll {
    /// Each with its note.
    credits: Vec<(FlowKey, u64, u64)>,
    statistics: FlowStatistics,
}

impl Poller {
    /// On each CPU there is one set, with two ways; the map holds four flows.
    fn new(cpus: usize) -> Self {
        Self {
            model: KernelModel::new(cpus, 1, 4),
            tracker: FlowTracker::default(),
            map_packets: None,
            last_note: 0,
        }
    }

    fn poll(&mut self) -> Poll {
        self.poll_while(&[])
    }

    /// Polls as the poller does, with a grace period if the tracker waits for
    /// one. Meanwhile takes these steps.
    fn poll_while(&mut self, events: &[Event]) -> Poll {
        let has_grace_passed = self.tracker.waits_for_grace();
        if has_grace_passed {
            self.model.state().wait_for_programs();
        }
        let counts = {
            let state = self.model.state();
            Counts { new_keys: state.new_keys, map_packets: state.map_packets }
        };
        self.model.begin_reading(events);
        let is_read = self.map_packets != Some(counts.map_packets);
        self.map_packets = Some(counts.map_packets);
        let readings = is_read.then(|| self.model.read_map());
        let now = self.model.state().now;
        let sweep =
            readings.as_ref().map(|readings| MapSweep { readings, now });
        let (mut credits, last_note) = (Vec::new(), &mut self.last_note);
        let statistics = self.tracker.observe(
            counts,
            sweep,
            Some(&self.model),
            has_grace_passed,
            |delta, note| {
                if *note == 0 {
                    *last_note += 1;
                    *note = *last_note;
                }
                credits.push((delta.key, delta.volume.packets, *note));
            },
        );
        self.model.end_reading();
        Poll { credits, statistics }
    }

    /// Fills both ways of a CPU with flows of other interfaces.
    fn fill(&mut self, cpu: usize) {
        for number in 100..102 {
            self.model.pass(cpu, flow(9, number), 1);
        }
    }
}

/// Polls a kernel in which a flow is in the table, on the first CPU, and in
/// the map, as the second has no room for it.
fn with_flow_in_both() -> Poller {
    let mut poller = Poller::new(2);
    poller.fill(1);
    poller.model.pass(0, flow(0, 1), 1);
    poller.model.pass(1, flow(0, 1), 2);
    poller
}

#[test]
fn a_flow_in_both_tiers_is_one_flow_and_credited_for_both() {
    let mut poller = with_flow_in_both();
    let Poll { credits, statistics } = poller.poll();
    let own = credits.iter().filter(|(key, ..)| *key == flow(0, 1));
    assert_eq!(own.map(|(_, packets, _)| packets).sum::<u64>(), 3);
    // With the two that are in the way.
    assert_eq!((statistics.entries, statistics.new_keys), (3, 3));
    assert_eq!(statistics.table_entries, 3);
}

#[test]
fn a_flow_of_the_table_that_comes_into_the_map_is_not_new() {
    let mut poller = Poller::new(2);
    poller.fill(1);
    poller.model.pass(0, flow(0, 1), 1);
    assert_eq!(poller.poll().statistics.new_keys, 3);
    poller.model.pass(1, flow(0, 1), 1);
    let seen = poller.poll().statistics;
    assert_eq!((seen.entries, seen.new_keys), (3, 3));
}

#[test]
fn a_flow_of_the_map_that_comes_into_the_table_is_not_new() {
    let mut poller = Poller::new(2);
    poller.fill(1);
    poller.model.pass(1, flow(0, 1), 1);
    assert_eq!(poller.poll().statistics.new_keys, 3);
    poller.model.pass(0, flow(0, 1), 1);
    let seen = poller.poll().statistics;
    assert_eq!((seen.entries, seen.new_keys), (3, 3));
}

#[test]
fn a_flow_that_the_map_dropped_stays_where_the_table_has_it() {
    let mut poller = with_flow_in_both();
    poller.poll();
    poller.model.state().happen(Event::Evict { flow: flow(0, 1) });
    poller.model.pass(1, flow(0, 2), 1);
    let seen = poller.poll().statistics;
    assert_eq!((seen.entries, seen.new_keys), (4, 4));
    assert_eq!(seen.evictions, 1);
}

/// The flow was never gone.
#[test]
fn a_flow_of_the_table_that_comes_back_into_the_map_is_not_new() {
    let mut poller = with_flow_in_both();
    assert_eq!(poller.poll().statistics.new_keys, 3);
    poller.model.state().happen(Event::Evict { flow: flow(0, 1) });
    poller.model.pass(1, flow(0, 1), 1);
    let seen = poller.poll().statistics;
    assert_eq!((seen.entries, seen.new_keys), (3, 3));
    assert_eq!(seen.evictions, 1);
}

/// It is found in the map before the statistics tell that it is.
#[test]
fn the_number_of_new_flows_never_goes_back() {
    let mut poller = Poller::new(2);
    poller.fill(1);
    poller.model.pass(1, flow(0, 2), 1);
    poller.model.pass(0, flow(0, 1), 1);
    assert_eq!(poller.poll().statistics.new_keys, 4);
    poller.model.pass(1, flow(0, 2), 1);
    let late = Event::Pass { cpu: 1, flow: flow(0, 1), packets: 1 };
    assert_eq!(poller.poll_while(&[late]).statistics.new_keys, 4);
    assert_eq!(poller.poll().statistics.new_keys, 4);
}

#[test]
fn a_flow_that_left_the_table_stays_where_the_map_has_it() {
    let mut poller = with_flow_in_both();
    poller.poll();
    let gone = BTreeSet::from([InterfaceId(0)]);
    assert_eq!(
        poller.tracker.retire(Some(&poller.model), |key: &FlowKey| gone
            .contains(&key.interface)),
        1
    );
    let seen = poller.poll().statistics;
    assert_eq!((seen.entries, seen.new_keys), (3, 3));
    assert_eq!((seen.table_entries, seen.table_reclaims), (2, 1));
}

#[test]
fn a_flow_removed_from_the_map_stays_where_the_table_has_it() {
    let mut poller = with_flow_in_both();
    poller.poll();
    let gone = BTreeSet::from([InterfaceId(0)]);
    assert_eq!(
        poller
            .tracker
            .map_flows_of(|key: &FlowKey| gone.contains(&key.interface)),
        [flow(0, 1)]
    );
    assert!(poller.model.state().remove(&flow(0, 1)));
    poller.tracker.forget(&flow(0, 1), Some(&poller.model));
    let seen = poller.poll().statistics;
    assert_eq!((seen.entries, seen.new_keys, seen.evictions), (3, 3, 0));
}

#[test]
fn a_map_that_nothing_was_counted_in_is_as_it_was() {
    let mut poller = with_flow_in_both();
    let before = poller.poll().statistics;
    poller.model.pass(0, flow(0, 1), 5);
    assert_eq!(poller.map_packets, Some(2), "and will not be read");
    let Poll { credits, statistics } = poller.poll();
    let credits: Vec<_> = credits.iter().map(|(k, p, _)| (*k, *p)).collect();
    assert_eq!(credits, [(flow(0, 1), 5)]);
    assert_eq!(statistics, before);
}

#[test]
fn idle_ways_are_given_up_while_flows_go_to_the_map() {
    let mut poller = Poller::new(1);
    poller.fill(0);
    // Its first packet finds no room, the others neither, until there is.
    let polls = (1..20).find(|_| {
        poller.model.pass(0, flow(0, 1), 1);
        poller.poll().statistics.table_reclaims == 2
    });
    // Seen, idle three times, retired, and free one poll later.
    assert_eq!(polls, Some(5));
    poller.model.pass(0, flow(0, 1), 1);
    let Poll { credits, statistics } = poller.poll();
    assert_eq!(credits.len(), 1);
    assert_eq!((statistics.table_entries, statistics.entries), (1, 1));
    assert_eq!(statistics.new_keys, 3);
}

#[test]
fn idle_ways_are_kept_again_once_no_flow_goes_to_the_map() {
    let mut poller = Poller::new(2);
    poller.model = KernelModel::new(2, 4, 4);
    poller.model.pass(0, flow(7, 1), 1);
    let mut numbers = 0..;
    while poller.model.state().map_packets == 0 {
        poller.model.pass(1, flow(0, numbers.next().unwrap()), 1);
    }
    for _ in 0..20 {
        poller.poll();
    }
    // Seven ways of its CPU are free.
    assert_eq!(poller.model.state().ways_of(InterfaceId(7)), 1);
}

#[test]
fn without_a_table_all_is_as_the_map_has_it() {
    let mut tracker = FlowTracker::<u64>::default();
    let model = KernelModel::new(1, 1, 1);
    for number in 0..4 {
        model.pass(0, flow(0, number), 1);
    }
    let readings = model.read_map();
    let mut packets = 0;
    let seen = tracker.observe(
        Counts { new_keys: 2, map_packets: 2 },
        Some(MapSweep { readings: &readings, now: 2 }),
        None::<&KernelModel>,
        false,
        |delta, _| packets += delta.volume.packets,
    );
    assert_eq!((seen.entries, seen.new_keys, seen.evictions), (1, 2, 1));
    assert_eq!((seen.table_entries, packets), (0, 1));
    assert!(!tracker.waits_for_grace());
}

#[test]
fn notes_of_both_tiers_are_forgotten() {
    let mut poller = with_flow_in_both();
    let notes = |poller: &mut Poller| {
        poller.model.pass(0, flow(0, 1), 1);
        poller.model.pass(1, flow(0, 1), 1);
        let credits = poller.poll().credits;
        let own = credits.iter().filter(|(key, ..)| *key == flow(0, 1));
        own.map(|(.., note)| *note).collect::<Vec<_>>()
    };
    let first = notes(&mut poller);
    assert_eq!(first.len(), 2, "one of each tier");
    assert_eq!(notes(&mut poller), first);
    let last = poller.last_note;
    poller.tracker.forget_notes();
    assert!(notes(&mut poller).iter().all(|note| *note > last));
}
