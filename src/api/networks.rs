//! `/api/v1/networks`: the traffic with each network (autonomous system),
//! counted once on the machine.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Bytes, Envelope};

/// The answer: `whole` is the sum of all rows, `not_listed`, `not_kept`,
/// `unknown` and `unattributed`.
///
/// Parameters: `limit` and `offset` for a part of the rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Networks {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The networks, also those without series.
    pub networks: Vec<Network>,
    /// The number of networks, also of those that are not listed.
    pub kept: u64,
    /// The place of the first row among them.
    pub offset: u64,
    /// The bytes of networks before and behind the listed rows.
    pub not_listed: Bytes,
    /// The bytes of networks beyond the kept ones.
    pub not_kept: Bytes,
    /// The bytes of addresses that belong to no known network.
    pub unknown: Bytes,
    /// The bytes whose flow left the kernel's map before a poll could find the
    /// network.
    pub unattributed: Bytes,
    /// All IP bytes.
    pub whole: Bytes,
}

/// The traffic with one network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// The number of the autonomous system.
    pub asn: u32,
    /// The name; null if the database has none.
    pub name: Option<String>,
    /// True if the network has series of its own.
    pub shown: bool,
    /// The bytes, also those that the series `other` counts.
    #[serde(flatten)]
    pub bytes: Bytes,
}

/// The number and the name of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkName {
    /// The number of the autonomous system.
    pub asn: u32,
    /// The name; null if the database has none.
    pub name: Option<String>,
}
