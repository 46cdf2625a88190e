//! The counting of connections while it is on: from the growth of a key to the
//! account.

use std::sync::Arc;

use super::Watcher;
use super::ignored::Ignored;
use crate::accounting::{ConnectionGrowth, ConnectionKey};
use crate::classifier::{Classifier, Sources};
use crate::collectors::connections::ConnectionsAccount;
use crate::config::{Config, ConnectionsScope, IgnoredConnections, Service};
use crate::geoip::CountryLabels;
use crate::kernel::{self, ConnectionsMethod, WatchConnections};

/// Everything that the series of a connection depends on. If it changes, the
/// open connections are counted anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The number of the sources of origins.
    sources: u64,
    services: Vec<Service>,
    ignored: IgnoredConnections,
    /// The number of countries with round-trip times of their own.
    countries: u32,
}

impl Meaning {
    /// Returns whether the same connections are ignored with another meaning.
    /// The sources decide about the names of ranges.
    pub(super) fn ignores_the_same(&self, other: &Self) -> bool {
        self.ignored == other.ignored
            && (self.ignored == IgnoredConnections::default()
                || self.sources == other.sources)
    }

    /// Returns the meaning of series under this configuration.
    pub(super) fn of(config: &Config, sources: u64) -> Self {
        Self {
            sources,
            services: config.service.clone(),
            ignored: config.connections_ignore.clone(),
            countries: config.connections_countries,
        }
    }
}

/// The counting while it is on.
pub(super) struct Counting {
    watch: Box<dyn WatchConnections>,
    scope: ConnectionsScope,
    meaning: Meaning,
    origins: Origins,
    /// The connections without a reading that the account knows of.
    untracked: u64,
}

/// Finds the origins of addresses.
struct Origins {
    classifier: Classifier,
    ignored: Ignored,
}

impl Counting {
    /// Begins to count what `watch` sees.
    pub(super) fn new(
        watch: Box<dyn WatchConnections>,
        config: &Config,
        meaning: Meaning,
        parts: &mut Watcher,
    ) -> Self {
        let sources = Sources::clone(&parts.sources.get());
        let labels: Arc<CountryLabels> = parts.account.labels();
        let classifier =
            Classifier::new(sources, config.geoip_cache_size, labels);
        parts.account.label_countries(classifier.labels());
        let ignored =
            Ignored::new(&config.connections_ignore, &parts.range_names);
        Self {
            watch,
            scope: config.connections_scope,
            meaning,
            origins: Origins { classifier, ignored },
            untracked: 0,
        }
    }

    pub(super) fn scope(&self) -> ConnectionsScope {
        self.scope
    }

    pub(super) fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    pub(super) fn method(&self) -> &ConnectionsMethod {
        self.watch.method()
    }

    pub(super) fn is_crowded(&self) -> bool {
        self.watch.is_crowded()
    }

    /// Returns whether the open connections have to be counted anew.
    pub(super) fn is_displaced(&self) -> bool {
        self.watch.is_displaced()
    }

    /// Returns the number of open connections that the last visit saw, if a
    /// visit misses none.
    pub(super) fn visited(&self) -> Option<u64> {
        self.watch.visited()
    }

    /// Credits the growth from now on as the configuration and the sources say.
    pub(super) fn replace_meaning(
        &mut self,
        config: &Config,
        meaning: Meaning,
        parts: &mut Watcher,
    ) {
        let Origins { classifier, ignored } = &mut self.origins;
        classifier.resize_cache(config.geoip_cache_size);
        if meaning.sources != self.meaning.sources {
            classifier.replace_sources(Sources::clone(&parts.sources.get()));
            parts.account.label_countries(classifier.labels());
        }
        *ignored = Ignored::new(&config.connections_ignore, &parts.range_names);
        self.meaning = meaning;
    }

    /// Visits every open connection and credits the growth.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn visit(
        &mut self,
        account: &mut ConnectionsAccount,
    ) -> Result<(), kernel::Error> {
        let Self { watch, origins, .. } = self;
        let visited = watch.visit(&mut |key, growth| {
            origins.credit(account, key, growth);
        });
        self.count_untracked(account);
        visited
    }

    /// Credits the growth without a visit.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn take(
        &mut self,
        account: &mut ConnectionsAccount,
    ) -> Result<(), kernel::Error> {
        let Self { watch, origins, .. } = self;
        let taken = watch.take(&mut |key, growth| {
            origins.credit(account, key, growth);
        });
        self.count_untracked(account);
        taken
    }

    /// Credits the growth, and begins the number of open connections anew.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn recount(
        &mut self,
        account: &mut ConnectionsAccount,
    ) -> Result<(), kernel::Error> {
        let Self { watch, origins, .. } = self;
        watch.recount(&mut |key, growth| origins.credit(account, key, growth))
    }

    fn count_untracked(&mut self, account: &mut ConnectionsAccount) {
        let untracked = self.watch.untracked();
        let before = std::mem::replace(&mut self.untracked, untracked);
        account.add_untracked(untracked.saturating_sub(before));
    }
}

impl Origins {
    fn credit(
        &mut self,
        account: &mut ConnectionsAccount,
        key: &ConnectionKey,
        growth: &ConnectionGrowth,
    ) {
        let Some(address) = key.remote else {
            account.credit(None, key, growth);
            return;
        };
        let origin = self.classifier.origin_of_address(address);
        if !self.ignored.contains(address, origin.range) {
            account.credit(Some(origin.country), key, growth);
        }
    }
}
