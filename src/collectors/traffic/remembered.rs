//! Counters of interfaces that are gone and have no series any more: a name
//! that returns goes on from its true value.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::InterfaceTraffic;

/// The number of names that are remembered without series: those with most
/// traffic. A host whose interfaces get a new name every time would collect them
/// for ever.
pub const MOST_REMEMBERED: usize = 1_000;

/// The counters of names without series.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    by_name: BTreeMap<Arc<str>, Arc<InterfaceTraffic>>,
    /// The same names with their bytes.
    by_bytes: BTreeSet<(u64, Arc<str>)>,
    /// A copy for snapshots, until it changes.
    shown: Option<Arc<[Arc<InterfaceTraffic>]>>,
}

impl Remembered {
    /// Remembers a name, and forgets the one with least traffic if there are too
    /// many.
    pub(super) fn insert(&mut self, traffic: Arc<InterfaceTraffic>) {
        self.take(&traffic.name);
        self.shown = None;
        let name = Arc::clone(&traffic.name);
        self.by_bytes.insert((traffic.bytes(), Arc::clone(&name)));
        self.by_name.insert(name, traffic);
        if self.by_name.len() > MOST_REMEMBERED
            && let Some((_, least)) = self.by_bytes.pop_first()
        {
            self.by_name.remove(&least);
        }
    }

    /// Takes out the counters of a name.
    pub(super) fn take(&mut self, name: &str) -> Option<Arc<InterfaceTraffic>> {
        let traffic = self.by_name.remove(name)?;
        self.by_bytes.remove(&(traffic.bytes(), Arc::clone(&traffic.name)));
        self.shown = None;
        Some(traffic)
    }

    /// Returns all of it, in the order of the names.
    pub(super) fn show(&mut self) -> Arc<[Arc<InterfaceTraffic>]> {
        let all = || self.by_name.values().map(Arc::clone).collect();
        Arc::clone(self.shown.get_or_insert_with(all))
    }
}
