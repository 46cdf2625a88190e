//! Rates: the growth of counters since an earlier moment.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use crate::accounting::{Breakdown, Direction, IpVersion, Volume};
use crate::api;
use crate::collectors::moments::Moment;

/// A volume in each direction: received and sent.
pub(super) type Sides = [Volume; 2];

/// The time over which rates are taken, in seconds; none if there are none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace(Option<f64>);

impl Pace {
    /// Returns the time over which the rates of a moment are taken.
    pub(super) fn of(moment: &Moment) -> Self {
        Self(moment.rates_over().map(|span| span.as_secs_f64()))
    }

    /// Takes rates over so many seconds.
    pub(super) fn over(seconds: Option<f64>) -> Self {
        Self(seconds)
    }

    /// Returns whether there are rates.
    pub(super) fn has_rates(self) -> bool {
        self.0.is_some()
    }

    /// Returns the growth of a counter per second, to three places.
    #[expect(clippy::cast_precision_loss, reason = "a rate is not exact")]
    pub(super) fn rate(self, now: u64, earlier: u64) -> Option<f64> {
        let rate = now.saturating_sub(earlier) as f64 / self.0?;
        Some((rate * 1_000.0).round() / 1_000.0)
    }

    /// Returns bytes and their rates.
    pub(super) fn bytes(self, now: [u64; 2], earlier: [u64; 2]) -> api::Bytes {
        api::Bytes {
            bytes_received: now[0],
            bytes_sent: now[1],
            bytes_received_per_second: self.rate(now[0], earlier[0]),
            bytes_sent_per_second: self.rate(now[1], earlier[1]),
        }
    }

    /// Returns a volume and its rates.
    pub(super) fn volume(self, now: Sides, earlier: Sides) -> api::Volume {
        let packets = |sides: Sides| sides.map(|volume| volume.packets);
        let bytes = |sides: Sides| sides.map(|volume| volume.bytes);
        let (now_packets, then) = (packets(now), packets(earlier));
        api::Volume {
            bytes: self.bytes(bytes(now), bytes(earlier)),
            packets: api::Packets {
                packets_received: now_packets[0],
                packets_sent: now_packets[1],
                packets_received_per_second: self.rate(now_packets[0], then[0]),
                packets_sent_per_second: self.rate(now_packets[1], then[1]),
            },
        }
    }
}

/// Returns the part of a breakdown that is of one IP version, or all of it.
pub(super) fn sides(of: &Breakdown, ip_version: Option<IpVersion>) -> Sides {
    [Direction::Received, Direction::Sent].map(|direction| match ip_version {
        Some(version) => of.get(direction, version),
        None => of.total(direction),
    })
}

/// Adds a volume in each direction.
pub(super) fn add(sum: &mut Sides, more: &Sides) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += *more;
    }
}
