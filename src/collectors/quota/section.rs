//! The section of a state file that holds the bytes of the last days.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{MOST_DAYS, Snapshot};
use crate::accounting::LARGEST_COUNTER;
use crate::collectors::section::{SectionContent, encoded};
use crate::geoip::CountryLabels;

impl SectionContent for Snapshot {
    const NAME: &'static str = "quota";
    const NEWEST: u32 = 1;

    fn encode(&self) -> Vec<u8> {
        encoded(self)
    }

    fn decode(body: &[u8], _: &mut CountryLabels) -> Option<Self> {
        let saved: Self = rmp_serde::from_slice(body).ok()?;
        let days = &saved.days;
        let is_good = days.is_sorted_by(|(a, _), (b, _)| a < b)
            && days.len() <= MOST_DAYS
            && days.iter().flat_map(|(_, b)| b).all(|b| *b <= LARGEST_COUNTER);
        is_good.then_some(saved)
    }
}
