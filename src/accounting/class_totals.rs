//! The totals of classes in the flow map, compared with the credits of its
//! flows: packets of a class whose flow found no room, or was evicted unread.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::{FlowKey, Reading, TrafficDelta, Volume};

/// Volumes of one class, since both were last equal.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    /// The growth of the total.
    passed: Volume,
    /// The growth of the flows.
    credited: Volume,
}

/// Compares the totals of classes with the credits of their flows. A program
/// counts a flow before the total of its class, and user space reads the totals
/// before the flows. So the flows may be ahead of the total, until the next
/// sweep; and what they lack is in no flow.
#[derive(Debug, Default)]
pub(super) struct ClassTotals {
    /// By the key of the total: after a sweep, those only whose flows are
    /// ahead.
    balances: HashMap<FlowKey, Balance>,
}

impl ClassTotals {
    /// Returns totals that go on from what others remembered.
    pub(super) fn resume(ahead: &[Reading]) -> Self {
        let balance = |it: &Reading| {
            (it.key, Balance { credited: it.volume, ..Balance::default() })
        };
        Self { balances: ahead.iter().map(balance).collect() }
    }

    /// Returns the volumes by which the flows are ahead.
    pub(super) fn marks(&self) -> Vec<Reading> {
        let ahead = self.balances.iter().map(|(&key, balance)| Reading {
            key,
            volume: balance.credited - balance.passed,
            generation: 0,
            last_seen: 0,
        });
        ahead.collect()
    }

    /// Takes note of a growth in the map. Returns whether it is a flow's, to be
    /// credited, and not a total's.
    pub(super) fn note(&mut self, delta: &TrafficDelta) -> bool {
        let TrafficDelta { key, volume } = *delta;
        if key.class == 0 {
            return true;
        }
        let balance = self.balances.entry(key.without_remote()).or_default();
        let is_flows = !key.is_without_remote();
        match is_flows {
            true => balance.credited += volume,
            false => balance.passed += volume,
        }
        is_flows
    }

    /// Ends a sweep: calls `credit` with the packets that are in no flow.
    pub(super) fn settle(&mut self, mut credit: impl FnMut(&TrafficDelta)) {
        self.balances.retain(|&key, Balance { passed, credited }| {
            let volume = *passed - *credited;
            if volume != Volume::default() {
                credit(&TrafficDelta { key, volume });
            }
            *credited = *credited - *passed;
            *passed = Volume::default();
            *credited != Volume::default()
        });
    }

    /// Forgets the totals that `is_given_up` chooses.
    pub(super) fn forget(&mut self, is_given_up: impl Fn(&FlowKey) -> bool) {
        self.balances.retain(|key, _| !is_given_up(key));
    }
}
