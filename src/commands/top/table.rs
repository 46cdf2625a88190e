//! Tables: the rows that a tab shows, whatever page they come from.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::IpAddr;

use crate::api::Bytes;

/// A tab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Tab {
    #[default]
    Countries,
    Networks,
    Services,
    Ranges,
    Hosts,
    Interfaces,
    Connections,
}

impl Tab {
    /// All of them, in the order of the screen.
    pub(super) const ALL: [Self; 7] = [
        Self::Countries,
        Self::Networks,
        Self::Services,
        Self::Ranges,
        Self::Hosts,
        Self::Interfaces,
        Self::Connections,
    ];

    /// Returns the name, as `--view` has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Countries => "countries",
            Self::Networks => "networks",
            Self::Services => "services",
            Self::Ranges => "ranges",
            Self::Hosts => "hosts",
            Self::Interfaces => "interfaces",
            Self::Connections => "connections",
        }
    }

    /// Returns the columns of the tab's labels. The first one is always shown,
    /// the others from left to right while there is room, unless no row has a
    /// cell in them.
    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Countries => {
                const { &[text("COUNTRY", 9), text("NAME", 14)] }
            }
            Self::Networks => {
                const { &[text("NETWORK", 12), text("NAME", 16)] }
            }
            Self::Services => {
                const {
                    &[
                        text("SERVICE", 12),
                        text("COUNTRY", 9),
                        number("ATTEMPTS", 8),
                    ]
                }
            }
            Self::Ranges => const { &[text("FROM", 14), text("TO", 14)] },
            Self::Hosts => {
                const {
                    &[
                        text("HOST", 15),
                        text("COUNTRY", 7),
                        text("NETWORK", 10),
                        text("PROGRAM", 8),
                        text("CITY", 12),
                        text("SUBDIVISION", 12),
                        text("SERVICE", 8),
                        text("RANGE", 10),
                        number("FIRST", 11),
                        number("LAST", 11),
                    ]
                }
            }
            Self::Interfaces => {
                const { &[text("INTERFACE", 15), text("STATE", 12)] }
            }
            Self::Connections => {
                const {
                    &[
                        text("COUNTRY", 9),
                        number("OPEN", 6),
                        number("IN", 7),
                        number("OUT", 7),
                        number("FAILED", 7),
                        number("RTT", 8),
                        number("RESENT", 7),
                        text("NAME", 14),
                    ]
                }
            }
        }
    }
}

/// A column of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// The title.
    pub(super) title: &'static str,
    /// The width that it needs to be of use.
    pub(super) width: u16,
    /// Is true if it is aligned to the right.
    pub(super) is_number: bool,
}

const fn text(title: &'static str, width: u16) -> Column {
    Column { title, width, is_number: false }
}

const fn number(title: &'static str, width: u16) -> Column {
    Column { title, width, is_number: true }
}

/// The traffic that a table is about: a step of a drill-down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    /// The country.
    pub(super) country: Option<String>,
    /// The number of the network.
    pub(super) network: Option<String>,
    /// The service.
    pub(super) service: Option<String>,
    /// The interface.
    pub(super) interface: Option<String>,
}

/// The table that a row opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    /// The tab that shows it.
    pub(super) tab: Tab,
    /// The traffic it is about.
    pub(super) scope: Scope,
    /// The words for the line of steps.
    pub(super) title: String,
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// The words that name the row among all rows of its tab.
    pub(super) key: String,
    /// The cells of the columns of labels.
    pub(super) labels: Vec<String>,
    /// The traffic.
    pub(super) bytes: Bytes,
    /// The address of a host, for its name and program.
    pub(super) address: Option<IpAddr>,
    /// The table that it opens.
    pub(super) opening: Option<Opening>,
    /// Is true for what belongs to no other row. Such rows are the last.
    pub(super) is_rest: bool,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    /// The rows, the rests among them.
    pub(super) rows: Vec<Row>,
    /// The traffic of all of them.
    pub(super) whole: Bytes,
    /// A remark on the rows, such as how many are not listed.
    pub(super) note: String,
    /// The reason why there are no rows, from the exporter.
    pub(super) refusal: String,
    /// The time of the poll, in seconds since 1970.
    pub(super) at: f64,
    /// The start of the exporter, in seconds since 1970.
    pub(super) started: f64,
}

