//! `/api/v1/ranges`: see [`api::Ranges`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::countries::number;
use super::pace::{Pace, Sides, add, sides};
use super::{Query, Refusal, View, envelope, rows};
use crate::accounting::IpVersion;
use crate::api;
use crate::collectors::moments::Moment;
use crate::collectors::ranges::{InterfaceRanges, Snapshot};
use crate::config::Config;

/// The traffic between named ranges.
pub struct RangesView;

/// The names of the senders' and the receivers' range.
type Pair = (Arc<str>, Arc<str>);

/// Sums of traffic by pair.
#[derive(Debug, Default)]
struct Sums {
    pairs: BTreeMap<Pair, Sides>,
    unattributed: Sides,
}

impl Sums {
    fn add(&mut self, interface: &InterfaceRanges, version: Option<IpVersion>) {
        for one in &interface.pairs {
            let volume = sides(&one.volume, version);
            if volume != Sides::default() {
                let pair =
                    (Arc::clone(&one.source), Arc::clone(&one.destination));
                add(self.pairs.entry(pair).or_default(), &volume);
            }
        }
        add(&mut self.unattributed, &sides(&interface.unattributed, version));
    }

    /// Returns the sum of all pairs.
    fn of_pairs(&self) -> Sides {
        let mut sum = Sides::default();
        self.pairs.values().for_each(|volume| add(&mut sum, volume));
        sum
    }

    fn whole(&self) -> Sides {
        let mut whole = self.of_pairs();
        add(&mut whole, &self.unattributed);
        whole
    }
}

impl View for RangesView {
    type Answer = api::Ranges;

    const PARAMETERS: &'static [&'static str] =
        &["interface", "ip_version", "limit", "offset"];

    fn is_off(&self, config: &Config) -> Option<&'static str> {
        (!config.has_ranges()).then_some("a [[range]] or range_files")
    }

    fn answer(
        &self,
        moment: &Moment,
        _: &Config,
        query: &Query,
    ) -> Result<api::Ranges, Refusal> {
        let (interface, version) =
            (query.get("interface"), query.ip_version()?);
        let places = query.rows()?;
        if let Some(name) = interface {
            super::countries::has_interface(moment, name)?;
        }
        let (now, earlier) = sums(moment, interface, version);
        let mut all: Vec<_> = now.pairs.iter().collect();
        let pairs = all.len() as u64;
        let (offset, listed) = rows::select(&mut all, places, |(pair, of)| {
            (Reverse(of[0].bytes.saturating_add(of[1].bytes)), *pair)
        });
        let pace = Pace::of(moment);
        let mut not_listed = [now.of_pairs(), earlier.of_pairs()];
        let row = |(pair, volume): &(&Pair, &Sides)| {
            let before = earlier.pairs.get(*pair).copied().unwrap_or_default();
            let listed = [**volume, before];
            for (rest, part) in not_listed.iter_mut().zip(&listed) {
                *rest = [rest[0] - part[0], rest[1] - part[1]];
            }
            api::RangePair {
                source: pair.0.to_string(),
                destination: pair.1.to_string(),
                volume: pace.volume(**volume, before),
            }
        };
        let ranges = listed.iter().map(row).collect();
        let [rest, rest_before] = not_listed;
        Ok(api::Ranges {
            envelope: envelope(moment),
            counted: match interface {
                Some(_) => api::Counted::Interface,
                None => api::Counted::Interfaces,
            },
            interface: interface.map(Into::into),
            ip_version: version.map(number),
            ranges,
            pairs,
            offset,
            not_listed: pace.volume(rest, rest_before),
            unattributed: pace.volume(now.unattributed, earlier.unattributed),
            whole: pace.volume(now.whole(), earlier.whole()),
        })
    }
}

/// Returns the sums of a moment, and those from which rates are taken.
fn sums(
    moment: &Moment,
    interface: Option<&str>,
    version: Option<IpVersion>,
) -> (Sums, Sums) {
    let (mut now, mut before) = (Sums::default(), Sums::default());
    let earlier = moment.earlier_counts().map(|counts| &*counts.ranges);
    for one in &moment.counts.ranges.interfaces {
        if interface.is_none_or(|name| *name == *one.name) {
            now.add(one, version);
            let earlier = earlier.and_then(|it| find(it, &one.name));
            if let Some(earlier) = earlier {
                before.add(earlier, version);
            }
        }
    }
    (now, before)
}

/// Returns the traffic of an interface, also of one that had no series then.
fn find<'a>(ranges: &'a Snapshot, name: &str) -> Option<&'a InterfaceRanges> {
    // Both lists are in the order of the names.
    let lists = [&*ranges.interfaces, &*ranges.remembered];
    lists.iter().find_map(|list| {
        let place = list.binary_search_by(|one| (*one.name).cmp(name)).ok()?;
        Some(&*list[place])
    })
}
