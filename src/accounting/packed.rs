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
pub(super) struct PackedReading(u32, u32, u64, u64, u64, u64, u32, u32);

/// Returns the IP version, plus 16 for sent packets, plus 256 times the class.
fn kind_of(key: &FlowKey) -> u32 {
    let kind = key.direction.number() << 4 | key.ip_version.number();
    u32::from(key.class) << 8 | u32::from(kind)
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
        let [kind, class @ .., 0] = kind.to_le_bytes() else {
            return Err("no class");
        };
        let ip_version = IpVersion::from_number(kind & 0xf);
        let direction = Direction::from_number(kind >> 4);
        let class = u16::from_le_bytes(class);
        let remote = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
        Ok(Self {
            key: FlowKey {
                interface: InterfaceId(interface),
                direction: direction.ok_or("no direction")?,
                ip_version: ip_version.ok_or("no IP version")?,
                class,
                remote,
            },
            volume: (packets, bytes).try_into()?,
            generation,
            last_seen,
        })
    }
}
