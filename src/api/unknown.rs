//! `/api/v1/unknown`: the remote prefixes with the most bytes of `UNKNOWN`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::Envelope;

/// The answer. The page takes no parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unknown {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The time since which they are counted, in seconds since 1970: the start
    /// or the last change of a database or of ranges.
    pub since: Option<f64>,
    /// All bytes of `UNKNOWN` since then.
    pub bytes: u64,
    /// The prefixes.
    pub prefixes: Vec<UnknownPrefix>,
}

/// The traffic of one prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownPrefix {
    /// The prefix, such as `192.0.2.0/24`.
    pub prefix: String,
    /// Bytes received from it.
    pub bytes_received: u64,
    /// Bytes sent to it.
    pub bytes_sent: u64,
    /// The bytes that it may have had before it was kept, at most.
    pub bytes_missed_at_most: u64,
}
