//! Marks: the positions up to which maps were read, from which another process
//! can continue.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{InterfaceId, Reading};

/// The identity of the maps and of the attachments. Marks are valid only for the
/// same incarnation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// No other maps have it.
    pub epoch: u64,
    /// By interface number in use, in their order, a number that no other
    /// attachment has.
    pub serials: Vec<(InterfaceId, u64)>,
}

/// The positions up to which the maps were read at one poll.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountingMarks {
    /// The maps.
    pub incarnation: Incarnation,
    /// The readings of their flows.
    pub flows: FlowMarks,
}

/// The marks of both tiers, but for the volumes in the flow table, which are
/// written down beside the table: see [`super::FlowTable::remember`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowMarks {
    /// Flows of the table ever begun.
    pub begun: u64,
    /// Flows in the table.
    pub table_flows: u64,
    /// The number of times that a flow of one tier appeared in the other too.
    pub joined: u64,
    /// Flows that are in both.
    pub shared: u64,
    /// The number of new flows that was last shown.
    pub new_keys: u64,
    /// Ways of the table ever freed.
    pub table_reclaims: u64,
    /// The marks of the map of flows.
    pub map: MapMarks,
}

/// The marks of the map of flows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapMarks {
    /// Every flow in it, in no order, unless some were left out.
    pub readings: Arc<[Reading]>,
    /// The volumes by which flows were ahead of the totals of their classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<Reading>,
    /// True if flows were left out, for want of room in the state.
    #[serde(default)]
    pub is_incomplete: bool,
    /// The time when they were read, in the unit of [`Reading::last_seen`].
    pub now: u32,
    /// Flows ever removed from it, not by the kernel.
    pub removed: u64,
    /// Flows ever evicted.
    pub evictions: u64,
    /// Those of them whose age is known.
    pub explained: u64,
    /// The shortest of these ages, in the same unit.
    pub minimum_age: Option<u64>,
}

impl Default for MapMarks {
    fn default() -> Self {
        Self {
            readings: Arc::new([]),
            ahead: Vec::new(),
            is_incomplete: false,
            now: 0,
            removed: 0,
            evictions: 0,
            explained: 0,
            minimum_age: None,
        }
    }
}
