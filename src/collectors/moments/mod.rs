//! Moments: the snapshots of all accounts at the end of one poll, so that an
//! answer which needs several of them is of one poll. Each moment has the
//! snapshots of some polls before, for rates.
//!
//! Snapshots are shared and never copied. The memory is that of at most
//! [`MOST_EARLIER`] older snapshots of each account, as far as they differ.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod recorder;

pub use recorder::Recorder;

use std::sync::Arc;
use std::time::Duration;

use super::{
    connections, host, hosts, networks, ranges, services, traffic, unknown,
};
use crate::accounting::Timestamp;
use crate::metrics::published::Published;

/// The time over which rates are taken: the shortest whole number of polls that
/// is not shorter than this. Shorter rates jump with every burst; longer ones
/// show the end of a burst too late.
pub const RATES_OVER: Duration = Duration::from_secs(10);

/// The largest number of older snapshots of an account that are kept for rates.
/// With short polls, not every poll is one of them, and rates are taken over a
/// third more at most.
pub const MOST_EARLIER: usize = 4;

/// The snapshots of all accounts.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// By interface and country.
    pub traffic: Arc<traffic::Snapshot>,
    /// The whole machine, by country.
    pub host: Arc<host::Snapshot>,
    /// By network.
    pub networks: Arc<networks::Snapshot>,
    /// By remote host.
    pub hosts: Arc<hosts::Snapshot>,
    /// By pairs of ranges.
    pub ranges: Arc<ranges::Snapshot>,
    /// By service and country.
    pub services: Arc<services::Snapshot>,
    /// TCP connections, whose visits have an interval of their own.
    pub connections: Arc<connections::Snapshot>,
    /// The largest prefixes of `UNKNOWN`.
    pub unknown: Arc<unknown::Snapshot>,
}

/// Reads the newest snapshots of all accounts. An account that is not set has an
/// empty snapshot for ever.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    /// See [`Counts::traffic`].
    pub traffic: Published<traffic::Snapshot>,
    /// See [`Counts::host`].
    pub host: Published<host::Snapshot>,
    /// See [`Counts::networks`].
    pub networks: Published<networks::Snapshot>,
    /// See [`Counts::hosts`].
    pub hosts: Published<hosts::Snapshot>,
    /// See [`Counts::ranges`].
    pub ranges: Published<ranges::Snapshot>,
    /// See [`Counts::services`].
    pub services: Published<services::Snapshot>,
    /// See [`Counts::connections`].
    pub connections: Published<connections::Snapshot>,
    /// See [`Counts::unknown`].
    pub unknown: Published<unknown::Snapshot>,
}

impl Readers {
    /// Returns the newest snapshots.
    #[must_use]
    pub fn get(&self) -> Counts {
        Counts {
            traffic: self.traffic.get(),
            host: self.host.get(),
            networks: self.networks.get(),
            hosts: self.hosts.get(),
            ranges: self.ranges.get(),
            services: self.services.get(),
            connections: self.connections.get(),
            unknown: self.unknown.get(),
        }
    }
}

/// All counters at the end of a poll.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The number of moments before it in this process.
    pub number: u64,
    /// The start of the process.
    pub started: Timestamp,
    /// The end of the poll; before the first poll, the start.
    pub at: Timestamp,
    /// The time from the start to the end of the poll.
    pub uptime: Duration,
    /// The snapshots.
    pub counts: Counts,
    /// The moment from which rates are taken; none before the second poll.
    pub earlier: Option<Arc<Earlier>>,
}

/// The counters at the end of an earlier poll.
#[derive(Clone, Debug)]
pub struct Earlier {
    /// The time from the start to the end of that poll.
    pub uptime: Duration,
    /// The snapshots.
    pub counts: Counts,
}

impl Moment {
    /// Returns the first moment of a process, before any poll.
    #[must_use]
    pub fn first(started: Timestamp, counts: Counts) -> Self {
        let (at, uptime, earlier) = (started, Duration::ZERO, None);
        Self { number: 0, started, at, uptime, counts, earlier }
    }

    /// Returns the time over which rates are taken, if there are any.
    #[must_use]
    pub fn rates_over(&self) -> Option<Duration> {
        let earlier = self.earlier.as_ref()?;
        let span = self.uptime.checked_sub(earlier.uptime)?;
        (!span.is_zero()).then_some(span)
    }

    /// Returns the snapshots from which rates are taken, if there are any.
    #[must_use]
    pub fn earlier_counts(&self) -> Option<&Counts> {
        self.earlier.as_ref().map(|earlier| &earlier.counts)
    }
}
