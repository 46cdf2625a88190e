//! The table of all ranges: finds the ranges of an address, longest prefix
//! first.
//!
//! It is a sorted array of our own. A tree with a node for each prefix takes
//! several times the memory, and the order is needed anyway: to find prefixes
//! with two names, and to give the kernel its prefixes.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::IpAddr;
use std::sync::Arc;

use super::place::{Place, Source};
use super::spans::Spans;
use super::{Prefix, Range, RangeNames};

/// The largest number of prefixes of all sources together.
pub const MOST_PREFIXES: usize = 500_000;

/// The largest number of different names in one table.
pub const MOST_NAMES: usize = 4_096;

/// A prefix with its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The prefix.
    pub prefix: Prefix,
    /// The name.
    pub range: Range,
    /// Is true if local and forwarded addresses are looked for in it too.
    pub is_local: bool,
    /// The number of its own country in [`RangeTable::countries`].
    country: Option<u16>,
    /// The number of its own autonomous system, or 0.
    asn: u32,
    /// The number of the next wider rule that contains it.
    parent: Option<Number>,
    place: Place,
}

/// The number of a rule in its table.
type Number = std::num::NonZeroU32;

/// The values that the ranges of an address give, each from the narrowest
/// range that has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The name.
    pub range: Range,
    /// The number of the country in [`RangeTable::countries`].
    pub country: Option<u16>,
    /// The number of the autonomous system.
    pub asn: Option<u32>,
}

/// All ranges.
#[derive(Debug, Default)]
pub struct RangeTable {
    /// In the order of the prefixes.
    rules: Vec<Rule>,
    v4: Spans<u32>,
    v6: Spans<u128>,
    names: RangeNames,
    countries: Vec<Arc<str>>,
    sources: Vec<Source>,
}

/// A rule while a table is built.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft {
    pub(super) prefix: Prefix,
    /// The number of the name among those of the builder.
    pub(super) name: u32,
    pub(super) country: Option<u16>,
    pub(super) asn: u32,
    pub(super) is_local: bool,
    pub(super) place: Place,
}

/// Two rules that give one prefix two names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TwoNames {
    pub(super) prefix: Prefix,
    /// The names with their places, in the order of the sources.
    pub(super) names: [(u32, Place); 2],
}

