//! Times as the system clock has them.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::num::NonZeroU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A time in milliseconds since 1970.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Timestamp(NonZeroU64);

impl Timestamp {
    /// Returns the time so many milliseconds after the beginning of 1970; that
    /// itself is the first millisecond.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        Self(NonZeroU64::new(millis).unwrap_or(NonZeroU64::MIN))
    }

    /// Returns the whole seconds since 1970.
    #[must_use]
    pub fn whole_seconds(self) -> u64 {
        self.0.get() / 1000
    }

    /// Returns the milliseconds since 1970.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0.get()
    }

    /// Returns the seconds since 1970, as a sample has them.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 ms are far away")]
    pub fn seconds(self) -> f64 {
        self.0.get() as f64 / 1000.0
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self::from_millis(millis)
    }
}

/// The end of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollEnd {
    /// The time of day, which is shown and decides nothing: it may jump.
    pub at: Timestamp,
    /// The time since the start.
    pub uptime: Duration,
    /// The time for which series stay after their interface is gone; none: until
    /// a restart.
    pub absent_retention: Option<Duration>,
}
