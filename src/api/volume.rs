//! Bytes and packets, and their rates. They are flat in the object that has
//! them.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// Bytes on the wire, as the metrics count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bytes {
    /// Bytes received.
    pub bytes_received: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received per second.
    pub bytes_received_per_second: Option<f64>,
    /// Bytes sent per second.
    pub bytes_sent_per_second: Option<f64>,
}

/// Packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Packets {
    /// Packets received.
    pub packets_received: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets received per second.
    pub packets_received_per_second: Option<f64>,
    /// Packets sent per second.
    pub packets_sent_per_second: Option<f64>,
}

/// Bytes and packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// Bytes.
    #[serde(flatten)]
    pub bytes: Bytes,
    /// Packets.
    #[serde(flatten)]
    pub packets: Packets,
}

/// Bytes and packets of a span of time, which have no rate.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Totals {
    /// Bytes received.
    pub bytes_received: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Packets received; null if they are not counted.
    pub packets_received: Option<u64>,
    /// Packets sent; null if they are not counted.
    pub packets_sent: Option<u64>,
}

impl Bytes {
    /// Returns the sum of both directions.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bytes_received.saturating_add(self.bytes_sent)
    }
}

impl Volume {
    /// Returns the bytes of both directions.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.bytes.total()
    }
}
