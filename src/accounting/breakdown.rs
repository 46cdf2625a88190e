//! One volume for each direction and IP version.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Direction, IpVersion, Timestamp, Volume};

/// One volume for each direction and IP version.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Breakdown([[Volume; 2]; 2]);

impl Breakdown {
    /// Returns the breakdown of these volumes, asked for received before sent
    /// and IPv4 before IPv6.
    #[must_use]
    pub fn of(mut volume: impl FnMut(Direction, IpVersion) -> Volume) -> Self {
        let [received, sent] = [Direction::Received, Direction::Sent];
        let [v4, v6] = [IpVersion::V4, IpVersion::V6];
        Self([
            [volume(received, v4), volume(received, v6)],
            [volume(sent, v4), volume(sent, v6)],
        ])
    }

    /// Returns the volume of one direction and IP version.
    #[must_use]
    pub fn get(&self, direction: Direction, ip_version: IpVersion) -> Volume {
        self.0[direction.index()][ip_version.index()]
    }

    /// Returns the volume of one direction and IP version, to be changed.
    #[must_use]
    pub fn get_mut(
        &mut self,
        direction: Direction,
        ip_version: IpVersion,
    ) -> &mut Volume {
        &mut self.0[direction.index()][ip_version.index()]
    }

    /// Returns the sum of both IP versions.
    #[must_use]
    pub fn total(&self, direction: Direction) -> Volume {
        let mut total = self.get(direction, IpVersion::V4);
        total += self.get(direction, IpVersion::V6);
        total
    }
}

/// The times at which the series of each direction and IP version were last
/// zero, if known.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
pub struct Created([[Option<Timestamp>; 2]; 2]);

impl Created {
    /// Returns these times, asked for as by [`Breakdown::of`].
    #[must_use]
    pub fn of(
        mut time: impl FnMut(Direction, IpVersion) -> Option<Timestamp>,
    ) -> Self {
        let mut created = Self::default();
        for direction in [Direction::Received, Direction::Sent] {
            for ip_version in [IpVersion::V4, IpVersion::V6] {
                created.set(direction, ip_version, time(direction, ip_version));
            }
        }
        created
    }

    /// Returns the time at which a series was last zero.
    #[must_use]
    pub fn get(
        &self,
        direction: Direction,
        ip_version: IpVersion,
    ) -> Option<Timestamp> {
        self.0[direction.index()][ip_version.index()]
    }

    /// Notes the time at which a series was last zero.
    pub fn set(
        &mut self,
        direction: Direction,
        ip_version: IpVersion,
        at: Option<Timestamp>,
    ) {
        let of_direction = &mut self.0[direction.index()];
        of_direction[ip_version.index()] = at;
    }
}
