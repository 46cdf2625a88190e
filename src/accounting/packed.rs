//! A reading of a flow as a saved state has it: numbers without names, as there
//! may be millions.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Direction, FlowKey, InterfaceId, IpVersion, Reading, Volume};

/// The interface, [`kind_of`], both halves of the remote prefix, packets,
/// bytes, the generation and the time of the last packet.
#[derive(Serialize, Deserialize)]
pub(super) struct PackedReading(u32, u8, u64, u64, u64, u64, u32, u32);

/// Returns the IP version, plus 16 for sent packets.
fn kind_of(key: &FlowKey) -> u8 {
    let direction = match key.direction {
        Direction::Received => 0,
        Direction::Sent => 16,
    };
    let ip_version = match key.ip_version {
        IpVersion::V4 => 4,
        IpVersion::V6 => 6,
    };
    direction + ip_version
}

impl From<Reading> for PackedReading {
    fn from(reading: Reading) -> Self {
        let Reading { key, volume, generation, last_seen } = reading;
        let [high, low] = halves_of(u128::from_be_bytes(key.remote));
        let Volume { packets, bytes } = volume;
        let kind = kind_of(&key);
        Self(
            key.interface.0,
            kind,
            high,
            low,
            packets,
            bytes,
            generation,
            last_seen,
        )
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves")]
fn halves_of(number: u128) -> [u64; 2] {
    [(number >> 64) as u64, number as u64]
}

impl TryFrom<PackedReading> for Reading {
    type Error = &'static str;

    fn try_from(packed: PackedReading) -> Result<Self, &'static str> {
        let PackedReading(
            interface,
            kind,
            high,
            low,
            packets,
            bytes,
            generation,
            last_seen,
        ) = packed;
        let ip_version = match kind & 0xf {
            4 => IpVersion::V4,
            6 => IpVersion::V6,
            _ => return Err("no IP version"),
        };
        let direction = match kind >> 4 {
            0 => Direction::Received,
            1 => Direction::Sent,
            _ => return Err("no direction"),
        };
        let remote = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        let interface = InterfaceId(interface);
        Ok(Self {
            key: FlowKey { interface, direction, ip_version, remote },
            volume: (packets, bytes).try_into()?,
            generation,
            last_seen,
        })
    }
}
