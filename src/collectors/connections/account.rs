//! Adds up the growth of the counters of TCP connections.
//!
//! Memory is bounded by the countries, of which there are at most
//! [`Country::FIXED`] and [`CountryLabels::MOST_OWN`]: 2.3 kB for each, with its
//! copies in two snapshots, and some more for each service of the configuration
//! that the country had connections with.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::services::PortServices;
use super::{
    COUNTERS, Counters, CountryConnections, Method, Open, Snapshot, limits,
    sums,
};
use crate::accounting::{
    ConnectionDirection, ConnectionGrowth, ConnectionKey, PollEnd, RoundTrips,
    Timestamp,
};
use crate::collectors::bounded::Bounded;
use crate::config::Config;
use crate::geoip::{Country, CountryLabels};

/// The connections with one country.
#[derive(Debug, Default)]
struct Book {
    counters: Counters,
    /// The number of open ones.
    open: BTreeMap<(ConnectionDirection, Option<Arc<str>>), i64>,
    /// By direction: connections that were open when the numbers began anew, and
    /// that were neither counted again nor have ended yet.
    owed: [i64; ConnectionDirection::ALL.len()],
}

/// Sums up the connections with every country. The thread that counts
/// connections feeds it: they are no flows, so it is no
/// [`Account`](crate::accounting::Account).
#[derive(Debug)]
pub struct ConnectionsAccount {
    is_on: bool,
    countries: BTreeMap<Country, Book>,
    other: Book,
    round_trips: Bounded<Country, COUNTERS>,
    untracked: u64,
    /// The time at which `untracked` was zero.
    created: Option<Timestamp>,
    services: PortServices,
    labels: Arc<CountryLabels>,
    method: Option<Method>,
    /// The end of the last visit, or the start.
    last_visit: Option<Timestamp>,
    has_changed: bool,
}

impl ConnectionsAccount {
    /// Returns an account that continues from a snapshot. No connection is open
    /// yet.
    #[must_use]
    pub fn resume(saved: Snapshot) -> Self {
        let shown = Config::default().connections_countries as usize;
        let book = |one: CountryConnections| Book {
            counters: one.counters,
            ..Book::default()
        };
        let countries = saved.countries.into_iter();
        Self {
            is_on: false,
            countries: countries.map(|(of, one)| (of, book(one))).collect(),
            other: book(saved.other),
            round_trips: Bounded::resume(limits(shown), &saved.round_trips),
            untracked: saved.untracked,
            created: saved.created,
            services: PortServices::default(),
            labels: saved.labels,
            method: None,
            last_visit: None,
            has_changed: true,
        }
    }

    /// Tells the account the time of the start, at which counters that are zero
    /// were zero.
    #[must_use]
    pub fn starting(mut self, at: Timestamp) -> Self {
        if self.untracked == 0 {
            self.created = self.created.or(Some(at));
        }
        self.round_trips.starting(at);
        self.last_visit = Some(at);
        self.has_changed = true;
        self
    }

    /// Puts a configuration in force. If a port belongs to another service than
    /// before, the open connections are to be counted anew, see
    /// [`Self::forget_open`].
    pub fn configure(&mut self, config: &Config) {
        self.is_on = config.connections;
        self.round_trips.show_at_most(config.connections_countries as usize);
        let services = PortServices::of(config);
        if services == self.services {
            return;
        }
        self.services = services;
        self.has_changed = true;
        // Names that are gone would stay for ever.
        for book in self.countries.values_mut().chain([&mut self.other]) {
            let open = std::mem::take(&mut book.open);
            for ((direction, service), number) in open {
                let service = service.filter(|name| self.services.has(name));
                *book.open.entry((direction, service)).or_default() += number;
            }
        }
    }

    /// Returns the labels of the countries.
    #[must_use]
    pub fn labels(&self) -> Arc<CountryLabels> {
        Arc::clone(&self.labels)
    }

    /// Sets the labels of the countries that are credited.
    pub fn label_countries(&mut self, labels: &Arc<CountryLabels>) {
        self.has_changed |= !Arc::ptr_eq(&self.labels, labels);
        self.labels = Arc::clone(labels);
    }

    /// Sets the way in which connections are counted from now on.
    pub fn count_by(&mut self, method: Option<Method>) {
        self.has_changed |= self.method != method;
        self.method = method;
    }

    /// Adds the growth of one key. Without a country it is one for whose address
    /// the kernel had no room.
    pub fn credit(
        &mut self,
        country: Option<Country>,
        key: &ConnectionKey,
        growth: &ConnectionGrowth,
    ) {
        if *growth == ConnectionGrowth::default() {
            return;
        }
        self.has_changed = true;
        let service = match key.direction {
            ConnectionDirection::Inbound => self.services.get(key.local_port),
            ConnectionDirection::Outbound => None,
        };
        let book = match country {
            Some(country) => self.countries.entry(country).or_default(),
            None => &mut self.other,
        };
        let place = (key.direction, service.cloned());
        book.credit(place, growth, self.last_visit);
        if growth.round_trips != RoundTrips::default() {
            let sums = sums(&growth.round_trips);
            match country {
                Some(country) => self.round_trips.credit_all(country, &sums),
                None => self.round_trips.credit_other(&sums),
            }
        }
    }

