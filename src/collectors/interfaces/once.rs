//! The interfaces at which the whole machine is counted, each packet once.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

/// The part of one interface in the count of the whole machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// True if the packets of the whole machine are counted here.
    pub is_edge: bool,
    /// The reason, in a few words.
    pub why: Arc<str>,
}

impl Once {
    /// Returns it in words.
    #[must_use]
    pub fn label(&self) -> String {
        let answer = if self.is_edge { "yes" } else { "no" };
        format!("{answer}: {}", self.why)
    }
}

/// Each attached interface, and each one that leads outside, by name. Empty if
/// no slice counts the whole machine, or as long as the edges are not known.
pub type OnceSnapshot = BTreeMap<Arc<str>, Once>;
