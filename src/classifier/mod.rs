//! From a flow to its origin. The poller asks once for each flow and keeps the
//! answer as the flow's note, so an answer is a few small numbers. Their names
//! are in interners, one for each kind.
//!
//! Accounts never look anything up, and the classifier never counts.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::accounting::{FlowKey, Origin};
use crate::geoip::{CountryLabels, Database, Locator};

/// Finds the origin of flows. One thread owns it.
pub struct Classifier {
    locator: Locator,
    labels: Arc<CountryLabels>,
}

impl Classifier {
    /// Returns a classifier that goes on from the labels of an earlier process,
    /// and that remembers the countries of `cache_size` records of the
    /// database.
    #[must_use]
    pub fn new(
        database: Option<Arc<Database>>,
        cache_size: NonZeroUsize,
        labels: Arc<CountryLabels>,
    ) -> Self {
        Self { locator: Locator::new(database, cache_size), labels }
    }

    /// Returns the origin of a flow's remote prefix.
    pub fn origin_of(&mut self, flow: &FlowKey) -> Origin {
        let address = flow.remote_address();
        Origin { country: self.locator.country_of(address) }
    }

    /// Returns the labels of all countries that an origin may have.
    #[must_use]
    pub fn labels(&self) -> &Arc<CountryLabels> {
        &self.labels
    }

    /// Replaces the database. Notes of earlier origins are out of date then.
    pub fn replace_database(&mut self, database: Option<Arc<Database>>) {
        self.locator.replace(database);
    }

    /// Changes the number of records whose countries are remembered.
    pub fn resize_cache(&mut self, cache_size: NonZeroUsize) {
        self.locator.resize(cache_size);
    }
}
