//! The steps of a run: packets, evictions, polls and restarts.

use proptest::prelude::*;

use super::super::super::super::kernel_model::{Event, classed};
use super::{CPUS, INTERFACES};

/// A poll, and the steps meanwhile.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) before: Vec<Event>,
    pub(super) while_totals_are_read: Vec<Event>,
    pub(super) while_map_is_read: Vec<Event>,
    pub(super) while_table_is_read: Vec<Event>,
    /// Whether a grace period passes, if one is waited for.
    pub(super) has_grace: bool,
    /// Polls in which nothing happens.
    pub(super) idle: u8,
    /// The interface that is detached behind the poll, if there is such a one,
    /// until nothing of it is left.
    pub(super) detached: u32,
    pub(super) forgets_notes: bool,
    pub(super) restarts: Vec<Restart>,
}

/// The fate of the process after a poll, or before its first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    None,
    /// It saves the credits and the readings, and goes on.
    Save,
    /// It saves them, and another process goes on.
    Stop,
    /// It is killed, and another process goes on from the last save.
    Kill,
}

fn event() -> impl Strategy<Value = Event> {
    let place = (0..CPUS, 0..INTERFACES, 0..5_u8).prop_map(
        |(cpu, interface, number)| {
            // Without a class, and of two classes.
            let class = u16::from(number).saturating_sub(2);
            (cpu, classed(interface, number, class))
        },
    );
    prop_oneof![
        6 => (place.clone(), 1..9_u8).prop_map(|((cpu, flow), packets)| {
            Event::Pass { cpu, flow, packets }
        }),
        2 => (place.clone(), any::<bool>()).prop_map(
            |((cpu, flow), is_known)| Event::Stop { cpu, flow, is_known }
        ),
        1 => (0..CPUS).prop_map(|cpu| Event::GoOn { cpu }),
        1 => (0..CPUS).prop_map(|cpu| Event::Grow { cpu }),
        1 => place.prop_map(|(_, flow)| Event::Evict { flow }),
    ]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let events = || prop::collection::vec(event(), 0..10);
    let idle = prop_oneof![4 => Just(0), 1 => 0..8_u8];
    let detached = prop_oneof![4 => Just(INTERFACES), 1 => 0..INTERFACES];
    let flags = (prop::bool::weighted(0.7), prop::bool::weighted(0.1));
    let restart = prop_oneof![
        12 => Just(Restart::None),
        1 => Just(Restart::Save),
        1 => Just(Restart::Stop),
        1 => Just(Restart::Kill),
    ];
    let during = (events(), events(), events());
    let restarts = prop::collection::vec(restart, 1..4);
    let rest = (idle, detached, flags, restarts);
    (events(), during, rest).prop_map(
        |(before, during, (idle, detached, flags, restarts))| Step {
            before,
            while_totals_are_read: during.0,
            while_map_is_read: during.1,
            while_table_is_read: during.2,
            has_grace: flags.0,
            idle,
            detached,
            forgets_notes: flags.1,
            restarts,
        },
    )
}
