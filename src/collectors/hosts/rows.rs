//! The hosts while they are counted in.
//!
//! Memory is bounded by [`MOST_KEPT`]. A host takes 72 bytes here, as many in
//! each copy for snapshots, and some 33 in the index.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Host, MOST_KEPT, Remote};

/// The hosts that are copied together for a snapshot.
const TOGETHER: usize = 256;

/// The hosts that are forgotten at once: choosing them takes as long as looking
/// at all.
const FORGOTTEN_AT_ONCE: usize = MOST_KEPT / 16;

/// The time of a poll that has not ended yet.
const THIS_POLL: u32 = u32::MAX;

const DAY: u32 = 24 * 3600;

const _: () = assert!(size_of::<Host>() == 72);

/// The hosts, each once.
#[derive(Debug, Default)]
pub(super) struct Rows {
    hosts: Vec<Host>,
    /// The hash has a secret, as addresses come from the network.
    places: HashMap<Remote, u32, RandomState>,
    /// Copies for snapshots.
    parts: Vec<Arc<[Host]>>,
    /// True for parts that are out of date.
    are_old: Vec<bool>,
    /// The places of hosts that were seen in this poll.
    seen: Vec<u32>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Returns the place of a host.
    pub(super) fn find(&self, remote: &Remote) -> Option<usize> {
        self.places.get(remote).map(|place| *place as usize)
    }

    /// Returns a host, if it is there.
    pub(super) fn get(&self, remote: &Remote) -> Option<&Host> {
        self.hosts.get(self.find(remote)?)
    }

    /// Adds a host, which is not there yet. There has to be room.
    pub(super) fn push(&mut self, host: Host) -> usize {
        let place = self.hosts.len();
        self.places.insert(host.remote, number(place));
        self.hosts.push(host);
        if place.is_multiple_of(TOGETHER) {
            self.are_old.push(true);
        }
        self.are_old[place / TOGETHER] = true;
        place
    }

    /// Returns a host that is seen in this poll.
    pub(super) fn see(&mut self, place: usize) -> &mut Host {
        self.are_old[place / TOGETHER] = true;
        let host = &mut self.hosts[place];
        if host.last_seen != THIS_POLL {
            host.last_seen = THIS_POLL;
            self.seen.push(number(place));
        }
        host
    }

    /// Tells hosts that were seen the time of the poll.
    pub(super) fn end_poll(&mut self, now: u32) {
        for place in self.seen.drain(..) {
            let host = &mut self.hosts[place as usize];
            host.last_seen = now;
            if host.first_seen == THIS_POLL {
                host.first_seen = now;
            }
        }
    }

    /// Makes room: forgets those hosts that weigh least. `now` is the end of the
    /// last poll, which stands for the time of this one.
    pub(super) fn forget(&mut self, now: u32, mut each: impl FnMut(&Host)) {
        self.end_poll(now);
        let mut weights: Vec<(u64, u32)> = self
            .hosts
            .iter()
            .zip(0..)
            .map(|(host, place)| (weight(host, now), place))
            .collect();
        let count = FORGOTTEN_AT_ONCE.min(weights.len().saturating_sub(1));
        weights.select_nth_unstable(count);
        weights.truncate(count);
        // The last place first: so the host that moves into a free place is
        // one that stays.
        weights.sort_unstable_by_key(|(_, place)| std::cmp::Reverse(*place));
        for (_, place) in weights {
            let host = self.hosts.swap_remove(place as usize);
            self.places.remove(&host.remote);
            each(&host);
            if let Some(moved) = self.hosts.get(place as usize) {
                self.places.insert(moved.remote, place);
                self.are_old[place as usize / TOGETHER] = true;
            }
        }
        let parts = self.hosts.len().div_ceil(TOGETHER);
        self.parts.truncate(parts);
        self.are_old.truncate(parts);
        if let Some(last) = self.are_old.last_mut() {
            *last = true;
        }
    }

    /// Returns copies of the hosts.
    pub(super) fn copies(&mut self) -> Vec<Arc<[Host]>> {
        for (number, hosts) in self.hosts.chunks(TOGETHER).enumerate() {
            if std::mem::take(&mut self.are_old[number]) {
                match self.parts.get_mut(number) {
                    Some(part) => *part = hosts.into(),
                    None => self.parts.push(hosts.into()),
                }
            }
        }
        self.parts.clone()
    }
}

/// Returns a new host without traffic.
pub(super) fn new_host(remote: Remote) -> Host {
    Host {
        remote,
        country: Default::default(),
        network: Default::default(),
        range: 0,
        service: 0,
        lead: 0,
        counters: Default::default(),
        first_seen: THIS_POLL,
        // It is not in the list of those that were seen yet.
        last_seen: 0,
    }
}

/// Returns the bytes of a host, halved for each day since its last packet. So a
/// scan of many addresses displaces no large host, and a host that was large a
/// month ago makes room. The clock may jump: this decides on nothing but the
/// order in which hosts are forgotten.
fn weight(host: &Host, now: u32) -> u64 {
    let days = now.saturating_sub(host.last_seen) / DAY;
    host.counters.all_bytes().checked_shr(days).unwrap_or_default()
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("fewer hosts are kept")
}
