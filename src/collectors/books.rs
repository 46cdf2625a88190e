//! The books of all interface names: which have series, which are gone, and
//! which are remembered without series. An account that counts by interface has
//! a [`Book`] for each name.
//!
//! A name whose interface is gone keeps its series for some time, as a counter
//! that disappears and comes back at zero reads as a reset. At most
//! [`MOST_ABSENT`] names do. Later, [`MOST_REMEMBERED`] names are remembered
//! without series, and continue from their true value if they return. A name
//! without any traffic goes with its interface.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod absent;
mod remembered;

pub use remembered::MOST_REMEMBERED;
use remembered::Remembered;

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::accounting::{InterfaceId, PollEnd, Timestamp, UNNAMED};

/// The number of names of interfaces that are gone and have series. Those that
/// went first lose them first.
pub const MOST_ABSENT: usize = 4_096;

/// The traffic of one interface name, as a snapshot has it.
pub trait OfInterface: Clone + Debug {
    /// Returns the value of the `interface` label.
    fn name(&self) -> &Arc<str>;

    /// Returns all bytes of the name.
    fn bytes(&self) -> u64;

    /// Returns a measure of the memory that it takes, if names differ much.
    fn size(&self) -> usize {
        0
    }
}

/// Returns the copy of a name's traffic for a snapshot: the last one, unless the
/// traffic has changed since.
pub(super) fn copy_if_changed<T: Clone>(
    traffic: &T,
    last: &mut Option<Arc<T>>,
    has_changed: &mut bool,
) -> Arc<T> {
    let has_changed = std::mem::take(has_changed);
    match last {
        Some(last) if !has_changed => Arc::clone(last),
        _ => Arc::clone(last.insert(Arc::new(traffic.clone()))),
    }
}

/// The series of one interface name while they are counted in.
pub trait Book: Debug {
    /// The form in a snapshot.
    type Traffic: OfInterface;

    /// Returns a book of a name without traffic.
    fn new(name: Arc<str>, created: Option<Timestamp>) -> Self;

    /// Returns a book that continues from a snapshot.
    fn resume(traffic: Self::Traffic) -> Self;

    /// Returns the name.
    fn name(&self) -> &Arc<str>;

    /// Returns all bytes of the name.
    fn bytes(&self) -> u64;

    /// Returns whether nothing was ever counted here.
    fn is_blank(&self) -> bool;

    /// Returns the uptime since which no interface has the name.
    fn absent_since(&self) -> Option<Duration>;

    /// Notes since when no interface has the name.
    fn set_absent_since(&mut self, since: Option<Duration>);

    /// Returns the copy for a snapshot.
    fn show(&mut self) -> Arc<Self::Traffic>;
}

/// The books of all names.
#[derive(Debug)]
pub struct Books<B: Book> {
    /// The place of the book of each interface number.
    attachments: Vec<Option<usize>>,
    /// Series by name.
    books: Vec<B>,
    places: HashMap<Arc<str>, usize, FixedState>,
    remembered: Remembered<B::Traffic>,
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

impl<B: Book> Default for Books<B> {
    fn default() -> Self {
        Self {
            attachments: Vec::new(),
            books: Vec::new(),
            places: HashMap::default(),
            remembered: Remembered::default(),
            last_poll: None,
            has_leaving: false,
            first_absent: None,
            has_changed: false,
        }
    }
}

impl<B: Book> Books<B> {
    /// Returns books that continue from a snapshot.
    #[must_use]
    pub fn resume(
        shown: Vec<Arc<B::Traffic>>,
        remembered: &[Arc<B::Traffic>],
    ) -> Self {
        let mut books = Self { has_leaving: true, ..Self::default() };
        for traffic in shown {
            books.push(B::resume(Arc::unwrap_or_clone(traffic)));
        }
        for traffic in remembered {
            books.remembered.insert(Arc::clone(traffic));
        }
        let names = books.books.iter().map(|book| Arc::clone(book.name()));
        for name in names.collect::<Vec<_>>() {
            books.leave(books.places[&name]);
        }
        books
    }

    /// Tells the time of the start.
    pub fn start(&mut self, at: Timestamp) {
        self.last_poll = Some(at);
    }

    /// Returns the end of the last poll, or the start.
    #[must_use]
    pub fn last_poll(&self) -> Option<Timestamp> {
        self.last_poll
    }

    /// Returns every book that has series.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut B> {
        self.books.iter_mut()
    }

    /// Names an interface, for the first time or anew.
    pub fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>) {
        self.has_changed = true;
        let place = self.place_of(name);
        if let Some(old) = self.slot_mut(interface).replace(place) {
            self.leave(old);
        }
    }

    /// Returns the book of an interface, to be credited. An interface that
    /// nobody named gets a name.
    pub fn book_mut(&mut self, interface: InterfaceId) -> &mut B {
        // Called for every changed flow of every poll: no search.
        let place = match self.attachments.get(interface.0 as usize) {
            Some(&Some(place)) => place,
            _ => self.book_of(interface),
        };
        self.has_changed = true;
        &mut self.books[place]
    }

    /// Forgets an interface's number.
    pub fn forget_interface(&mut self, interface: InterfaceId) {
        let Some(place) = self.slot_mut(interface).take() else { return };
        self.has_changed = true;
        while let Some(None) = self.attachments.last() {
            self.attachments.pop();
        }
        self.leave(place);
    }

    /// Ends a poll. Returns whether anything has changed since the last
    /// snapshot.
    pub fn end_poll(&mut self, end: PollEnd) -> bool {
        self.last_poll = Some(end.at);
        self.retain_absent(end);
        self.has_changed
    }

    /// Returns the names with series and those that are remembered, each in the
    /// order of the names.
    #[expect(clippy::type_complexity, reason = "two lists of the same")]
    pub fn show(&mut self) -> (Vec<Arc<B::Traffic>>, Arc<[Arc<B::Traffic>]>) {
        self.has_changed = false;
        let mut shown: Vec<_> = self.books.iter_mut().map(Book::show).collect();
        shown.sort_unstable_by(|a, b| a.name().cmp(b.name()));
        (shown, self.remembered.show())
    }

    /// Returns whether no interface number has a book.
    #[cfg(test)]
    pub fn has_no_numbers(&self) -> bool {
        self.attachments.is_empty()
    }

    /// Returns the number of books, which each have one place.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        assert_eq!(self.places.len(), self.books.len());
        self.books.len()
    }

    fn push(&mut self, book: B) -> usize {
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
                let mut book = B::resume(Arc::unwrap_or_clone(traffic));
                book.set_absent_since(None);
                book
            }
            None => B::new(Arc::clone(name), self.last_poll),
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

    fn remove(&mut self, place: usize) -> B {
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
