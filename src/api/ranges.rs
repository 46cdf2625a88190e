//! `/api/v1/ranges`: the traffic between named ranges.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Counted, Envelope, Volume};

/// The answer: `whole` is the sum of all rows, `not_listed` and `unattributed`.
///
/// Parameters: `interface=NAME` for one interface, `ip_version=4` or `6`,
/// `limit` and `offset` for a part of the rows. Without `interface`, the answer
/// shows all interfaces together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranges {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The traffic that the answer adds up: never the whole machine once.
    pub counted: Counted,
    /// The interface that was asked for, if any.
    pub interface: Option<String>,
    /// The IP version that was asked for, if any.
    pub ip_version: Option<u8>,
    /// The pairs of ranges with traffic.
    pub ranges: Vec<RangePair>,
    /// The number of pairs, also of those that are not listed.
    pub pairs: u64,
    /// The place of the first row among them.
    pub offset: u64,
    /// The traffic of pairs before and behind the listed rows.
    pub not_listed: Volume,
    /// Traffic whose flow left the kernel's map before a poll could find the
    /// ranges.
    pub unattributed: Volume,
    /// All IP traffic.
    pub whole: Volume,
}

/// The traffic from one range to another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RangePair {
    /// The range of the senders, as in the metrics.
    pub source: String,
    /// The range of the receivers, as in the metrics.
    pub destination: String,
    /// The traffic.
    #[serde(flatten)]
    pub volume: Volume,
}
