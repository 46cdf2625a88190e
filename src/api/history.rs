//! `/api/v1/history`: the traffic by hour, day or month.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Counted, Envelope, Totals};

/// The answer.
///
/// Parameters: `since` and `until` in seconds since 1970, `by` and `resolution`
/// as below, `interface=NAME` for one interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The beginning of the first span, in seconds since 1970.
    pub since: f64,
    /// The end of the last span, in seconds since 1970.
    pub until: f64,
    /// The time up to which the rows have the traffic, in seconds since 1970;
    /// null before the first write.
    pub written: Option<f64>,
    /// The time at which the history began, in seconds since 1970; null before
    /// the first write. A span in which it lies has no traffic from before.
    pub began: Option<f64>,
    /// The subject of the rows.
    pub by: HistoryBy,
    /// The length of the spans.
    pub resolution: Resolution,
    /// The time zone of the spans, such as `Europe/Berlin`.
    pub timezone: String,
    /// The traffic that the answer adds up.
    pub counted: Counted,
    /// The rows, in the order of time, the largest of a span first.
    pub rows: Vec<HistoryRow>,
    /// The sum of all rows.
    pub whole: Totals,
}

/// The subject of the rows of a history.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum HistoryBy {
    /// One row a span.
    #[default]
    Total,
    /// A row for each country.
    Country,
    /// A row for each network.
    Network,
    /// A row for each interface.
    Interface,
    /// A row for each pair of ranges.
    Range,
    /// A row for each service.
    Service,
}

/// The length of the spans of a history.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Hours.
    Hour,
    /// Days.
    #[default]
    Day,
    /// Months.
    Month,
}

/// The traffic of one subject in one span.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// The beginning of the span, in seconds since 1970.
    pub start: f64,
    /// Its end, in seconds since 1970.
    pub end: f64,
    /// The subject, such as `DE`, `64500` or `eth0`; `other` for the smaller
    /// ones of a day together; null by `total`.
    pub key: Option<String>,
    /// The name of the subject; null if there is none.
    pub name: Option<String>,
    /// The traffic.
    #[serde(flatten)]
    pub totals: Totals,
}
