//! The books: the bytes that each interface name is credited with by country,
//! and those that are left over.
//!
//! Memory is bounded: an interface name holds at most
//! [`Country::FIXED`](crate::geoip::Country::FIXED) countries and
//! [`CountryLabels::MOST_OWN`] own labels. [`Books`] bounds the number of names.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::Snapshot;
use super::book::Book;
use crate::accounting::{
    Account, Family, FlowKey, InterfaceId, Origin, PollEnd, Rest, Timestamp,
    Volume,
};
use crate::collectors::books::{Book as _, Books};
use crate::geoip::CountryLabels;

/// Sums up what every interface exchanged with every country.
#[derive(Debug, Default)]
pub struct TrafficAccount {
    books: Books<Book>,
    labels: Arc<CountryLabels>,
    packets: u64,
    created: Option<Timestamp>,
    /// True if the last snapshot has older labels.
    has_new_labels: bool,
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
        Self {
            books: Books::resume(snapshot.interfaces, &snapshot.remembered),
            labels: snapshot.labels,
            packets: snapshot.packets,
            created: snapshot.created,
            has_new_labels: false,
        }
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
        self.books.start(at);
        self
    }
}

impl Account for TrafficAccount {
    type Snapshot = Snapshot;

    fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>) {
        self.books.name_interface(interface, name);
    }

    fn label_countries(&mut self, labels: &Arc<CountryLabels>) {
        self.has_new_labels |= !Arc::ptr_eq(&self.labels, labels);
        self.labels = Arc::clone(labels);
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        // Called for every changed flow of every poll: one addition, at a
        // place that is found without a search.
        let last_poll = self.books.last_poll();
        let book = self.books.book_mut(key.interface);
        book.credit(origin.country, key, volume, last_poll);
    }

    fn credit_rests(&mut self, rests: &[Rest]) {
        for rest in rests {
            let Rest { interface, direction, volume, unattributed, .. } = *rest;
            let book = self.books.book_mut(interface);
            match rest.family {
                Family::Ip(version) => {
                    book.add_unattributed(direction, version, unattributed);
                }
                Family::NonIp => book.add_non_ip(direction.index(), volume),
            }
            self.packets += volume.packets;
        }
    }

    fn forget_interface(&mut self, interface: InterfaceId) {
        self.books.forget_interface(interface);
    }

    fn end_poll(&mut self, end: PollEnd) -> bool {
        self.books.end_poll(end) | self.has_new_labels
    }

    fn snapshot(&mut self) -> Snapshot {
        self.has_new_labels = false;
        let (interfaces, remembered) = self.books.show();
        Snapshot {
            packets: self.packets,
            created: self.created,
            labels: Arc::clone(&self.labels),
            interfaces,
            remembered,
        }
    }
}

#[cfg(test)]
mod tests;
