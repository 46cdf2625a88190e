//! The use of a quota at a moment, and its forecast.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::Snapshot;
use crate::accounting::Timestamp;
use crate::calendar::cycle;
use crate::config::{Config, QuotaDirection};

/// The time that must have been counted before there is a forecast, in seconds.
const FORECAST_FROM: i64 = 3600;

/// The use of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The quota, in bytes.
    pub limit: u64,
    /// The traffic that counts.
    pub direction: QuotaDirection,
    /// The bytes of the month that count.
    pub used: u64,
    /// All bytes of the month: received and sent.
    pub bytes: [u64; 2],
    /// The bytes that count at the end of the month, if the traffic goes on as
    /// since its begin; none within the first hour.
    pub forecast: Option<u64>,
    /// The begin of the month, in seconds since 1970.
    pub begin: i64,
    /// The begin of the next month.
    pub reset: i64,
    /// The time from which on everything is counted, in seconds since 1970; it
    /// is later than `begin` if the quota was set within the month.
    pub counted_since: i64,
}

/// Returns the use of the quota; none if none is set, or before the first poll.
#[must_use]
pub fn usage(snapshot: &Snapshot, config: &Config) -> Option<Usage> {
    let limit = config.quota?;
    let now = seconds(snapshot.at?);
    let month = cycle(&config.history_timezone, now, config.quota_reset_day);
    let bytes = snapshot.from_day(month.first_day);
    let direction = config.quota_direction;
    let since = snapshot.since.map_or(now, seconds);
    let counted_since = since.max(month.begin);
    let counted = now - counted_since;
    let ahead = |bytes: u64| {
        let (left, counted) = (month.end - now, counted.max(1));
        let more = i128::from(bytes) * i128::from(left) / i128::from(counted);
        bytes.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
    };
    let is_known = counted >= FORECAST_FROM;
    Some(Usage {
        limit,
        direction,
        used: direction.of(bytes),
        bytes,
        forecast: is_known.then(|| direction.of(bytes.map(ahead))),
        begin: month.begin,
        reset: month.end,
        counted_since,
    })
}

fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.whole_seconds()).unwrap_or(i64::MAX)
}
