//! Adds up the traffic of each remote host.
//!
//! Memory is bounded: [`MOST_KEPT`] hosts, and [`MOST_RANKED`] of them a second
//! time for the choice of series.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rows::{Rows, new_host};
use super::texts::Texts;
use super::{
    Counters, Host, MOST_KEPT, MOST_NEW_AN_HOUR, OfCountry, Remote, Snapshot,
};
use crate::accounting::{
    Account, Classes, Family, FlowKey, InterfaceId, Origin, PollEnd, Rest,
    Timestamp, Volume,
};
use crate::collectors::bounded::{Bounded, Limits};
use crate::config::Config;
use crate::geoip::{Country, CountryLabels};
use crate::ranges::RangeNames;

/// The largest number of hosts above the threshold that are ranked for series.
/// Half of them make room when all places are taken.
pub const MOST_RANKED: u32 = 16_384;

/// Returns the limits of the series of hosts.
const fn limits(shown: usize) -> Limits {
    Limits {
        shown,
        kept: MOST_RANKED,
        new_an_hour: MOST_NEW_AN_HOUR,
        ranked_by: 2,
    }
}

/// Adds up the traffic of each remote host.
/// [`AtEdges`](crate::accounting::AtEdges) chooses the interfaces that count.
#[derive(Debug)]
pub struct HostsAccount {
    is_on: bool,
    lengths: [u8; 2],
    threshold: u64,
    rows: Rows,
    texts: Texts,
    countries: BTreeMap<Country, OfCountry>,
    unattributed: Counters,
    series: Bounded<Remote, 2>,
    /// The number of hosts with series, and the hosts among which they are
    /// chosen.
    shown: usize,
    labels: Arc<CountryLabels>,
    created: Option<Timestamp>,
    /// The end of the last poll, or the start.
    last_poll: u32,
    has_changed: bool,
}

impl HostsAccount {
    /// Returns an account that continues from a snapshot, or begins at zero. It
    /// gets the names of ranges from `names`.
    #[must_use]
    pub fn resume(names: RangeNames, saved: Option<Snapshot>) -> Self {
        let saved = saved.unwrap_or_default();
        let mut rows = Rows::default();
        for host in saved.hosts().take(MOST_KEPT) {
            rows.push(*host);
        }
        let config = Config::default();
        Self {
            is_on: false,
            lengths: [config.ipv4_prefix_length, config.ipv6_prefix_length],
            threshold: config.remote_hosts_threshold,
            rows,
            texts: Texts::new(names, &saved.texts),
            countries: saved.countries,
            unattributed: saved.unattributed,
            series: Bounded::resume(limits(0), &saved.series),
            shown: 0,
            labels: saved.labels,
            created: saved.created,
            last_poll: 0,
            has_changed: true,
        }
    }

    /// Tells the account the time of the start, at which counters that are zero
    /// were zero.
    #[must_use]
    pub fn starting(mut self, at: Timestamp) -> Self {
        if self.snapshot().whole() == Counters::default() {
            self.created = self.created.or(Some(at));
        }
        self.series.starting(at);
        self.last_poll = seconds(at);
        self.has_changed = true;
        self
    }

    /// Returns the place of a host, for which others may have to make room.
    fn place_of(&mut self, remote: Remote) -> usize {
        if let Some(place) = self.rows.find(&remote) {
            return place;
        }
        if self.rows.len() >= MOST_KEPT {
            let Self { rows, countries, last_poll, .. } = self;
            rows.forget(*last_poll, |host| {
                let country = countries.entry(host.country).or_default();
                country.forgotten.add(&host.counters);
            });
        }
        self.rows.push(new_host(remote))
    }

    /// Ranks a host above the threshold by its bytes from now on. The bytes of
    /// all others are in `other`.
    fn rank(&mut self, remote: Remote, side: usize, bytes: u64, whole: u64) {
        if whole < self.threshold && !self.series.has(&remote) {
            let mut amounts = [0; 2];
            amounts[side] = bytes;
            return self.series.credit_other(&amounts);
        }
        if self.series.is_full() && !self.series.has(&remote) {
            self.series.forget_smallest();
        }
        self.series.credit(remote, side, bytes);
    }
}

