//! Sums of traffic by country, from the whole machine or from interfaces.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pace::{Sides, add, sides};
use crate::accounting::{Direction, IpVersion};
use crate::api::Counted;
use crate::collectors::moments::{Counts, Moment};
use crate::collectors::traffic::{CountryTraffic, InterfaceTraffic};
use crate::collectors::{host, traffic};
use crate::config::Config;
use crate::geoip::Country;

/// Sums of traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) countries: BTreeMap<Country, Sides>,
    pub(super) unattributed: Sides,
    pub(super) non_ip: Sides,
}

/// The traffic that is added up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice<'a> {
    pub(super) interface: Option<&'a str>,
    pub(super) ip_version: Option<IpVersion>,
}

impl Choice<'_> {
    /// All traffic.
    pub(super) const ALL: Self = Self { interface: None, ip_version: None };

    /// Returns the kind of the traffic.
    pub(super) fn counted(&self, config: &Config) -> Counted {
        match self.interface {
            Some(_) => Counted::Interface,
            None if config.host => Counted::Host,
            None => Counted::Interfaces,
        }
    }
}

impl Sums {
    /// Returns the sums of a moment, and those from which rates are taken.
    pub(super) fn of(
        moment: &Moment,
        counted: Counted,
        choice: Choice<'_>,
    ) -> (Self, Self) {
        let earlier = moment.earlier_counts();
        let version = choice.ip_version;
        if counted == Counted::Host {
            let of = |counts: &Counts| Self::of_host(&counts.host, version);
            return (of(&moment.counts), earlier.map(of).unwrap_or_default());
        }
        let (mut now, mut before) = (Self::default(), Self::default());
        for one in &moment.counts.traffic.interfaces {
            if choice.interface.is_none_or(|name| *name == *one.name) {
                now.add(one, version);
                let earlier =
                    earlier.and_then(|it| find(&it.traffic, &one.name));
                if let Some(earlier) = earlier {
                    before.add(earlier, version);
                }
            }
        }
        (now, before)
    }

    fn of_host(host: &host::Snapshot, version: Option<IpVersion>) -> Self {
        let mut sums = Self::default();
        sums.add_countries(&host.countries, version);
        sums.unattributed = sides(&host.unattributed, version);
        if version.is_none() {
            sums.non_ip = host.non_ip;
        }
        sums
    }

    /// Adds the traffic of an interface.
    pub(super) fn add(
        &mut self,
        interface: &InterfaceTraffic,
        version: Option<IpVersion>,
    ) {
        self.add_countries(&interface.countries, version);
        add(&mut self.unattributed, &sides(&interface.unattributed, version));
        if version.is_none() {
            let directions = [Direction::Received, Direction::Sent];
            let non_ip = directions.map(|it| interface.non_ip(it));
            add(&mut self.non_ip, &non_ip);
        }
    }

    fn add_countries(
        &mut self,
        countries: &[CountryTraffic],
        version: Option<IpVersion>,
    ) {
        for one in countries {
            let volume = sides(&one.volume, version);
            if volume != Sides::default() {
                let sum = self.countries.entry(one.country).or_default();
                add(sum, &volume);
            }
        }
    }

    /// Returns all of it.
    pub(super) fn whole(&self) -> Sides {
        let mut whole = Sides::default();
        let rests = [&self.unattributed, &self.non_ip];
        for part in self.countries.values().chain(rests) {
            add(&mut whole, part);
        }
        whole
    }
}

/// Returns the traffic of an interface that has series.
pub(super) fn with_series<'a>(
    traffic: &'a traffic::Snapshot,
    name: &str,
) -> Option<&'a InterfaceTraffic> {
    named(&traffic.interfaces, name)
}

/// Returns the traffic of an interface, also of one that had no series then: a
/// name that returns goes on from its counters.
pub(super) fn find<'a>(
    traffic: &'a traffic::Snapshot,
    name: &str,
) -> Option<&'a InterfaceTraffic> {
    let remembered = || named(&traffic.remembered, name);
    with_series(traffic, name).or_else(remembered)
}

/// Finds a name in a list that is in the order of the names.
fn named<'a>(
    list: &'a [Arc<InterfaceTraffic>],
    name: &str,
) -> Option<&'a InterfaceTraffic> {
    let place = list.binary_search_by(|one| (*one.name).cmp(name)).ok()?;
    Some(&*list[place])
}
