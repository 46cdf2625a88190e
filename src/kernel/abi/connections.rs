//! The user side of `bpf-src/connections_abi.h`, as the module above is of
//! `traffic_abi.h`. No calls.

#![forbid(unsafe_code)]

use std::mem::size_of;
use std::net::{IpAddr, Ipv6Addr};

use crate::accounting::{
    ConnectionDirection, ConnectionGrowth, ConnectionKey, RTT_BOUNDS,
    RoundTrips,
};

/// The two maps of growth.
pub const GROWTH: [&str; 2] = ["growth_0", "growth_1"];
/// The growth that found no room.
pub const GROWTH_RESTS: &str = "growth_rests";
/// The settings, and counters of the programs.
pub const SETTINGS: &str = "connections_settings";
/// The map whose updates wait for all running programs.
pub const GRACE: &str = "connections_grace";
/// The map of the notes on sockets that have no place in the table.
pub const SOCKETS: &str = "connections_sockets";
/// The table of connections.
pub const PLACES: &str = "connections_places";
/// The ports of listening sockets.
pub const LISTENING: &str = "connections_listening";
/// The number of the exporter's network namespace.
pub const OWN_NAMESPACE: &str = "own_namespace";
/// Not zero if other namespaces are counted too.
pub const HAS_ALL_NAMESPACES: &str = "has_all_namespaces";
/// The bounds of the buckets of round-trip times.
pub const ROUND_TRIP_BOUNDS: &str = "round_trip_bounds";
/// The programs of the tracepoint.
pub const EVENTS: [&str; 2] = ["connections_first", "connections_second"];
/// The iterator that visits the sockets of the own namespace, and the one that
/// visits those of all others.
pub const VISITS: [&str; 2] = ["connections_visit", "connections_visit_files"];
/// The iterators that find the connections that are open already, likewise.
pub const FINDS: [&str; 2] = ["connections_find", "connections_find_files"];

/// Keys of each of the two maps of growth.
pub const KEYS: u32 = 32_768;
/// Sets of places in the table of connections.
pub const SETS: u32 = 4096;
/// Places in each set.
pub const WAYS: usize = 4;
/// Buckets of round-trip times.
pub const BUCKETS: usize = RTT_BOUNDS.len() + 1;
/// In the word of the settings: the second map of growth is in use.
pub const IS_SECOND: u64 = 1;

/// The directions in the order of their numbers in C.
pub const DIRECTION_ORDER: [ConnectionDirection; 2] =
    [ConnectionDirection::Inbound, ConnectionDirection::Outbound];

/// `struct connections_key`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionsKey {
    /// The remote address in network order; IPv4 is mapped into IPv6.
    pub remote: [u8; 16],
    /// The local port of inbound connections; zero of outbound ones.
    pub local_port: u16,
    /// 0 inbound, 1 outbound.
    pub direction: u16,
}

/// `struct connections_growth`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionsGrowth {
    /// Established connections.
    pub opened: u64,
    /// Attempts that ended without a connection.
    pub failed: u64,
    /// Ended connections.
    pub closed: u64,
    /// The change of the number of open ones.
    pub open: i64,
    /// Open ones of an older generation that were counted anew, or ended.
    pub carried: u64,
    /// Bytes that were acknowledged.
    pub bytes_acked: u64,
    /// Bytes that were received.
    pub bytes_received: u64,
    /// Segments sent.
    pub segments_sent: u64,
    /// Segments sent again.
    pub segments_retransmitted: u64,
    /// The sum of the observed round-trip times, in microseconds.
    pub round_trips_sum: u64,
    /// The number of them in each bucket.
    pub round_trips: [u64; BUCKETS],
}

/// `struct connections_settings`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionsSettings {
    /// The generation twice, and [`IS_SECOND`].
    pub word: u64,
    /// Fills the cache line.
    pub unused: [u64; 7],
    /// Keys in each map of growth.
    pub keys: [u64; 2],
    /// Connections whose sockets had no room for storage.
    pub untracked: u64,
    /// Connections that ended in another element than they began in.
    pub displaced: u64,
    /// Not zero while user space looks for open connections.
    pub is_finding: u64,
    /// Open connections that the last visit saw.
    pub visited: u64,
    /// Fills the cache line.
    pub unused2: [u64; 2],
}

