//! The traffic of a span of time: asks again and again, adds up what every row
//! has grown by, prints it and ends.
//!
//! The span begins and ends with a poll of the exporter. An exporter that
//! restarts meanwhile loses no more than what it did not count.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crossbeam_channel::{after, select};
use serde_json::{Value, json};

use super::asker::Asker;
use super::printed::{self, Line};
use super::shell::signals;
use super::table::{Row, Table};
use super::{Done, Fault, units};
use crate::api::{Answer as _, Bytes, LARGEST_LIMIT, Summary};
use crate::cli::TopArguments;
use crate::commands::client::{Client, ClientError};
use crate::config::LogLevel;
use crate::logging::complain;
use crate::sysexits;

/// The part of the time for asking is one of this.
const SHARE: u32 = 50;

/// The least time to wait for the poll that ends the span, and the most. For a
/// span longer than `LONGEST_WAIT`, the span is the most.
const SHORTEST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The growth of totals. Totals that fall begin again from zero.
#[derive(Default)]
struct Growth {
    last: HashMap<String, Bytes>,
    sums: HashMap<String, (Vec<String>, Bytes)>,
    has_begun: bool,
}

impl Growth {
    fn add(&mut self, rows: impl IntoIterator<Item = Row>) {
        for row in rows {
            let before = self.last.insert(row.key.clone(), row.bytes);
            // A row that was not there before begins at zero.
            let before = match (before, self.has_begun) {
                (Some(before), _) => before,
                (None, true) => Bytes::default(),
                (None, false) => row.bytes,
            };
            let grown = |new: u64, old: u64| {
                if new >= old { new - old } else { new }
            };
            let (labels, sum) = self.sums.entry(row.key).or_default();
            *labels = row.labels;
            let received =
                grown(row.bytes.bytes_received, before.bytes_received);
            let sent = grown(row.bytes.bytes_sent, before.bytes_sent);
            // The totals are those that the other side sent.
            sum.bytes_received = sum.bytes_received.saturating_add(received);
            sum.bytes_sent = sum.bytes_sent.saturating_add(sent);
        }
        self.has_begun = true;
    }
}

/// Counts for `duration`, and prints what happened. A signal ends it early.
pub(super) fn run(
    client: &mut Client,
    asked: &TopArguments,
    is_json: bool,
    duration: Duration,
) -> Result<Done, Fault> {
    let signals = signals().map_err(Fault::Terminal)?;
    let question = super::page::Question {
        limit: LARGEST_LIMIT,
        ..printed::question(asked, true)
    };
    let (mut rows, mut whole) = (Growth::default(), Growth::default());
    let (mut first, mut last) = (None, 0.0);
    let begin = Instant::now();
    let mut patience = duration + Duration::from_secs(30);
    let mut fault;
    loop {
        let asking = Instant::now();
        match ask(client, &question) {
            Ok((summary, table)) => {
                patience =
                    duration + wait(duration, summary.poll_interval_seconds);
                whole.add([whole_row(&summary)]);
                (last, fault) = (table.at, None);
                if first.is_none() {
                    let time = units::span(duration.as_secs_f64());
                    let text = format!("counting for {time}, Ctrl-C ends it");
                    complain(LogLevel::Info, &text);
                    first = Some(table.at);
                }
                rows.add(table.rows);
            }
            // The exporter may be restarting.
            Err(Fault::Client(error)) if first.is_some() => {
                fault = Some(error);
            }
            Err(error) => return Err(error),
        }
        let spent = first.map_or(0.0, |first| last - first);
        let is_over = spent >= duration.as_secs_f64() - 0.5;
        if is_over || begin.elapsed() > patience {
            break;
        }
        let pause = asked.interval.max(asking.elapsed() * SHARE);
        let pause = pause.min(patience.saturating_sub(begin.elapsed()));
        select! {
            recv(signals) -> _ => break,
            recv(after(pause)) -> _ => {}
        }
    }
    let seconds = first.map_or(0.0, |first| last - first).max(0.0);
    let status = status(fault, seconds)?;
    let text = print(asked, is_json, rows, whole, seconds);
    Ok(Done { text, status })
}

/// Returns the status to exit with, and complains of an exporter that was gone
/// at the end.
fn status(fault: Option<ClientError>, seconds: f64) -> Result<u8, Fault> {
    match fault {
        Some(error) if seconds <= 0.0 => Err(Fault::Client(error)),
        Some(error) => {
            complain(LogLevel::Error, &loss(&error, seconds));
            Ok(error.exit_code())
        }
        None if seconds <= 0.0 => {
            let text = "warning: the exporter did not poll again in this \
                        time, so no traffic is shown";
            complain(LogLevel::Warn, text);
            Ok(sysexits::OK)
        }
        None => Ok(sysexits::OK),
    }
}

/// Returns the time to wait for the poll that ends the span. It is bounded,
/// because the exporter may state any interval and then never poll.
fn wait(duration: Duration, interval_seconds: f64) -> Duration {
    let longest = duration.max(LONGEST_WAIT);
    let wait = Duration::try_from_secs_f64(2.0 * interval_seconds);
    wait.unwrap_or(longest).clamp(SHORTEST_WAIT, longest)
}

