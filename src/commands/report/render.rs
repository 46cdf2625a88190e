//! Writes an answer as a table, as CSV or as JSON.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod csv;
mod table;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::question::Asked;
use super::units;
use crate::api::{Counted, History, HistoryBy, HistoryRow, Resolution, Totals};
use crate::calendar::Zone;
use table::Table;

/// The rows of a table by subject, unless the flags say otherwise.
const LIMIT: usize = 25;

/// The interfaces of a table by time, the largest first.
const MOST_INTERFACES: usize = 10;

/// The part of a period that must be over before its end is estimated.
const ESTIMATED_FROM: f64 = 0.05;

/// Returns the text of a report.
pub(super) fn render(
    history: &History,
    asked: &Asked,
    zone: &Zone,
    json: bool,
) -> String {
    if json {
        let text = serde_json::to_string_pretty(history).unwrap_or_default();
        return text + "\n";
    }
    if asked.csv {
        return csv::csv(history, zone, asked.limit);
    }
    let mut text = match asked.by_time {
        true => by_time(history, asked, zone),
        false => by_subject(history, asked, zone),
    };
    if history.rows.is_empty() {
        text +=
            "no traffic in this time (the last minute is not written yet)\n";
    }
    text
}

/// Writes a table for each interface, with a row for each period.
fn by_time(history: &History, asked: &Asked, zone: &Zone) -> String {
    let mut interfaces: BTreeMap<&str, Vec<&HistoryRow>> = BTreeMap::new();
    for row in &history.rows {
        let name = row.key.as_deref().unwrap_or_default();
        interfaces.entry(name).or_default().push(row);
    }
    let mut interfaces: Vec<_> = interfaces.into_iter().collect();
    let size = |rows: &[&HistoryRow]| -> u64 {
        rows.iter().map(|row| total(&row.totals)).fold(0, u64::saturating_add)
    };
    interfaces.sort_by_key(|(_, rows)| std::cmp::Reverse(size(rows)));
    let left_out = interfaces.len().saturating_sub(MOST_INTERFACES);
    interfaces.truncate(MOST_INTERFACES);
    let period = length(history.resolution);
    let written = history.written.unwrap_or(history.envelope.at);
    let mut text = String::new();
    for (name, rows) in interfaces {
        text += &format!("{name}, by {period} ({})\n\n", history.timezone);
        let mut table = Table::new(period, "avg. rate", asked.chart);
        for row in &rows {
            let end = row.end.min(written);
            let seconds = end - counted_from(row, history.began);
            let last = units::rate(total(&row.totals), seconds);
            let first = shown(zone, history.resolution, row.start);
            table.push(first, &row.totals, last);
        }
        table.sum(&sum(&rows));
        if let Some(last) = rows.last()
            && let Some(estimate) = estimate(last, history.began, written)
        {
            let from = counted_from(last, history.began);
            let rate = units::rate(total(&estimate), last.end - from);
            table.estimate(&estimate, rate);
        }
        text += &table.write();
        text.push('\n');
    }
    if left_out > 0 {
        text += &format!(
            "{left_out} more interfaces; --interface NAME shows one, --by \
             interface lists them\n"
        );
    }
    text
}

/// Writes one table, with a row for each subject.
fn by_subject(history: &History, asked: &Asked, zone: &Zone) -> String {
    let mut sums: BTreeMap<(&str, &str), Totals> = BTreeMap::new();
    for row in &history.rows {
        let key = row.key.as_deref().unwrap_or_default();
        let name = row.name.as_deref().unwrap_or_default();
        add(sums.entry((key, name)).or_default(), &row.totals);
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, totals)| std::cmp::Reverse(total(totals)));
    let whole = total(&history.whole);
    let limit = asked.limit.unwrap_or(LIMIT);
    let rest = sums.split_off(sums.len().min(limit));
    let first = shown(zone, Resolution::Day, history.since);
    let last = shown(zone, Resolution::Day, history.until - 1.0);
    let days = match first == last {
        true => first,
        false => format!("{first} to {last}"),
    };
    let what = subject(history.by);
    let of = match (history.counted, &asked.question.interface) {
        (Counted::Interface, Some(name)) => format!("at {name}"),
        (Counted::Host, _) => "each packet once".into(),
        _ => "all interfaces together".into(),
    };
    let mut text =
        format!("{days}, by {what}, {of} ({})\n\n", history.timezone);
    let mut table = Table::new(what, "share", asked.chart);
    for ((key, name), totals) in &sums {
        let first = match name.is_empty() {
            true => (*key).to_owned(),
            false => format!("{key} {name}"),
        };
        table.push(first, totals, share(total(totals), whole));
    }
    if !rest.is_empty() {
        let mut more = Totals::default();
        for (_, totals) in &rest {
            add(&mut more, totals);
        }
        let first = format!("({} more)", rest.len());
        table.push(first, &more, share(total(&more), whole));
    }
    table.sum(&history.whole);
    text += &table.write();
    text
}

/// Returns the time from which a row has traffic: the begin of its period, or
/// that of the history within it.
fn counted_from(row: &HistoryRow, began: Option<f64>) -> f64 {
    let began = began.filter(|began| *began < row.end);
    began.map_or(row.start, |began| began.max(row.start))
}

/// Returns the traffic of a period at its end from that of its part until `now`;
/// none for a period that is over or has hardly begun.
fn estimate(row: &HistoryRow, began: Option<f64>, now: f64) -> Option<Totals> {
    let from = counted_from(row, began);
    let length = row.end - from;
    let over = now - from;
    if now >= row.end || over < length * ESTIMATED_FROM {
        return None;
    }
    let scale = |bytes: u64| {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate of a positive number"
        )]
        let scaled = (bytes as f64 * length / over) as u64;
        scaled
    };
    Some(Totals {
        bytes_received: scale(row.totals.bytes_received),
        bytes_sent: scale(row.totals.bytes_sent),
        ..Totals::default()
    })
}

fn share(part: u64, whole: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    format!("{percent:.1} %")
}

fn sum(rows: &[&HistoryRow]) -> Totals {
    let mut sum = Totals::default();
    for row in rows {
        add(&mut sum, &row.totals);
    }
    sum
}

fn add(sum: &mut Totals, more: &Totals) {
    sum.bytes_received = sum.bytes_received.saturating_add(more.bytes_received);
    sum.bytes_sent = sum.bytes_sent.saturating_add(more.bytes_sent);
}

fn total(totals: &Totals) -> u64 {
    totals.bytes_received.saturating_add(totals.bytes_sent)
}

fn length(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Hour => "hour",
        Resolution::Day => "day",
        Resolution::Month => "month",
    }
}

fn subject(by: HistoryBy) -> &'static str {
    match by {
        HistoryBy::Total => "total",
        HistoryBy::Country => "country",
        HistoryBy::Network => "network",
        HistoryBy::Interface => "interface",
        HistoryBy::Range => "range",
        HistoryBy::Service => "service",
    }
}

/// Returns the begin of a period as it is shown. An hour has its difference to
/// UTC, as one of them comes twice a year.
fn shown(zone: &Zone, resolution: Resolution, start: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
    let start = Timestamp::from_second(start as i64).unwrap_or_default();
    let clock = zone.clock(start.as_second());
    match resolution {
        Resolution::Hour => clock,
        Resolution::Day => clock.chars().take(10).collect(),
        Resolution::Month => clock.chars().take(7).collect(),
    }
}

#[cfg(test)]
mod tests;
