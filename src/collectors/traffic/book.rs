//! The series of one interface name while they are counted in.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use super::{Breakdown, InterfaceTraffic};
use crate::accounting::{Direction, FlowKey, IpVersion, Timestamp, Volume};
use crate::collectors::books::{self, OfInterface as _};
use crate::collectors::country_places::CountryPlaces;
use crate::geoip::Country;

/// The series of one interface name.
#[derive(Debug)]
pub(super) struct Book {
    traffic: InterfaceTraffic,
    /// The places in `traffic.countries`.
    places: CountryPlaces,
    absent_since: Option<Duration>,
    /// A copy for snapshots, until the traffic changes: an interface without
    /// traffic is not copied at every poll.
    shown: Option<Arc<InterfaceTraffic>>,
    has_changed: bool,
}

impl books::Book for Book {
    type Traffic = InterfaceTraffic;

    fn new(name: Arc<str>, created: Option<Timestamp>) -> Self {
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

    fn resume(traffic: InterfaceTraffic) -> Self {
        let places = CountryPlaces::of(&traffic.countries);
        // An interface that an earlier process missed.
        let absent_since = traffic.is_absent.then_some(Duration::ZERO);
        Self { traffic, places, absent_since, shown: None, has_changed: true }
    }

    fn name(&self) -> &Arc<str> {
        &self.traffic.name
    }

    fn bytes(&self) -> u64 {
        self.traffic.bytes()
    }

    fn absent_since(&self) -> Option<Duration> {
        self.absent_since
    }

    fn set_absent_since(&mut self, since: Option<Duration>) {
        self.absent_since = since;
        let is_absent = since.is_some();
        self.has_changed |= self.traffic.is_absent != is_absent;
        self.traffic.is_absent = is_absent;
    }

    fn is_blank(&self) -> bool {
        let traffic = &self.traffic;
        traffic.countries.is_empty()
            && traffic.unattributed == Breakdown::default()
            && traffic.non_ip == <[Volume; 2]>::default()
    }

    fn show(&mut self) -> Arc<InterfaceTraffic> {
        let Self { traffic, shown, has_changed, .. } = self;
        books::copy_if_changed(traffic, shown, has_changed)
    }
}

impl Book {
    /// Notes that nothing was counted before, unless something earlier is
    /// known.
    pub(super) fn begin(&mut self, at: Timestamp) {
        self.traffic.created.get_or_insert(at);
        self.has_changed = true;
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
        let countries = &mut self.traffic.countries;
        self.places.credit(countries, country, key, volume, earlier);
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
}
