//! The aspects of traffic that are a metric family each.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use crate::accounting::{Direction, Volume};

/// One direction of traffic, in one unit.
#[derive(Clone, Copy, Debug)]
pub struct Aspect {
    /// The direction.
    pub direction: Direction,
    /// Returns the bytes or the packets of a volume.
    pub unit: fn(Volume) -> u64,
}

impl Aspect {
    /// Bytes received and sent, then packets received and sent: the order of
    /// their families on the metrics page.
    pub const ALL: [Self; 4] = [
        Self { direction: Direction::Received, unit: bytes },
        Self { direction: Direction::Sent, unit: bytes },
        Self { direction: Direction::Received, unit: packets },
        Self { direction: Direction::Sent, unit: packets },
    ];
}

fn bytes(volume: Volume) -> u64 {
    volume.bytes
}

fn packets(volume: Volume) -> u64 {
    volume.packets
}
