//! The choice of the members that are shown.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::Hash;
use std::time::Duration;

use super::{Bounded, Member, TOGETHER};
use crate::accounting::PollEnd;

const HOUR: Duration = Duration::from_secs(3600);

/// The size of a member, and its place.
type Ranked = (u64, usize);

/// Returns the total from which on a member takes the place of one of `total`.
fn height_over(total: u64) -> u64 {
    total.saturating_add(total / 8)
}

impl<K: Copy + Eq + Hash + Ord, const N: usize> Bounded<K, N> {
    /// Shows and hides members. Goes over all of them only if a credit since
    /// the last time may change something.
    pub(super) fn rank(&mut self, end: PollEnd) {
        let is_over =
            |shown: &Duration| end.uptime.saturating_sub(*shown) >= HOUR;
        while self.recent.front().is_some_and(is_over) {
            self.recent.pop_front();
        }
        let is_full = self.shown == self.limits.shown;
        let is_used_up = self.recent.len() >= self.limits.new_an_hour;
        if !self.has_candidate || (is_full && is_used_up) {
            return;
        }
        self.has_candidate = false;
        let (mut shown, mut hidden) = self.ranking();
        self.hide_surplus(&mut shown);
        // The largest comes last.
        while let Some((total, place)) = hidden.pop() {
            if self.shown == self.limits.shown {
                let Some(&Reverse((least, smallest))) = shown.peek() else {
                    break;
                };
                if total <= height_over(least) {
                    break;
                }
                if self.recent.len() >= self.limits.new_an_hour {
                    self.has_candidate = true;
                    break;
                }
                shown.pop();
                self.hide(smallest);
                self.recent.push_back(end.uptime);
            }
            self.show(place, end);
            shown.push(Reverse((total, place)));
        }
        let is_full = self.shown == self.limits.shown;
        let least = shown.peek().filter(|_| is_full);
        self.threshold = least.map_or(0, |Reverse((t, _))| height_over(*t));
    }

    /// Returns the shown members, the smallest first, and by size the largest of
    /// the hidden ones that may be shown.
    fn ranking(&self) -> (BinaryHeap<Reverse<Ranked>>, Vec<Ranked>) {
        let by_size = |is_shown: bool| {
            let all = self.members.iter().enumerate();
            let those = all.filter(move |(_, one)| one.is_shown == is_shown);
            let size = |one: &Member<K, N>| one.size(self.limits.ranked_by);
            those.map(move |(place, one)| (size(one), place))
        };
        let shown: BinaryHeap<_> = by_size(true).map(Reverse).collect();
        let free = self.limits.shown.saturating_sub(self.shown);
        let least = shown.peek().filter(|_| free == 0);
        let least = least.map_or(0, |Reverse((total, _))| height_over(*total));
        let mut hidden: Vec<_> =
            by_size(false).filter(|(total, _)| *total > least).collect();
        // More than these cannot be shown now, and one tells that there are
        // more.
        let most = free + self.limits.new_an_hour + 1;
        if hidden.len() > most {
            let rest = hidden.len() - most;
            hidden.select_nth_unstable(rest);
            hidden.drain(..rest);
        }
        hidden.sort_unstable();
        (shown, hidden)
    }

    /// Hides the smallest members if more are shown than may be.
    fn hide_surplus(&mut self, shown: &mut BinaryHeap<Reverse<Ranked>>) {
        while self.shown > self.limits.shown
            && let Some(Reverse((_, place))) = shown.pop()
        {
            self.hide(place);
        }
    }

    fn hide(&mut self, place: usize) {
        self.members[place].is_shown = false;
        self.shown -= 1;
        self.touch(place);
    }

    fn show(&mut self, place: usize, end: PollEnd) {
        let member = &mut self.members[place];
        member.is_shown = true;
        if member.value == [0; N] {
            member.created = Some(end.at);
        }
        self.shown += 1;
        self.touch(place);
    }

    fn touch(&mut self, place: usize) {
        self.copies.are_old[place / TOGETHER] = true;
        self.has_changed = true;
    }
}
