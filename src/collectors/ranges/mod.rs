//! Bytes and packets by interface, direction, IP version, and the named ranges
//! of both ends.
//!
//! Pure: no I/O, clock, threads or logging.

mod account;
mod book;
mod families;
mod section;

pub use account::{MOST_PAIRS, RangesAccount};
pub use families::RangesCollector;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::accounting::{Breakdown, Created, Direction, Timestamp};
use crate::collectors::books::OfInterface;

/// The traffic of all ranges, at the end of one poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Interfaces with series, in the order of their names.
    pub interfaces: Vec<Arc<InterfaceRanges>>,
    /// Those that are gone and no longer have series, in the same order.
    pub remembered: Arc<[Arc<InterfaceRanges>]>,
}

/// The traffic of all interfaces that had one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceRanges {
    /// The value of the `interface` label.
    pub name: Arc<str>,
    /// Pairs with traffic, in the order in which they came.
    pub pairs: Vec<PairTraffic>,
    /// The packets whose flow was gone before a poll.
    pub unattributed: Breakdown,
    /// The time at which nothing was counted yet, if known.
    #[serde(default)]
    pub created: Option<Timestamp>,
    /// True if no interface has the name any more.
    #[serde(default)]
    pub is_absent: bool,
}

/// The traffic from one range to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairTraffic {
    /// The name of the senders' range.
    pub source: Arc<str>,
    /// The name of the receivers' range.
    pub destination: Arc<str>,
    /// The volume; a zero has always been zero.
    pub volume: Breakdown,
    /// The time at which each of these was last zero.
    #[serde(default)]
    pub created: Created,
}

impl OfInterface for InterfaceRanges {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn bytes(&self) -> u64 {
        let of = |volumes: &Breakdown| {
            let sum = |direction| volumes.total(direction).bytes;
            sum(Direction::Received).saturating_add(sum(Direction::Sent))
        };
        let pairs = self.pairs.iter().map(|pair| of(&pair.volume));
        pairs.fold(of(&self.unattributed), u64::saturating_add)
    }

    fn size(&self) -> usize {
        self.pairs.len()
    }
}
