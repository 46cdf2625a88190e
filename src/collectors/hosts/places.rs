//! The cities of hosts, found when somebody asks for them.
//!
//! A host has no place in memory: a place would take as much as the rest of it,
//! and few are ever shown. A page asks for the hosts that it lists, and keeps
//! the places by their records in the database, as many hosts share one. So a
//! new database is in force with the next page.
//!
//! This file locks the places while one page is made. It does no I/O and no
//! logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use foldhash::fast::FixedState;

use crate::config::Config;
use crate::geoip::{CityDatabase, Place};
use crate::metrics::published::Published;
use crate::ranges::carried_ipv4;

/// The largest number of places that are kept: some 3 MB.
const MOST_PLACES: usize = 20_000;

/// Returns the database in use, and a number that grows with every change.
type Source = Box<dyn Fn() -> (Option<Arc<CityDatabase>>, u64) + Send + Sync>;

/// Finds the places of hosts for one page.
pub struct Places {
    source: Source,
    config: Published<Config>,
    known: Mutex<Known>,
}

/// The places that were found.
#[derive(Default)]
struct Known {
    /// The database, which may be gone. A number of it in place of this could
    /// be that of another one for a moment.
    database: Weak<CityDatabase>,
    /// The language of the names.
    language: String,
    /// By the record. Its hash needs no secret: keys come from a file that is
    /// checked.
    places: HashMap<usize, Arc<Place>, FixedState>,
    nowhere: Arc<Place>,
}

impl Places {
    /// Returns the places in the database that `source` returns.
    #[must_use]
    pub fn new(source: Source, config: Published<Config>) -> Self {
        Self { source, config, known: Mutex::default() }
    }

    /// Returns a number that grows when places may be others.
    #[must_use]
    pub fn version(&self) -> u64 {
        (self.source)().1 + self.config.version()
    }

    /// Returns the finder of places, for one page.
    pub fn finder(&self) -> Finder<'_> {
        let (database, _) = (self.source)();
        let config = self.config.get();
        // Nothing panics with the lock held but the end of memory.
        let mut known =
            self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let of = database.as_ref().map(Arc::downgrade).unwrap_or_default();
        let language = &config.names_language;
        if !known.database.ptr_eq(&of) || known.language != *language {
            *known = Known {
                database: of,
                language: language.clone(),
                ..Known::default()
            };
        }
        Finder { database, config, known }
    }
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Places").finish_non_exhaustive()
    }
}

/// Finds the places of hosts.
pub struct Finder<'a> {
    database: Option<Arc<CityDatabase>>,
    config: Arc<Config>,
    known: MutexGuard<'a, Known>,
}

impl Finder<'_> {
    /// Returns the place of an address.
    pub fn place(&mut self, address: IpAddr) -> Arc<Place> {
        let carried = match address {
            IpAddr::V6(v6) if self.config.name_special_addresses => {
                carried_ipv4(v6).map(IpAddr::V4)
            }
            _ => None,
        };
        let address = carried.unwrap_or(address);
        let Some(database) = &self.database else {
            return Arc::clone(&self.known.nowhere);
        };
        let Some(record) = database.record(address) else {
            return Arc::clone(&self.known.nowhere);
        };
        if let Some(place) = self.known.places.get(&record) {
            return Arc::clone(place);
        }
        let place = database.place(address, &self.config.names_language);
        let place = Arc::new(place);
        if self.known.places.len() >= MOST_PLACES {
            self.known.places.clear();
        }
        self.known.places.insert(record, Arc::clone(&place));
        place
    }
}
