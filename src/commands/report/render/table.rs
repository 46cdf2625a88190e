//! A table as users of vnstat know it.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use ratatui::text::Span;

use super::super::units;
use crate::api::Totals;

/// The columns of a bar.
const BAR: usize = 30;

/// The widths of the columns of numbers.
const NUMBER: usize = 12;
const LAST: usize = 15;

/// A table of traffic.
pub(super) struct Table {
    first: &'static str,
    last: &'static str,
    has_bars: bool,
    rows: Vec<(String, Totals, String)>,
    sum: Totals,
    estimate: Option<(Totals, String)>,
}

impl Table {
    /// Returns a table without rows; `first` and `last` head the columns.
    pub(super) fn new(
        first: &'static str,
        last: &'static str,
        has_bars: bool,
    ) -> Self {
        let (rows, sum) = (Vec::new(), Totals::default());
        Self { first, last, has_bars, rows, sum, estimate: None }
    }

    /// Adds a row.
    pub(super) fn push(
        &mut self,
        first: String,
        totals: &Totals,
        last: String,
    ) {
        self.rows.push((first, *totals, last));
    }

    /// Sets the row of the sum.
    pub(super) fn sum(&mut self, totals: &Totals) {
        self.sum = *totals;
    }

    /// Sets the row of the estimate.
    pub(super) fn estimate(&mut self, totals: &Totals, last: String) {
        self.estimate = Some((*totals, last));
    }

    /// Returns the text.
    pub(super) fn write(&self) -> String {
        let names = self.rows.iter().map(|(first, ..)| columns_of(first));
        let width = names.max().unwrap_or(0).max(9).max(self.first.len());
        let line = |first: &str, cells: [&str; 3], last: &str, bar: &str| {
            let pad = " ".repeat(width.saturating_sub(columns_of(first)));
            let [received, sent, total] = cells;
            let line = format!(
                "  {first}{pad}  {received:>NUMBER$}  {sent:>NUMBER$}  \
                 {total:>NUMBER$}  {last:>LAST$}  {bar}"
            );
            format!("{}\n", line.trim_end())
        };
        let number = |totals: &Totals| {
            let all = totals.bytes_received.saturating_add(totals.bytes_sent);
            [totals.bytes_received, totals.bytes_sent, all].map(units::bytes)
        };
        let of = |totals: &Totals, first: &str, last: &str, bar: &str| {
            let [received, sent, total] = number(totals);
            line(first, [&received, &sent, &total], last, bar)
        };
        let legend = match self.has_bars {
            true => "█ received ░ sent",
            false => "",
        };
        let heads = ["received", "sent", "total"];
        let mut text = line(self.first, heads, self.last, legend);
        let rule = width + 3 * (NUMBER + 2) + LAST + 2;
        let rule = format!("  {}\n", "-".repeat(rule));
        text += &rule;
        let most = self.rows.iter().map(|(_, totals, _)| all(totals)).max();
        for (first, totals, last) in &self.rows {
            let bar = match self.has_bars {
                true => bar(totals, most.unwrap_or(0)),
                false => String::new(),
            };
            text += &of(totals, first, last, &bar);
        }
        text += &rule;
        text += &of(&self.sum, "sum", "", "");
        if let Some((totals, last)) = &self.estimate {
            text += &of(totals, "estimated", last, "");
        }
        text
    }
}

/// Returns the columns that a text takes in a terminal.
fn columns_of(text: &str) -> usize {
    Span::raw(text).width()
}

fn all(totals: &Totals) -> u64 {
    totals.bytes_received.saturating_add(totals.bytes_sent)
}

/// Returns a bar whose length is the part of the largest row.
fn bar(totals: &Totals, most: u64) -> String {
    let columns = |bytes: u64| {
        let scaled = u128::from(bytes) * BAR as u128 / u128::from(most.max(1));
        usize::try_from(scaled).unwrap_or(BAR)
    };
    let whole = columns(all(totals));
    let received = columns(totals.bytes_received);
    "█".repeat(received) + &"░".repeat(whole.saturating_sub(received))
}
