//! The section of a state file that holds the counters of the poller.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use crate::accounting::{LARGEST_COUNTER, PollCounters};
use crate::collectors::section::{SectionContent, encoded};
use crate::geoip::CountryLabels;

/// The counters of the poller that are saved.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct SavedPolls {
    /// All of them.
    pub polls: PollCounters,
    /// The part of them from before the maps were made.
    pub earlier: PollCounters,
}

impl SectionContent for SavedPolls {
    const NAME: &'static str = "exporter";
    const NEWEST: u32 = 1;

    fn encode(&self) -> Vec<u8> {
        encoded(self)
    }

    fn decode(body: &[u8], _: &mut CountryLabels) -> Option<Self> {
        let saved: Self = rmp_serde::from_slice(body).ok()?;
        let is_countable = |polls: PollCounters| {
            polls.numbers().all(|number| number <= LARGEST_COUNTER)
        };
        let Self { polls, earlier } = saved;
        (is_countable(polls) && is_countable(earlier)).then_some(saved)
    }
}
