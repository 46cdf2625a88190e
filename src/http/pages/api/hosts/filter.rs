//! The hosts that a request asks for.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use crate::collectors::hosts::{Finder, Host, Snapshot};
use crate::geoip::{CountryLabels, Network};
use crate::http::pages::api::{Query, Refusal};

/// The values that a host has to have; each is optional.
pub(super) struct Filter<'a> {
    labels: &'a CountryLabels,
    country: Option<&'a str>,
    network: Option<Network>,
    city: Option<&'a str>,
    /// A number that no host has, if no host has the name.
    range: Option<u32>,
    service: Option<u32>,
}

impl<'a> Filter<'a> {
    /// Reads the parameters.
    ///
    /// # Errors
    /// If `network` is no number of a network.
    pub(super) fn of(
        query: &'a Query,
        snapshot: &'a Snapshot,
    ) -> Result<Self, Refusal> {
        let text = |name| {
            let name = query.get(name)?;
            let place = snapshot.texts.iter().position(|text| **text == *name);
            let number = place.and_then(|it| u32::try_from(it + 1).ok());
            Some(number.unwrap_or(u32::MAX))
        };
        Ok(Self {
            labels: &snapshot.labels,
            country: query.get("country"),
            network: network(query)?,
            city: query.get("city"),
            range: text("range"),
            service: text("service"),
        })
    }

    /// Returns whether the host has these values. Its city is found only if that
    /// decides.
    pub(super) fn matches(&self, host: &Host, finder: &mut Finder<'_>) -> bool {
        self.country.is_none_or(|it| self.labels.get(host.country) == it)
            && self.network.is_none_or(|it| host.network == it)
            && self.range.is_none_or(|it| u32::from(host.range) == it)
            && self.service.is_none_or(|it| u32::from(host.service) == it)
            && self.city.is_none_or(|it| {
                let place = finder.place(host.remote.address);
                place.city.as_deref() == Some(it)
            })
    }
}

fn network(query: &Query) -> Result<Option<Network>, Refusal> {
    match query.get("network") {
        None => Ok(None),
        Some("UNKNOWN") => Ok(Some(Network::UNKNOWN)),
        Some(text) => match Network::from_text(text) {
            Some(network) => Ok(Some(network)),
            None => Err(Refusal::Wrong(format!(
                "network: {text:?} is not the number of an autonomous system, \
                 such as 64500 or AS64500, nor UNKNOWN"
            ))),
        },
    }
}
