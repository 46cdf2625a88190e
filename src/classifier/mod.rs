//! From a flow, or an address, to its origin. The poller asks once for each flow and keeps the
//! answer as the flow's note. A note is the number of an origin, as many flows
//! have the same: it takes four bytes, however much an origin tells.
//!
//! Accounts never look anything up, and the classifier never counts.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use foldhash::fast::FixedState;

mod rules;

use rules::RuleLocator;
pub use rules::Rules;

use crate::accounting::{Classes, FlowKey, Origin};
use crate::geoip::{
    CityDatabase, CountryLabels, Database, Locator, NetworkDatabase,
    NetworkLocator,
};

/// The files that answers come from.
#[derive(Clone, Default)]
pub struct Sources {
    /// The database of countries; without one, every country is `UNKNOWN`.
    pub countries: Option<Arc<Database>>,
    /// The database of networks; without one, every network is `UNKNOWN`.
    pub networks: Option<Arc<NetworkDatabase>>,
    /// The database of cities, which the classifier itself never asks.
    pub cities: Option<Arc<CityDatabase>>,
    /// The named ranges, which come before the databases.
    pub rules: Rules,
}

/// The number of an origin: the note of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginId(NonZeroU32);

/// The origins of the flows. Each different one is there once, so there are at
/// most as many as combinations in the sources.
#[derive(Debug, Default)]
struct Origins {
    origins: Vec<Origin>,
    numbers: HashMap<Origin, OriginId, FixedState>,
}

impl Origins {
    fn number_of(&mut self, origin: Origin) -> OriginId {
        let Self { origins, numbers } = self;
        *numbers.entry(origin).or_insert_with(|| {
            origins.push(origin);
            let count = u32::try_from(origins.len()).ok();
            // A flow takes more memory than an origin, and 2^32 would not fit.
            let count = count.and_then(NonZeroU32::new);
            OriginId(count.expect("fewer origins than a u32 counts"))
        })
    }

    fn get(&self, OriginId(number): OriginId) -> &Origin {
        &self.origins[number.get() as usize - 1]
    }
}

/// Finds the origin of flows. One thread owns it.
pub struct Classifier {
    locator: Locator,
    networks: NetworkLocator,
    rules: RuleLocator,
    labels: Arc<CountryLabels>,
    origins: Origins,
}

impl Classifier {
    /// Returns a classifier that goes on from the labels of an earlier process,
    /// and that remembers the answers of `cache_size` records of each
    /// database.
    #[must_use]
    pub fn new(
        sources: Sources,
        cache_size: NonZeroUsize,
        labels: Arc<CountryLabels>,
    ) -> Self {
        let Sources { countries, networks, rules, cities: _ } = sources;
        let mut labels = labels;
        let rules = RuleLocator::new(rules, &mut labels);
        let locator = Locator::new(countries, cache_size);
        let networks = NetworkLocator::new(networks, cache_size);
        let origins = Origins::default();
        Self { locator, networks, rules, labels, origins }
    }

    /// Returns the number of the origin of a flow's remote prefix. It is valid
    /// until the sources are replaced.
    pub fn origin_of(&mut self, flow: &FlowKey) -> OriginId {
        let Self { locator, networks, rules, origins, .. } = self;
        let origin = rules.origin_of(flow, locator, networks);
        origins.number_of(origin)
    }

    /// Returns the origin of a whole address.
    #[must_use]
    pub fn origin_of_address(&mut self, address: IpAddr) -> Origin {
        let Self { locator, networks, rules, .. } = self;
        rules.origin_of_address(address, locator, networks)
    }

    /// Learns the meanings of classes. Origins of flows stay as they are.
    pub fn set_classes(&mut self, classes: &Arc<Classes>) {
        self.rules.set_classes(classes);
    }

    /// Returns the origin that has this number.
    #[must_use]
    pub fn origin(&self, number: OriginId) -> &Origin {
        self.origins.get(number)
    }

    /// Returns the labels of all countries that an origin may have.
    #[must_use]
    pub fn labels(&self) -> &Arc<CountryLabels> {
        &self.labels
    }

    /// Replaces the files. All numbers of origins are invalid then.
    pub fn replace_sources(&mut self, sources: Sources) {
        let Sources { countries, networks, rules, cities: _ } = sources;
        let classes = self.rules.classes();
        self.rules = RuleLocator::new(rules, &mut self.labels);
        self.rules.set_classes(&classes);
        self.locator.replace(countries);
        self.networks.replace(networks);
        self.origins = Origins::default();
    }

    /// Changes the number of records of each database whose answers are
    /// remembered.
    pub fn resize_cache(&mut self, cache_size: NonZeroUsize) {
        self.locator.resize(cache_size);
        self.networks.resize(cache_size);
    }
}
