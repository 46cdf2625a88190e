//! Countries for the poller: a database, if there is one, behind a cache.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::cache::RecordCache;
use super::{Country, Database};

/// Answers from the database in force. One thread owns it.
pub struct Locator {
    database: Option<Arc<Database>>,
    cache: RecordCache,
}

impl Locator {
    /// Returns a locator that answers from `database`, or always `UNKNOWN` if
    /// there is none, and remembers the countries of `cache_size` records.
    #[must_use]
    pub fn new(
        database: Option<Arc<Database>>,
        cache_size: NonZeroUsize,
    ) -> Self {
        Self { database, cache: RecordCache::new(cache_size) }
    }

    /// Answers from another database from now on.
    pub fn replace(&mut self, database: Option<Arc<Database>>) {
        self.database = database;
        self.cache.clear();
    }

    /// Changes the number of records whose countries are remembered.
    pub fn resize(&mut self, cache_size: NonZeroUsize) {
        self.cache.resize(cache_size);
    }

    /// Returns the country of `address`, `UNKNOWN` if the database has none.
    pub fn country_of(&mut self, address: IpAddr) -> Country {
        match &self.database {
            Some(database) => {
                database.country_by_record(address, Some(&mut self.cache))
            }
            None => Country::UNKNOWN,
        }
    }
}
