//! The table's tracker against a model of the programs, which knows the truth.

mod sweeps;

use super::super::kernel_model::{Event, KernelModel, flow};
use super::*;
use crate::accounting::InterfaceId;

const CALM: Circumstances =
    Circumstances { has_grace_passed: false, is_short: false };
const SHORT: Circumstances = Circumstances { is_short: true, ..CALM };
const AFTER_GRACE: Circumstances =
    Circumstances { has_grace_passed: true, ..CALM };

/// A note is the number of the credit that it was given at.
type Tracker = TableTracker<u64>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    credits: Vec<(FlowKey, u64)>,
    changes: Vec<(FlowKey, Change)>,
    notes: Vec<u64>,
}

/// Sweeps; a flow without a note gets `note`.
fn sweep(
    tracker: &mut Tracker,
    model: &KernelModel,
    now: Circumstances,
    note: u64,
) -> Seen {
    if now.has_grace_passed {
        model.state().wait_for_programs();
    }
    let (mut credits, mut notes, mut changes) = Default::default();
    let (all, of_each): (&mut Vec<_>, &mut Vec<_>) = (&mut credits, &mut notes);
    tracker.observe(
        model,
        now,
        |delta, own| {
            assert_eq!(delta.volume.bytes, delta.volume.packets * 100);
            if *own == 0 {
                *own = note;
            }
            all.push((delta.key, delta.volume.packets));
            of_each.push(*own);
        },
        |key, change| Vec::push(&mut changes, (*key, change)),
    );
    Seen { credits, changes, notes }
}

/// Sweeps without traffic until `way` is retired; returns the number of sweeps.
fn sweeps_until_retired(
    tracker: &mut Tracker,
    model: &KernelModel,
    now: Circumstances,
    way: usize,
) -> Option<usize> {
    (1..=600).find(|_| {
        sweep(tracker, model, now, 1);
        model.state().is_retired(way)
    })
}

/// Returns the one way that is in use.
fn only_way(model: &KernelModel, tracker: &mut Tracker) -> usize {
    model.begin_reading(&[]);
    sweep(tracker, model, CALM, 1);
    let seen = model.end_reading().seen;
    assert_eq!(seen.len(), 1);
    *seen.keys().next().unwrap()
}

fn interfaces(interface: u32) -> impl Fn(&FlowKey) -> bool {
    move |key| key.interface == InterfaceId(interface)
}

#[test]
fn a_flow_is_credited_with_what_it_grew_by() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(1, 4, 1));
    let mut credits = |packets| {
        model.pass(0, flow(0, 1), packets);
        sweep(&mut tracker, &model, CALM, 1).credits
    };
    assert_eq!(credits(5), [(flow(0, 1), 5)]);
    assert_eq!(credits(2), [(flow(0, 1), 2)]);
    assert_eq!(credits(0), []);
}

#[test]
fn a_flow_on_two_cpus_begins_once_and_ends_with_its_last_way() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(2, 1, 1));
    model.pass(0, flow(0, 1), 1);
    model.pass(1, flow(0, 1), 1);
    let seen = sweep(&mut tracker, &model, CALM, 1);
    assert_eq!(seen.changes, [(flow(0, 1), Change::Began)]);
    assert_eq!((tracker.len(), tracker.used()), (1, 2));
    // One of them stays alive, so that the other is given up first.
    for _ in 0..4 {
        model.pass(1, flow(0, 1), 1);
        assert_eq!(sweep(&mut tracker, &model, SHORT, 1).changes, []);
    }
    assert_eq!(sweep(&mut tracker, &model, AFTER_GRACE, 1).changes, []);
    assert_eq!((tracker.len(), tracker.used()), (1, 1));
    assert!(tracker.contains(&model, &flow(0, 1)));
    for _ in 0..4 {
        assert_eq!(sweep(&mut tracker, &model, SHORT, 1).changes, []);
    }
    let seen = sweep(&mut tracker, &model, AFTER_GRACE, 1);
    assert_eq!(seen.changes, [(flow(0, 1), Change::Ended)]);
    assert_eq!((tracker.len(), tracker.used(), tracker.reclaimed()), (0, 0, 2));
    assert!(!tracker.contains(&model, &flow(0, 1)));
}

