//! The series of one interface name while they are counted in.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;

use super::{InterfaceRanges, PairTraffic};
use crate::accounting::{
    Breakdown, Created, Direction, FlowKey, IpVersion, Range, Timestamp, Volume,
};
use crate::collectors::books;
use crate::ranges::RangeNames;

/// The source and the destination of traffic.
pub(super) type Pair = (Range, Range);

/// The series of one interface name.
#[derive(Debug)]
pub(super) struct Book {
    traffic: InterfaceRanges,
    /// The place of each pair in `traffic.pairs`. Pairs of an earlier process
    /// get their number when they are seen.
    places: HashMap<Pair, usize, FixedState>,
    absent_since: Option<Duration>,
    /// A copy for snapshots, until the traffic changes.
    shown: Option<Arc<InterfaceRanges>>,
    has_changed: bool,
}

impl books::Book for Book {
    type Traffic = InterfaceRanges;

    fn new(name: Arc<str>, created: Option<Timestamp>) -> Self {
        Self::resume(InterfaceRanges {
            name,
            pairs: Vec::new(),
            unattributed: Breakdown::default(),
            created,
            is_absent: false,
        })
    }

    fn resume(traffic: InterfaceRanges) -> Self {
        let absent_since = traffic.is_absent.then_some(Duration::ZERO);
        let places = HashMap::default();
        Self { traffic, places, absent_since, shown: None, has_changed: true }
    }

    fn name(&self) -> &Arc<str> {
        &self.traffic.name
    }

    fn bytes(&self) -> u64 {
        books::OfInterface::bytes(&self.traffic)
    }

    fn is_blank(&self) -> bool {
        self.traffic.pairs.is_empty()
            && self.traffic.unattributed == Breakdown::default()
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

    fn show(&mut self) -> Arc<InterfaceRanges> {
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

    /// Adds a flow's growth. A series that begins was zero at `earlier`. Returns
    /// whether the pair is new; a pair that is new while there is no `room` is
    /// counted as one without names.
    pub(super) fn credit(
        &mut self,
        pair: Pair,
        names: &RangeNames,
        (key, volume): (&FlowKey, Volume),
        earlier: Option<Timestamp>,
        room: bool,
    ) -> bool {
        self.has_changed = true;
        let pairs = self.traffic.pairs.len();
        let place = match self.places.get(&pair) {
            Some(place) => *place,
            None => match self.place_of(pair, names, room) {
                Some(place) => place,
                None => {
                    let nobody = (Range::default(), Range::default());
                    self.place_of(nobody, names, true).unwrap_or_default()
                }
            },
        };
        let pair = &mut self.traffic.pairs[place];
        let sum = pair.volume.get_mut(key.direction, key.ip_version);
        if *sum == Volume::default() {
            pair.created.set(key.direction, key.ip_version, earlier);
        }
        *sum += volume;
        self.traffic.pairs.len() > pairs
    }

    /// Returns the place of a pair, by its names: another process may have
    /// counted it, and a name keeps its series when its number changes. Makes a
    /// new place if there is room.
    #[cold]
    fn place_of(
        &mut self,
        pair: Pair,
        names: &RangeNames,
        room: bool,
    ) -> Option<usize> {
        let (source, destination) = (names.get(pair.0), names.get(pair.1));
        let pairs = &mut self.traffic.pairs;
        let same = |one: &PairTraffic| {
            one.source == source && one.destination == destination
        };
        let place = match pairs.iter().position(same) {
            Some(place) => place,
            None if room => {
                pairs.push(PairTraffic {
                    source,
                    destination,
                    volume: Breakdown::default(),
                    created: Created::default(),
                });
                pairs.len() - 1
            }
            None => return None,
        };
        self.places.insert(pair, place);
        Some(place)
    }

    pub(super) fn add_unattributed(
        &mut self,
        direction: Direction,
        ip_version: IpVersion,
        growth: Volume,
    ) {
        self.has_changed = true;
        *self.traffic.unattributed.get_mut(direction, ip_version) += growth;
    }

    /// Returns the number of pairs.
    pub(super) fn pairs(&self) -> usize {
        self.traffic.pairs.len()
    }
}
