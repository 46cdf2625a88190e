//! The months of a quota, which begin at any day.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::Zone;

/// The month of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Its first day, such as 20261115.
    pub first_day: i64,
    /// The time at which it begins, in seconds since 1970.
    pub begin: i64,
    /// The time at which the next one begins.
    pub end: i64,
}

/// Returns the month that contains a time, if months begin at this day. In a
/// month that has no such day, it begins at the last day.
#[must_use]
pub fn cycle(zone: &Zone, seconds: i64, reset_day: u8) -> Cycle {
    let today = zone.date(seconds);
    let in_month = reset_in(today, reset_day);
    let (first, next) = match today >= in_month {
        true => (in_month, reset_in(months_later(today, 1), reset_day)),
        false => (reset_in(months_later(today, -1), reset_day), in_month),
    };
    Cycle {
        first_day: super::number(first),
        begin: zone.begin_of(first),
        end: zone.begin_of(next),
    }
}

/// Returns the day of a date's month at which the quota begins anew.
fn reset_in(date: Date, reset_day: u8) -> Date {
    let last = date.days_in_month();
    let day = i8::try_from(reset_day).unwrap_or(last).clamp(1, last);
    date.with().day(day).build().unwrap_or(date)
}

/// Returns a day of a month before or after that of a date.
fn months_later(date: Date, months: i32) -> Date {
    date.first_of_month().saturating_add(months.months())
}