/// The ring of three is opened at each of its places.
#[test]
fn a_flow_on_three_cpus_loses_its_ways_in_any_order() {
    for last in 0..3 {
        let (mut tracker, model) =
            (Tracker::default(), KernelModel::new(3, 1, 1));
        for cpu in 0..3 {
            model.pass(cpu, flow(0, 1), 1);
        }
        sweep(&mut tracker, &model, CALM, 1);
        for kept in [vec![last, (last + 1) % 3], vec![last], vec![]] {
            for _ in 0..4 {
                for &cpu in &kept {
                    model.pass(cpu, flow(0, 1), 1);
                }
                sweep(&mut tracker, &model, SHORT, 1);
            }
            sweep(&mut tracker, &model, AFTER_GRACE, 1);
            assert_eq!(tracker.used(), kept.len() as u64);
            assert_eq!(tracker.len(), u64::from(!kept.is_empty()));
        }
    }
}

#[test]
fn the_next_flow_of_a_way_gets_only_its_own_growth() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(1, 1, 1));
    model.pass(0, flow(0, 1), 100);
    let way = only_way(&model, &mut tracker);
    sweeps_until_retired(&mut tracker, &model, SHORT, way);
    assert_eq!(sweep(&mut tracker, &model, AFTER_GRACE, 1).credits, []);
    model.pass(0, flow(0, 2), 3);
    model.begin_reading(&[]);
    let seen = sweep(&mut tracker, &model, CALM, 1);
    assert!(model.end_reading().seen.contains_key(&way), "the same way");
    assert_eq!(seen.credits, [(flow(0, 2), 3)]);
    assert_eq!(seen.changes, [(flow(0, 2), Change::Began)]);
}

#[test]
fn what_a_running_program_adds_to_a_retired_way_is_its_flows() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(1, 1, 1));
    model.pass(0, flow(0, 1), 1);
    let way = only_way(&model, &mut tracker);
    let stop = Event::Stop { cpu: 0, flow: flow(0, 1), is_known: true };
    model.state().happen(stop);
    sweeps_until_retired(&mut tracker, &model, SHORT, way);
    for _ in 0..9 {
        assert_eq!(sweep(&mut tracker, &model, SHORT, 1), Seen::default());
    }
    assert_eq!(tracker.reclaimed(), 0, "no grace period has passed");
    // The program ends with it.
    let seen = sweep(&mut tracker, &model, AFTER_GRACE, 1);
    assert_eq!(seen.credits, [(flow(0, 1), 1)]);
    assert_eq!(tracker.reclaimed(), 1);
}

#[test]
fn a_flow_that_comes_back_while_its_way_is_retired_is_the_same_flow() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(1, 1, 1));
    model.pass(0, flow(0, 1), 1);
    let way = only_way(&model, &mut tracker);
    sweeps_until_retired(&mut tracker, &model, SHORT, way);
    model.pass(0, flow(0, 1), 5);
    let seen = sweep(&mut tracker, &model, CALM, 2);
    assert_eq!((seen.credits, seen.changes), (vec![(flow(0, 1), 5)], vec![]));
    assert_eq!(seen.notes, [1], "the note is the flow's");
    assert_eq!((tracker.len(), tracker.used()), (1, 2));
    assert_eq!(sweep(&mut tracker, &model, AFTER_GRACE, 2).changes, []);
    assert_eq!((tracker.len(), tracker.used()), (1, 1));
}

/// A flow whose place is another when the part in use has doubled.
fn moving() -> FlowKey {
    flow(0, 5)
}

#[test]
fn a_flow_that_moves_is_one_flow_with_its_note_and_its_old_way_is_freed() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(1, 4, 1));
    model.pass(0, moving(), 3);
    let old = only_way(&model, &mut tracker);
    model.state().happen(Event::Grow { cpu: 0 });
    model.pass(0, moving(), 4);
    let seen = sweep(&mut tracker, &model, CALM, 2);
    assert_eq!((seen.credits, seen.changes), (vec![(moving(), 4)], vec![]));
    assert_eq!(seen.notes, [1], "the note is the flow's");
    assert!(model.state().is_retired(old));
    assert_eq!((tracker.len(), tracker.used()), (1, 2));
    model.pass(0, moving(), 5);
    let seen = sweep(&mut tracker, &model, AFTER_GRACE, 2);
    assert_eq!((seen.credits, seen.changes), (vec![(moving(), 5)], vec![]));
    assert_eq!((tracker.len(), tracker.used()), (1, 1));
    assert_eq!(tracker.reclaimed(), 1);
}

