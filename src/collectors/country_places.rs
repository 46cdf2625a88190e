//! The place of each country in a list of countries with traffic, so that a
//! credit finds it without a search.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::traffic::CountryTraffic;
use crate::accounting::{FlowKey, Timestamp, Volume};
use crate::geoip::Country;

/// The slot of a country without traffic.
const NOWHERE: u16 = u16::MAX;

/// The places of the countries in one list, which is kept beside it.
#[derive(Clone, Debug)]
pub struct CountryPlaces {
    /// By the number of a country. Own labels beyond the last one with traffic
    /// have no slot yet.
    slots: Vec<u16>,
}

impl CountryPlaces {
    /// Returns the places in this list, which is in the order of countries.
    #[must_use]
    pub fn of(countries: &[CountryTraffic]) -> Self {
        let last = countries.last();
        let last = last.map_or(0, |last| last.country.index() + 1);
        let mut slots = vec![NOWHERE; last.max(Country::FIXED)];
        for (place, known) in (0..).zip(countries) {
            slots[known.country.index()] = place;
        }
        Self { slots }
    }

    /// Adds a flow's growth. A series that begins was zero at `earlier`.
    pub fn credit(
        &mut self,
        countries: &mut Vec<CountryTraffic>,
        country: Country,
        key: &FlowKey,
        volume: Volume,
        earlier: Option<Timestamp>,
    ) {
        let place = match self.slots.get(country.index()) {
            Some(&place) if place != NOWHERE => place,
            _ => self.insert(countries, country),
        };
        let of_country = &mut countries[usize::from(place)];
        let sum = of_country.volume.get_mut(key.direction, key.ip_version);
        if *sum == Volume::default() {
            of_country.created.set(key.direction, key.ip_version, earlier);
        }
        *sum += volume;
    }

    /// Makes room for a new country in the order of countries, so that
    /// snapshots need no sorting. Happens once for each country.
    #[cold]
    fn insert(
        &mut self,
        countries: &mut Vec<CountryTraffic>,
        country: Country,
    ) -> u16 {
        let index = country.index();
        if index >= self.slots.len() {
            self.slots.resize(index + 1, NOWHERE);
        }
        let place = countries.partition_point(|known| known.country < country);
        countries.insert(place, CountryTraffic::new(country));
        let place = u16::try_from(place)
            .expect("there are fewer countries than a u16 counts");
        for slot in &mut self.slots {
            if *slot != NOWHERE && *slot >= place {
                *slot += 1;
            }
        }
        self.slots[index] = place;
        place
    }
}
