//! Hours, days and months of a time zone.
//!
//! Pure, all but [`Zone::system`] and [`Zone::named`], which read the system's
//! time zone database.

#![forbid(unsafe_code)]

mod cycle;

pub use cycle::{Cycle, cycle};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A time zone and its name.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Default for Zone {
    /// Returns UTC in the place of the system's zone, which nobody has read.
    fn default() -> Self {
        Self { name: String::new(), zone: TimeZone::UTC }
    }
}

impl PartialEq for Zone {
    /// Compares the names: the rules of a zone belong to the system.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Zone {
    /// Returns the zone of the system: of `TZ`, or of `/etc/localtime`. UTC if
    /// neither can be read.
    #[must_use]
    pub fn system() -> Self {
        Self { name: String::new(), zone: TimeZone::system() }
    }

    /// Returns the zone of this name, or none if the system's database does not
    /// have it. The system's zone has an empty name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self::system());
        }
        let zone = TimeZone::get(name).ok()?;
        Some(Self { name: name.into(), zone })
    }

    /// Returns the name as the configuration has it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name as it is shown: that of the system's zone if it has one.
    #[must_use]
    pub fn shown_name(&self) -> String {
        match self.zone.iana_name() {
            Some(name) if self.name.is_empty() => name.into(),
            _ if self.name.is_empty() => "local time".into(),
            _ => self.name.clone(),
        }
    }

    /// Returns the hour, the day and the month of a time in seconds since 1970.
    #[must_use]
    pub fn periods(&self, seconds: i64) -> Periods {
        let local = self.zone.to_datetime(timestamp(seconds));
        let date = local.date();
        let into_hour =
            i64::from(local.minute()) * 60 + i64::from(local.second());
        Periods {
            hour: seconds - into_hour,
            day: number(date),
            month: number(date) / 100,
        }
    }

    /// Returns the time at which a day begins, in seconds since 1970. A clock
    /// that is set forward at midnight skips the first hour of the day.
    #[must_use]
    pub fn begin_of(&self, day: Date) -> i64 {
        let start = day.to_zoned(self.zone.clone());
        start.map_or(0, |start| start.timestamp().as_second())
    }

    /// Returns the day of a time in seconds since 1970.
    #[must_use]
    pub fn date(&self, seconds: i64) -> Date {
        self.zone.to_datetime(timestamp(seconds)).date()
    }

    /// Returns the time of day of an hour, such as `02:00`, with the difference
    /// to UTC, as the hour after summer time comes twice.
    #[must_use]
    pub fn clock(&self, seconds: i64) -> String {
        let local = timestamp(seconds).to_zoned(self.zone.clone());
        local.strftime("%Y-%m-%d %H:%M %:z").to_string()
    }
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}

/// Returns a day as a number such as 20261129.
#[must_use]
pub fn number(date: Date) -> i64 {
    i64::from(date.year()) * 10_000
        + i64::from(date.month()) * 100
        + i64::from(date.day())
}

/// Returns the day of a number such as 20261129.
#[must_use]
pub fn day_of(number: i64) -> Option<Date> {
    let part = |of: i64| i8::try_from(of % 100).ok();
    let year = i16::try_from(number / 10_000).ok()?;
    Date::new(year, part(number / 100)?, part(number)?).ok()
}

/// The hour, the day and the month of a moment in a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// The time at which the hour began, in seconds since 1970.
    pub hour: i64,
    /// Such as 20261129.
    pub day: i64,
    /// Such as 202611.
    pub month: i64,
}

#[cfg(test)]
mod tests;
