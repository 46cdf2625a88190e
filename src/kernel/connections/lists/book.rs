//! From lists of the open connections to their growth.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};

use super::message::{Connection, Listed, Place, Readings};
use crate::accounting::{
    ConnectionDirection, ConnectionGrowth, ConnectionKey, RTT_BOUNDS,
};
use crate::kernel::connections::Credit;

/// The most connections that are remembered: 40 MB.
const LIMIT: usize = 1 << 18;

/// A connection of the last list.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// None if it is not counted.
    key: Option<ConnectionKey>,
    readings: Readings,
    /// The number of the last list that has it.
    list: u64,
    /// True if it is in the numbers of open connections.
    is_counted: bool,
}

/// The connections that the last list had.
#[derive(Debug, Default)]
pub(super) struct Book {
    known: HashMap<u64, Known>,
    lists: u64,
    untracked: u64,
}

impl Book {
    /// Credits the growth since the last list.
    pub(super) fn turn(&mut self, listed: &[Listed], credit: Credit<'_>) {
        let is_first = self.lists == 0;
        self.lists += 1;
        let context = Context::of(listed);
        let mut beyond = 0;
        for one in connections(listed) {
            let is_new = !self.known.contains_key(&one.cookie);
            if is_new && self.known.len() >= LIMIT {
                beyond += 1;
                continue;
            }
            let known = self.known.entry(one.cookie).or_insert_with(|| Known {
                key: context.key(one),
                readings: match is_first {
                    true => one.readings,
                    false => Readings::default(),
                },
                list: 0,
                is_counted: false,
            });
            let is_again = known.list == self.lists;
            known.list = self.lists;
            let before = std::mem::replace(&mut known.readings, one.readings);
            let Some(key) = known.key.filter(|_| !is_again) else { continue };
            let mut growth = growth_of(before, one);
            growth.opened = (is_new && !is_first).into();
            growth.open = i64::from(!known.is_counted);
            known.is_counted = true;
            if growth != ConnectionGrowth::default() {
                credit(&key, &growth);
            }
        }
        self.untracked = self.untracked.max(beyond);
        self.end(credit);
    }

    /// Credits the end of all connections that the last list does not have.
    fn end(&mut self, credit: Credit<'_>) {
        let lists = self.lists;
        self.known.retain(|_, known| {
            if known.list == lists {
                return true;
            }
            if let Some(key) = known.key {
                let open = -i64::from(known.is_counted);
                let growth =
                    ConnectionGrowth { closed: 1, open, ..Default::default() };
                credit(&key, &growth);
            }
            false
        });
    }

    /// Begins the number of open connections anew.
    pub(super) fn recount(&mut self) {
        for known in self.known.values_mut() {
            known.is_counted = false;
        }
    }

    pub(super) fn untracked(&self) -> u64 {
        self.untracked
    }
}

fn connections(listed: &[Listed]) -> impl Iterator<Item = &Connection> {
    listed.iter().filter_map(|one| match one {
        Listed::Connected(connection) => Some(connection),
        Listed::Listening(_) => None,
    })
}

/// The other sockets of a list, which tell what a connection is.
struct Context {
    listening: HashSet<u16>,
    ends: HashSet<(Place, Place)>,
}

impl Context {
    fn of(listed: &[Listed]) -> Self {
        let listening = listed.iter().filter_map(|one| match one {
            Listed::Listening(port) => Some(*port),
            Listed::Connected(_) => None,
        });
        Self {
            listening: listening.collect(),
            ends: connections(listed).map(|it| (it.local, it.remote)).collect(),
        }
    }

    /// Returns the key of a connection; none for one of this machine with
    /// itself, whose other end is in the list too.
    fn key(&self, one: &Connection) -> Option<ConnectionKey> {
        let (remote, _) = one.remote;
        let is_own = remote.is_loopback()
            || remote == one.local.0
            || self.ends.contains(&(one.remote, one.local));
        if is_own {
            return None;
        }
        Some(match self.listening.contains(&one.local.1) {
            true => ConnectionKey {
                remote: Some(remote),
                local_port: one.local.1,
                direction: ConnectionDirection::Inbound,
            },
            false => ConnectionKey {
                remote: Some(remote),
                local_port: 0,
                direction: ConnectionDirection::Outbound,
            },
        })
    }
}

/// Returns the growth of the counters, and the observation of the round-trip
/// time if bytes moved.
fn growth_of(before: Readings, now: &Connection) -> ConnectionGrowth {
    let Readings {
        bytes_acked,
        bytes_received,
        segments_sent,
        segments_retransmitted,
    } = now.readings;
    // The number of segments begins again at zero after 2^32.
    let segments = |now: u32, before: u32| u64::from(now.wrapping_sub(before));
    let mut growth = ConnectionGrowth {
        bytes_acked: bytes_acked.saturating_sub(before.bytes_acked),
        bytes_received: bytes_received.saturating_sub(before.bytes_received),
        segments_sent: segments(segments_sent, before.segments_sent),
        segments_retransmitted: segments(
            segments_retransmitted,
            before.segments_retransmitted,
        ),
        ..Default::default()
    };
    let has_moved = growth.bytes_acked > 0 || growth.bytes_received > 0;
    if has_moved && now.round_trip > 0 {
        let bucket = RTT_BOUNDS.partition_point(|&it| it < now.round_trip);
        growth.round_trips.buckets[bucket] = 1;
        growth.round_trips.sum = now.round_trip.into();
    }
    growth
}

#[cfg(test)]
mod tests;
