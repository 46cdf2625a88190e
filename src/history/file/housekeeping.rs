//! Keeps the file small: rows of closed periods, old periods, names and marks
//! that are not used any more.

#![forbid(unsafe_code)]

use std::collections::HashSet;

use rusqlite::{Transaction, params};

use super::super::item::{Amounts, Subject};
use super::super::items::Counters;
use super::super::names::Names;
use super::super::schema::Period;
use super::super::trim::{RowKey, most_rows, trimmed};
use super::{Periods, amounts_at, signed};

/// An open period may have so many times the rows of a closed one.
const WHILE_OPEN: usize = 2;

/// Bounds the rows of the periods that are open, and of those that closed since
/// the last write. Removes the oldest periods.
pub(super) fn tidy(
    file: &Transaction<'_>,
    before: Option<Periods>,
    now: Periods,
) -> rusqlite::Result<()> {
    for period in Period::ALL {
        let at = |of: Periods| match period {
            Period::Hour => of.hour,
            Period::Day => of.day,
            Period::Month => of.month,
        };
        let closed = before.map(at).filter(|before| *before != at(now));
        for subject in Subject::ALL {
            trim(file, period, at(now), subject, WHILE_OPEN)?;
            if let Some(closed) = closed {
                trim(file, period, closed, subject, 1)?;
            }
        }
        if let (Some(kept), Some(_)) = (period.kept(), closed) {
            remove_oldest(file, period, kept)?;
        }
    }
    Ok(())
}

/// Bounds the rows of a subject in a period.
pub(super) fn trim(
    file: &Transaction<'_>,
    period: Period,
    at: i64,
    subject: Subject,
    times: usize,
) -> rusqlite::Result<()> {
    let (table, number) = (period.table(), subject.number());
    let most = most_rows(period, subject);
    let count = format!(
        "SELECT count(*) FROM {table} WHERE {table} = ?1 AND subject = ?2"
    );
    let count: i64 = file
        .prepare_cached(&count)?
        .query_row(params![at, number], |row| row.get(0))?;
    if usize::try_from(count).unwrap_or(usize::MAX) <= most * times {
        return Ok(());
    }
    let select = format!(
        "SELECT a, b, bytes_received, bytes_sent, packets_received, \
         packets_sent FROM {table} WHERE {table} = ?1 AND subject = ?2"
    );
    let mut select = file.prepare_cached(&select)?;
    let rows = select.query_map(params![at, number], |row| {
        Ok(((row.get(0)?, row.get(1)?), amounts_at(row, 2)?))
    })?;
    let rows: Vec<(RowKey, Amounts)> = rows.collect::<Result<_, _>>()?;
    let Some(kept) = trimmed(subject, &rows, most) else { return Ok(()) };
    let delete =
        format!("DELETE FROM {table} WHERE {table} = ?1 AND subject = ?2");
    file.prepare_cached(&delete)?.execute(params![at, number])?;
    let insert =
        format!("INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    let mut insert = file.prepare_cached(&insert)?;
    for ((a, b), Amounts { bytes, packets }) in kept {
        insert.execute(params![
            at,
            number,
            a,
            b,
            signed(bytes[0]),
            signed(bytes[1]),
            signed(packets[0]),
            signed(packets[1]),
        ])?;
    }
    Ok(())
}

/// Removes the oldest periods, so that so many stay.
fn remove_oldest(
    file: &Transaction<'_>,
    period: Period,
    kept: i64,
) -> rusqlite::Result<()> {
    let table = period.table();
    let delete = format!(
        "DELETE FROM {table} WHERE {table} IN (SELECT DISTINCT {table} FROM \
         {table} ORDER BY {table} DESC LIMIT -1 OFFSET ?1)"
    );
    file.prepare_cached(&delete)?.execute([kept]).map(drop)
}

/// Removes the marks of counters that are not there any more, as those of
/// interfaces that were forgotten, and the names that nothing uses. A counter
/// that returns begins at zero.
pub(super) fn forget(
    file: &Transaction<'_>,
    names: &mut Names,
    counters: &Counters,
) -> rusqlite::Result<()> {
    for subject in Subject::ALL {
        let mut present = HashSet::new();
        counters.changed(None, subject, &mut |item| {
            let mut number = |label| names.number(file, label);
            present.insert((
                number(&item.key.0)?,
                number(&item.key.1)?,
                number(&item.key.2)?,
            ));
            Ok::<_, rusqlite::Error>(())
        })?;
        let select = "SELECT a, b, c FROM mark WHERE subject = ?1";
        let mut select = file.prepare_cached(select)?;
        let all = select.query_map([subject.number()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let all: Vec<(i64, i64, i64)> = all.collect::<Result<_, _>>()?;
        let delete = "DELETE FROM mark WHERE subject = ?1 AND a = ?2 AND b = \
            ?3 AND c = ?4";
        let mut delete = file.prepare_cached(delete)?;
        for key in all.into_iter().filter(|key| !present.contains(key)) {
            let (a, b, c) = key;
            delete.execute(params![subject.number(), a, b, c])?;
        }
    }
    let network = Subject::Network.number();
    let used = Period::ALL.map(|period| {
        let table = period.table();
        format!(
            "SELECT a FROM {table} WHERE subject <> {network} UNION SELECT b \
             FROM {table}"
        )
    });
    file.execute_batch(&format!(
        "DELETE FROM name WHERE id > 0 AND id NOT IN ({} UNION SELECT a FROM \
         mark WHERE subject <> {network} UNION SELECT b FROM mark UNION SELECT \
         c FROM mark);
         DELETE FROM network WHERE asn NOT IN (SELECT a FROM hour WHERE \
         subject = {network} UNION SELECT a FROM day WHERE subject = {network} \
         UNION SELECT a FROM month WHERE subject = {network});",
        used.join(" UNION "),
    ))?;
    *names = Names::read(file)?;
    Ok(())
}
