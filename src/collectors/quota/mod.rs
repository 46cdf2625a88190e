//! The use of a quota: the bytes of the whole machine by day, each packet
//! counted once.
//!
//! The days are kept, and not the sum: so the reset day may change, and a month
//! of any length begins at the right moment.
//!
//! Pure: no I/O, clock, threads or logging.

mod account;
mod families;
mod section;
mod usage;

pub use account::QuotaAccount;
pub use families::QuotaCollector;
pub use usage::{Usage, usage};

use serde::{Deserialize, Serialize};

use crate::accounting::Timestamp;

/// The number of days that are kept: three months, and some days of a clock that
/// was wrong.
const MOST_DAYS: usize = 100;

/// The bytes of the last days, at the end of one poll. `section` says how they
/// are saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The days with their bytes received and sent, in their order. A day is a
    /// number such as 20261129.
    pub days: Vec<(i64, [u64; 2])>,
    /// The time from which on everything is counted; none while nothing is.
    pub since: Option<Timestamp>,
    /// The end of the last poll that changed the bytes or the day.
    pub at: Option<Timestamp>,
}

impl Snapshot {
    /// Adds bytes to a day. If the clock was set back, the bytes of later days
    /// belong to this one.
    fn add(&mut self, day: i64, bytes: [u64; 2]) {
        let mut bytes = bytes;
        while let Some((_, more)) = self.days.pop_if(|(last, _)| *last > day) {
            add(&mut bytes, more);
        }
        match self.days.last_mut() {
            Some((last, sum)) if *last == day => add(sum, bytes),
            _ => self.days.push((day, bytes)),
        }
        let over = self.days.len().saturating_sub(MOST_DAYS);
        self.days.drain(..over);
    }

    /// Returns the bytes from a day on: received and sent.
    #[must_use]
    pub fn from_day(&self, first: i64) -> [u64; 2] {
        let mut sum = [0; 2];
        for (_, bytes) in self.days.iter().filter(|(day, _)| *day >= first) {
            add(&mut sum, *bytes);
        }
        sum
    }
}

fn add(sum: &mut [u64; 2], more: [u64; 2]) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.saturating_add(more);
    }
}

#[cfg(test)]
mod tests;
