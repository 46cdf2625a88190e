//! `/api/v1/interfaces`: the traffic and the state of each interface.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Envelope, Volume};

/// The answer. The page takes no parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interfaces {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The interfaces that are to be counted, and those that have series.
    pub interfaces: Vec<Interface>,
    /// The sum of all interfaces. A packet that passes several of them counts at
    /// each.
    pub whole: Volume,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub interface: String,
    /// Its state; null if it is not to be counted any more.
    pub status: Option<InterfaceStatus>,
    /// True if its packets are being counted.
    pub is_attached: bool,
    /// True if it is gone, and its counters are kept.
    pub is_absent: bool,
    /// True if the packets of the whole machine are counted here; null if
    /// nothing counts the whole machine.
    pub counted_once: Option<bool>,
    /// The reason, in a few words.
    pub counted_once_reason: Option<String>,
    /// All its traffic.
    #[serde(flatten)]
    pub volume: Volume,
    /// The part whose country is not known because its flow left the kernel's
    /// map before a poll.
    pub unattributed: Volume,
    /// The part that is not IP or has an unreadable header.
    pub non_ip: Volume,
}

/// The ability of an interface to carry traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InterfaceStatus {
    /// It exists and is up.
    Up,
    /// It exists and is down.
    Down,
    /// It was asked for by name and does not exist.
    NotFound,
}
