//! `/api/v1/services`: see [`api::Services`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::pace::Pace;
use super::{OTHER, Query, Refusal, View, envelope};
use crate::api;
use crate::collectors::moments::Moment;
use crate::collectors::services::{Counters, Snapshot};
use crate::config::Config;

/// The traffic of the services of this machine.
pub struct ServicesView;

/// The counters of services by name and country.
type ByCountry<'a> = BTreeMap<(&'a str, &'a str), Counters>;

impl View for ServicesView {
    type Answer = api::Services;

    const PARAMETERS: &'static [&'static str] = &["country", "service"];

    fn is_off(&self, config: &Config) -> Option<&'static str> {
        config.service.is_empty().then_some("a [[service]]")
    }

    fn answer(
        &self,
        moment: &Moment,
        config: &Config,
        query: &Query,
    ) -> Result<api::Services, Refusal> {
        let names: BTreeSet<_> =
            config.service.iter().map(|one| &*one.name).collect();
        let now = by_country(&moment.counts.services);
        let earlier = moment.earlier_counts();
        let earlier = earlier.map(|counts| by_country(&counts.services));
        let (earlier, pace) = (earlier.unwrap_or_default(), Pace::of(moment));
        let is_asked_for = |(service, country): &(&str, &str)| {
            names.contains(service)
                && query.get("service").is_none_or(|it| it == *service)
                && query.get("country").is_none_or(|it| it == *country)
        };
        let asked_for = now.iter().filter(|(key, _)| is_asked_for(key));
        let mut services: Vec<_> = asked_for
            .map(|(key, counters)| {
                let before = earlier.get(key).copied().unwrap_or_default();
                row(pace, *key, counters, &before)
            })
            .collect();
        // Rows of the same size stay in the order of their names.
        services.sort_by_key(|one| Reverse(one.bytes.total()));
        Ok(api::Services {
            envelope: envelope(moment),
            configured: names.into_iter().map(Into::into).collect(),
            services,
        })
    }
}

fn row(
    pace: Pace,
    (service, country): (&str, &str),
    now: &Counters,
    before: &Counters,
) -> api::Service {
    let attempts =
        |it: &Counters| it.attempts[0].saturating_add(it.attempts[1]);
    api::Service {
        service: service.into(),
        country: country.into(),
        bytes: pace.bytes(now.bytes, before.bytes),
        attempts_ipv4: now.attempts[0],
        attempts_ipv6: now.attempts[1],
        attempts_per_second: pace.rate(attempts(now), attempts(before)),
    }
}

/// Returns the counters that are not zero.
fn by_country(snapshot: &Snapshot) -> ByCountry<'_> {
    let mut all = BTreeMap::new();
    for service in &snapshot.services {
        let countries = service.countries.iter().map(|(country, counters)| {
            (snapshot.labels.get(*country), counters)
        });
        for (country, counters) in countries.chain([(OTHER, &service.other)]) {
            if counters.bytes != [0; 2] || counters.attempts != [0; 2] {
                all.insert((&*service.name, country), *counters);
            }
        }
    }
    all
}
