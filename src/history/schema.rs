//! The tables of the file. docs/history.md describes them for readers.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::item::{Label, Subject};

/// The version of the tables, the file's `user_version`.
pub(super) const VERSION: i64 = 1;

/// The mark of our files, `application_id`: "geoh" in ASCII.
pub(super) const APPLICATION: i64 = 0x6765_6f68;

/// The numbers that stand for no name.
pub(super) const NONE: i64 = 0;
pub(super) const OTHER: i64 = -1;
const UNATTRIBUTED: i64 = -2;
const NON_IP: i64 = -3;
pub(super) const UNKNOWN: i64 = -4;
pub(super) const UNKNOWN_LABEL: &str = "UNKNOWN";

/// These numbers and their texts.
pub(super) const WORDS: [(i64, &str); 5] = [
    (NONE, ""),
    (OTHER, "other"),
    (UNATTRIBUTED, "unattributed"),
    (NON_IP, "non_ip"),
    (UNKNOWN, UNKNOWN_LABEL),
];

/// Returns the number of a label that needs no name.
pub(super) fn fixed(label: &Label) -> Option<i64> {
    match label {
        Label::None => Some(NONE),
        Label::Other => Some(OTHER),
        Label::Unattributed => Some(UNATTRIBUTED),
        Label::NonIp => Some(NON_IP),
        Label::Unknown => Some(UNKNOWN),
        Label::Number(number) => Some(i64::from(*number)),
        Label::Name(_) => None,
    }
}

/// A length of time whose traffic is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    Hour,
    Day,
    Month,
}

impl Period {
    pub(super) const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// Returns the name of its table and of its column.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// Returns the number of periods that are kept: those of 14 days and of 400
    /// days. The number counts and not the age, so that a clock that jumps
    /// removes nothing.
    pub(super) fn kept(self) -> Option<i64> {
        match self {
            Self::Hour => Some(14 * 24),
            Self::Day => Some(400),
            Self::Month => None,
        }
    }

    /// Returns the expression that shows a period.
    fn shown(self) -> &'static str {
        match self {
            Self::Hour => {
                "strftime('%Y-%m-%dT%H:%M:%SZ', t.hour, 'unixepoch') AS hour"
            }
            Self::Day => {
                "printf('%04d-%02d-%02d', t.day / 10000, t.day / 100 % 100, \
                 t.day % 100) AS day"
            }
            Self::Month => {
                "CASE t.month WHEN 0 THEN 'before' ELSE printf('%04d-%02d', \
                 t.month / 100, t.month % 100) END AS month"
            }
        }
    }
}

const AMOUNTS: &str = "bytes_received INTEGER NOT NULL, bytes_sent INTEGER NOT \
    NULL, packets_received INTEGER NOT NULL, packets_sent INTEGER NOT NULL";

/// Returns the statements that make all tables and views in an empty file.
pub(super) fn statements() -> String {
    let mut all = format!(
        "CREATE TABLE info (key TEXT PRIMARY KEY, value INTEGER NOT NULL) \
             WITHOUT ROWID;
         CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL \
             UNIQUE);
         CREATE TABLE network (asn INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE mark (subject INTEGER NOT NULL, a INTEGER NOT NULL, \
             b INTEGER NOT NULL, c INTEGER NOT NULL, created_received INTEGER, \
             created_sent INTEGER, {AMOUNTS}, PRIMARY KEY (subject, a, b, c)) \
             WITHOUT ROWID;\n"
    );
    for (id, text) in WORDS {
        all += &format!("INSERT INTO name VALUES ({id}, '{text}');\n");
    }
    for period in Period::ALL {
        let table = period.table();
        all += &format!(
            "CREATE TABLE {table} ({table} INTEGER NOT NULL, subject INTEGER \
             NOT NULL, a INTEGER NOT NULL, b INTEGER NOT NULL, {AMOUNTS}, \
             PRIMARY KEY ({table}, subject, a, b)) WITHOUT ROWID;\n"
        );
        for subject in Subject::ALL {
            all += &view(period, subject);
        }
    }
    all + &format!(
        "PRAGMA application_id = {APPLICATION};
         PRAGMA user_version = {VERSION};"
    )
}

/// Returns the view of a subject and a period, by which people read the tables.
fn view(period: Period, subject: Subject) -> String {
    let (name, keys, joins, packets) = match subject {
        Subject::Country => (
            "country",
            "a.text AS interface, b.text AS country",
            "JOIN name a ON a.id = t.a JOIN name b ON b.id = t.b",
            true,
        ),
        Subject::Network => (
            "network",
            "coalesce(w.text, t.a) AS asn, n.name AS name",
            "LEFT JOIN name w ON w.id = t.a AND t.a < 0 \
             LEFT JOIN network n ON n.asn = t.a",
            false,
        ),
        Subject::Range => (
            "range",
            "a.text AS source, b.text AS destination",
            "JOIN name a ON a.id = t.a JOIN name b ON b.id = t.b",
            true,
        ),
        Subject::Service => {
            ("service", "a.text AS service", "JOIN name a ON a.id = t.a", false)
        }
    };
    let packets = if packets { ", packets_received, packets_sent" } else { "" };
    let (table, shown, number) =
        (period.table(), period.shown(), subject.number());
    format!(
        "CREATE VIEW {name}_{table}s AS SELECT {shown}, {keys}, \
         bytes_received, bytes_sent{packets} FROM {table} t {joins} \
         WHERE t.subject = {number};\n"
    )
}
