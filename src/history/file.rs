//! Writes the file.

#![forbid(unsafe_code)]

mod housekeeping;
mod open;

pub use open::OpenError;
pub(super) use open::{is_damage, refuse_other_kinds, set_aside};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::item::{Amounts, Item, Mark, Subject, growth};
use super::items::Counters;
use super::moment::moment;
use super::names::Names;
use super::schema::Period;
use super::trim::RowKey;
use crate::accounting::Timestamp;
use crate::calendar::{Periods, Zone};
use crate::geoip::{Network, NetworkNames};

/// The file of the history, open for writing.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    connection: Connection,
    names: Names,
    /// The counters of the last write by this process; none before the first
    /// one, which looks at all marks.
    written: Option<Counters>,
}

/// The parts of a write beside the counters.
#[derive(Clone, Copy)]
pub struct When<'a> {
    /// The time, in seconds since 1970.
    pub now: i64,
    /// The zone of the days and months.
    pub zone: &'a Zone,
    /// The names of networks.
    pub network_names: &'a NetworkNames,
}

/// The growth of one subject, by row.
type Grown = BTreeMap<RowKey, Amounts>;

impl File {
    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the growth of the counters since the last write, and the marks, in
    /// one transaction.
    ///
    /// # Errors
    /// If it fails. Then nothing is written.
    pub fn write(
        &mut self,
        counters: &Counters,
        when: When<'_>,
    ) -> rusqlite::Result<()> {
        let result = self.try_write(counters, when);
        match &result {
            Ok(()) => self.written = Some(counters.clone()),
            // Names that got a number in this transaction have none.
            Err(_) => self.names = Names::default(),
        }
        result
    }

    fn try_write(
        &mut self,
        counters: &Counters,
        when: When<'_>,
    ) -> rusqlite::Result<()> {
        let Self { connection, names, written, .. } = self;
        let now = connection.transaction_with_behavior(
            rusqlite::TransactionBehavior::Immediate,
        )?;
        let last = read_info(&now, "written")?;
        let periods = when.zone.periods(moment(last, when.now));
        let before = last.map(|_| read_periods(&now)).transpose()?;
        for subject in Subject::ALL {
            let mut grown = Grown::new();
            counters.changed(written.as_ref(), subject, &mut |item| {
                let grow = mark(&now, names, subject, &item)?;
                if let Some((key, amounts)) = grow {
                    grown.entry(key).or_default().add(&amounts);
                }
                Ok::<_, rusqlite::Error>(())
            })?;
            add(&now, subject, periods, &grown)?;
            if subject == Subject::Network {
                name_networks(&now, &grown, when.network_names)?;
            }
        }
        housekeeping::tidy(&now, before.flatten(), periods)?;
        if written.is_none()
            || before.flatten().is_some_and(|it| it.day != periods.day)
        {
            housekeeping::forget(&now, names, counters)?;
        }
        for (key, value) in [
            ("written", when.now),
            ("hour", periods.hour),
            ("day", periods.day),
            ("month", periods.month),
        ] {
            write_info(&now, key, value)?;
        }
        now.commit()
    }

    /// Writes what was counted before the history began: it belongs to no hour,
    /// day or month. It stands in the table of months, as month 0.
    fn begin(&mut self, counters: &Counters, now: i64) -> rusqlite::Result<()> {
        let Self { connection, names, .. } = self;
        let file = connection.transaction()?;
        file.execute_batch(&super::schema::statements())?;
        for subject in Subject::ALL {
            let mut grown = Grown::new();
            counters.changed(None, subject, &mut |item| {
                let grow = mark(&file, names, subject, &item)?;
                if let Some((key, amounts)) = grow {
                    grown.entry(key).or_default().add(&amounts);
                }
                Ok::<_, rusqlite::Error>(())
            })?;
            add_to(&file, Period::Month, 0, subject, &grown)?;
            housekeeping::trim(&file, Period::Month, 0, subject, 1)?;
        }
        write_info(&file, "began", now)?;
        file.commit()
    }
}

/// Compares a counter with its mark, and moves the mark. Returns the growth and
/// its row; none if it has not grown.
fn mark(
    file: &Transaction<'_>,
    names: &mut Names,
    subject: Subject,
    item: &Item,
) -> rusqlite::Result<Option<(RowKey, Amounts)>> {
    let a = names.number(file, &item.key.0)?;
    let b = names.number(file, &item.key.1)?;
    let c = names.number(file, &item.key.2)?;
    let key = params![subject.number(), a, b, c];
    let find = "SELECT created_received, created_sent, bytes_received, \
        bytes_sent, packets_received, packets_sent FROM mark WHERE subject = ?1 \
        AND a = ?2 AND b = ?3 AND c = ?4";
    let mut find = file.prepare_cached(find)?;
    let old = find.query_row(key, read_mark).optional()?;
    if old == Some(item.mark) {
        return Ok(None);
    }
    let Mark { amounts, created } = item.mark;
    let [received, sent] = created.map(|it| it.map(millis));
    let put = "INSERT OR REPLACE INTO mark VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
        ?8, ?9, ?10)";
    file.prepare_cached(put)?.execute(params![
        subject.number(),
        a,
        b,
        c,
        received,
        sent,
        signed(amounts.bytes[0]),
        signed(amounts.bytes[1]),
        signed(amounts.packets[0]),
        signed(amounts.packets[1]),
    ])?;
    let grown = growth(&old.unwrap_or_default(), &item.mark);
    Ok((!grown.is_zero()).then_some(((a, b), grown)))
}

