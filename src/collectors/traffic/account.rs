//! The books: the bytes that each interface name is credited with by country,
//! and those that are left over.
//!
//! Memory is bounded: an interface name holds at most
//! [`Country::FIXED`](crate::geoip::Country::FIXED) countries and
//! [`CountryLabels::MOST_OWN`] own labels. A name whose interface is gone keeps
//! its series for some time, as a counter that disappears and comes back at zero
//! reads as a reset. At most [`MOST_ABSENT`] names do. Later,
//! [`MOST_REMEMBERED`](super::MOST_REMEMBERED) names are remembered without
//! series, and go on from their true value if they return. A name without any
//! traffic goes with its interface.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod absent;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;

use super::Snapshot;
use super::book::Book;
use super::remembered::Remembered;
use crate::accounting::{
    Account, Family, FlowKey, InterfaceId, Origin, PollEnd, Rest, Timestamp,
    UNNAMED, Volume,
};
use crate::geoip::CountryLabels;

/// The number of names of interfaces that are gone and have series. Those that
/// went first lose them first.
pub const MOST_ABSENT: usize = 4_096;

/// Sums up what every interface exchanged with every country.
#[derive(Debug, Default)]
pub struct TrafficAccount {
    /// The place of the book of each interface number.
    attachments: Vec<Option<usize>>,
    /// Series by name.
    books: Vec<Book>,
    places: HashMap<Arc<str>, usize, FixedState>,
    remembered: Remembered,
    labels: Arc<CountryLabels>,
    packets: u64,
    created: Option<Timestamp>,
    /// The end of the last poll, or the start: the traffic that is found next was
    /// not there yet.
    last_poll: Option<Timestamp>,
    /// True if interfaces have gone since the last poll.
    has_leaving: bool,
    /// The time since which the first of those with series is gone.
    first_absent: Option<Duration>,
    /// True if the last snapshot is out of date.
    has_changed: bool,
}

impl TrafficAccount {
    /// Returns an account without any traffic.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an account that goes on from a snapshot.
    #[must_use]
    pub fn resume(snapshot: Snapshot) -> Self {
        let mut account = Self {
            packets: snapshot.packets,
            created: snapshot.created,
            labels: snapshot.labels,
            has_leaving: true,
            ..Self::default()
        };
        for traffic in snapshot.interfaces {
            account.push(Book::resume(Arc::unwrap_or_clone(traffic)));
        }
        for traffic in &*snapshot.remembered {
            account.remembered.insert(Arc::clone(traffic));
        }
        let places = account.books.iter().map(|book| Arc::clone(book.name()));
        for name in places.collect::<Vec<_>>() {
            account.leave(account.places[&name]);
        }
        account
    }

    /// Tells the account the time of the start, at which counters that are zero
    /// were zero.
    #[must_use]
    pub fn starting(mut self, at: Timestamp) -> Self {
        if self.packets == 0 {
            self.created = self.created.or(Some(at));
        }
        for book in self.books.iter_mut().filter(|book| book.is_blank()) {
            book.begin(at);
        }
        self.last_poll = Some(at);
        self
    }

    fn push(&mut self, book: Book) -> usize {
        self.has_changed = true;
        let place = self.books.len();
        self.places.insert(Arc::clone(book.name()), place);
        self.books.push(book);
        place
    }

    /// Returns the place of a name's series, which exist from now on.
    fn place_of(&mut self, name: &Arc<str>) -> usize {
        if let Some(&place) = self.places.get(name) {
            self.books[place].set_absent_since(None);
            return place;
        }
        let book = match self.remembered.take(name) {
            Some(traffic) => {
                let mut book = Book::resume(Arc::unwrap_or_clone(traffic));
                book.set_absent_since(None);
                book
            }
            None => Book::new(Arc::clone(name), self.last_poll),
        };
        self.push(book)
    }

    fn is_attached(&self, place: usize) -> bool {
        self.attachments.contains(&Some(place))
    }

    /// Gives up a place that no interface uses and nothing was counted under. If
    /// something was, its absence begins with the end of the poll.
    fn leave(&mut self, place: usize) {
        if self.is_attached(place) {
            return;
        }
        match self.books[place].is_blank() {
            true => drop(self.remove(place)),
            false => self.has_leaving = true,
        }
    }

    fn remove(&mut self, place: usize) -> Book {
        self.has_changed = true;
        let removed = self.books.swap_remove(place);
        self.places.remove(removed.name());
        // The last book has moved to the place.
        let from = self.books.len();
        if let Some(moved) = self.books.get(place) {
            self.places.insert(Arc::clone(moved.name()), place);
            for attachment in self.attachments.iter_mut().flatten() {
                if *attachment == from {
                    *attachment = place;
                }
            }
        }
        removed
    }

    /// Returns the place of an interface's book. An interface that nobody named
    /// gets a name.
    fn book_of(&mut self, interface: InterfaceId) -> usize {
        if self.slot_mut(interface).is_none() {
            self.name_interface(interface, &UNNAMED.into());
        }
        *self.slot_mut(interface).get_or_insert_default()
    }

    fn slot_mut(&mut self, interface: InterfaceId) -> &mut Option<usize> {
        let index = interface.0 as usize;
        if index >= self.attachments.len() {
            self.attachments.resize_with(index + 1, || None);
        }
        &mut self.attachments[index]
    }
}

impl Account for TrafficAccount {
    type Snapshot = Snapshot;

    fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>) {
        self.has_changed = true;
        let place = self.place_of(name);
        if let Some(old) = self.slot_mut(interface).replace(place) {
            self.leave(old);
        }
    }

    fn label_countries(&mut self, labels: &Arc<CountryLabels>) {
        self.has_changed |= !Arc::ptr_eq(&self.labels, labels);
        self.labels = Arc::clone(labels);
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        // Called for every changed flow of every poll: one addition, at a
        // place that is found without a search.
        let place = match self.attachments.get(key.interface.0 as usize) {
            Some(&Some(place)) => place,
            _ => self.book_of(key.interface),
        };
        self.has_changed = true;
        self.books[place].credit(origin.country, key, volume, self.last_poll);
    }

    fn credit_rests(&mut self, rests: &[Rest]) {
        for rest in rests {
            let Rest { interface, direction, volume, unattributed, .. } = *rest;
            let place = self.book_of(interface);
            let book = &mut self.books[place];
            match rest.family {
                Family::Ip(version) => {
                    book.add_unattributed(direction, version, unattributed);
                }
                Family::NonIp => book.add_non_ip(direction.index(), volume),
            }
            self.packets += volume.packets;
            self.has_changed = true;
        }
    }

    fn forget_interface(&mut self, interface: InterfaceId) {
        let Some(place) = self.slot_mut(interface).take() else { return };
        self.has_changed = true;
        while let Some(None) = self.attachments.last() {
            self.attachments.pop();
        }
        self.leave(place);
    }

    fn end_poll(&mut self, end: PollEnd) -> bool {
        self.last_poll = Some(end.at);
        self.retain_absent(end);
        self.has_changed
    }

    fn snapshot(&mut self) -> Snapshot {
        self.has_changed = false;
        let mut interfaces: Vec<_> =
            self.books.iter_mut().map(Book::show).collect();
        interfaces.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Snapshot {
            packets: self.packets,
            created: self.created,
            labels: Arc::clone(&self.labels),
            interfaces,
            remembered: self.remembered.show(),
        }
    }
}

#[cfg(test)]
mod tests;
