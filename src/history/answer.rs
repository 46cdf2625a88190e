//! Answers questions about the history, in the form of the interface for
//! programs.

#![forbid(unsafe_code)]

use std::cmp::Reverse;

use jiff::ToSpan as _;

use super::item::Amounts;
use super::read::{By, Reader, Resolution, Row};
use crate::api::{
    self, Counted, Envelope, History, HistoryBy, HistoryRow, Totals,
};
use crate::calendar::{Zone, day_of};

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The first moment, in seconds since 1970; the period in which it lies is
    /// the first one.
    pub since: i64,
    /// The end, in seconds since 1970; the period in which the second before it
    /// lies is the last one.
    pub until: i64,
    /// The subject of the rows.
    pub by: HistoryBy,
    /// The length of the periods.
    pub resolution: api::Resolution,
    /// The only interface, for subjects that are counted by interface.
    pub interface: Option<String>,
}

/// Returns the answer of a file to a question.
///
/// # Errors
/// If the file cannot be read.
pub fn answer(
    reader: &Reader,
    zone: &Zone,
    question: &Question,
) -> rusqlite::Result<History> {
    let Question { since, until, by, resolution, interface } = question;
    let (length, subject) = (length(*resolution), subject(*by));
    let period = |at| period(zone, length, at);
    let (first, last) = (period(*since), period(*until - 1));
    let of_interface = match subject {
        By::Interface | By::Country => interface.as_deref(),
        By::Network | By::Range | By::Service => None,
    };
    let mut found =
        reader.rows(length, subject, (first, last), of_interface)?;
    if *by == HistoryBy::Total {
        found = added_up(found);
    }
    found.sort_by_cached_key(|row| {
        (row.period, Reverse(row.amounts.total()), row.labels.clone())
    });
    let mut whole = Amounts::default();
    for row in &found {
        whole.add(&row.amounts);
    }
    let has_packets = !matches!(subject, By::Network | By::Service);
    let rows = found.into_iter().map(|row| {
        let (start, end) = span(zone, length, row.period);
        HistoryRow {
            start: seconds(start),
            end: seconds(end),
            key: (*by != HistoryBy::Total).then(|| key(subject, &row.labels)),
            name: row.name,
            totals: totals(&row.amounts, has_packets),
        }
    });
    let written = reader.written()?;
    let at = written.unwrap_or_default();
    Ok(History {
        envelope: Envelope {
            snapshot: format!("history-{at}"),
            at: seconds(at),
            ..Envelope::default()
        },
        written: written.map(seconds),
        began: reader.began()?.map(seconds),
        since: seconds(span(zone, length, first).0),
        until: seconds(span(zone, length, last).1),
        by: *by,
        resolution: *resolution,
        timezone: zone.shown_name(),
        counted: match (subject, of_interface) {
            (By::Network | By::Service, _) => Counted::Host,
            (_, Some(_)) => Counted::Interface,
            (_, None) => Counted::Interfaces,
        },
        rows: rows.collect(),
        whole: totals(&whole, has_packets),
    })
}

fn length(resolution: api::Resolution) -> Resolution {
    match resolution {
        api::Resolution::Hour => Resolution::Hour,
        api::Resolution::Day => Resolution::Day,
        api::Resolution::Month => Resolution::Month,
    }
}

fn subject(by: HistoryBy) -> By {
    match by {
        HistoryBy::Total | HistoryBy::Interface => By::Interface,
        HistoryBy::Country => By::Country,
        HistoryBy::Network => By::Network,
        HistoryBy::Range => By::Range,
        HistoryBy::Service => By::Service,
    }
}

/// Returns the number of the period of a time in seconds since 1970.
fn period(zone: &Zone, length: Resolution, at: i64) -> i64 {
    let of = zone.periods(at);
    match length {
        Resolution::Hour => of.hour,
        Resolution::Day => of.day,
        Resolution::Month => of.month,
    }
}

/// Adds the rows of each period up.
fn added_up(rows: Vec<Row>) -> Vec<Row> {
    let mut sums: Vec<Row> = Vec::new();
    for row in rows {
        match sums.last_mut() {
            Some(last) if last.period == row.period => {
                last.amounts.add(&row.amounts);
            }
            _ => sums.push(Row { labels: Default::default(), ..row }),
        }
    }
    sums
}

fn key(by: By, [first, second]: &[String; 2]) -> String {
    match by {
        By::Range if !second.is_empty() => format!("{first} → {second}"),
        _ => first.clone(),
    }
}

/// Returns the begin and the end of a period, in seconds since 1970.
fn span(zone: &Zone, length: Resolution, period: i64) -> (i64, i64) {
    let (first, after) = match length {
        Resolution::Hour => return (period, period + 3600),
        Resolution::Day => (day_of(period), 1.day()),
        Resolution::Month => (day_of(period * 100 + 1), 1.month()),
    };
    let Some(first) = first else { return (0, 0) };
    (zone.begin_of(first), zone.begin_of(first.saturating_add(after)))
}

fn totals(amounts: &Amounts, has_packets: bool) -> Totals {
    let packets = |at: usize| has_packets.then_some(amounts.packets[at]);
    Totals {
        bytes_received: amounts.bytes[0],
        bytes_sent: amounts.bytes[1],
        packets_received: packets(0),
        packets_sent: packets(1),
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 seconds are far away")]
fn seconds(number: i64) -> f64 {
    number as f64
}