fn read_mark(row: &rusqlite::Row<'_>) -> rusqlite::Result<Mark> {
    let time = |at: usize| -> rusqlite::Result<Option<Timestamp>> {
        let millis: Option<i64> = row.get(at)?;
        Ok(millis.map(|it| Timestamp::from_millis(it.unsigned_abs())))
    };
    let created = [time(0)?, time(1)?];
    Ok(Mark { amounts: amounts_at(row, 2)?, created })
}

/// Reads the four amounts of a row.
pub(super) fn amounts_at(
    row: &rusqlite::Row<'_>,
    first: usize,
) -> rusqlite::Result<Amounts> {
    let at = |column: usize| -> rusqlite::Result<u64> {
        let value: i64 = row.get(first + column)?;
        Ok(u64::try_from(value).unwrap_or(0))
    };
    Ok(Amounts { bytes: [at(0)?, at(1)?], packets: [at(2)?, at(3)?] })
}

/// Adds growth to the hour, the day and the month.
fn add(
    file: &Transaction<'_>,
    subject: Subject,
    periods: Periods,
    grown: &Grown,
) -> rusqlite::Result<()> {
    let Periods { hour, day, month } = periods;
    for (period, at) in
        [(Period::Hour, hour), (Period::Day, day), (Period::Month, month)]
    {
        add_to(file, period, at, subject, grown)?;
    }
    Ok(())
}

fn add_to(
    file: &Transaction<'_>,
    period: Period,
    at: i64,
    subject: Subject,
    grown: &Grown,
) -> rusqlite::Result<()> {
    let table = period.table();
    let mut add = file.prepare_cached(&format!(
        "INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON \
         CONFLICT DO UPDATE SET bytes_received = bytes_received + \
         excluded.bytes_received, bytes_sent = bytes_sent + \
         excluded.bytes_sent, packets_received = packets_received + \
         excluded.packets_received, packets_sent = packets_sent + \
         excluded.packets_sent"
    ))?;
    for ((a, b), amounts) in grown {
        add.execute(params![
            at,
            subject.number(),
            a,
            b,
            signed(amounts.bytes[0]),
            signed(amounts.bytes[1]),
            signed(amounts.packets[0]),
            signed(amounts.packets[1]),
        ])?;
    }
    Ok(())
}

/// Notes the names of networks, as the database has them now.
fn name_networks(
    file: &Transaction<'_>,
    grown: &Grown,
    names: &NetworkNames,
) -> rusqlite::Result<()> {
    let put = "INSERT INTO network VALUES (?1, ?2) ON CONFLICT DO UPDATE SET \
        name = excluded.name WHERE name <> excluded.name";
    let mut put = file.prepare_cached(put)?;
    for (asn, _) in grown.keys() {
        let number = u32::try_from(*asn).map(Network).unwrap_or_default();
        if let Some(name) = names.get(number).filter(|_| *asn > 0) {
            put.execute(params![asn, name])?;
        }
    }
    Ok(())
}

fn read_periods(file: &Transaction<'_>) -> rusqlite::Result<Option<Periods>> {
    let of = |key| read_info(file, key);
    Ok(match (of("hour")?, of("day")?, of("month")?) {
        (Some(hour), Some(day), Some(month)) => {
            Some(Periods { hour, day, month })
        }
        _ => None,
    })
}

pub(super) fn read_info(
    file: &Connection,
    key: &str,
) -> rusqlite::Result<Option<i64>> {
    let find = "SELECT value FROM info WHERE key = ?1";
    file.prepare_cached(find)?.query_row([key], |row| row.get(0)).optional()
}

fn write_info(
    file: &Connection,
    key: &str,
    value: i64,
) -> rusqlite::Result<()> {
    let put = "INSERT OR REPLACE INTO info VALUES (?1, ?2)";
    let value = Value::Integer(value);
    file.prepare_cached(put)?.execute(params![key, value]).map(drop)
}

/// Returns a counter as SQLite has it. None is larger than 2^62.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn millis(at: Timestamp) -> i64 {
    signed(at.millis())
}

#[cfg(test)]
mod tests;
