//! The section of a state file that holds the traffic of services. Countries
//! are saved by their labels, as another process may give own labels other
//! numbers.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Counters, ServiceTraffic, Snapshot};
use crate::accounting::LARGEST_COUNTER;
use crate::collectors::section::{SectionContent, encoded};
use crate::geoip::CountryLabels;

/// [`Snapshot`] as it is saved. A field that is added needs
/// `#[serde(default)]`.
#[derive(Serialize, Deserialize)]
struct SavedServices<'a> {
    #[serde(borrow)]
    services: Vec<SavedService<'a>>,
}

#[derive(Serialize, Deserialize)]
struct SavedService<'a> {
    name: Arc<str>,
    #[serde(borrow)]
    countries: Vec<(&'a str, Counters)>,
    other: Counters,
}

impl SectionContent for Snapshot {
    const NAME: &'static str = "services";
    const NEWEST: u32 = 1;

    fn encode(&self) -> Vec<u8> {
        let services = self.services.iter().map(|one| SavedService {
            name: Arc::clone(&one.name),
            countries: one
                .countries
                .iter()
                .map(|(country, own)| (self.labels.get(*country), *own))
                .collect(),
            other: one.other,
        });
        encoded(&SavedServices { services: services.collect() })
    }

    /// The snapshot is to get the labels once all sections were read.
    fn decode(body: &[u8], labels: &mut CountryLabels) -> Option<Self> {
        let saved: SavedServices<'_> = rmp_serde::from_slice(body).ok()?;
        let mut known = labels.clone();
        let mut services = Vec::new();
        for SavedService { name, countries, other } in saved.services {
            let mut read = Vec::new();
            for (label, counters) in countries {
                let country = known.intern(label).ok()?;
                read.push((country, counters));
            }
            read.sort_unstable_by_key(|(country, _)| *country);
            let all = read.iter().map(|(_, counters)| counters);
            let are_good = all.chain([&other]).all(is_good)
                && read.is_sorted_by(|(a, _), (b, _)| a < b);
            if !are_good {
                return None;
            }
            services.push(Arc::new(ServiceTraffic {
                name,
                countries: read,
                other,
            }));
        }
        if !services.is_sorted_by(|a, b| a.name < b.name) {
            return None;
        }
        *labels = known;
        Some(Self { services, labels: Arc::default() })
    }
}

fn is_good(counters: &Counters) -> bool {
    let all = counters.bytes.iter().chain(&counters.attempts);
    all.into_iter().all(|&counter| counter <= LARGEST_COUNTER)
}

#[cfg(test)]
mod tests;
