//! `/api/v1/usage`: the quota of the month.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::Envelope;

/// The answer. The page takes no parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The quota.
    pub quota: Quota,
}

/// A quota. Its traffic is that of the whole machine, each packet once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    /// The largest number of bytes.
    pub limit_bytes: u64,
    /// The traffic that counts.
    pub direction: QuotaDirection,
    /// The bytes used of it.
    pub used_bytes: u64,
    /// Bytes received in the period.
    pub bytes_received: u64,
    /// Bytes sent in the period.
    pub bytes_sent: u64,
    /// The bytes used at the end of the period if the traffic goes on as so far;
    /// null while that cannot be said.
    pub forecast_bytes: Option<u64>,
    /// The beginning of the period, in seconds since 1970.
    pub since: f64,
    /// The time from which on everything is counted, in seconds since 1970. It is
    /// later than `since` if the quota was set within the period.
    pub counted_since: f64,
    /// Its end, in seconds since 1970.
    pub reset: f64,
}

/// The traffic that counts for a quota.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum QuotaDirection {
    /// Sent bytes.
    Sent,
    /// Received bytes.
    Received,
    /// The sum of both.
    #[default]
    Both,
    /// The larger of the two.
    Larger,
}
