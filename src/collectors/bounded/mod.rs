//! Bounded families: counters by a key that has too many values to show all of
//! them, such as the number of a network or a remote address.
//!
//! The page shows the largest members, and all others in one series, `other`.
//! Prometheus must see each series as a counter, so bytes never move between
//! series:
//!
//! - A member starts at zero when it is first shown. The bytes that it had
//!   before stay in `other`.
//! - A member that is hidden keeps its value, and continues from there if it is
//!   shown again. Its bytes of the time between are counted in `other`.
//! - `other` never falls.
//!
//! So at every moment the shown values, `other` and the values of hidden
//! members add up to all that was credited ([`Members::whole`]).
//!
//! Free places are filled at once with the largest members. When all places are
//! taken, a member takes the place of the smallest one if it is larger by an
//! eighth, so that two of the same size do not take turns. At most so many
//! members an hour do so: a scan cannot make a series for each address.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod members;
mod ranks;

pub use members::{Member, Members, Sums};

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::accounting::{PollEnd, Timestamp};

/// The members that are copied together for a snapshot. A snapshot shares the
/// others with the one before.
const TOGETHER: usize = 256;

/// The limits of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest number of members that are shown.
    pub shown: usize,
    /// The largest number of members that are kept. The bytes of further ones
    /// are counted in `other` for good.
    pub kept: u32,
    /// The largest number of members that take another's place within an hour.
    pub new_an_hour: usize,
    /// The number of counters, from the first on, whose sum is the size of a
    /// member.
    pub ranked_by: usize,
}

/// A family while it is counted in.
#[derive(Debug)]
pub struct Bounded<K, const N: usize> {
    limits: Limits,
    members: Vec<Member<K, N>>,
    /// The places of the members. The hash has a secret, as keys may come from
    /// the network.
    places: HashMap<K, u32, RandomState>,
    other: Sums<N>,
    not_kept: Sums<N>,
    created: Option<Timestamp>,
    /// The number of shown members.
    shown: usize,
    /// The times at which members took another's place, within the last hour.
    recent: VecDeque<Duration>,
    /// A hidden member of more than this may have to be shown.
    threshold: u64,
    /// True if a member may have to be shown or hidden.
    has_candidate: bool,
    copies: Copies<K, N>,
    has_changed: bool,
}

/// The copies of the members for snapshots.
#[derive(Debug)]
struct Copies<K, const N: usize> {
    parts: Vec<Arc<[Member<K, N>]>>,
    /// True for parts that are out of date.
    are_old: Vec<bool>,
}

impl<K, const N: usize> Default for Copies<K, N> {
    fn default() -> Self {
        Self { parts: Vec::new(), are_old: Vec::new() }
    }
}