    /// Adds connections whose sockets had no room for a reading.
    pub fn add_untracked(&mut self, growth: u64) {
        self.has_changed |= growth > 0;
        self.untracked += growth;
    }

    /// Begins the numbers of open connections anew, as no connection were open.
    /// To be called before the next credit when the kernel side recounts, when
    /// it was opened again, and when it was dropped.
    pub fn forget_open(&mut self) {
        for book in self.countries.values_mut().chain([&mut self.other]) {
            book.owed = Default::default();
        }
        self.begin_open();
    }

    fn begin_open(&mut self) {
        for book in self.countries.values_mut().chain([&mut self.other]) {
            for number in book.open.values_mut() {
                self.has_changed |= *number != 0;
                *number = 0;
            }
        }
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn open(&self) -> i64 {
        let books = self.countries.values().chain([&self.other]);
        books.flat_map(|book| book.open.values()).sum()
    }

    /// Does the same as [`Self::forget_open`], and remembers the numbers until
    /// [`Self::settle`], beside those that it remembers already.
    pub fn owe_open(&mut self) {
        for book in self.countries.values_mut().chain([&mut self.other]) {
            for ((direction, _), number) in &book.open {
                book.owed[direction.index()] += number;
            }
        }
        self.begin_open();
    }

    /// Counts the connections as closed that [`Self::owe_open`] remembered, and
    /// that two visits since then have not seen, nor an event: no program saw
    /// their ends. If a connection has another country than it had, their
    /// countries are not known, and they count under `other`. Returns the number
    /// of the connections.
    pub fn settle(&mut self) -> u64 {
        let mut of_all = [0; ConnectionDirection::ALL.len()];
        let mut has_moved = self.other.owed.iter().any(|it| *it != 0);
        for book in self.countries.values().chain([&self.other]) {
            has_moved |= book.owed.iter().any(|it| *it < 0);
            for (sum, owed) in of_all.iter_mut().zip(book.owed) {
                *sum += owed;
            }
        }
        let mut settled = 0;
        for book in self.countries.values_mut().chain([&mut self.other]) {
            let owed = std::mem::take(&mut book.owed);
            let owed = if has_moved { Default::default() } else { owed };
            settled += book.close(owed, self.last_visit);
        }
        if has_moved {
            settled += self.other.close(of_all, self.last_visit);
        }
        self.has_changed |= settled > 0;
        settled
    }

    /// Ends a visit: chooses the countries whose round-trip times are shown.
    /// Returns whether anything has changed since the last snapshot.
    pub fn end_visit(&mut self, end: PollEnd) -> bool {
        self.last_visit = Some(end.at);
        // Nothing is shown or hidden while nothing is counted.
        let have_changed = self.is_on && self.round_trips.end_poll(end);
        self.has_changed | have_changed
    }

    /// Returns the account as it is now.
    pub fn snapshot(&mut self) -> Snapshot {
        self.has_changed = false;
        let countries = self.countries.iter();
        Snapshot {
            countries: countries.map(|(of, own)| (*of, own.copy())).collect(),
            other: self.other.copy(),
            round_trips: self.round_trips.snapshot(),
            untracked: self.untracked,
            created: self.created,
            labels: Arc::clone(&self.labels),
            method: self.method,
            visited: self.last_visit,
        }
    }
}

impl Book {
    /// Counts connections as closed, by direction. Returns their number.
    fn close(
        &mut self,
        numbers: [i64; ConnectionDirection::ALL.len()],
        at: Option<Timestamp>,
    ) -> u64 {
        let mut all = 0;
        for (changes, number) in self.counters.changes.iter_mut().zip(numbers) {
            let closed = number.max(0).unsigned_abs();
            let growth = ConnectionGrowth { closed, ..Default::default() };
            changes.add(&growth, at);
            all += closed;
        }
        all
    }

    fn credit(
        &mut self,
        place: (ConnectionDirection, Option<Arc<str>>),
        growth: &ConnectionGrowth,
        earlier: Option<Timestamp>,
    ) {
        self.counters.changes[place.0.index()].add(growth, earlier);
        self.counters.traffic.add(growth, earlier);
        self.owed[place.0.index()] -= growth.carried.cast_signed();
        // One that opened and closed since the last visit was open too.
        if growth.open != 0 || growth.opened > 0 || growth.closed > 0 {
            *self.open.entry(place).or_default() += growth.open;
        }
    }

    fn copy(&self) -> CountryConnections {
        let open = self.open.iter().map(|((direction, service), number)| {
            let (direction, service) = (*direction, service.clone());
            Open { direction, service, number: *number }
        });
        CountryConnections { counters: self.counters, open: open.collect() }
    }
}

#[cfg(test)]
mod tests;
