//! Tables as text, and as JSON.

use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use ratatui::text::Span;
use serde_json::{Value, json};

use super::asker::Asker;
use super::page::Question;
use super::table::{Column, Direction, Tab};
use super::units::{self, Unit};
use super::{Done, Fault, remarks};
use crate::api::{Answer as _, Bytes, LARGEST_LIMIT, Summary};
use crate::cli::TopArguments;
use crate::commands::client::Client;
use crate::commands::plain::plain;
use crate::config::LogLevel;
use crate::logging::complain;

/// The rows of a printed table, unless the user wants others.
pub(super) const ROWS: usize = 25;

/// The time to wait for the first rates of an exporter that has just started.
const FIRST_RATES: Duration = Duration::from_secs(10);

/// Prints the table once.
pub(super) fn once(
    client: &mut Client,
    asked: &TopArguments,
    is_json: bool,
    is_own: bool,
) -> Result<Done, Fault> {
    let begin = Instant::now();
    let patience = if is_own { FIRST_RATES } else { Duration::ZERO };
    let summary = loop {
        let summary: Summary = client.get_again(Summary::PATH)?;
        let has_rates = summary.envelope.rates_over_seconds.is_some();
        if has_rates || begin.elapsed() >= patience {
            break summary;
        }
        thread::sleep(Duration::from_millis(100));
    };
    if let Some(fault) = remarks::warning(&summary) {
        complain(LogLevel::Warn, &format!("warning: {fault}"));
    }
    let question = question(asked, is_json);
    if is_json {
        let page: Value = client.get_again(&question.path())?;
        let both = json!({ "summary": summary, question.tab.name(): page });
        return Ok(format!("{both:#}\n").into());
    }
    let mut table = Asker::once(client, &question, summary.slices)?;
    table.sort(question.sort, question.direction);
    let limit = asked.rows.unwrap_or(ROWS);
    let unit = super::unit(asked);
    let rows: Vec<Line> = table
        .rows
        .into_iter()
        .take(limit)
        .map(|row| Line { labels: row.labels, bytes: row.bytes })
        .collect();
    let whole = Line { labels: vec!["all".into()], bytes: summary.whole.bytes };
    let mut text = text(question.tab, rows, whole, unit);
    if let Some(quota) = &summary.quota {
        let facts = remarks::quota(quota, summary.envelope.at, ", ");
        let _ = writeln!(text, "quota: {facts}");
    }
    Ok(text.into())
}

/// Returns the question of a printed table.
pub(super) fn question(asked: &TopArguments, has_all: bool) -> Question {
    let limit = if has_all { LARGEST_LIMIT } else { ROWS };
    Question {
        tab: super::tab(asked),
        sort: super::sort(asked),
        limit: asked.rows.unwrap_or(limit),
        ..Question::default()
    }
}

/// A row of a printed table.
pub(super) struct Line {
    pub(super) labels: Vec<String>,
    pub(super) bytes: Bytes,
}

/// Returns a table as text, with a line for all traffic at its end. Columns
/// without any cell are left out.
pub(super) fn text(
    tab: Tab,
    rows: Vec<Line>,
    whole: Line,
    unit: Unit,
) -> String {
    let labels = tab.columns();
    let has_cells = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.labels.get(at));
        at == 0 || cells.into_iter().any(|cell| !cell.is_empty())
    };
    let shown: Vec<usize> =
        (0..labels.len()).filter(|at| has_cells(*at)).collect();
    let titles = ["RECEIVED/s", "SENT/s", "RECEIVED", "SENT"];
    let numbers =
        titles.map(|title| Column { title, width: 0, is_number: true });
    let columns: Vec<Column> =
        shown.iter().map(|at| labels[*at]).chain(numbers).collect();
    let head = columns.iter().map(|it| it.title.to_owned()).collect();
    let mut lines = vec![head];
    for row in rows.into_iter().chain([whole]) {
        let cell = |at: &usize| row.labels.get(*at).cloned();
        let cells = shown.iter().map(|at| cell(at).unwrap_or_default());
        let rate = |it: Direction| units::rate(it.rate(&row.bytes), unit);
        let total = |it: Direction| units::bytes(it.total(&row.bytes));
        let numbers = [
            rate(Direction::Received),
            rate(Direction::Sent),
            total(Direction::Received),
            total(Direction::Sent),
        ];
        lines.push(cells.chain(numbers).collect::<Vec<_>>());
    }
    aligned(&columns, &lines)
}

/// Puts cells below each other.
fn aligned(columns: &[Column], lines: &[Vec<String>]) -> String {
    let width = |text: &str| Span::raw(text).width();
    let widths: Vec<usize> = (0..columns.len())
        .map(|at| {
            let cells = lines.iter().filter_map(|line| line.get(at));
            cells.map(|cell| width(&plain(cell))).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let mut written = String::new();
        for ((cell, column), most) in line.iter().zip(columns).zip(&widths) {
            let cell = plain(cell);
            let blank = " ".repeat(most.saturating_sub(width(&cell)));
            match column.is_number {
                true => written.extend([&*blank, &*cell, "  "]),
                false => written.extend([&*cell, &*blank, "  "]),
            }
        }
        text.push_str(written.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_change_the_order_or_the_lines_of_the_table() {
        let line = |label: &str| Line {
            labels: vec![label.into()],
            bytes: Bytes::default(),
        };
        let name = "a\u{202e}b\u{2066}c\u{61c}d\u{2028}e\u{1b}f\ng";
        let table = |name: &str| {
            text(Tab::Countries, vec![line(name)], line("all"), Unit::Bits)
        };
        assert_eq!(table(name), table("abcdefg"));
    }
}
