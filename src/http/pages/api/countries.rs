//! `/api/v1/countries`: see [`api::Countries`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Reverse;

use super::pace::{Pace, Sides};
use super::sums::{Choice, Sums, with_series};
use super::{Query, Refusal, View, envelope};
use crate::accounting::IpVersion;
use crate::api;
use crate::collectors::moments::Moment;
use crate::config::Config;
use crate::geoip::CountryNames;
use crate::metrics::published::Published;

/// The traffic with each country.
pub struct CountriesView {
    /// The names of the countries in the database in use.
    pub names: Published<CountryNames>,
}

impl View for CountriesView {
    type Answer = api::Countries;

    const PARAMETERS: &'static [&'static str] = &["interface", "ip_version"];

    fn version(&self) -> u64 {
        self.names.version()
    }

    fn answer(
        &self,
        moment: &Moment,
        config: &Config,
        query: &Query,
    ) -> Result<api::Countries, Refusal> {
        let interface = query.get("interface");
        let ip_version = query.ip_version()?;
        if let Some(name) = interface {
            has_interface(moment, name)?;
        }
        let choice = Choice { interface, ip_version };
        let counted = choice.counted(config);
        let (now, earlier) = Sums::of(moment, counted, choice);
        let pace = Pace::of(moment);
        let (labels, names) = (labels(moment, counted), self.names.get());
        let mut countries: Vec<_> = now
            .countries
            .iter()
            .map(|(&country, &volume)| {
                let before = earlier.countries.get(&country).copied();
                api::Country {
                    country: labels.get(country).into(),
                    name: names.name(country).map(Into::into),
                    volume: pace.volume(volume, before.unwrap_or_default()),
                }
            })
            .collect();
        countries.sort_by(|one, other| {
            let key = |it: &api::Country| Reverse(it.volume.total_bytes());
            let by_bytes = key(one).cmp(&key(other));
            by_bytes.then_with(|| one.country.cmp(&other.country))
        });
        let volume =
            |of: fn(&Sums) -> Sides| pace.volume(of(&now), of(&earlier));
        Ok(api::Countries {
            envelope: envelope(moment),
            counted,
            interface: interface.map(Into::into),
            ip_version: ip_version.map(number),
            countries,
            unattributed: volume(|sums| sums.unattributed),
            non_ip: volume(|sums| sums.non_ip),
            whole: volume(Sums::whole),
        })
    }
}

/// Returns the labels of the countries of a kind of traffic.
fn labels(
    moment: &Moment,
    counted: api::Counted,
) -> &crate::geoip::CountryLabels {
    match counted {
        api::Counted::Host => &moment.counts.host.labels,
        _ => &moment.counts.traffic.labels,
    }
}

/// Returns the number of an IP version.
pub(super) fn number(ip_version: IpVersion) -> u8 {
    match ip_version {
        IpVersion::V4 => 4,
        IpVersion::V6 => 6,
    }
}

/// Checks that an interface has series.
///
/// # Errors
/// If it has none: the names that there are.
pub(super) fn has_interface(
    moment: &Moment,
    name: &str,
) -> Result<(), Refusal> {
    /// The names that a refusal lists.
    const MOST: usize = 20;

    let traffic = &moment.counts.traffic;
    let interfaces = &traffic.interfaces;
    if with_series(traffic, name).is_some() {
        return Ok(());
    }
    let mut names: Vec<_> =
        interfaces.iter().take(MOST).map(|one| &*one.name).collect();
    if interfaces.len() > MOST {
        names.push("and others");
    }
    let names = names.join(", ");
    let line = format!("interface: {name:?} has no traffic; there are {names}");
    Err(Refusal::Missing(line))
}
