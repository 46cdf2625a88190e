//! Answers for the poller: a database, if there is one, behind a cache.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::cache::RecordCache;
use super::subject::{Countries, Networks, Subject};
use super::{Country, DatabaseOf, Network};

/// Answers from the database in force. One thread owns it.
pub struct LocatorOf<S: Subject> {
    database: Option<Arc<DatabaseOf<S>>>,
    cache: RecordCache<S::Answer>,
}

/// Finds the countries of addresses.
pub type Locator = LocatorOf<Countries>;

/// Finds the networks of addresses.
pub type NetworkLocator = LocatorOf<Networks>;

impl<S: Subject> LocatorOf<S> {
    /// Returns a locator that answers from `database`, or always `UNKNOWN` if
    /// there is none, and remembers the answers of `cache_size` records.
    #[must_use]
    pub fn new(
        database: Option<Arc<DatabaseOf<S>>>,
        cache_size: NonZeroUsize,
    ) -> Self {
        Self { database, cache: RecordCache::new(cache_size) }
    }

    /// Answers from another database from now on.
    pub fn replace(&mut self, database: Option<Arc<DatabaseOf<S>>>) {
        self.database = database;
        self.cache.clear();
    }

    /// Changes the number of records whose answers are remembered.
    pub fn resize(&mut self, cache_size: NonZeroUsize) {
        self.cache.resize(cache_size);
    }

    fn answer(&mut self, address: IpAddr) -> S::Answer {
        match &self.database {
            Some(database) => {
                database.by_record(address, Some(&mut self.cache))
            }
            None => S::Answer::default(),
        }
    }
}

impl Locator {
    /// Returns the country of `address`, `UNKNOWN` if the database has none.
    pub fn country_of(&mut self, address: IpAddr) -> Country {
        self.answer(address)
    }
}

impl NetworkLocator {
    /// Returns the network of `address`, `UNKNOWN` if the database has none.
    pub fn network_of(&mut self, address: IpAddr) -> Network {
        self.answer(address)
    }
}
