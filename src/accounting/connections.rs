//! The growth of the counters of TCP connections, as the kernel side takes it
//! and the account of connections gets it.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::IpAddr;
use std::ops::AddAssign;

/// The side that asked for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectionDirection {
    /// The remote host connected to this machine.
    Inbound,
    /// This machine connected to the remote host.
    Outbound,
}

impl ConnectionDirection {
    /// Every direction.
    pub const ALL: [Self; 2] = [Self::Inbound, Self::Outbound];

    /// Returns the value of the label `direction`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }

    /// Returns its place in an array by direction.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The connections whose counters are added up together in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionKey {
    /// The whole remote address; an IPv4 address that is mapped into IPv6 is
    /// IPv4. None if the kernel had no room for another key.
    pub remote: Option<IpAddr>,
    /// The local port of inbound connections; zero if `remote` is none, and for
    /// outbound connections, whose local port is an arbitrary one.
    pub local_port: u16,
    /// The side that asked for the connections.
    pub direction: ConnectionDirection,
}

/// The upper bounds of the buckets of round-trip times, in microseconds. Common
/// distances are in the middle of a bucket, where the interpolation of a
/// quantile is right: 10 ms, 20 ms, 80 ms, 200 ms.
pub const RTT_BOUNDS: [u32; 9] = [
    5_000, 15_000, 25_000, 60_000, 100_000, 150_000, 250_000, 750_000,
    2_000_000,
];

/// Observations of smoothed round-trip times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// The number of observations in each bucket, not cumulative. The last one
    /// has the times above every bound.
    pub buckets: [u64; RTT_BOUNDS.len() + 1],
    /// The sum of the observed times in microseconds.
    pub sum: u64,
}

/// The growth of the counters of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionGrowth {
    /// Connections that were established.
    pub opened: u64,
    /// Attempts of this machine to connect that ended without a connection.
    pub failed: u64,
    /// Established connections that ended.
    pub closed: u64,
    /// The change of the number of open connections. Connections that the
    /// exporter found open are in it, and not in `opened`.
    pub open: i64,
    /// Connections that were open when the number of open ones began anew, and
    /// that were counted again or have ended since then.
    pub carried: u64,
    /// Bytes that the remote hosts acknowledged.
    pub bytes_acked: u64,
    /// Bytes that this machine received in order.
    pub bytes_received: u64,
    /// Segments sent, retransmitted ones included.
    pub segments_sent: u64,
    /// Segments sent again.
    pub segments_retransmitted: u64,
    /// One observation for each visit and open connection that made progress
    /// since the visit before.
    pub round_trips: RoundTrips,
}

impl AddAssign<&Self> for RoundTrips {
    fn add_assign(&mut self, other: &Self) {
        for (own, growth) in self.buckets.iter_mut().zip(other.buckets) {
            *own += growth;
        }
        self.sum += other.sum;
    }
}

impl AddAssign<&Self> for ConnectionGrowth {
    fn add_assign(&mut self, other: &Self) {
        self.opened += other.opened;
        self.failed += other.failed;
        self.closed += other.closed;
        self.open += other.open;
        self.carried += other.carried;
        self.bytes_acked += other.bytes_acked;
        self.bytes_received += other.bytes_received;
        self.segments_sent += other.segments_sent;
        self.segments_retransmitted += other.segments_retransmitted;
        self.round_trips += &other.round_trips;
    }
}
