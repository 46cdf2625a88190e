//! `/api/v1/events`: the last events of the exporter.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Envelope;

/// The answer.
///
/// Parameter: `after=NUMBER` for the events behind this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The events, the oldest first: at most 200.
    pub events: Vec<Event>,
}

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number since the start of the exporter, from 1 on.
    pub number: u64,
    /// The time, in seconds since 1970.
    pub at: f64,
    /// The subject.
    pub kind: EventKind,
    /// True if something needs attention.
    pub is_fault: bool,
    /// A fixed message of a few words, such as `reloaded`.
    pub message: String,
    /// Facts, such as the name of the interface.
    pub details: BTreeMap<String, String>,
}

/// The subject of an event.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The start or the end of the exporter.
    #[default]
    Daemon,
    /// A reload.
    Reload,
    /// A database, or another file that is followed on disk.
    Database,
    /// An interface.
    Interface,
    /// A poll, or the saving of counters.
    Counting,
}
