//! Adds up the bytes of each network.
//!
//! Memory is bounded by [`MOST_KEPT`](super::MOST_KEPT): a network takes some
//! 180 bytes, with its copy for snapshots.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{COUNTERS, Snapshot, limits};
use crate::accounting::{
    Account, Family, FlowKey, InterfaceId, Origin, PollEnd, Rest, Timestamp,
    Volume,
};
use crate::collectors::bounded::{Bounded, Sums};
use crate::config::Config;
use crate::geoip::{CountryLabels, Network};

/// Adds up the bytes of each network. [`AtEdges`](crate::accounting::AtEdges)
/// chooses the interfaces that count.
#[derive(Debug)]
pub struct NetworksAccount {
    is_on: bool,
    networks: Bounded<Network, COUNTERS>,
    unknown: Sums<COUNTERS>,
    unattributed: Sums<COUNTERS>,
    created: Option<Timestamp>,
    has_changed: bool,
}

impl NetworksAccount {
    /// Returns an account that continues from a snapshot, or begins at zero.
    #[must_use]
    pub fn resume(saved: Option<Snapshot>) -> Self {
        let saved = saved.unwrap_or_default();
        let shown = Config::default().networks_top as usize;
        Self {
            is_on: false,
            networks: Bounded::resume(limits(shown), &saved.networks),
            unknown: saved.unknown,
            unattributed: saved.unattributed,
            created: saved.created,
            has_changed: true,
        }
    }

    /// Tells the account the time of the start, at which counters that are zero
    /// were zero.
    #[must_use]
    pub fn starting(mut self, at: Timestamp) -> Self {
        if self.snapshot().whole() == [0; COUNTERS] {
            self.created = self.created.or(Some(at));
        }
        self.networks.starting(at);
        self.has_changed = true;
        self
    }
}

impl Account for NetworksAccount {
    type Snapshot = Snapshot;

    fn configure(&mut self, config: &Config) {
        self.is_on = config.networks;
        self.networks.show_at_most(config.networks_top as usize);
    }

    fn is_on(&self) -> bool {
        self.is_on
    }

    fn name_interface(&mut self, _: InterfaceId, _: &Arc<str>) {}

    fn label_countries(&mut self, _: &Arc<CountryLabels>) {}

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        let counter = key.direction.index();
        match origin.network {
            Network::UNKNOWN => {
                self.has_changed = true;
                self.unknown[counter] += volume.bytes;
            }
            network => self.networks.credit(network, counter, volume.bytes),
        }
    }

    fn credit_rests(&mut self, rests: &[Rest]) {
        for rest in rests {
            let bytes = rest.unattributed.bytes;
            if matches!(rest.family, Family::Ip(_)) && bytes > 0 {
                self.has_changed = true;
                self.unattributed[rest.direction.index()] += bytes;
            }
        }
    }

    fn forget_interface(&mut self, _: InterfaceId) {}

    fn end_poll(&mut self, end: PollEnd) -> bool {
        // Nothing is shown or hidden while nothing is counted.
        let have_changed = self.is_on && self.networks.end_poll(end);
        self.has_changed | have_changed
    }

    fn snapshot(&mut self) -> Snapshot {
        self.has_changed = false;
        Snapshot {
            networks: self.networks.snapshot(),
            unknown: self.unknown,
            unattributed: self.unattributed,
            created: self.created,
        }
    }
}

#[cfg(test)]
mod tests;
