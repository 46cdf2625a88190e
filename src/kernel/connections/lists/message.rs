//! Requests for lists of TCP sockets, and their answers (linux/inet_diag.h).
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::NetlinkSerializable;

use crate::kernel::netlink::message::{Message, attribute};

/// AF_INET and AF_INET6 of linux/socket.h.
pub(super) const IPV4: u8 = 2;
pub(super) const IPV6: u8 = 10;
/// SOCK_DIAG_BY_FAMILY of linux/sock_diag.h.
const BY_FAMILY: u16 = 20;
/// INET_DIAG_INFO: the socket's `struct tcp_info`.
const INFO: u16 = 2;
/// TCP_LISTEN.
const LISTEN: u8 = 10;
/// The states of an open connection, and TCP_LISTEN: 1 established, 4 and 5
/// FIN_WAIT, 8 CLOSE_WAIT, 9 LAST_ACK, 11 CLOSING.
const STATES: u32 =
    1 << 1 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11;
/// `struct inet_diag_req_v2`.
const REQUEST_LENGTH: usize = 56;
/// `struct inet_diag_msg`.
const HEAD_LENGTH: usize = 72;

/// A request for the listening and connected TCP sockets of a family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sockets {
    /// [`IPV4`] or [`IPV6`].
    pub(super) family: u8,
}

impl NetlinkSerializable for Sockets {
    fn message_type(&self) -> u16 {
        BY_FAMILY
    }

    fn buffer_len(&self) -> usize {
        REQUEST_LENGTH
    }

    fn serialize(&self, buffer: &mut [u8]) {
        const TCP: u8 = 6;
        buffer[..REQUEST_LENGTH].fill(0);
        buffer[0] = self.family;
        buffer[1] = TCP;
        buffer[2] = 1 << (INFO - 1);
        buffer[4..8].copy_from_slice(&STATES.to_ne_bytes());
    }
}

/// An address and a port.
pub(super) type Place = (IpAddr, u16);

/// The counters of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Readings {
    pub(super) bytes_acked: u64,
    pub(super) bytes_received: u64,
    pub(super) segments_sent: u32,
    pub(super) segments_retransmitted: u32,
}

/// A connected socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    /// The kernel's number of the socket, which no other one ever gets.
    pub(super) cookie: u64,
    pub(super) local: Place,
    pub(super) remote: Place,
    pub(super) readings: Readings,
    /// In microseconds; zero if it is not known.
    pub(super) round_trip: u32,
}

/// A socket of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// One that listens at a port.
    Listening(u16),
    /// One with a connection.
    Connected(Connection),
}

/// Reads one message.
pub(super) fn listed(message: Message<'_>) -> Option<Listed> {
    let payload = message.payload;
    if message.kind != BY_FAMILY || payload.len() < HEAD_LENGTH {
        return None;
    }
    let family = payload[0];
    let local = (address(family, &payload[8..24])?, port(&payload[4..6]));
    if payload[1] == LISTEN {
        return Some(Listed::Listening(local.1));
    }
    let remote = (address(family, &payload[24..40])?, port(&payload[6..8]));
    let cookie =
        u64::from(word(payload, 44)?) | u64::from(word(payload, 48)?) << 32;
    let info = attribute(&payload[HEAD_LENGTH..], INFO)?;
    // `struct tcp_info`; kernels only ever add to its end.
    let readings = Readings {
        bytes_acked: long(info, 120)?,
        bytes_received: long(info, 128)?,
        segments_sent: word(info, 136)?,
        segments_retransmitted: word(info, 100)?,
    };
    let round_trip = word(info, 68)?;
    Some(Listed::Connected(Connection {
        cookie,
        local,
        remote,
        readings,
        round_trip,
    }))
}

fn address(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        IPV4 => {
            let octets: [u8; 4] = *bytes.first_chunk()?;
            Some(Ipv4Addr::from(octets).into())
        }
        IPV6 => {
            let octets: [u8; 16] = *bytes.first_chunk()?;
            Some(IpAddr::from(Ipv6Addr::from(octets)).to_canonical())
        }
        _ => None,
    }
}

fn port(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::netlink::message::messages;

    /// Returns a datagram with one socket, as the kernel writes it.
    fn datagram(state: u8, info: &[u8]) -> Vec<u8> {
        let mut payload = vec![10, state, 0, 0];
        payload.extend(443_u16.to_be_bytes());
        payload.extend(50_000_u16.to_be_bytes());
        let local: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let remote: Ipv6Addr = "::ffff:198.51.100.7".parse().unwrap();
        payload.extend(local.octets());
        payload.extend(remote.octets());
        payload.extend(0_u32.to_ne_bytes());
        payload.extend(7_u32.to_ne_bytes());
        payload.extend(1_u32.to_ne_bytes());
        payload.extend([0; 20]);
        let length = u16::try_from(info.len() + 4).unwrap();
        payload.extend(length.to_ne_bytes());
        payload.extend(INFO.to_ne_bytes());
        payload.extend(info);
        let mut bytes =
            u32::try_from(payload.len() + 16).unwrap().to_ne_bytes().to_vec();
        bytes.extend(BY_FAMILY.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(payload);
        bytes
    }

    fn read(datagram: &[u8]) -> Option<Listed> {
        messages(datagram).find_map(listed)
    }

    fn info() -> Vec<u8> {
        let mut info = vec![0; 140];
        info[68..72].copy_from_slice(&20_000_u32.to_ne_bytes());
        info[100..104].copy_from_slice(&3_u32.to_ne_bytes());
        info[120..128].copy_from_slice(&1_000_u64.to_ne_bytes());
        info[128..136].copy_from_slice(&2_000_u64.to_ne_bytes());
        info[136..140].copy_from_slice(&40_u32.to_ne_bytes());
        info
    }

    #[test]
    fn a_connection_is_read_with_its_counters() {
        let expected = Connection {
            cookie: 1 << 32 | 7,
            local: ("2001:db8::1".parse().unwrap(), 443),
            remote: ("198.51.100.7".parse().unwrap(), 50_000),
            readings: Readings {
                bytes_acked: 1_000,
                bytes_received: 2_000,
                segments_sent: 40,
                segments_retransmitted: 3,
            },
            round_trip: 20_000,
        };
        let found = read(&datagram(1, &info()));
        assert_eq!(found, Some(Listed::Connected(expected)));
    }

    #[test]
    fn a_listening_socket_is_read_with_its_port_alone() {
        let found = read(&datagram(LISTEN, &[]));
        assert_eq!(found, Some(Listed::Listening(443)));
    }

    #[test]
    fn a_message_that_is_too_short_is_left_out() {
        let whole = datagram(1, &info());
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(read(&datagram(1, &info()[..139])), None);
    }

    #[test]
    fn a_request_names_the_family_and_asks_for_the_counters() {
        let mut buffer = vec![0xFF; REQUEST_LENGTH];
        Sockets { family: 10 }.serialize(&mut buffer);
        assert_eq!(buffer[..4], [10, 6, 2, 0]);
        assert_eq!(buffer[8..], [0; 48]);
    }
}
