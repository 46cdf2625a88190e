//! The poller's statistics, and the counters among them.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{KernelCounters, Timestamp};

/// Statistics of the poller and the kernel side; published with every poll,
/// also a failed one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollStatistics {
    /// Polls that ended well.
    pub polls: u64,
    /// The time at which the counters were zero, if known.
    pub created: Option<Timestamp>,
    /// True if all interfaces that were there at the start were attached, as
    /// far as they can be, and polled.
    pub is_ready: bool,
    /// Polls that failed, whose traffic the next one finds.
    pub poll_failures: u64,
    /// The counters of the kernel side.
    pub kernel: KernelCounters,
    /// Flows that began.
    pub new_keys: u64,
    /// Flows the map dropped to make room.
    pub evictions: u64,
    /// Flows there were at the newest poll.
    pub map_entries: u64,
    /// The table in front of the map.
    pub flow_table: TableStatistics,
    /// The shortest time a dropped flow had been idle, over all evictions.
    pub minimum_eviction_age: Option<Duration>,
    /// The duration of reading the map in the newest poll.
    pub map_read_duration: Duration,
    /// The duration of the newest poll as a whole.
    pub poll_duration: Duration,
}

/// The counters among them, which go on after a restart if the state is kept.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(default)]
pub struct PollCounters {
    /// See [`PollStatistics::created`].
    pub created: Option<Timestamp>,
    /// See [`PollStatistics::poll_failures`].
    pub poll_failures: u64,
    /// See [`PollStatistics::kernel`]. Saved beside the others.
    #[serde(flatten)]
    pub kernel: KernelCounters,
    /// See [`PollStatistics::new_keys`].
    pub new_keys: u64,
    /// See [`PollStatistics::evictions`].
    pub evictions: u64,
    /// See [`TableStatistics::reclaims`].
    pub table_reclaims: u64,
}

impl PollCounters {
    /// Returns the counters without the time.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        let Self {
            created: _,
            poll_failures,
            kernel,
            new_keys,
            evictions,
            table_reclaims,
        } = *self;
        [poll_failures, new_keys, evictions, table_reclaims]
            .into_iter()
            .chain(kernel.shown().map(|(_, value)| value))
    }
}

impl PollStatistics {
    /// Returns the statistics before the first poll of a process that goes on
    /// from these counters.
    #[must_use]
    pub fn resume(from: PollCounters) -> Self {
        Self {
            created: from.created,
            poll_failures: from.poll_failures,
            kernel: from.kernel,
            new_keys: from.new_keys,
            evictions: from.evictions,
            flow_table: TableStatistics {
                reclaims: from.table_reclaims,
                ..TableStatistics::default()
            },
            ..Self::default()
        }
    }

    /// Tells the statistics the time of the start, at which counters that are
    /// zero were zero.
    #[must_use]
    pub fn starting(mut self, at: Timestamp) -> Self {
        if self.counters() == PollCounters::default() {
            self.created = Some(at);
        }
        self
    }

    /// Returns the counters.
    #[must_use]
    pub fn counters(&self) -> PollCounters {
        PollCounters {
            created: self.created,
            poll_failures: self.poll_failures,
            kernel: self.kernel,
            new_keys: self.new_keys,
            evictions: self.evictions,
            table_reclaims: self.flow_table.reclaims,
        }
    }
}

/// The flow table, with an entry for each flow and CPU; its size is zero if
/// there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStatistics {
    /// Its memory.
    pub bytes: u64,
    /// Entries it has room for, on all CPUs.
    pub max_entries: u64,
    /// Entries in use at the newest poll.
    pub entries: u64,
    /// Entries that were idle and were freed.
    pub reclaims: u64,
}
