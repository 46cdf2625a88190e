//! The parts of traffic: readings from the kernel, their growth, and the
//! accounts that are credited with it.
//!
//! Pure: no I/O, clock, threads or logging.

mod breakdown;
mod class_totals;
mod classes;
mod connections;
mod delta;
mod edges;
mod flow_table;
mod kernel_counters;
#[cfg(test)]
mod kernel_model;
mod key;
mod marks;
mod packed;
mod polls;
mod rests;
mod table;
mod timestamp;
mod tracker;

use std::ops::{AddAssign, Sub};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::geoip::{Country, CountryLabels, Network};
pub use crate::ranges::Range;
pub use breakdown::{Breakdown, Created};
pub use classes::{
    Class, ClassFault, ClassPlan, ClassPrefix, Classes, MOST_CLASS_PREFIXES,
    MOST_CLASSES, ServicePlan, ServicePorts,
};
pub use connections::{
    ConnectionDirection, ConnectionGrowth, ConnectionKey, RTT_BOUNDS,
    RoundTrips,
};
pub use delta::{DeltaTracker, Observation};
pub use edges::{AtEdges, Edges};
pub use flow_table::{FlowTable, Way};
pub use kernel_counters::{KernelCounter, KernelCounters};
pub use key::{Direction, Family, FlowKey, InterfaceId, IpVersion};
pub use marks::{CountingMarks, FlowMarks, Incarnation, MapMarks};
use packed::PackedReading;
pub use polls::{PollCounters, PollStatistics, TableStatistics};
pub use rests::{AttachmentMarks, Rest, TotalsTracker, UNNAMED};
pub use timestamp::{PollEnd, Timestamp};
pub use tracker::{Counts, FlowStatistics, FlowTracker, MapSweep};

/// Packets and bytes on the wire; in a saved state a pair.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[serde(try_from = "(u64, u64)", into = "(u64, u64)")]
pub struct Volume {
    /// Packets, super-frames counted as the packets they stand for.
    pub packets: u64,
    /// Bytes, from the Ethernet header on, without preamble and FCS.
    pub bytes: u64,
}

/// The largest counter that a saved state may have. None gets there: 2^62 bytes
/// take a century at 10 Gbit/s. Beyond it, counting on could overflow.
pub const LARGEST_COUNTER: u64 = 1 << 62;

impl TryFrom<(u64, u64)> for Volume {
    type Error = &'static str;

    fn try_from((packets, bytes): (u64, u64)) -> Result<Self, &'static str> {
        match packets.max(bytes) <= LARGEST_COUNTER {
            true => Ok(Self { packets, bytes }),
            false => Err("a counter that nothing could have counted"),
        }
    }
}

impl From<Volume> for (u64, u64) {
    fn from(volume: Volume) -> Self {
        (volume.packets, volume.bytes)
    }
}

impl AddAssign for Volume {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

impl Sub for Volume {
    type Output = Self;

    /// Returns the growth from `earlier` to `self`, never below zero.
    fn sub(self, earlier: Self) -> Self {
        Self {
            packets: self.packets.saturating_sub(earlier.packets),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
    }
}

/// One growth of one flow, to be credited to an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficDelta {
    /// The flow.
    pub key: FlowKey,
    /// The growth since the last poll.
    pub volume: Volume,
}

/// All traffic at the hook of one interface since it was attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceTotal {
    /// The interface.
    pub interface: InterfaceId,
    /// The direction.
    pub direction: Direction,
    /// The kind of packets.
    pub family: Family,
    /// The cumulative volume.
    pub volume: Volume,
}

/// The origin of a remote address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The country its prefix is registered in.
    pub country: Country,
    /// The network it belongs to.
    pub network: Network,
    /// The named range that its prefix is in.
    pub range: Range,
}

/// Monotonic sums over one aspect of the traffic.
///
/// The poller tells every account the same things in the same order: an
/// interface appears, deltas are credited, the rests of the totals are credited,
/// a snapshot is taken, and in the end the interface is forgotten. An account
/// that is off is not credited.
pub trait Account: Send {
    /// The form in which a scrape sees the account.
    type Snapshot: Send + Sync + 'static;

    /// Takes over a configuration: at the start, and after the poll of a reload.
    fn configure(&mut self, _config: &Config) {}

    /// Returns whether the configuration in force asks for the account.
    fn is_on(&self) -> bool {
        true
    }

    /// Names an interface, for the first time or anew after a rename. Earlier
    /// credits stay under the old name.
    fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>);

    /// Learns the labels of countries: those known before and new ones.
    fn label_countries(&mut self, labels: &Arc<CountryLabels>);

    /// Learns the interfaces at which the host is counted once from now on.
    fn set_edges(&mut self, _edges: &Arc<Edges>) {}

    /// Learns the meanings of all classes that flows may have from now on.
    fn set_classes(&mut self, _classes: &Arc<Classes>) {}

    /// Credits a flow's growth to its origin. Called for every flow that
    /// changed.
    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin);

    /// Credits packets of a class that are in no flow, as the kernel had no room
    /// for it or evicted it: their remote prefixes are not known. The same
    /// packets are unattributed in the rests.
    fn credit_without_remote(&mut self, _key: &FlowKey, _volume: Volume) {}

    /// Credits the growth of totals, which were read before the deltas just
    /// credited.
    fn credit_rests(&mut self, rests: &[Rest]);

    /// Forgets an interface's number, which may be given out again. Its credits
    /// stay under the interface's name.
    fn forget_interface(&mut self, interface: InterfaceId);

    /// Ends a poll: traffic that is credited later did not exist yet. Returns
    /// whether the sums have changed since the last snapshot.
    fn end_poll(&mut self, end: PollEnd) -> bool;

    /// Returns the sums as they are now.
    fn snapshot(&mut self) -> Self::Snapshot;
}

/// The kernel's counters of a flow since it was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PackedReading", into = "PackedReading")]
pub struct Reading {
    /// The flow.
    pub key: FlowKey,
    /// The cumulative volume.
    pub volume: Volume,
    /// The number of this creation of the flow: another number than before
    /// means that it was evicted and came back.
    pub generation: u32,
    /// The time of the last packet, in ticks of a clock that wraps around.
    pub last_seen: u32,
}
