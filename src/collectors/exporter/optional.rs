//! The optional collectors: threads with an interval of their own, without
//! which the rest goes on.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use crate::metrics::Emit;
use crate::metrics::family::Description;

const SUCCESS: Description<1> = Description {
    name: "geoip_collector_success",
    help: "Success of the last run of an optional collector: 1 yes, 0 no.",
    labels: ["collector"],
};

const DURATION: Description<1> = Description {
    name: "geoip_collector_duration_seconds",
    help: "Duration of the last run of an optional collector in seconds.",
    labels: ["collector"],
};

/// The outcome of the last run of an optional collector; published by its
/// thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectorStatus {
    /// Its label, such as `connections`.
    pub collector: &'static str,
    /// True if it is on; otherwise it has no series.
    pub is_on: bool,
    /// True if the last run was successful.
    pub is_successful: bool,
    /// The time that the last run took.
    pub duration: Duration,
}

impl CollectorStatus {
    /// Returns the status of a collector that is off.
    #[must_use]
    pub fn off(collector: &'static str) -> Self {
        let duration = Duration::ZERO;
        Self { collector, is_on: false, is_successful: false, duration }
    }
}

/// Emits the outcome of every optional collector that is on.
pub(super) fn collect(statuses: &[Arc<CollectorStatus>], emit: Emit<'_>) {
    let mut success = SUCCESS.gauge();
    let mut duration = DURATION.gauge();
    for status in statuses.iter().filter(|status| status.is_on) {
        let label = [status.collector];
        success.push(label, u8::from(status.is_successful).into());
        duration.push(label, status.duration.as_secs_f64());
    }
    emit(&success.build());
    emit(&duration.build());
}