/// `struct connections_socket`. User space does not read it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionsSocket {
    /// The state of the connection, and more.
    pub mark: u64,
    /// The last reading of the acknowledged bytes.
    pub bytes_acked: u64,
    /// That of the received bytes.
    pub bytes_received: u64,
    /// That of the segments sent.
    pub segments_sent: u64,
    /// That of the segments sent again.
    pub segments_retransmitted: u64,
}

/// `struct connections_set`. User space does not read it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionsSet {
    /// The cookies of the sockets; zero if the place is free.
    pub cookies: [u64; WAYS],
    /// The notes on the sockets.
    pub sockets: [ConnectionsSocket; WAYS],
}

/// Words of `struct connections_growth`.
pub const GROWTH_WORDS: usize = size_of::<ConnectionsGrowth>() / 8;

impl ConnectionsKey {
    /// Returns the key as the accounting knows it.
    #[must_use]
    pub fn decode(&self) -> ConnectionKey {
        let remote = IpAddr::V6(Ipv6Addr::from(self.remote)).to_canonical();
        ConnectionKey {
            remote: Some(remote),
            local_port: self.local_port,
            direction: DIRECTION_ORDER[usize::from(self.direction & 1)],
        }
    }
}

impl ConnectionsGrowth {
    /// Returns the growth as the accounting knows it.
    #[must_use]
    pub fn decode(&self) -> ConnectionGrowth {
        ConnectionGrowth {
            opened: self.opened,
            failed: self.failed,
            closed: self.closed,
            open: self.open,
            carried: self.carried,
            bytes_acked: self.bytes_acked,
            bytes_received: self.bytes_received,
            segments_sent: self.segments_sent,
            segments_retransmitted: self.segments_retransmitted,
            round_trips: RoundTrips {
                buckets: self.round_trips,
                sum: self.round_trips_sum,
            },
        }
    }

    /// Returns the growth in the words of an array's element.
    #[must_use]
    pub fn from_words(words: [u64; GROWTH_WORDS]) -> Self {
        let [
            opened,
            failed,
            closed,
            open,
            carried,
            bytes_acked,
            bytes_received,
            segments_sent,
            segments_retransmitted,
            round_trips_sum,
            round_trips @ ..,
        ] = words;
        Self {
            opened,
            failed,
            closed,
            open: open.cast_signed(),
            carried,
            bytes_acked,
            bytes_received,
            segments_sent,
            segments_retransmitted,
            round_trips_sum,
            round_trips,
        }
    }
}

const _: () = {
    assert!(size_of::<ConnectionsKey>() == 20);
    assert!(GROWTH_WORDS == 10 + BUCKETS);
    assert!(size_of::<ConnectionsSettings>() == 128);
    assert!(size_of::<ConnectionsSocket>() == 40);
    assert!(size_of::<ConnectionsSet>() == 192);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv4_is_mapped_into_ipv6() {
        let key = |remote: &str, direction| ConnectionsKey {
            remote: remote.parse::<Ipv6Addr>().unwrap().octets(),
            local_port: 443,
            direction,
        };
        let read = key("::ffff:198.51.100.7", 0).decode();
        assert_eq!(read.remote, Some("198.51.100.7".parse().unwrap()));
        assert_eq!(read.direction, ConnectionDirection::Inbound);
        assert_eq!(read.local_port, 443);
        let read = key("2001:db8::1", 1).decode();
        assert_eq!(read.remote, Some("2001:db8::1".parse().unwrap()));
        assert_eq!(read.direction, ConnectionDirection::Outbound);
    }

    #[test]
    fn the_words_of_growth_are_its_fields_in_their_order() {
        let words = std::array::from_fn(|i| i as u64 + 1);
        let read = ConnectionsGrowth::from_words(words);
        assert_eq!((read.opened, read.open), (1, 4));
        assert_eq!(read.round_trips_sum, 10);
        assert_eq!(read.round_trips[0], 11);
        let decoded = read.decode();
        assert_eq!((decoded.carried, decoded.segments_retransmitted), (5, 9));
        assert_eq!(decoded.round_trips.buckets[BUCKETS - 1], 20);
        let ended = [0, 0, 0, u64::MAX];
        let words = std::array::from_fn(|i| *ended.get(i).unwrap_or(&0));
        assert_eq!(ConnectionsGrowth::from_words(words).open, -1);
    }
}
