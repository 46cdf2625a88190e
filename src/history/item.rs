//! Counters as the history sees them, and their growth.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use crate::accounting::{Timestamp, Volume};

/// A subject whose traffic is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Interfaces and countries.
    Country,
    /// Networks, each packet counted once.
    Network,
    /// Pairs of named ranges.
    Range,
    /// Services, each packet counted once.
    Service,
}

impl Subject {
    /// Every subject.
    pub const ALL: [Self; 4] =
        [Self::Country, Self::Network, Self::Range, Self::Service];

    /// Returns its number in the file.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Self::Country => 0,
            Self::Network => 1,
            Self::Range => 2,
            Self::Service => 3,
        }
    }
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The key has no such part.
    None,
    /// All that exceeds a limit.
    Other,
    /// Packets whose flow was gone before a poll.
    Unattributed,
    /// Packets that are not IP.
    NonIp,
    /// Addresses of no known network.
    Unknown,
    /// The number of a network.
    Number(u32),
    /// A name, as a label of a metric has it.
    Name(Arc<str>),
}

/// The counters that belong together: an interface and a country, a network, the
/// source and the destination of a pair of ranges, a service. The last part tells
/// apart counters that the history adds up: the interface of a pair of ranges,
/// the country of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Label, pub Label, pub Label);

/// Bytes and packets, each received and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Bytes.
    pub bytes: [u64; 2],
    /// Packets; zero where the subject counts none.
    pub packets: [u64; 2],
}

impl Amounts {
    /// Returns the amounts of these volumes: received and sent.
    #[must_use]
    pub fn of([received, sent]: [Volume; 2]) -> Self {
        Self {
            bytes: [received.bytes, sent.bytes],
            packets: [received.packets, sent.packets],
        }
    }

    /// Returns all bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bytes[0].saturating_add(self.bytes[1])
    }

    /// Returns whether nothing was counted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Adds other amounts.
    pub fn add(&mut self, more: &Self) {
        for direction in [0, 1] {
            let (bytes, packets) =
                (more.bytes[direction], more.packets[direction]);
            self.bytes[direction] = self.bytes[direction].saturating_add(bytes);
            self.packets[direction] =
                self.packets[direction].saturating_add(packets);
        }
    }
}

/// The counters of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Their key.
    pub key: Key,
    /// Their values, and when they were zero.
    pub mark: Mark,
}

/// The values of counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The values.
    pub amounts: Amounts,
    /// The time at which the received and the sent ones were zero, if known. A
    /// counter that began anew has another time.
    pub created: [Option<Timestamp>; 2],
}

/// The growth of counters.
pub type Growth = Amounts;

/// Returns the growth of counters since a mark.
///
/// A counter that began anew since then has grown by its whole value. A counter
/// below its mark that did not begin anew was set back, as by a restored state
/// file: it has not grown.
#[must_use]
pub fn growth(mark: &Mark, now: &Mark) -> Growth {
    let mut grown = Growth::default();
    for direction in [0, 1] {
        let (bytes, packets) =
            (now.amounts.bytes[direction], now.amounts.packets[direction]);
        let (old_bytes, old_packets) =
            (mark.amounts.bytes[direction], mark.amounts.packets[direction]);
        let began_anew = match (mark.created[direction], now.created[direction])
        {
            (Some(before), Some(now)) => before != now,
            // The time is missing in states of old releases.
            _ => bytes < old_bytes || packets < old_packets,
        };
        let base = match began_anew {
            true => (0, 0),
            false => (old_bytes, old_packets),
        };
        grown.bytes[direction] = bytes.saturating_sub(base.0);
        grown.packets[direction] = packets.saturating_sub(base.1);
    }
    grown
}

#[cfg(test)]
mod tests;