/// Returns the seconds since 1970.
fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.whole_seconds()).unwrap_or(u32::MAX - 1)
}

/// Gives a host the origin of its newest packets. Returns the country that it
/// leaves, if it is another one.
fn move_to(host: &mut Host, origin: &Origin, range: u16) -> Option<Country> {
    host.network = origin.network;
    host.range = range;
    let before = std::mem::replace(&mut host.country, origin.country);
    let has_moved = before != origin.country;
    (has_moved && host.counters != Counters::default()).then_some(before)
}

/// Adds packets to the vote on the service of a host (Boyer and Moore's vote: if
/// one service has more than half of all packets, it wins).
fn vote(host: &mut Host, service: u16, packets: u64) {
    let packets = u32::try_from(packets).unwrap_or(u32::MAX);
    if host.service == service {
        host.lead = host.lead.saturating_add(packets);
    } else if packets > host.lead {
        host.service = service;
        host.lead = packets - host.lead;
    } else {
        host.lead -= packets;
    }
}

impl Account for HostsAccount {
    type Snapshot = Snapshot;

    fn configure(&mut self, config: &Config) {
        self.is_on = config.remote_hosts;
        self.lengths = [config.ipv4_prefix_length, config.ipv6_prefix_length];
        self.shown = match config.remote_hosts_metrics {
            true => config.remote_hosts_top as usize,
            false => 0,
        };
        self.series.show_at_most(self.shown);
        self.threshold = config.remote_hosts_threshold;
    }

    fn is_on(&self) -> bool {
        self.is_on
    }

    fn name_interface(&mut self, _: InterfaceId, _: &Arc<str>) {}

    fn label_countries(&mut self, labels: &Arc<CountryLabels>) {
        self.labels = Arc::clone(labels);
        self.has_changed = true;
    }

    fn set_classes(&mut self, classes: &Arc<Classes>) {
        self.texts.set_classes(classes);
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        let remote = Remote::of(key, self.lengths);
        let range = self.texts.range(origin.range);
        let service = self.texts.service(key.class);
        let place = self.place_of(remote);
        let host = self.rows.see(place);
        let (left, earlier) = (move_to(host, origin, range), host.counters);
        vote(host, service, volume.packets);
        host.counters.credit(key.direction, volume);
        let whole = host.counters.all_bytes();
        if let Some(before) = left {
            self.countries.entry(before).or_default().left.add(&earlier);
            let joined = self.countries.entry(origin.country).or_default();
            joined.joined.add(&earlier);
        }
        self.rank(remote, key.direction.index(), volume.bytes, whole);
        self.has_changed = true;
    }

    fn credit_rests(&mut self, rests: &[Rest]) {
        for rest in rests {
            let volume = rest.unattributed;
            if matches!(rest.family, Family::Ip(_))
                && volume != Volume::default()
            {
                self.has_changed = true;
                self.unattributed.credit(rest.direction, volume);
            }
        }
    }

    fn forget_interface(&mut self, _: InterfaceId) {}

    fn end_poll(&mut self, end: PollEnd) -> bool {
        if !self.is_on {
            return self.has_changed;
        }
        self.last_poll = seconds(end.at);
        self.rows.end_poll(self.last_poll);
        self.has_changed | self.series.end_poll(end)
    }

    fn snapshot(&mut self) -> Snapshot {
        self.has_changed = false;
        let series = self.series.snapshot();
        let shown = series.shown().into_iter();
        let origins = shown.filter_map(|member| {
            let host = self.rows.get(&member.key)?;
            Some((member.key, (host.country, host.network)))
        });
        Snapshot {
            origins: origins.collect(),
            parts: self.rows.copies(),
            countries: self.countries.clone(),
            unattributed: self.unattributed,
            series,
            texts: self.texts.shown(),
            labels: Arc::clone(&self.labels),
            created: self.created,
        }
    }
}

#[cfg(test)]
mod tests;
