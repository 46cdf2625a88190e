//! The interface numbers in use and their totals at the moment each was taken:
//! written by the part that attaches, read by the part that reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::abi::TrafficTotal;
use crate::accounting::InterfaceId;

/// The totals of a number when it was taken, by direction. Totals are never set
/// back, because a packet that is being counted could undo it.
pub(super) type Baseline = [TrafficTotal; 2];

/// The baselines of all numbers in use. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Baselines(Arc<Mutex<InUse>>);

/// The numbers in use at a moment.
#[derive(Debug, Default)]
pub(super) struct InUse {
    pub(super) by_number: BTreeMap<InterfaceId, Baseline>,
    /// The number of releases since the start.
    pub(super) releases: u64,
}

impl Baselines {
    pub(super) fn insert(&self, id: InterfaceId, baseline: Baseline) {
        self.in_use().by_number.insert(id, baseline);
    }

    pub(super) fn release(&self, id: InterfaceId) {
        let mut in_use = self.in_use();
        if in_use.by_number.remove(&id).is_some() {
            in_use.releases += 1;
        }
    }

    pub(super) fn in_use(&self) -> MutexGuard<'_, InUse> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
