//! The beginning of every answer.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// The beginning of every answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The snapshot that the answer shows. Two answers with the same id show the
    /// counters of the same poll.
    pub snapshot: String,
    /// The end of that poll, in seconds since 1970.
    pub at: f64,
    /// The start of the exporter, in seconds since 1970. If it changes, the
    /// exporter has started again.
    pub started: f64,
    /// The seconds over which the rates are taken; null while there is none yet.
    pub rates_over_seconds: Option<f64>,
}

/// The traffic that an answer adds up.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// The traffic of the whole machine, each packet once, where it enters or
    /// leaves the machine.
    Host,
    /// All interfaces together. A packet that passes several of them counts at
    /// each.
    #[default]
    Interfaces,
    /// One interface.
    Interface,
}
