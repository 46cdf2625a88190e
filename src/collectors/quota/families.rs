//! The metric families of the quota.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{Snapshot, usage};
use crate::config::Config;
use crate::metrics::family::{Description, sample};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Families};

const QUOTA: Description = Description {
    name: "geoip_quota_bytes",
    help: "Quota of the month, as configured.",
    labels: [],
};

const USED: Description = Description {
    name: "geoip_quota_used_bytes",
    help: "Bytes of the whole machine in this month that count for the quota, \
           each packet counted once.",
    labels: [],
};

const RESET: Description = Description {
    name: "geoip_quota_reset_timestamp_seconds",
    help: "Time at which the next month of the quota begins, in seconds since \
           1970.",
    labels: [],
};

/// Exports the use of the quota, if one is set.
#[derive(Debug)]
pub struct QuotaCollector {
    /// The newest bytes.
    pub snapshot: Published<Snapshot>,
    /// The configuration in force.
    pub config: Published<Config>,
}

impl Collect for QuotaCollector {
    fn version(&self) -> u64 {
        self.snapshot.version() + self.config.version()
    }

    fn collect(&self) -> Families<'_> {
        let (snapshot, config) = (self.snapshot.get(), self.config.get());
        Box::new(move |emit| {
            let Some(usage) = usage(&snapshot, &config) else { return };
            emit(&QUOTA.gauge_of(sample(usage.limit)));
            emit(&USED.gauge_of(sample(usage.used)));
            let reset = u64::try_from(usage.reset).unwrap_or_default();
            emit(&RESET.gauge_of(sample(reset)));
        })
    }
}
