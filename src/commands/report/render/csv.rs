//! Writes an answer as CSV, in bytes and packets.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{add, length, shown, subject, total};
use crate::api::{History, HistoryRow, Totals};
use crate::calendar::Zone;

/// The subject that has the traffic of all that are not listed, as in the
/// history.
const OTHER: &str = "other";

/// Returns the text: all rows, or those of the largest subjects and one row for
/// the others of each period.
pub(super) fn csv(
    history: &History,
    zone: &Zone,
    limit: Option<usize>,
) -> String {
    let period = length(history.resolution);
    let subject = subject(history.by);
    let mut text = format!(
        "{period},{subject},name,bytes_received,bytes_sent,packets_received,\
         packets_sent\n"
    );
    let rows = match limit {
        Some(limit) => Cow::Owned(limited(&history.rows, limit)),
        None => Cow::Borrowed(&history.rows),
    };
    for row in rows.iter() {
        let Totals { bytes_received, bytes_sent, .. } = row.totals;
        let number = |it: Option<u64>| it.map(|it| it.to_string());
        let cells = [
            shown(zone, history.resolution, row.start),
            row.key.clone().unwrap_or_default(),
            row.name.clone().unwrap_or_default(),
            bytes_received.to_string(),
            bytes_sent.to_string(),
            number(row.totals.packets_received).unwrap_or_default(),
            number(row.totals.packets_sent).unwrap_or_default(),
        ];
        text += &cells.map(|cell| quoted(&cell)).join(",");
        text.push('\n');
    }
    text
}

/// Returns a cell of CSV, in quotes if it needs them.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

/// Returns the rows of the largest subjects of the whole time, and behind those
/// of each period one row for all others.
fn limited(rows: &[HistoryRow], limit: usize) -> Vec<HistoryRow> {
    let key = |row: &HistoryRow| row.key.clone().unwrap_or_default();
    let mut sums: BTreeMap<String, Totals> = BTreeMap::new();
    for row in rows {
        add(sums.entry(key(row)).or_default(), &row.totals);
    }
    sums.remove(OTHER);
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, totals)| Reverse(total(totals)));
    let listed: BTreeSet<String> =
        sums.into_iter().take(limit).map(|(key, _)| key).collect();
    let mut found = Vec::new();
    for period in rows.chunk_by(|a, b| a.start.total_cmp(&b.start).is_eq()) {
        let (mut kept, left_out): (Vec<_>, Vec<_>) =
            period.iter().cloned().partition(|row| listed.contains(&key(row)));
        found.append(&mut kept);
        let totals = left_out.iter().map(|row| row.totals).reduce(both);
        if let (Some(totals), Some(first)) = (totals, period.first()) {
            let (start, end) = (first.start, first.end);
            let key = Some(OTHER.into());
            found.push(HistoryRow { start, end, key, name: None, totals });
        }
    }
    found
}

/// Returns the sum of two rows. Packets are in it only if both rows have them.
fn both(a: Totals, b: Totals) -> Totals {
    let packets = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
    let mut sum = Totals {
        packets_received: packets(a.packets_received, b.packets_received),
        packets_sent: packets(a.packets_sent, b.packets_sent),
        ..a
    };
    add(&mut sum, &b);
    sum
}
