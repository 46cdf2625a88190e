//! Rates of the last minutes, which the view keeps itself.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet, VecDeque};

use super::page::Question;
use super::table::{Scope, Tab, Table};
use super::units;
use crate::api::Bytes;

/// The most points of a trend.
const POINTS: usize = 320;

/// The seconds that a trend is about, if the polls are not too far apart.
const MINUTES: f64 = 300.0;

/// The most rows with a trend of their own.
const ROWS: usize = 400;

/// Rates at one poll, in bytes per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    /// The time of the poll, in seconds since 1970.
    pub(super) at: f64,
    pub(super) received: f64,
    pub(super) sent: f64,
}

/// The last rates of one thing, the oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trend(VecDeque<Point>);

impl Trend {
    /// Adds the rates of a poll, once.
    pub(super) fn push(&mut self, at: f64, bytes: &Bytes) {
        let is_known = self.0.back().is_some_and(|last| last.at >= at);
        let rates =
            (bytes.bytes_received_per_second, bytes.bytes_sent_per_second);
        if is_known || rates == (None, None) {
            return;
        }
        let (received, sent) = rates;
        let received = received.unwrap_or(0.0);
        let sent = sent.unwrap_or(0.0);
        if self.0.len() == POINTS {
            self.0.pop_front();
        }
        self.0.push_back(Point { at, received, sent });
    }

    /// Returns the number of polls that are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the last minutes as `cells` values at most, the oldest first,
    /// and the seconds that they are about. A cell is one poll as long as all
    /// polls of the last minutes have room, and then the mean of several ones.
    pub(super) fn cells(
        &self,
        cells: u16,
        pick: impl Fn(&Point) -> f64,
    ) -> (Vec<f64>, f64) {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else {
            return (Vec::new(), 0.0);
        };
        let count = units::lossy(self.0.len() as u64 - 1);
        let poll = (last.at - first.at) / count.max(1.0);
        let span = (last.at - first.at).min(MINUTES);
        let step = (span / f64::from(cells.max(1))).max(poll).ceil().max(1.0);
        // Marks of the clock, so that cells do not change as time goes on.
        let mark = |at: f64| (at / step).floor();
        let mut means: Vec<(f64, f64, f64)> = Vec::new();
        for point in &self.0 {
            let value = pick(point);
            match means.last_mut() {
                Some((at, sum, count))
                    if step > poll && mark(point.at) <= *at =>
                {
                    *sum += value;
                    *count += 1.0;
                }
                _ => means.push((mark(point.at), value, 1.0)),
            }
        }
        let shown = means.len().min(cells.into());
        let newest = means.split_off(means.len() - shown);
        let span = (units::lossy(shown as u64) * step).min(last.at - first.at);
        let values = newest.into_iter().map(|(_, sum, count)| sum / count);
        (values.collect(), span)
    }
}

/// The trends of the machine and of the rows of one table.
#[derive(Clone, Debug, Default)]
pub(super) struct Trends {
    /// The whole machine.
    pub(super) whole: Trend,
    /// The table whose rows have trends.
    of: (Tab, Scope),
    rows: HashMap<String, Trend>,
}

impl Trends {
    /// Adds the rates of a table.
    pub(super) fn follow(&mut self, question: &Question, table: &Table) {
        let of = (question.tab, question.scope.clone());
        if self.of != of {
            self.of = of;
            self.rows.clear();
        }
        let rows = || table.rows.iter().take(ROWS);
        if self.rows.len() > ROWS {
            let kept: HashSet<&str> =
                rows().map(|row| row.key.as_str()).collect();
            self.rows.retain(|key, _| kept.contains(key.as_str()));
        }
        for row in rows() {
            match self.rows.get_mut(&row.key) {
                Some(trend) => trend.push(table.at, &row.bytes),
                None => {
                    let mut trend = Trend::default();
                    trend.push(table.at, &row.bytes);
                    self.rows.insert(row.key.clone(), trend);
                }
            }
        }
    }

    /// Returns the trend of a row.
    pub(super) fn row(&self, key: &str) -> Option<&Trend> {
        self.rows.get(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::top::table::Row;

    fn bytes(rate: f64) -> Bytes {
        Bytes { bytes_received_per_second: Some(rate), ..Bytes::default() }
    }

    #[test]
    fn a_poll_is_one_point_however_often_it_is_seen() {
        let mut trend = Trend::default();
        for at in [1.0, 1.0, 2.0, 3.0] {
            trend.push(at, &bytes(at));
        }
        trend.push(4.0, &Bytes::default());
        let (cells, span) = trend.cells(2, |point| point.received);
        assert_eq!(cells, [2.0, 3.0]);
        assert!((span - 2.0).abs() < 1e-9);
        assert_eq!(Trend::default().cells(9, |_| 1.0), (Vec::new(), 0.0));
    }

    #[test]
    fn five_minutes_have_room_in_few_cells() {
        let mut trend = Trend::default();
        for at in 0..300_u32 {
            trend.push(at.into(), &bytes(at.into()));
        }
        let (cells, span) = trend.cells(30, |point| point.received);
        assert_eq!(cells.len(), 30);
        assert!((cells[0] - 4.5).abs() < 1e-9, "{cells:?}");
        assert!((span - 299.0).abs() < 1e-9, "{span}");
        // Polls that are far apart have a cell each.
        let mut trend = Trend::default();
        for at in 0..300_u32 {
            trend.push((at * 10).into(), &bytes(at.into()));
        }
        let (cells, span) = trend.cells(30, |point| point.received);
        assert_eq!((cells[0], cells.len()), (270.0, 30));
        assert!((span - 300.0).abs() < 1e-9, "{span}");
    }

    #[test]
    fn trends_are_bounded() {
        let mut trends = Trends::default();
        for at in 0..1000_u32 {
            let rows = (0..ROWS).map(|number| Row {
                key: format!("{at} {number}"),
                bytes: bytes(1.0),
                ..Row::default()
            });
            let table = Table {
                rows: rows.collect(),
                at: at.into(),
                ..Table::default()
            };
            trends.follow(&Question::default(), &table);
            assert!(trends.rows.len() <= 2 * ROWS);
            trends.whole.push(at.into(), &bytes(1.0));
        }
        assert_eq!(trends.whole.len(), POINTS);
    }
}