/// The direction of the traffic that is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    #[default]
    Both,
    Received,
    Sent,
}

impl Direction {
    /// Returns the next one, in a circle.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Both => Self::Received,
            Self::Received => Self::Sent,
            Self::Sent => Self::Both,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }

    pub(super) fn has_received(self) -> bool {
        self != Self::Sent
    }

    pub(super) fn has_sent(self) -> bool {
        self != Self::Received
    }

    /// Returns the total of this direction.
    pub(super) fn total(self, bytes: &Bytes) -> u64 {
        match self {
            Self::Both => bytes.total(),
            Self::Received => bytes.bytes_received,
            Self::Sent => bytes.bytes_sent,
        }
    }

    /// Returns the rate of this direction; nothing while there is none.
    pub(super) fn rate(self, bytes: &Bytes) -> Option<f64> {
        let received = bytes.bytes_received_per_second;
        let sent = bytes.bytes_sent_per_second;
        match self {
            Self::Both => match (received, sent) {
                (None, None) => None,
                _ => Some(received.unwrap_or(0.0) + sent.unwrap_or(0.0)),
            },
            Self::Received => received,
            Self::Sent => sent,
        }
    }
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Sort {
    /// The largest rate first.
    #[default]
    Rate,
    /// The largest total first.
    Total,
    /// By the first label.
    Name,
}

impl Sort {
    /// Returns the next one, in a circle.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Rate => Self::Total,
            Self::Total => Self::Name,
            Self::Name => Self::Rate,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Total => "total",
            Self::Name => "name",
        }
    }
}

impl Table {
    /// Puts the rows in order, the rests last.
    pub(super) fn sort(&mut self, sort: Sort, direction: Direction) {
        let rate = |row: &Row| direction.rate(&row.bytes).unwrap_or(0.0);
        self.rows.sort_by(|a, b| {
            let total =
                || direction.total(&b.bytes).cmp(&direction.total(&a.bytes));
            let first = match sort {
                Sort::Rate => rate(b).total_cmp(&rate(a)).then_with(total),
                Sort::Total => total(),
                Sort::Name => by_number(a).cmp(&by_number(b)),
            };
            let rests = a.is_rest.cmp(&b.is_rest);
            rests.then(first).then_with(|| a.key.cmp(&b.key))
        });
    }
}

/// Returns a key that puts numbers and addresses in the order of their values.
fn by_number(row: &Row) -> (u64, Option<IpAddr>, &str) {
    let first = row.labels.first().map(String::as_str).unwrap_or_default();
    let number = first.strip_prefix("AS").and_then(|it| it.parse().ok());
    (number.unwrap_or(0), row.address, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, received: u64, rate: f64, is_rest: bool) -> Row {
        Row {
            key: key.into(),
            labels: vec![key.into()],
            bytes: Bytes {
                bytes_received: received,
                bytes_sent: 0,
                bytes_received_per_second: Some(rate),
                bytes_sent_per_second: None,
            },
            address: key.parse().ok(),
            is_rest,
            ..Row::default()
        }
    }

    #[test]
    fn rows_are_in_order_and_rests_are_the_last() {
        let mut table = Table {
            rows: vec![
                row("AS9", 1, 9.0, false),
                row("unknown", 99, 99.0, true),
                row("AS10", 2, 9.0, false),
                row("AS8", 3, 0.0, false),
            ],
            ..Table::default()
        };
        for (sort, expected) in [
            (Sort::Rate, ["AS10", "AS9", "AS8", "unknown"]),
            (Sort::Total, ["AS8", "AS10", "AS9", "unknown"]),
            (Sort::Name, ["AS8", "AS9", "AS10", "unknown"]),
        ] {
            table.sort(sort, Direction::Both);
            let keys = table.rows.iter().map(|row| row.key.as_str());
            assert!(keys.eq(expected), "{sort:?} {:?}", table.rows);
        }
    }
}
