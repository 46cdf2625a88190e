//! The names and continents of countries, from the database in use. There is no
//! table beside it: names of countries change, and some are disputed.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::Country;
use super::network::clean;

/// The names of the countries in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountryNames(BTreeMap<Country, CountryName>);

/// The name and the continent of a country, each empty if the database has
/// none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct CountryName {
    name: String,
    continent: String,
}

impl CountryNames {
    /// Returns the name of a country, if the database has one.
    #[must_use]
    pub fn name(&self, country: Country) -> Option<&str> {
        let named = self.0.get(&country)?;
        Some(&*named.name).filter(|name| !name.is_empty())
    }

    /// Returns the code of a country's continent, such as `EU`, if the database
    /// has one.
    #[must_use]
    pub fn continent(&self, country: Country) -> Option<&str> {
        let named = self.0.get(&country)?;
        Some(&*named.continent).filter(|code| !code.is_empty())
    }
}

/// Names that are being gathered. The first name of a country is kept.
#[derive(Debug, Default)]
pub struct CountryNamesBuilder(CountryNames);

impl CountryNamesBuilder {
    /// Takes in the name and the continent that a record has for its country.
    pub(super) fn add(
        &mut self,
        country: Country,
        name: Option<&str>,
        continent: Option<&str>,
    ) {
        if country == Country::UNKNOWN {
            return;
        }
        let named = self.0.0.entry(country).or_default();
        for (place, text) in
            [(&mut named.name, name), (&mut named.continent, continent)]
        {
            if place.is_empty()
                && let Some(text) = text
            {
                *place = clean(text);
            }
        }
    }

    pub(super) fn finish(self) -> CountryNames {
        self.0
    }
}
