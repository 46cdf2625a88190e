//! Adds up the bytes of each day. [`AtEdges`](crate::accounting::AtEdges)
//! chooses the interfaces that count.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{Snapshot, add};
use crate::accounting::{
    Account, Family, FlowKey, InterfaceId, Origin, PollEnd, Rest, Timestamp,
    Volume,
};
use crate::calendar::Zone;
use crate::config::Config;
use crate::geoip::CountryLabels;

/// Adds up the bytes of each day.
#[derive(Debug)]
pub struct QuotaAccount {
    sums: Snapshot,
    /// The bytes since the last poll.
    growth: [u64; 2],
    zone: Zone,
    is_on: bool,
    /// The end of the last poll, or the start.
    last_poll: Option<Timestamp>,
    /// True if the last snapshot is out of date.
    has_changed: bool,
}

impl QuotaAccount {
    /// Returns an account that continues from a snapshot.
    #[must_use]
    pub fn resume(sums: Snapshot) -> Self {
        Self {
            sums,
            growth: [0; 2],
            zone: Zone::default(),
            is_on: false,
            last_poll: None,
            has_changed: true,
        }
    }

    /// Tells the account the time of the start.
    #[must_use]
    pub fn starting(mut self, at: Timestamp) -> Self {
        self.last_poll = Some(at);
        self
    }
}

impl Account for QuotaAccount {
    type Snapshot = Snapshot;

    fn configure(&mut self, config: &Config) {
        self.zone = config.history_timezone.clone();
        self.is_on = config.quota.is_some();
        if !self.is_on {
            // It hears of no further poll until it is turned on.
            self.last_poll = None;
            self.has_changed |= self.sums.since.take().is_some();
        } else if self.sums.since.is_none() && self.last_poll.is_some() {
            self.sums.since = self.last_poll;
            self.has_changed = true;
        }
    }

    fn is_on(&self) -> bool {
        self.is_on
    }

    fn name_interface(&mut self, _: InterfaceId, _: &Arc<str>) {}

    fn label_countries(&mut self, _: &Arc<CountryLabels>) {}

    fn credit(&mut self, key: &FlowKey, volume: Volume, _: &Origin) {
        self.growth[key.direction.index()] += volume.bytes;
    }

    fn credit_rests(&mut self, rests: &[Rest]) {
        for rest in rests {
            let growth = match rest.family {
                Family::Ip(_) => rest.unattributed,
                Family::NonIp => rest.volume,
            };
            self.growth[rest.direction.index()] += growth.bytes;
        }
    }

    fn forget_interface(&mut self, _: InterfaceId) {}

    fn end_poll(&mut self, end: PollEnd) -> bool {
        self.last_poll = Some(end.at);
        if !self.is_on {
            return self.has_changed;
        }
        if self.sums.since.is_none() {
            self.sums.since = self.last_poll;
            self.has_changed = true;
        }
        let seconds = i64::try_from(end.at.whole_seconds()).unwrap_or(i64::MAX);
        let day = self.zone.periods(seconds).day;
        let is_new = self.sums.days.last().is_none_or(|last| last.0 != day);
        let growth = std::mem::take(&mut self.growth);
        if is_new || growth != [0; 2] {
            self.sums.add(day, growth);
            self.sums.at = Some(end.at);
            self.has_changed = true;
        }
        self.has_changed
    }

    fn snapshot(&mut self) -> Snapshot {
        self.has_changed = false;
        let mut sums = self.sums.clone();
        // Nothing is left between two polls.
        if let Some((_, today)) = sums.days.last_mut() {
            add(today, self.growth);
        }
        sums
    }
}

#[cfg(test)]
impl QuotaAccount {
    /// Returns the bytes as they are now.
    pub(super) fn shown(&self) -> Snapshot {
        self.sums.clone()
    }
}