#[test]
fn a_program_that_found_the_old_way_before_it_moved_is_credited() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(2, 4, 1));
    model.pass(0, moving(), 3);
    sweep(&mut tracker, &model, CALM, 1);
    let stop = Event::Stop { cpu: 0, flow: moving(), is_known: true };
    // Another CPU's part is its own affair.
    for event in [stop, Event::Grow { cpu: 1 }] {
        model.state().happen(event);
    }
    model.pass(1, moving(), 2);
    let seen = sweep(&mut tracker, &model, CALM, 1);
    assert_eq!(seen.credits, [(moving(), 2)]);
    assert!(!tracker.has_retired(), "each CPU has one way");
    model.state().happen(Event::Grow { cpu: 0 });
    model.pass(0, moving(), 4);
    let seen = sweep(&mut tracker, &model, CALM, 1);
    assert_eq!(seen.credits.iter().map(|(_, n)| n).sum::<u64>(), 5);
    assert!(tracker.has_retired());
    sweep(&mut tracker, &model, AFTER_GRACE, 1);
    assert_eq!((tracker.len(), tracker.used()), (1, 2));
}

#[test]
fn a_tracker_that_finds_both_ways_of_a_flow_that_moved_credits_both() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(1, 4, 1));
    model.pass(0, moving(), 3);
    sweep(&mut tracker, &model, CALM, 1);
    model.state().happen(Event::Grow { cpu: 0 });
    model.pass(0, moving(), 4);
    model.pass(0, moving(), 1);
    let mut next = Tracker::resume(tracker.reclaimed());
    let seen = sweep(&mut next, &model, CALM, 1);
    assert_eq!(seen.credits, [(moving(), 5)], "3 had been read");
    assert_eq!((next.len(), next.used()), (1, 2));
    sweep(&mut next, &model, AFTER_GRACE, 1);
    assert_eq!((next.len(), next.used()), (1, 1));
}

#[test]
fn a_way_taken_but_not_counted_in_is_a_flow_without_a_credit() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(1, 4, 1));
    let stop = Event::Stop { cpu: 0, flow: flow(0, 1), is_known: true };
    model.state().happen(stop);
    let seen = sweep(&mut tracker, &model, CALM, 1);
    assert_eq!(seen.credits, []);
    assert_eq!(seen.changes, [(flow(0, 1), Change::Began)]);
    model.state().happen(Event::GoOn { cpu: 0 });
    let seen = sweep(&mut tracker, &model, CALM, 1);
    assert_eq!(seen.credits, [(flow(0, 1), 1)]);
}

#[test]
fn a_note_stays_with_its_flow_and_is_shared_by_its_ways() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(2, 4, 1));
    let mut notes = |cpu, number, note| {
        model.pass(cpu, flow(0, number), 1);
        sweep(&mut tracker, &model, CALM, note).notes
    };
    assert_eq!(notes(0, 1, 7), [7]);
    assert_eq!(notes(0, 2, 8), [8]);
    assert_eq!(notes(0, 1, 9), [7]);
    assert_eq!(notes(1, 1, 9), [7], "known from the other CPU");
    tracker.forget_notes();
    let mut notes = |cpu, number, note| {
        model.pass(cpu, flow(0, number), 1);
        sweep(&mut tracker, &model, CALM, note).notes
    };
    assert_eq!(notes(0, 1, 9), [9]);
    assert_eq!(notes(0, 2, 10), [10]);
}

#[test]
fn the_next_flow_of_a_way_has_no_note() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(1, 1, 1));
    model.pass(0, flow(0, 1), 1);
    let way = only_way(&model, &mut tracker);
    sweeps_until_retired(&mut tracker, &model, SHORT, way);
    sweep(&mut tracker, &model, AFTER_GRACE, 1);
    model.pass(0, flow(0, 2), 1);
    assert_eq!(sweep(&mut tracker, &model, CALM, 2).notes, [2]);
}

