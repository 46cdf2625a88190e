//! The section of a state file that holds the counters of connections, without
//! the number of open ones: these are counted anew. Countries are saved by their
//! labels, as another process may give own labels other numbers.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{COUNTERS, Counters, CountryConnections, Snapshot, Sums};
use crate::accounting::{LARGEST_COUNTER, Timestamp};
use crate::collectors::bounded::{Member, Members};
use crate::collectors::section::{SectionContent, encoded};
use crate::geoip::{Country, CountryLabels};

/// [`Snapshot`] as it is saved. A field that is added needs
/// `#[serde(default)]`.
#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    #[serde(borrow)]
    countries: Vec<(&'a str, Counters)>,
    other: Counters,
    #[serde(borrow)]
    round_trips: SavedRoundTrips<'a>,
    untracked: u64,
    created: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct SavedRoundTrips<'a> {
    #[serde(borrow)]
    countries: Vec<SavedMember<'a>>,
    other: Sums<COUNTERS>,
    not_kept: Sums<COUNTERS>,
    /// The time at which `other` was zero.
    created: Option<Timestamp>,
    recent: usize,
}

/// The label, the values, the amounts in `other`, whether it is shown, and since
/// when it has been.
type SavedMember<'a> =
    (&'a str, Sums<COUNTERS>, Sums<COUNTERS>, bool, Option<Timestamp>);

impl SectionContent for Snapshot {
    const NAME: &'static str = "connections";
    const NEWEST: u32 = 1;

    fn encode(&self) -> Vec<u8> {
        let label = |country| self.labels.get(country);
        let countries = self.countries.iter();
        let members = self.round_trips.iter().map(|member| {
            let Member { key, value, in_other, is_shown, created } = *member;
            (label(key), value, in_other, is_shown, created)
        });
        encoded(&Saved {
            countries: countries
                .map(|(country, own)| (label(*country), own.counters))
                .collect(),
            other: self.other.counters,
            round_trips: SavedRoundTrips {
                countries: members.collect(),
                other: self.round_trips.other,
                not_kept: self.round_trips.not_kept,
                created: self.round_trips.created,
                recent: self.round_trips.recent,
            },
            untracked: self.untracked,
            created: self.created,
        })
    }

    /// The snapshot is to get the labels once all sections were read.
    fn decode(body: &[u8], labels: &mut CountryLabels) -> Option<Self> {
        let saved: Saved<'_> = rmp_serde::from_slice(body).ok()?;
        let mut known = labels.clone();
        let mut countries = Vec::new();
        for (label, counters) in saved.countries {
            let country = known.intern(label).ok()?;
            countries.push((country, of_closed(counters)));
        }
        countries.sort_unstable_by_key(|(country, _)| *country);
        let all = countries.iter().map(|(_, one)| &one.counters);
        let are_good = all.chain([&saved.other]).all(is_good)
            && countries.is_sorted_by(|(a, _), (b, _)| a < b)
            && saved.untracked <= LARGEST_COUNTER;
        if !are_good {
            return None;
        }
        let round_trips = members(saved.round_trips, &mut known)?;
        *labels = known;
        Some(Self {
            countries,
            other: of_closed(saved.other),
            round_trips,
            untracked: saved.untracked,
            created: saved.created,
            labels: Arc::default(),
            method: None,
            visited: None,
        })
    }
}

/// Returns the connections with a country of which none is open.
fn of_closed(counters: Counters) -> CountryConnections {
    CountryConnections { counters, open: Vec::new() }
}

fn is_good(counters: &Counters) -> bool {
    let Counters { changes, traffic } = counters;
    let of_changes =
        changes.iter().flat_map(|it| [it.opened, it.failed, it.closed]);
    let of_traffic = [
        traffic.segments_sent,
        traffic.segments_retransmitted,
        traffic.bytes_acked,
        traffic.bytes_received,
    ];
    of_changes.chain(of_traffic).all(|counter| counter <= LARGEST_COUNTER)
}

/// Returns the round-trip times, or none if they make no sense.
fn members(
    saved: SavedRoundTrips<'_>,
    labels: &mut CountryLabels,
) -> Option<Members<Country, COUNTERS>> {
    let mut members = Vec::new();
    let mut keys = HashSet::new();
    for (label, value, in_other, is_shown, created) in saved.countries {
        let key = labels.intern(label).ok()?;
        if !keys.insert(key) {
            return None;
        }
        members.push(Member { key, value, in_other, is_shown, created });
    }
    let of_members = members.iter().flat_map(|one| [one.value, one.in_other]);
    let all = of_members.chain([saved.other, saved.not_kept]).flatten();
    let sum: u128 = all.map(u128::from).sum();
    if sum > u128::from(LARGEST_COUNTER) {
        return None;
    }
    let members = Members {
        parts: vec![members.into()],
        other: saved.other,
        not_kept: saved.not_kept,
        created: saved.created,
        recent: saved.recent,
    };
    members.is_consistent().then_some(members)
}

#[cfg(test)]
mod tests;
