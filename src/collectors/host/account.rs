//! The account of the whole machine. It is told of the growth at the edges
//! alone, so that it adds up everything that it is told.
//!
//! Memory is bounded by the number of countries and own labels.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::Snapshot;
use crate::accounting::{
    Account, Family, FlowKey, InterfaceId, Origin, PollEnd, Rest, Timestamp,
    Volume,
};
use crate::collectors::country_places::CountryPlaces;
use crate::config::Config;
use crate::geoip::CountryLabels;

/// Sums up what the machine exchanged with every country.
#[derive(Debug)]
pub struct HostAccount {
    sums: Snapshot,
    /// The places in `sums.countries`.
    places: CountryPlaces,
    /// The end of the last poll, or the start: the traffic that is found next
    /// was not there yet.
    last_poll: Option<Timestamp>,
    is_on: bool,
    /// True if the last snapshot is out of date.
    has_changed: bool,
}

impl HostAccount {
    /// Returns an account that goes on from a snapshot.
    #[must_use]
    pub fn resume(sums: Snapshot) -> Self {
        Self {
            places: CountryPlaces::of(&sums.countries),
            sums,
            last_poll: None,
            is_on: false,
            has_changed: false,
        }
    }

    /// Tells the account the time of the start.
    #[must_use]
    pub fn starting(mut self, at: Timestamp) -> Self {
        self.last_poll = Some(at);
        self
    }
}

impl Account for HostAccount {
    type Snapshot = Snapshot;

    fn configure(&mut self, config: &Config) {
        self.is_on = config.host;
        if !self.is_on {
            // It hears of no further poll until it is turned on.
            self.last_poll = None;
        } else if self.sums.created.is_none() {
            self.sums.created = self.last_poll;
            self.has_changed = true;
        }
    }

    fn is_on(&self) -> bool {
        self.is_on
    }

    fn name_interface(&mut self, _: InterfaceId, _: &Arc<str>) {}

    fn label_countries(&mut self, labels: &Arc<CountryLabels>) {
        self.has_changed |= !Arc::ptr_eq(&self.sums.labels, labels);
        self.sums.labels = Arc::clone(labels);
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        self.has_changed = true;
        let countries = &mut self.sums.countries;
        let (country, last) = (origin.country, self.last_poll);
        self.places.credit(countries, country, key, volume, last);
    }

    fn credit_rests(&mut self, rests: &[Rest]) {
        for rest in rests {
            let direction = rest.direction;
            let (sum, growth) = match rest.family {
                Family::Ip(version) => (
                    self.sums.unattributed.get_mut(direction, version),
                    rest.unattributed,
                ),
                Family::NonIp => {
                    (&mut self.sums.non_ip[direction.index()], rest.volume)
                }
            };
            *sum += growth;
            self.has_changed |= growth != Volume::default();
        }
    }

    fn forget_interface(&mut self, _: InterfaceId) {}

    fn end_poll(&mut self, end: PollEnd) -> bool {
        self.last_poll = Some(end.at);
        // It was turned on after this poll.
        if self.sums.created.is_none() {
            self.sums.created = self.last_poll;
            self.has_changed = true;
        }
        self.has_changed
    }

    fn snapshot(&mut self) -> Snapshot {
        self.has_changed = false;
        self.sums.clone()
    }
}

#[cfg(test)]
mod tests;
