//! Sums up what every interface carried from range to range.
//!
//! Memory is bounded: at most [`MOST_PAIRS`] combinations of interface, source
//! and destination have series; further ones are counted under `other`.
//! [`Books`] bounds the number of interface names.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::Snapshot;
use super::book::Book;
use crate::accounting::{
    Account, Classes, Direction, Family, FlowKey, InterfaceId, Origin, PollEnd,
    Range, Rest, Timestamp, Volume,
};
use crate::collectors::books::{Book as _, Books};
use crate::config::Config;
use crate::geoip::CountryLabels;
use crate::ranges::RangeNames;

/// The largest number of combinations of interface, source and destination that
/// have series. A name may meet every other, so that a few thousand names would
/// make millions.
pub const MOST_PAIRS: usize = 20_000;

/// Sums up what every interface carried from range to range.
#[derive(Debug, Default)]
pub struct RangesAccount {
    books: Books<Book>,
    names: RangeNames,
    is_on: bool,
    /// The pairs of all books with series, counted at the last poll, and those
    /// that came since.
    pairs: usize,
    /// True if the account was turned on or off since the last poll.
    has_turned: bool,
    classes: Arc<Classes>,
    /// The ranges of the classes, by their number there.
    of_classes: Vec<Range>,
}

impl RangesAccount {
    /// Returns an account without any traffic.
    #[must_use]
    pub fn new(names: RangeNames) -> Self {
        Self { names, ..Self::default() }
    }

    /// Returns an account that continues from a snapshot.
    #[must_use]
    pub fn resume(names: RangeNames, snapshot: Snapshot) -> Self {
        let books = Books::resume(snapshot.interfaces, &snapshot.remembered);
        let mut account = Self { books, names, ..Self::default() };
        account.count_pairs();
        account
    }

    /// Tells the account the time of the start.
    #[must_use]
    pub fn starting(mut self, at: Timestamp) -> Self {
        for book in self.books.iter_mut().filter(|book| book.is_blank()) {
            book.begin(at);
        }
        self.books.start(at);
        self
    }

    fn count_pairs(&mut self) {
        self.pairs = self.books.iter_mut().map(|book| book.pairs()).sum();
    }

    /// Returns the range of the address on this side.
    fn local_range(&self, key: &FlowKey) -> Range {
        let local = usize::from(self.classes.get(key.class).local);
        self.of_classes.get(local).copied().unwrap_or_default()
    }
}

impl Account for RangesAccount {
    type Snapshot = Snapshot;

    fn configure(&mut self, config: &Config) {
        let is_on = !config.range.is_empty() || !config.range_files.is_empty();
        self.has_turned |= is_on != self.is_on;
        self.is_on = is_on;
    }

    fn is_on(&self) -> bool {
        self.is_on
    }

    fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>) {
        self.books.name_interface(interface, name);
    }

    fn label_countries(&mut self, _: &Arc<CountryLabels>) {}

    fn set_classes(&mut self, classes: &Arc<Classes>) {
        self.classes = Arc::clone(classes);
        self.of_classes = classes.range_numbers(&self.names);
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        let (remote, local) = (origin.range, self.local_range(key));
        let pair = match key.direction {
            Direction::Received => (remote, local),
            Direction::Sent => (local, remote),
        };
        let (last_poll, room) =
            (self.books.last_poll(), self.pairs < MOST_PAIRS);
        let book = self.books.book_mut(key.interface);
        let growth = (key, volume);
        if book.credit(pair, &self.names, growth, last_poll, room) {
            self.pairs += 1;
        }
    }

    fn credit_rests(&mut self, rests: &[Rest]) {
        for rest in rests {
            let Family::Ip(version) = rest.family else { continue };
            if rest.unattributed != Volume::default() {
                let book = self.books.book_mut(rest.interface);
                book.add_unattributed(
                    rest.direction,
                    version,
                    rest.unattributed,
                );
            }
        }
    }

    fn forget_interface(&mut self, interface: InterfaceId) {
        self.books.forget_interface(interface);
    }

    fn end_poll(&mut self, end: PollEnd) -> bool {
        let has_changed = self.books.end_poll(end);
        if has_changed {
            // Interfaces may have lost their series.
            self.count_pairs();
        }
        has_changed | std::mem::take(&mut self.has_turned)
    }

    fn snapshot(&mut self) -> Snapshot {
        let (interfaces, remembered) = self.books.show();
        Snapshot { interfaces, remembered }
    }
}

#[cfg(test)]
mod tests;
