//! Bounds the rows of one period and subject: the largest ones stay, the others
//! are added up as `other`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap};

use super::item::{Amounts, Subject};
use super::schema::{NONE, OTHER, Period};

/// The key of a row: its two numbers.
pub(super) type RowKey = (i64, i64);

/// The number of interfaces of a period with rows of their own.
const MOST_INTERFACES: usize = 32;

/// Returns the number of rows that a subject keeps in a closed period, those of
/// `other` not counted.
#[must_use]
pub(super) const fn most_rows(period: Period, subject: Subject) -> usize {
    match (subject, period) {
        (Subject::Country, Period::Hour) => 250,
        (Subject::Country, Period::Day) => 400,
        (Subject::Country, Period::Month) => 1000,
        (_, Period::Hour) => 30,
        (_, Period::Day) => 60,
        (_, Period::Month) => 200,
    }
}

/// Returns the rows that a period keeps: as many bytes and packets, in fewer
/// rows. None if there are few enough.
#[must_use]
pub(super) fn trimmed(
    subject: Subject,
    rows: &[(RowKey, Amounts)],
    most: usize,
) -> Option<BTreeMap<RowKey, Amounts>> {
    let mut folded = BTreeMap::new();
    let large = match subject {
        Subject::Country => Some(largest_interfaces(rows)),
        Subject::Network | Subject::Range | Subject::Service => None,
    };
    for ((a, b), amounts) in rows {
        let is_large = large.as_ref().is_none_or(|large| large.contains(a));
        let a = if is_large { *a } else { OTHER };
        add(&mut folded, (a, *b), amounts);
    }
    let is_named = |key: &RowKey| rest_of(subject, *key) != *key;
    let mut named: Vec<_> = folded
        .iter()
        .filter(|(key, _)| is_named(key))
        .map(|(key, amounts)| (std::cmp::Reverse(amounts.total()), *key))
        .collect();
    if named.len() > most {
        named.sort_unstable();
        for (_, key) in named.split_off(most) {
            if let Some(amounts) = folded.remove(&key) {
                add(&mut folded, rest_of(subject, key), &amounts);
            }
        }
    }
    (folded.len() < rows.len()).then_some(folded)
}

/// Returns the row that takes the amounts of one that is not kept.
fn rest_of(subject: Subject, (a, _): RowKey) -> RowKey {
    match subject {
        Subject::Country => (a, OTHER),
        Subject::Network | Subject::Service => (OTHER, NONE),
        Subject::Range => (OTHER, OTHER),
    }
}

fn largest_interfaces(rows: &[(RowKey, Amounts)]) -> Vec<i64> {
    let mut sums: HashMap<i64, u64> = HashMap::new();
    for ((interface, _), amounts) in rows {
        *sums.entry(*interface).or_default() += amounts.total();
    }
    sums.remove(&OTHER);
    let mut sums: Vec<_> = sums
        .into_iter()
        .map(|(interface, bytes)| (std::cmp::Reverse(bytes), interface))
        .collect();
    sums.sort_unstable();
    sums.truncate(MOST_INTERFACES);
    sums.into_iter().map(|(_, interface)| interface).collect()
}

fn add(rows: &mut BTreeMap<RowKey, Amounts>, key: RowKey, amounts: &Amounts) {
    rows.entry(key).or_default().add(amounts);
}

#[cfg(test)]
mod tests;