impl<K: Copy + Eq + Hash + Ord, const N: usize> Bounded<K, N> {
    /// Returns a family without members.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::resume(limits, &Members::default())
    }

    /// Returns a family that continues from a snapshot. Members beyond the
    /// limits are hidden, or counted in `other`.
    #[must_use]
    pub fn resume(limits: Limits, members: &Members<K, N>) -> Self {
        let mut family = Self {
            limits,
            members: Vec::new(),
            places: HashMap::default(),
            other: members.other,
            not_kept: members.not_kept,
            created: members.created,
            shown: 0,
            // As if all of them were shown just now.
            recent: vec![
                Duration::ZERO;
                members.recent.min(limits.new_an_hour)
            ]
            .into(),
            threshold: 0,
            has_candidate: true,
            copies: Copies::default(),
            has_changed: true,
        };
        for member in members.iter() {
            if family.members.len() < limits.kept as usize {
                family.shown += usize::from(member.is_shown);
                family.push(*member);
            } else {
                add(&mut family.other, &member.value);
                add(&mut family.not_kept, &member.value);
                add(&mut family.not_kept, &member.in_other);
            }
        }
        family
    }

    /// Tells the family the time of the start, at which `other` was zero if
    /// nothing was credited.
    pub fn starting(&mut self, at: Timestamp) {
        if self.members.is_empty() && self.other == [0; N] {
            self.created = self.created.or(Some(at));
        }
    }

    /// Changes the number of members that are shown.
    pub fn show_at_most(&mut self, shown: usize) {
        if self.limits.shown != shown {
            self.limits.shown = shown;
            self.has_candidate = true;
        }
    }

    /// Adds an amount to one of the counters of a member. Called for every flow
    /// that changed.
    pub fn credit(&mut self, key: K, counter: usize, amount: u64) {
        self.has_changed = true;
        let place = match self.places.get(&key) {
            Some(&place) => place as usize,
            None if self.members.len() < self.limits.kept as usize => {
                self.push(Member::new(key))
            }
            None => {
                self.other[counter] += amount;
                self.not_kept[counter] += amount;
                return;
            }
        };
        let member = &mut self.members[place];
        self.copies.are_old[place / TOGETHER] = true;
        if member.is_shown {
            member.value[counter] += amount;
        } else {
            member.in_other[counter] += amount;
            self.other[counter] += amount;
            let size = member.size(self.limits.ranked_by);
            self.has_candidate |= size > self.threshold;
        }
    }

    /// Adds amounts to all counters of a member.
    pub fn credit_all(&mut self, key: K, amounts: &Sums<N>) {
        for (counter, &amount) in amounts.iter().enumerate() {
            self.credit(key, counter, amount);
        }
    }

    /// Adds amounts that belong to no member to `other`.
    pub fn credit_other(&mut self, amounts: &Sums<N>) {
        self.has_changed = true;
        add(&mut self.other, amounts);
        add(&mut self.not_kept, amounts);
    }

    /// Returns whether a member is kept.
    #[must_use]
    pub fn has(&self, key: &K) -> bool {
        self.places.contains_key(key)
    }

    /// Returns whether there is no room for another member.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.members.len() >= self.limits.kept as usize
    }

    /// Makes room: keeps the shown members, and the largest of the others, half
    /// of those that may be kept. The bytes of those that are forgotten are in
    /// `other`; if one comes again, it starts anew.
    pub fn forget_smallest(&mut self) {
        let mut members = std::mem::take(&mut self.members);
        let ranked_by = self.limits.ranked_by;
        members.sort_unstable_by_key(|one| {
            std::cmp::Reverse((one.is_shown, one.size(ranked_by), one.key))
        });
        let half = self.limits.kept as usize / 2;
        let kept = half.max(self.shown).min(members.len());
        for member in members.drain(kept..) {
            add(&mut self.other, &member.value);
            add(&mut self.not_kept, &member.value);
            add(&mut self.not_kept, &member.in_other);
        }
        self.places.clear();
        self.copies = Copies::default();
        self.has_changed = true;
        self.has_candidate = true;
        for member in members {
            self.push(member);
        }
    }

    fn push(&mut self, member: Member<K, N>) -> usize {
        let place = self.members.len();
        let number = u32::try_from(place).expect("fewer are kept");
        self.places.insert(member.key, number);
        self.members.push(member);
        if place.is_multiple_of(TOGETHER) {
            self.copies.are_old.push(true);
        }
        self.copies.are_old[place / TOGETHER] = true;
        place
    }

    /// Ends a poll: shows and hides members. Returns whether anything has
    /// changed since the last snapshot.
    pub fn end_poll(&mut self, end: PollEnd) -> bool {
        self.rank(end);
        self.has_changed
    }

    /// Returns the family as it is now.
    pub fn snapshot(&mut self) -> Members<K, N> {
        self.has_changed = false;
        let Copies { parts, are_old } = &mut self.copies;
        for (number, members) in self.members.chunks(TOGETHER).enumerate() {
            if std::mem::take(&mut are_old[number]) {
                match parts.get_mut(number) {
                    Some(part) => *part = members.into(),
                    None => parts.push(members.into()),
                }
            }
        }
        Members {
            parts: parts.clone(),
            other: self.other,
            not_kept: self.not_kept,
            created: self.created,
            recent: self.recent.len(),
        }
    }
}

fn add<const N: usize>(sums: &mut Sums<N>, more: &Sums<N>) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

#[cfg(test)]
mod tests;