#[test]
fn the_fuller_a_cpu_the_sooner_an_idle_way_is_retired() {
    // Eight ways: less than half of them, half of them, and one more each.
    let cases =
        [(3, None), (4, Some(65)), (5, Some(65)), (6, Some(65)), (7, Some(9))];
    for (used, expected) in cases {
        let (mut tracker, model) =
            (Tracker::default(), KernelModel::new(1, 4, 99));
        let mut number = 0;
        while tracker.used() < used {
            model.pass(0, flow(0, number), 1);
            number += 1;
            sweep(&mut tracker, &model, CALM, 1);
        }
        let idle = (1..=600).find(|_| {
            sweep(&mut tracker, &model, CALM, 1);
            model.state().retired() == usize::try_from(used).unwrap()
        });
        assert_eq!(idle, expected, "{used} of 8");
        assert_eq!(tracker.has_retired(), expected.is_some());
    }
}

#[test]
fn a_way_may_be_idle_the_longer_the_more_ways_are_free() {
    let short = |used| patience(used, 800, true);
    let patience = |used| patience(used, 800, false);
    assert_eq!((short(399), short(400), short(800)), (u8::MAX, 2, 2));
    assert_eq!(patience(0), u8::MAX);
    assert_eq!((patience(399), patience(400)), (u8::MAX, 64));
    assert_eq!((patience(600), patience(601)), (64, 8));
    assert_eq!((patience(700), patience(701)), (8, 2));
    assert_eq!(patience(800), 2);
}

#[test]
fn where_room_is_short_a_way_is_retired_after_the_third_idle_sweep() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(1, 1, 1));
    model.pass(0, flow(0, 1), 1);
    model.pass(0, flow(0, 2), 1);
    sweep(&mut tracker, &model, CALM, 1);
    for _ in 0..9 {
        model.pass(0, flow(0, 2), 1);
        sweep(&mut tracker, &model, SHORT, 1);
    }
    assert_eq!(tracker.retired, 1, "never the one that is not idle");
    assert_eq!(model.state().retired(), 1);
    let sweeps = (1..9).find(|_| {
        sweep(&mut tracker, &model, SHORT, 1);
        model.state().retired() == 2
    });
    assert_eq!(sweeps, Some(3));
}

#[test]
fn the_ways_of_a_gone_interface_are_free_after_a_grace_period() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(2, 4, 1));
    for cpu in 0..2 {
        model.pass(cpu, flow(1, 1), 1);
        model.pass(cpu, flow(2, 1), 1);
    }
    sweep(&mut tracker, &model, CALM, 1);
    assert!(!tracker.has_retired());
    assert_eq!(tracker.retire(&model, interfaces(3)), 0);
    assert_eq!(tracker.retire(&model, interfaces(1)), 2);
    assert!(tracker.has_retired());
    assert_eq!(sweep(&mut tracker, &model, CALM, 1), Seen::default());
    assert_eq!(tracker.retire(&model, interfaces(1)), 2, "not before");
    let seen = sweep(&mut tracker, &model, AFTER_GRACE, 1);
    assert_eq!(seen.changes, [(flow(1, 1), Change::Ended)]);
    assert_eq!(tracker.retire(&model, interfaces(1)), 0);
    assert!(!tracker.has_retired());
    assert_eq!((tracker.len(), tracker.used(), tracker.reclaimed()), (1, 2, 2));
}

#[test]
fn a_way_that_no_sweep_has_seen_is_retired_once_one_has() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(1, 4, 1));
    model.pass(0, flow(2, 1), 1);
    sweep(&mut tracker, &model, CALM, 1);
    model.pass(0, flow(1, 1), 4);
    assert_eq!(tracker.retire(&model, interfaces(1)), 1);
    assert_eq!(model.state().retired(), 0);
    let seen = sweep(&mut tracker, &model, CALM, 1);
    assert_eq!(seen.credits, [(flow(1, 1), 4)]);
    assert_eq!(tracker.retire(&model, interfaces(1)), 1);
    sweep(&mut tracker, &model, AFTER_GRACE, 1);
    assert_eq!(tracker.retire(&model, interfaces(1)), 0);
}

#[test]
fn a_cpu_that_counted_nothing_has_no_memory() {
    let (mut tracker, model) = (Tracker::default(), KernelModel::new(2, 4, 1));
    model.pass(1, flow(0, 1), 1);
    sweep(&mut tracker, &model, CALM, 1);
    assert_eq!(tracker.shadows[0].volumes.capacity(), 0);
    assert_eq!(tracker.shadows[1].volumes.capacity(), 8);
}
