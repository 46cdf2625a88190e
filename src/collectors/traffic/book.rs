//! The series of one interface name while they are counted in.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use super::{Breakdown, CountryTraffic, InterfaceTraffic};
use crate::accounting::{Direction, FlowKey, IpVersion, Timestamp, Volume};
use crate::geoip::Country;

/// The slot of a country without traffic.
const NOWHERE: u16 = u16::MAX;

/// The series of one interface name.
#[derive(Debug)]
pub(super) struct Book {
    traffic: InterfaceTraffic,
    /// The place of each country in `traffic.countries`, by number. Own labels
    /// beyond the last one with traffic have no slot yet.
    slots: Vec<u16>,
    absent_since: Option<Duration>,
    /// A copy for snapshots, until the traffic changes: an interface without
    /// traffic is not copied at every poll.
    shown: Option<Arc<InterfaceTraffic>>,
    has_changed: bool,
}

impl Book {
    pub(super) fn new(name: Arc<str>, created: Option<Timestamp>) -> Self {
        Self::resume(InterfaceTraffic {
            created,
            ..InterfaceTraffic::new(
                name,
                Vec::new(),
                Breakdown::default(),
                <[Volume; 2]>::default(),
            )
        })
    }

    pub(super) fn resume(traffic: InterfaceTraffic) -> Self {
        let last = traffic.countries.last();
        let last = last.map_or(0, |last| last.country.index() + 1);
        let mut slots = vec![NOWHERE; last.max(Country::FIXED)];
        for (place, known) in (0..).zip(&traffic.countries) {
            slots[known.country.index()] = place;
        }
        // An interface that an earlier process missed.
        let absent_since = traffic.is_absent.then_some(Duration::ZERO);
        Self { traffic, slots, absent_since, shown: None, has_changed: true }
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.traffic.name
    }

    pub(super) fn bytes(&self) -> u64 {
        self.traffic.bytes()
    }

    /// Notes that nothing was counted before, unless something earlier is
    /// known.
    pub(super) fn begin(&mut self, at: Timestamp) {
        self.traffic.created.get_or_insert(at);
        self.has_changed = true;
    }

    /// Returns the uptime since which no interface has the name.
    pub(super) fn absent_since(&self) -> Option<Duration> {
        self.absent_since
    }

    pub(super) fn set_absent_since(&mut self, since: Option<Duration>) {
        self.absent_since = since;
        let is_absent = since.is_some();
        self.has_changed |= self.traffic.is_absent != is_absent;
        self.traffic.is_absent = is_absent;
    }

    /// Returns whether nothing was ever counted here.
    pub(super) fn is_blank(&self) -> bool {
        let traffic = &self.traffic;
        traffic.countries.is_empty()
            && traffic.unattributed == Breakdown::default()
            && traffic.non_ip == <[Volume; 2]>::default()
    }

    /// Returns the copy for a snapshot.
    pub(super) fn show(&mut self) -> Arc<InterfaceTraffic> {
        let has_changed = std::mem::take(&mut self.has_changed);
        match &self.shown {
            Some(shown) if !has_changed => Arc::clone(shown),
            _ => {
                let shown = Arc::new(self.traffic.clone());
                self.shown = Some(Arc::clone(&shown));
                shown
            }
        }
    }

    /// Adds a flow's growth. A series that begins was zero at `earlier`.
    pub(super) fn credit(
        &mut self,
        country: Country,
        key: &FlowKey,
        volume: Volume,
        earlier: Option<Timestamp>,
    ) {
        self.has_changed = true;
        let place = match self.slots.get(country.index()) {
            Some(&place) if place != NOWHERE => place,
            _ => self.insert(country),
        };
        let of_country = &mut self.traffic.countries[usize::from(place)];
        let sum = of_country.volume.get_mut(key.direction, key.ip_version);
        if *sum == Volume::default() {
            of_country.created.set(key.direction, key.ip_version, earlier);
        }
        *sum += volume;
    }

    pub(super) fn add_unattributed(
        &mut self,
        direction: Direction,
        ip_version: IpVersion,
        growth: Volume,
    ) {
        self.has_changed |= growth != Volume::default();
        *self.traffic.unattributed.get_mut(direction, ip_version) += growth;
    }

    pub(super) fn add_non_ip(&mut self, side: usize, growth: Volume) {
        self.has_changed |= growth != Volume::default();
        self.traffic.non_ip[side] += growth;
    }

    /// Makes room for a new country in the order of countries, so that
    /// snapshots need no sorting. Happens once for each country.
    #[cold]
    fn insert(&mut self, country: Country) -> u16 {
        let index = country.index();
        if index >= self.slots.len() {
            self.slots.resize(index + 1, NOWHERE);
        }
        let countries = &mut self.traffic.countries;
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
