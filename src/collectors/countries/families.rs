//! The metric family of the names of countries.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use crate::collectors::traffic::{InterfaceTraffic, Snapshot};
use crate::config::Config;
use crate::geoip::{Country, CountryNames};
use crate::metrics::family::Description;
use crate::metrics::published::Published;
use crate::metrics::{Collect, Families};

/// The continent of a country if the database has none.
const UNKNOWN: &str = "UNKNOWN";

const INFO: Description<3> = Description {
    name: "geoip_country_info",
    help: "Name and continent of each country that has traffic.",
    labels: ["country", "name", "continent"],
};

/// Exports the names of the countries that have traffic, if the configuration
/// asks for it.
#[derive(Debug)]
pub struct CountriesCollector {
    /// The traffic.
    pub traffic: Published<Snapshot>,
    /// The names of the database in use.
    pub names: Published<CountryNames>,
    /// The settings, by which names are shown or not.
    pub config: Published<Config>,
}

impl Collect for CountriesCollector {
    fn version(&self) -> u64 {
        let Self { traffic, names, config } = self;
        traffic.version() + names.version() + config.version()
    }

    fn collect(&self) -> Families<'_> {
        let config = self.config.get();
        if !config.country_info {
            return Box::new(|_| ());
        }
        let (traffic, names) = (self.traffic.get(), self.names.get());
        Box::new(move |emit| {
            let mut countries: BTreeSet<Country> = config
                .countries_at_zero
                .labels()
                .into_iter()
                // UNKNOWN is no code.
                .map(|label| Country::from_code(label).unwrap_or_default())
                .collect();
            let interfaces =
                traffic.interfaces.iter().chain(&*traffic.remembered);
            for interface in interfaces {
                let InterfaceTraffic { countries: seen, .. } = &**interface;
                countries.extend(seen.iter().map(|one| one.country));
            }
            let mut family = INFO.gauge();
            for country in countries {
                let label = traffic.labels.get(country);
                let name = names.name(country).unwrap_or(label);
                let continent = names.continent(country).unwrap_or(UNKNOWN);
                family.push([label, name, continent], 1.0);
            }
            emit(&family.build());
        })
    }
}
