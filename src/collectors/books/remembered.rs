//! Counters of interfaces that are gone and have no series any more: a name
//! that returns goes on from its true value.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::OfInterface;

/// The number of names that are remembered without series: those with most
/// traffic. A host whose interfaces get a new name every time would collect them
/// for ever.
pub const MOST_REMEMBERED: usize = 1_000;

/// The largest sum of the sizes of all remembered names.
const MOST_SIZE: usize = 100_000;

/// The counters of names without series.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    by_name: BTreeMap<Arc<str>, Arc<T>>,
    /// The same names with their bytes.
    by_bytes: BTreeSet<(u64, Arc<str>)>,
    /// The sum of their sizes.
    size: usize,
    /// A copy for snapshots, until it changes.
    shown: Option<Arc<[Arc<T>]>>,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        let (by_name, by_bytes) = (BTreeMap::new(), BTreeSet::new());
        Self { by_name, by_bytes, size: 0, shown: None }
    }
}

impl<T: OfInterface> Remembered<T> {
    /// Remembers a name, and forgets the one with least traffic if there are too
    /// many.
    pub(super) fn insert(&mut self, traffic: Arc<T>) {
        self.take(traffic.name());
        self.shown = None;
        let name = Arc::clone(traffic.name());
        self.by_bytes.insert((traffic.bytes(), Arc::clone(&name)));
        self.size += traffic.size();
        self.by_name.insert(name, traffic);
        while (self.by_name.len() > MOST_REMEMBERED || self.size > MOST_SIZE)
            && let Some((_, least)) = self.by_bytes.pop_first()
        {
            let forgotten = self.by_name.remove(&least);
            self.size -= forgotten.map_or(0, |traffic| traffic.size());
        }
    }

    /// Takes out the counters of a name.
    pub(super) fn take(&mut self, name: &str) -> Option<Arc<T>> {
        let traffic = self.by_name.remove(name)?;
        self.size -= traffic.size();
        self.by_bytes.remove(&(traffic.bytes(), Arc::clone(traffic.name())));
        self.shown = None;
        Some(traffic)
    }

    /// Returns all of it, in the order of the names.
    pub(super) fn show(&mut self) -> Arc<[Arc<T>]> {
        let all = || self.by_name.values().map(Arc::clone).collect();
        Arc::clone(self.shown.get_or_insert_with(all))
    }
}
