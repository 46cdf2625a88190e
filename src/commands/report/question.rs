//! Turns the flags of a report into a question to the history.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::api::{HistoryBy, Resolution};
use crate::calendar::Zone;
use crate::cli::{Length, ReportArguments, SUBJECTS};
use crate::history::Question;

/// A question, and the form of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) question: Question,
    /// The time of the question, in seconds since 1970.
    pub(super) now: i64,
    /// True for a row for each period, false for a row for each subject.
    pub(super) by_time: bool,
    /// The subjects that are listed, if the flags tell.
    pub(super) limit: Option<usize>,
    pub(super) csv: bool,
    pub(super) chart: bool,
}

impl Asked {
    /// Returns the question of these flags.
    ///
    /// # Errors
    /// If a flag has a value that means nothing.
    pub(super) fn of(
        flags: &ReportArguments,
        zone: &Zone,
        now: i64,
    ) -> Result<Self, String> {
        let today = zone.date(now);
        let by = flags.by.as_deref().map(subject).transpose()?;
        let limit = flags.limit.as_deref().map(rows).transpose()?;
        if limit.is_some() && by.is_none() {
            return Err(
                "--limit needs --by, such as --by country: without it \
                        there is a row for each period, and none is left out"
                    .into(),
            );
        }
        let since = flags
            .since
            .as_deref()
            .map(|text| first_day("--since", text, today))
            .transpose()?;
        let until = flags
            .until
            .as_deref()
            .map(|text| last_day("--until", text, today))
            .transpose()?;
        let last = until.unwrap_or(today);
        let end = match until {
            Some(last) => zone.begin_of(day_after(last)),
            None => now + 1,
        };
        let since = match (since, flags.length) {
            (Some(first), _) if first > last => {
                return Err(format!(
                    "--since is after --until: {first} and {last}"
                ));
            }
            (Some(first), _) => zone.begin_of(first),
            (None, Some(Length::Hour)) => end - 24 * 3600,
            (None, length) => zone.begin_of(first_of(last, length, by)),
        };
        let resolution = match flags.length {
            Some(Length::Hour) => Resolution::Hour,
            Some(Length::Month) => Resolution::Month,
            Some(Length::Day) | None => Resolution::Day,
        };
        let interface = flags.interface.clone();
        let is_counted_once =
            matches!(by, Some(HistoryBy::Network | HistoryBy::Service));
        if interface.is_some()
            && (is_counted_once || by == Some(HistoryBy::Range))
        {
            let by = flags.by.as_deref().unwrap_or_default();
            return Err(format!(
                "--interface has no meaning with --by {by}: the history adds \
                 all interfaces up"
            ));
        }
        Ok(Self {
            question: Question {
                since,
                until: end,
                by: by.unwrap_or(HistoryBy::Interface),
                resolution,
                interface,
            },
            now,
            by_time: by.is_none(),
            limit,
            csv: flags.csv,
            chart: flags.chart,
        })
    }
}

/// Returns the first day of a report that ends with a day.
fn first_of(last: Date, length: Option<Length>, by: Option<HistoryBy>) -> Date {
    let month = last.first_of_month();
    match (length, by.is_some()) {
        (Some(Length::Month), false) => month.saturating_sub(11.months()),
        (Some(Length::Day) | None, false) => last.saturating_sub(29.days()),
        (Some(Length::Day), true) => last,
        (_, true) => month,
        (Some(Length::Hour), false) => last,
    }
}

fn subject(text: &str) -> Result<HistoryBy, String> {
    Ok(match text {
        "country" => HistoryBy::Country,
        "network" => HistoryBy::Network,
        "interface" => HistoryBy::Interface,
        "range" => HistoryBy::Range,
        "service" => HistoryBy::Service,
        _ => {
            return Err(format!(
                "--by: {text:?} is no subject: write one of {}",
                SUBJECTS.join(", ")
            ));
        }
    })
}

fn rows(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        format!("--limit: {text:?} is no number of rows: write one such as 100")
    })
}

fn first_day(flag: &str, text: &str, today: Date) -> Result<Date, String> {
    day(flag, text, today).map(|(first, _)| first)
}

fn last_day(flag: &str, text: &str, today: Date) -> Result<Date, String> {
    day(flag, text, today).map(|(_, last)| last)
}

/// Returns the first and the last day that a text means.
fn day(flag: &str, text: &str, today: Date) -> Result<(Date, Date), String> {
    let one = |day: Date| Some((day, day));
    let found = match text {
        "today" => one(today),
        "yesterday" => one(today.saturating_sub(1.day())),
        _ => match text.strip_suffix('d').map(str::parse::<u16>) {
            Some(Ok(days @ 1..)) => {
                one(today.saturating_sub(i64::from(days - 1).days()))
            }
            Some(_) => None,
            None => match text.len() {
                7 => format!("{text}-01")
                    .parse()
                    .ok()
                    .map(|first: Date| (first, first.last_of_month())),
                10 => text.parse().ok().and_then(one),
                _ => None,
            },
        },
    };
    found.ok_or_else(|| {
        format!(
            "{flag}: {text:?} is no day: write one such as 2026-11-01, 2026-11, \
             today, yesterday or 7d"
        )
    })
}

fn day_after(day: Date) -> Date {
    day.saturating_add(1.day())
}

#[cfg(test)]
mod tests;
