//! `/api/v1/usage`: see [`api::Usage`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{Query, Refusal, View, envelope};
use crate::api;
use crate::collectors::moments::Moment;
use crate::collectors::quota::{self, Snapshot};
use crate::config::{Config, QuotaDirection};
use crate::metrics::published::Published;

/// The quota of the month.
pub struct UsageView {
    /// The bytes of the last days.
    pub snapshot: Published<Snapshot>,
}

impl View for UsageView {
    type Answer = api::Usage;

    fn version(&self) -> u64 {
        self.snapshot.version()
    }

    fn is_off(&self, config: &Config) -> Option<&'static str> {
        config.quota.is_none().then_some("quota = \"20TiB\"")
    }

    fn answer(
        &self,
        moment: &Moment,
        config: &Config,
        _: &Query,
    ) -> Result<api::Usage, Refusal> {
        let quota = quota(&self.snapshot.get(), config).ok_or_else(|| {
            let reason =
                "nothing is counted yet: ask again after the first poll";
            Refusal::Unavailable(reason.into())
        })?;
        Ok(api::Usage { envelope: envelope(moment), quota })
    }
}

/// Returns the use of the quota; none without one, or before the first poll.
pub(super) fn quota(
    snapshot: &Snapshot,
    config: &Config,
) -> Option<api::Quota> {
    let usage = quota::usage(snapshot, config)?;
    let [bytes_received, bytes_sent] = usage.bytes;
    Some(api::Quota {
        limit_bytes: usage.limit,
        direction: match usage.direction {
            QuotaDirection::Sent => api::QuotaDirection::Sent,
            QuotaDirection::Received => api::QuotaDirection::Received,
            QuotaDirection::Both => api::QuotaDirection::Both,
            QuotaDirection::Larger => api::QuotaDirection::Larger,
        },
        used_bytes: usage.used,
        bytes_received,
        bytes_sent,
        forecast_bytes: usage.forecast,
        since: seconds(usage.begin),
        counted_since: seconds(usage.counted_since),
        reset: seconds(usage.reset),
    })
}

#[expect(clippy::cast_precision_loss, reason = "2^53 seconds are far away")]
fn seconds(number: i64) -> f64 {
    number as f64
}