impl RangeTable {
    /// Returns the table of these rules. `ranges` has the number of each name.
    pub(super) fn new(
        drafts: &[Draft],
        ranges: &[Range],
        names: RangeNames,
        countries: Vec<Arc<str>>,
        sources: Vec<Source>,
    ) -> Self {
        let mut rules: Vec<Rule> = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let number =
                |at: usize| u32::try_from(at + 1).ok().and_then(Number::new);
            // The wider rules of the last rule, from it on, until one contains
            // this prefix: the order has wider prefixes first.
            let mut parent = rules.len().checked_sub(1).and_then(number);
            while let Some(one) = parent {
                let wider = rules[at(one)];
                if wider.prefix.contains(draft.prefix.address()) {
                    break;
                }
                parent = wider.parent;
            }
            rules.push(Rule {
                prefix: draft.prefix,
                range: ranges[draft.name as usize],
                is_local: draft.is_local,
                country: draft.country,
                asn: draft.asn,
                parent,
                place: draft.place,
            });
        }
        let first_v6 =
            rules.partition_point(|rule| rule.prefix.address().is_ipv4());
        let (v4, v6) = rules.split_at(first_v6);
        let v4 = v4.iter().zip(1..).filter_map(|(rule, number)| {
            let IpAddr::V4(address) = rule.prefix.address() else {
                return None;
            };
            let first = u32::from(address);
            let rest = u32::MAX.checked_shr(rule.prefix.length().into());
            Some((first, first | rest.unwrap_or(0), number))
        });
        let v4 = Spans::of(v4);
        let begin = u32::try_from(first_v6 + 1).unwrap_or(u32::MAX);
        let v6 = v6.iter().zip(begin..).filter_map(|(rule, number)| {
            let IpAddr::V6(address) = rule.prefix.address() else {
                return None;
            };
            let first = u128::from(address);
            let rest = u128::MAX.checked_shr(rule.prefix.length().into());
            Some((first, first | rest.unwrap_or(0), number))
        });
        let v6 = Spans::of(v6);
        Self { rules, v4, v6, names, countries, sources }
    }

    /// Returns whether there are no ranges.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns every rule, in the order of the prefixes.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Returns the rules whose prefixes are longer than those that a flow
    /// keeps: a flow does not tell them apart, so the kernel has to.
    pub fn narrow(
        &self,
        ipv4_length: u8,
        ipv6_length: u8,
    ) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| {
            let kept = match rule.prefix.address() {
                IpAddr::V4(_) => ipv4_length,
                IpAddr::V6(_) => ipv6_length,
            };
            rule.prefix.length() > kept
        })
    }

    /// Returns the rules that local and forwarded addresses are looked for in.
    pub fn local(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.is_local)
    }

    /// Returns the rules that contain an address, the narrowest first.
    pub fn matches(&self, address: IpAddr) -> impl Iterator<Item = &Rule> {
        let found = match address {
            IpAddr::V4(address) => self.v4.get(u32::from(address)),
            IpAddr::V6(address) => self.v6.get(u128::from(address)),
        };
        std::iter::successors(Number::new(found), |one| {
            self.rules[at(*one)].parent
        })
        .map(|one| &self.rules[at(one)])
    }

    /// Returns the values of the ranges that contain the whole prefix of this
    /// length.
    #[must_use]
    pub fn find(&self, address: IpAddr, length: u8) -> Found {
        let wide = self.matches(address);
        Found::of(wide.filter(|rule| rule.prefix.length() <= length))
    }

    /// Returns the values of the ranges of a flow whose kernel found a narrow
    /// range of this name in the prefix of this length.
    #[must_use]
    pub fn find_narrow(
        &self,
        address: IpAddr,
        length: u8,
        range: Range,
    ) -> Found {
        let Some(prefix) = Prefix::of(address, length) else {
            return Found::default();
        };
        let first = self.rules.partition_point(|rule| rule.prefix < prefix);
        let inside = self.rules[first..].iter();
        let mut inside = inside
            .take_while(|rule| prefix.contains(rule.prefix.address()))
            .filter(|rule| rule.prefix.length() > length);
        match inside.find(|rule| rule.range == range) {
            Some(rule) => Found::of(
                self.matches(rule.prefix.address())
                    .skip_while(|inner| inner.prefix != rule.prefix),
            ),
            // The table has changed since the kernel looked.
            None => self.find(address, length),
        }
    }

    /// Returns the names of all ranges.
    #[must_use]
    pub fn names(&self) -> &RangeNames {
        &self.names
    }

    /// Returns the name of every range of this table.
    #[must_use]
    pub fn names_in_use(&self) -> Vec<Arc<str>> {
        let mut ranges: Vec<_> =
            self.rules.iter().map(|rule| rule.range).collect();
        ranges.sort_unstable();
        ranges.dedup();
        ranges.into_iter().map(|range| self.names.get(range)).collect()
    }

    /// Returns the labels of the countries of ranges.
    #[must_use]
    pub fn countries(&self) -> &[Arc<str>] {
        &self.countries
    }

    /// Returns the label of a rule's own country.
    #[must_use]
    pub fn country_of(&self, rule: &Rule) -> Option<&str> {
        rule.country.map(|number| &*self.countries[usize::from(number)])
    }

    /// Returns the file of a rule, with the line or index.
    #[must_use]
    pub fn place_of(&self, rule: &Rule) -> String {
        rule.place.show(&self.sources, rule.prefix)
    }

    /// Returns the bytes of memory that the table takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rules.capacity() * size_of::<Rule>()
            + self.v4.bytes()
            + self.v6.bytes()
    }
}

impl Rule {
    /// Returns the number of its own autonomous system.
    #[must_use]
    pub fn asn(&self) -> Option<u32> {
        Some(self.asn).filter(|asn| *asn > 0)
    }
}

impl Found {
    /// Returns these values, and others where there are none.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let range = match self.range == Range::default() {
            true => other.range,
            false => self.range,
        };
        Self {
            range,
            country: self.country.or(other.country),
            asn: self.asn.or(other.asn),
        }
    }

    /// Returns the values of rules, the narrowest first.
    fn of<'a>(rules: impl Iterator<Item = &'a Rule>) -> Self {
        let mut found = Self::default();
        for rule in rules {
            if found.range == Range::default() {
                found.range = rule.range;
            }
            found.country = found.country.or(rule.country);
            found.asn = found.asn.or(rule.asn());
        }
        found
    }
}

fn at(number: Number) -> usize {
    number.get() as usize - 1
}

/// Sorts the rules, and keeps one of each prefix: the first, as the
/// configuration comes before its files. Returns the prefixes with two names.
pub(super) fn sort(drafts: &mut Vec<Draft>) -> Vec<TwoNames> {
    drafts.sort_by_key(|draft| draft.prefix);
    let two: Vec<_> = drafts
        .windows(2)
        .filter(|pair| {
            pair[0].prefix == pair[1].prefix && pair[0].name != pair[1].name
        })
        .map(|pair| TwoNames {
            prefix: pair[0].prefix,
            names: [pair[0], pair[1]].map(|one| (one.name, one.place)),
        })
        .collect();
    drafts.dedup_by_key(|draft| draft.prefix);
    drafts.shrink_to_fit();
    two
}

#[cfg(test)]
mod tests;
