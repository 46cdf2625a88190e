//! Reads the file.

#![forbid(unsafe_code)]

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::file::{OpenError, amounts_at, refuse_other_kinds};
use super::item::{Amounts, Subject};
use super::schema::{APPLICATION, Period, VERSION, WORDS};

/// The time for which a reader waits for the exporter, which writes for a few
/// milliseconds a minute.
const PATIENCE: Duration = Duration::from_secs(5);

/// The lengths of the periods of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Hours: their number is their begin, in seconds since 1970.
    Hour,
    /// Days: their number is such as 20261129.
    Day,
    /// Months: their number is such as 202611.
    Month,
}

/// The rows of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Interfaces.
    Interface,
    /// Countries, on all interfaces together.
    Country,
    /// Networks.
    Network,
    /// Pairs of ranges.
    Range,
    /// Services.
    Service,
}

impl By {
    fn subject(self) -> Subject {
        match self {
            Self::Interface | Self::Country => Subject::Country,
            Self::Network => Subject::Network,
            Self::Range => Subject::Range,
            Self::Service => Subject::Service,
        }
    }

    /// Returns the columns that tell rows apart.
    fn columns(self) -> &'static str {
        match self {
            Self::Country => "b AS first, 0 AS second",
            Self::Range => "a AS first, b AS second",
            Self::Interface | Self::Network | Self::Service => {
                "a AS first, 0 AS second"
            }
        }
    }
}

/// The traffic of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number of the period.
    pub period: i64,
    /// The label of the row; source and destination of a pair of ranges, or an
    /// empty destination for `other` and `unattributed` ones.
    pub labels: [String; 2],
    /// The name of a network, if one is known.
    pub name: Option<String>,
    /// The traffic.
    pub amounts: Amounts,
}

/// The file, open for reading.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens the file.
    ///
    /// # Errors
    /// If it cannot be read, or is no history that this release knows.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        refuse_other_kinds(path)?;
        // SQLite first takes back a write that was cut off, if the file may be
        // written.
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let writing = flags | OpenFlags::SQLITE_OPEN_READ_WRITE;
        let reading = flags | OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(path, writing)
            .or_else(|_| Connection::open_with_flags(path, reading))?;
        connection.busy_timeout(PATIENCE)?;
        let number = |pragma: &str| {
            connection.query_row(pragma, [], |row| row.get::<_, i64>(0))
        };
        if number("PRAGMA application_id")? != APPLICATION {
            let text = "it is not a file of a history".into();
            return Err(OpenError::Damaged(text));
        }
        match number("PRAGMA user_version")? {
            VERSION => Ok(Self { connection }),
            newer => Err(OpenError::Newer(newer)),
        }
    }

    /// Returns the time of the last write, in seconds since 1970.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn written(&self) -> rusqlite::Result<Option<i64>> {
        super::file::read_info(&self.connection, "written")
    }

    /// Returns the time at which the history began, in seconds since 1970.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn began(&self) -> rusqlite::Result<Option<i64>> {
        super::file::read_info(&self.connection, "began")
    }

    /// Returns the traffic of the periods from `first` to `last`, in the order
    /// of the periods, of one interface or of all.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn rows(
        &self,
        resolution: Resolution,
        by: By,
        (first, last): (i64, i64),
        interface: Option<&str>,
    ) -> rusqlite::Result<Vec<Row>> {
        let period = match resolution {
            Resolution::Hour => Period::Hour,
            Resolution::Day => Period::Day,
            Resolution::Month => Period::Month,
        };
        self.select(period.table(), by, (first, last), interface)
    }

    /// Returns the traffic of all periods from `first` to `last` together, the
    /// largest rows first; their period is `first`.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn totals(
        &self,
        resolution: Resolution,
        by: By,
        (first, last): (i64, i64),
        interface: Option<&str>,
    ) -> rusqlite::Result<Vec<Row>> {
        let mut sums: Vec<Row> = Vec::new();
        let mut places = std::collections::HashMap::new();
        let rows = self.rows(resolution, by, (first, last), interface)?;
        for row in rows {
            match places.get(&row.labels) {
                Some(&place) => {
                    let sum: &mut Row = &mut sums[place];
                    sum.amounts.add(&row.amounts);
                }
                None => {
                    places.insert(row.labels.clone(), sums.len());
                    sums.push(Row { period: first, ..row });
                }
            }
        }
        sums.sort_by(|a, b| {
            let larger = b.amounts.total().cmp(&a.amounts.total());
            larger.then_with(|| a.labels.cmp(&b.labels))
        });
        Ok(sums)
    }

    fn select(
        &self,
        table: &str,
        by: By,
        (first, last): (i64, i64),
        interface: Option<&str>,
    ) -> rusqlite::Result<Vec<Row>> {
        let subject = by.subject().number();
        let columns = by.columns();
        let of_interface = match interface {
            Some(_) => "AND a = (SELECT id FROM name WHERE text = ?3)",
            None => "",
        };
        let sql = format!(
            "SELECT {table}, {columns}, sum(bytes_received), sum(bytes_sent), \
             sum(packets_received), sum(packets_sent) FROM {table} WHERE \
             {table} BETWEEN ?1 AND ?2 AND subject = {subject} {of_interface} \
             GROUP BY {table}, first, second ORDER BY {table}, first, second"
        );
        let mut select = self.connection.prepare(&sql)?;
        let mut values: Vec<rusqlite::types::Value> =
            vec![first.into(), last.into()];
        values.extend(interface.map(|name| name.to_owned().into()));
        let rows = select.query_map(params_from_iter(values), |row| {
            let keys: (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, keys, amounts_at(row, 3)?))
        })?;
        let mut found = Vec::new();
        for row in rows {
            let (period, (a, b), amounts) = row?;
            let (labels, name) = match by {
                By::Network if a > 0 => {
                    ([a.to_string(), String::new()], self.network(a)?)
                }
                By::Range => (self.pair(a, b)?, None),
                _ => ([self.text(a)?, self.text(b)?], None),
            };
            found.push(Row { period, labels, name, amounts });
        }
        Ok(found)
    }

    fn text(&self, id: i64) -> rusqlite::Result<String> {
        if let Some((_, word)) = WORDS.iter().find(|(word, _)| *word == id) {
            return Ok((*word).to_owned());
        }
        let find = "SELECT text FROM name WHERE id = ?1";
        self.connection.prepare_cached(find)?.query_row([id], |row| row.get(0))
    }

    /// Returns the source and the destination of a pair of ranges; an empty
    /// destination for the rests that belong to no pair. The file has `other` in
    /// quotes for addresses in no range, which is no rest.
    fn pair(&self, a: i64, b: i64) -> rusqlite::Result<[String; 2]> {
        if a == b && a < 0 {
            return Ok([self.text(a)?, String::new()]);
        }
        let unquoted = |text: String| match &*text {
            "\"other\"" => "other".into(),
            _ => text,
        };
        Ok([unquoted(self.text(a)?), unquoted(self.text(b)?)])
    }

    fn network(&self, asn: i64) -> rusqlite::Result<Option<String>> {
        let find = "SELECT max(name) FROM network WHERE asn = ?1";
        self.connection.prepare_cached(find)?.query_row([asn], |row| row.get(0))
    }
}
