//! The counters of hosts in an earlier snapshot.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::collectors::hosts::{Counters, Host, Remote};

/// Finds hosts of the earlier snapshot.
pub(super) struct Before<'a> {
    parts: &'a [Arc<[Host]>],
    /// All of them by address: needed only if hosts were forgotten in between,
    /// as others have moved to their places then.
    by_remote: OnceCell<HashMap<Remote, Counters, RandomState>>,
}

impl<'a> Before<'a> {
    pub(super) fn new(parts: &'a [Arc<[Host]>]) -> Self {
        Self { parts, by_remote: OnceCell::new() }
    }

    /// Returns the earlier counters of a host that has this place now: zero if
    /// it was not there.
    pub(super) fn counters(
        &self,
        host: &Host,
        part: usize,
        index: usize,
    ) -> Counters {
        match self.parts.get(part).and_then(|part| part.get(index)) {
            Some(there) if there.remote == host.remote => there.counters,
            // New hosts come behind all others, and others only move forward.
            None => Counters::default(),
            Some(_) => self.find(host),
        }
    }

    fn find(&self, host: &Host) -> Counters {
        let by_remote = self.by_remote.get_or_init(|| {
            let all = self.parts.iter().flat_map(|part| part.iter());
            all.map(|host| (host.remote, host.counters)).collect()
        });
        by_remote.get(&host.remote).copied().unwrap_or_default()
    }
}