/// Returns the line on an exporter that went away within the span.
fn loss(error: &ClientError, seconds: f64) -> String {
    let counted = units::span(seconds);
    format!(
        "{error}; it did not answer from then on, so the table ends after \
         {counted}"
    )
}

fn ask(
    client: &mut Client,
    question: &super::page::Question,
) -> Result<(Summary, Table), Fault> {
    let summary: Summary = client.get_again(Summary::PATH)?;
    let table = Asker::once(client, question, summary.slices)?;
    Ok((summary, table))
}

fn whole_row(summary: &Summary) -> Row {
    Row {
        key: "all".into(),
        labels: vec!["all".into()],
        bytes: summary.whole.bytes,
        ..Row::default()
    }
}

fn print(
    asked: &TopArguments,
    is_json: bool,
    rows: Growth,
    whole: Growth,
    seconds: f64,
) -> String {
    let with_rates = |(labels, mut bytes): (Vec<String>, Bytes)| {
        if seconds > 0.0 {
            let rate = |count| Some(units::lossy(count) / seconds);
            bytes.bytes_received_per_second = rate(bytes.bytes_received);
            bytes.bytes_sent_per_second = rate(bytes.bytes_sent);
        }
        Line { labels, bytes }
    };
    let has_traffic = |line: &Line| line.bytes.total() > 0;
    let mut lines: Vec<Line> =
        rows.sums.into_values().map(with_rates).filter(has_traffic).collect();
    lines.sort_by(|a, b| {
        let total = b.bytes.total().cmp(&a.bytes.total());
        total.then_with(|| a.labels.cmp(&b.labels))
    });
    let whole = whole.sums.into_values().next().map(with_rates);
    let whole = whole.unwrap_or(Line {
        labels: vec!["all".into()],
        bytes: Bytes::default(),
    });
    let tab = super::tab(asked);
    let limit =
        asked.rows.unwrap_or(if is_json { usize::MAX } else { printed::ROWS });
    lines.truncate(limit);
    if is_json {
        let names: Vec<String> =
            tab.columns().iter().map(|it| it.title.to_lowercase()).collect();
        let rows: Vec<Value> =
            lines.iter().map(|line| json_row(&names, line)).collect();
        let all = json!({
            "seconds": seconds,
            "whole": bytes_json(&whole.bytes),
            tab.name(): rows,
        });
        return format!("{all:#}\n");
    }
    let text = printed::text(tab, lines, whole, super::unit(asked));
    format!("in {}:\n{text}", units::span(seconds))
}

fn bytes_json(bytes: &Bytes) -> Value {
    serde_json::to_value(bytes).unwrap_or_default()
}

fn json_row(names: &[String], line: &Line) -> Value {
    let mut row = bytes_json(&line.bytes);
    for (name, label) in names.iter().zip(&line.labels) {
        row[name] = label.clone().into();
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(received: u64) -> Row {
        let bytes = Bytes { bytes_received: received, ..Bytes::default() };
        Row { key: "x".into(), bytes, ..Row::default() }
    }

    #[test]
    fn totals_that_begin_again_count_from_zero() {
        let mut growth = Growth::default();
        for total in [1000, 1500, 1500, 20, 50] {
            growth.add([row(total)]);
        }
        assert_eq!(growth.sums["x"].1.bytes_received, 500 + 20 + 30);
    }

    #[test]
    fn a_row_that_appears_later_counts_as_a_whole() {
        let mut growth = Growth::default();
        growth.add([]);
        growth.add([row(7)]);
        assert_eq!(growth.sums["x"].1.bytes_received, 7);
    }

    #[test]
    fn hostile_totals_end_at_the_largest_number() {
        let mut growth = Growth::default();
        for total in [0, u64::MAX, 1, u64::MAX] {
            growth.add([row(total)]);
        }
        assert_eq!(growth.sums["x"].1.bytes_received, u64::MAX);
    }

    #[test]
    fn the_wait_for_the_last_poll_is_bounded() {
        let [three, ten] = [3, 600].map(Duration::from_secs);
        for (duration, interval, expected) in [
            (three, 0.0005, SHORTEST_WAIT),
            (three, 10.0, Duration::from_secs(20)),
            (three, 1e6, LONGEST_WAIT),
            (three, 1e308, LONGEST_WAIT),
            (three, -1.0, LONGEST_WAIT),
            (ten, 1e308, ten),
        ] {
            assert_eq!(wait(duration, interval), expected, "{interval}");
        }
    }

    #[test]
    fn an_exporter_that_went_away_is_named_with_its_status() {
        let gone = || ClientError::Unreachable {
            place: "unix:/x.sock".into(),
            cause: "Connection refused (os error 111)".into(),
            is_absent: true,
        };
        assert_eq!(
            loss(&gone(), 3.2),
            "cannot reach geoip-exporter at unix:/x.sock: Connection refused \
             (os error 111); it did not answer from then on, so the table \
             ends after 3 s"
        );
        assert_eq!(status(Some(gone()), 3.2).unwrap(), sysexits::UNAVAILABLE);
        assert!(status(Some(gone()), 0.0).is_err());
        assert_eq!(status(None, 3.2).unwrap(), sysexits::OK);
    }
}
