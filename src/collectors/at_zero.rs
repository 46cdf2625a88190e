//! The countries that have series before their first packet.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::traffic::CountryTraffic;
use crate::config::Config;
use crate::geoip::Country;

/// Returns the countries of `countries_at_zero`, in order.
#[must_use]
pub fn of(config: &Config) -> Vec<Country> {
    let labels = config.countries_at_zero.labels().into_iter();
    // UNKNOWN is no code.
    let countries = labels.map(|l| Country::from_code(l).unwrap_or_default());
    let mut countries: Vec<_> = countries.collect();
    countries.sort_unstable();
    countries
}

/// Shows the countries with traffic and those at zero, in order. The second
/// argument of `show` is true for those that are shown in any case.
pub fn show_all(
    countries: &[CountryTraffic],
    at_zero: &[Country],
    mut show: impl FnMut(&CountryTraffic, bool),
) {
    let mut at_zero = at_zero.iter().copied().peekable();
    for of_country in countries {
        let country = of_country.country;
        while let Some(before) = at_zero.next_if(|other| *other < country) {
            show(&CountryTraffic::new(before), true);
        }
        show(of_country, at_zero.next_if_eq(&country).is_some());
    }
    for country in at_zero {
        show(&CountryTraffic::new(country), true);
    }
}
