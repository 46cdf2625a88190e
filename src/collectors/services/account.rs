//! Adds up the traffic of services.
//!
//! Memory is bounded: there are at most as many services as the configuration
//! may have, and [`MOST_REMEMBERED`] that it had before, each with every
//! country.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Counters, ServiceTraffic, Snapshot};
use crate::accounting::{
    Account, Classes, FlowKey, InterfaceId, Origin, PollEnd, Rest, Timestamp,
    Volume,
};
use crate::config::Config;
use crate::geoip::{Country, CountryLabels};

/// Services that are remembered without series because the configuration has
/// them no more. Those with the fewest bytes are forgotten first.
pub const MOST_REMEMBERED: usize = 255;

/// The counters of one service.
#[derive(Debug, Default)]
struct Book {
    countries: BTreeMap<Country, Counters>,
    other: Counters,
    is_configured: bool,
    /// A copy for snapshots, until it changes.
    shown: Option<Arc<ServiceTraffic>>,
}

impl Book {
    fn bytes(&self) -> u64 {
        let all = self.countries.values().chain([&self.other]);
        all.map(|it| it.bytes.iter().sum::<u64>()).sum()
    }
}

/// Sums up what every service exchanged with every country.
#[derive(Debug, Default)]
pub struct ServicesAccount {
    books: Vec<Book>,
    names: BTreeMap<Arc<str>, usize>,
    classes: Arc<Classes>,
    /// The place of each service of the classes in `books`, if it is there.
    places: Vec<Option<usize>>,
    labels: Arc<CountryLabels>,
    /// The end of the last poll, or the start.
    last_poll: Option<Timestamp>,
    is_on: bool,
    has_changed: bool,
}

impl ServicesAccount {
    /// Returns an account that goes on from a snapshot.
    #[must_use]
    pub fn resume(Snapshot { services, labels }: Snapshot) -> Self {
        let mut account = Self::default();
        for service in services {
            let place = account.place_of(&service.name);
            account.books[place] = Book {
                countries: service.countries.iter().copied().collect(),
                other: service.other,
                is_configured: false,
                shown: None,
            };
        }
        account.labels = labels;
        account
    }

    /// Tells the account the time of the start.
    #[must_use]
    pub fn starting(mut self, at: Timestamp) -> Self {
        self.last_poll = Some(at);
        self
    }

    fn place_of(&mut self, name: &Arc<str>) -> usize {
        if let Some(&place) = self.names.get(name) {
            return place;
        }
        let place = self.books.len();
        self.books.push(Book::default());
        self.names.insert(Arc::clone(name), place);
        place
    }

    /// Finds the places of the services of the classes.
    fn find_places(&mut self) {
        let Self { classes, names, .. } = self;
        let services = classes.services().iter();
        self.places = services.map(|name| names.get(name).copied()).collect();
    }

    /// Forgets services that the configuration has no more.
    fn forget_smallest(&mut self) {
        let gone = |it: &&Book| !it.is_configured;
        let count = self.books.iter().filter(gone).count();
        let mut gone: Vec<_> = self
            .names
            .values()
            .filter(|&&place| !self.books[place].is_configured)
            .map(|&place| (self.books[place].bytes(), place))
            .collect();
        gone.sort_unstable();
        gone.truncate(count.saturating_sub(MOST_REMEMBERED));
        if gone.is_empty() {
            return;
        }
        self.has_changed = true;
        let is_forgotten = |place| gone.iter().any(|(_, own)| *own == place);
        let books = std::mem::take(&mut self.books);
        let mut books: Vec<_> = books.into_iter().map(Some).collect();
        for (name, place) in std::mem::take(&mut self.names) {
            if !is_forgotten(place)
                && let Some(book) = books[place].take()
            {
                self.names.insert(name, self.books.len());
                self.books.push(book);
            }
        }
    }

    /// Adds the growth of a flow to the counters that `counters` chooses.
    fn add(
        &mut self,
        key: &FlowKey,
        volume: Volume,
        counters: impl FnOnce(&mut Book) -> &mut Counters,
    ) {
        let class = self.classes.get(key.class);
        let Some(&Some(place)) = usize::from(class.service)
            .checked_sub(1)
            .and_then(|at| self.places.get(at))
        else {
            return;
        };
        let book = &mut self.books[place];
        book.shown = None;
        self.has_changed = true;
        let counters = counters(book);
        let side = key.direction.index();
        if counters.bytes[side] == 0 {
            counters.bytes_created[side] = self.last_poll;
        }
        counters.bytes[side] += volume.bytes;
        if class.is_attempt {
            let version = key.ip_version.index();
            if counters.attempts[version] == 0 {
                counters.attempts_created[version] = self.last_poll;
            }
            counters.attempts[version] += volume.packets;
        }
    }
}

impl Account for ServicesAccount {
    type Snapshot = Snapshot;

    fn configure(&mut self, config: &Config) {
        self.is_on = !config.service.is_empty();
        for book in &mut self.books {
            book.is_configured = false;
        }
        for service in &config.service {
            let place = self.place_of(&service.name);
            self.books[place].is_configured = true;
        }
        self.forget_smallest();
        self.find_places();
    }

    fn is_on(&self) -> bool {
        self.is_on
    }

    fn name_interface(&mut self, _: InterfaceId, _: &Arc<str>) {}

    fn label_countries(&mut self, labels: &Arc<CountryLabels>) {
        self.has_changed |= !Arc::ptr_eq(&self.labels, labels);
        self.labels = Arc::clone(labels);
    }

    fn set_classes(&mut self, classes: &Arc<Classes>) {
        self.classes = Arc::clone(classes);
        // Also services that only the process before had.
        for name in classes.services() {
            self.place_of(name);
        }
        self.find_places();
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        let country = origin.country;
        self.add(key, volume, |book| {
            book.countries.entry(country).or_default()
        });
    }

    fn credit_without_remote(&mut self, key: &FlowKey, volume: Volume) {
        self.add(key, volume, |book| &mut book.other);
    }

    fn credit_rests(&mut self, _: &[Rest]) {}

    fn forget_interface(&mut self, _: InterfaceId) {}

    fn end_poll(&mut self, end: PollEnd) -> bool {
        self.last_poll = Some(end.at);
        self.has_changed
    }

    fn snapshot(&mut self) -> Snapshot {
        self.has_changed = false;
        let Self { books, names, labels, .. } = self;
        let services = names.iter().map(|(name, &place)| {
            let Book { countries, other, shown, .. } = &mut books[place];
            let shown = shown.get_or_insert_with(|| {
                Arc::new(ServiceTraffic {
                    name: Arc::clone(name),
                    countries: countries
                        .iter()
                        .map(|(a, b)| (*a, *b))
                        .collect(),
                    other: *other,
                })
            });
            Arc::clone(shown)
        });
        Snapshot { services: services.collect(), labels: Arc::clone(labels) }
    }
}

#[cfg(test)]
mod tests;
