use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Counted = BTreeMap<ConnectionKey, ConnectionGrowth>;

fn turn(book: &mut Book, counted: &mut Counted, listed: &[Listed]) {
    book.turn(listed, &mut |key, growth| {
        *counted.entry(*key).or_default() += growth;
    });
}

fn connection(cookie: u64, local: &str, remote: &str) -> Connection {
    let place = |text: &str| {
        let place: std::net::SocketAddr = text.parse().unwrap();
        (place.ip(), place.port())
    };
    Connection {
        cookie,
        local: place(local),
        remote: place(remote),
        readings: Readings::default(),
        round_trip: 0,
    }
}

fn key(
    remote: &str,
    local_port: u16,
    direction: ConnectionDirection,
) -> ConnectionKey {
    ConnectionKey {
        remote: Some(remote.parse().unwrap()),
        local_port,
        direction,
    }
}

#[test]
fn the_direction_follows_from_the_listening_ports() {
    let (mut book, mut counted) = (Book::default(), Counted::new());
    let inbound = connection(1, "192.0.2.1:443", "198.51.100.7:50000");
    let outbound = connection(2, "192.0.2.1:50000", "198.51.100.7:443");
    let listed = [
        Listed::Connected(outbound),
        Listed::Connected(inbound),
        Listed::Listening(443),
    ];
    turn(&mut book, &mut counted, &listed);
    let open = ConnectionGrowth { open: 1, ..Default::default() };
    let remote = "198.51.100.7";
    let expected = Counted::from([
        (key(remote, 443, ConnectionDirection::Inbound), open),
        (key(remote, 0, ConnectionDirection::Outbound), open),
    ]);
    assert_eq!(counted, expected);
}

#[test]
fn connections_of_the_machine_with_itself_are_left_out() {
    let (mut book, mut counted) = (Book::default(), Counted::new());
    let listed = [
        connection(1, "127.0.0.1:1", "127.0.0.1:2"),
        connection(2, "192.0.2.1:1", "192.0.2.1:2"),
        connection(3, "192.0.2.1:1", "192.0.2.2:2"),
        connection(4, "192.0.2.2:2", "192.0.2.1:1"),
        connection(5, "[::1]:1", "[::1]:2"),
    ]
    .map(Listed::Connected);
    turn(&mut book, &mut counted, &listed);
    turn(&mut book, &mut counted, &[]);
    assert_eq!(counted, Counted::new());
}

#[test]
fn a_round_trip_is_observed_if_bytes_moved() {
    let (mut book, mut counted) = (Book::default(), Counted::new());
    let mut one = connection(1, "192.0.2.1:50000", "198.51.100.7:443");
    one.round_trip = 20_000;
    for (acked, sent) in [(0, 1), (10, 2), (10, 3), (20, 4)] {
        one.readings.bytes_acked = acked;
        one.readings.segments_sent = sent;
        turn(&mut book, &mut counted, &[Listed::Connected(one)]);
    }
    let growth = counted.into_values().next().unwrap();
    assert_eq!(growth.round_trips.sum, 40_000);
    let bucket = RTT_BOUNDS.iter().position(|&it| it >= 20_000).unwrap();
    assert_eq!(growth.round_trips.buckets[bucket], 2);
    assert_eq!(growth.segments_sent, 3);
}

#[test]
fn connections_beyond_the_limit_are_untracked() {
    let (mut book, mut counted) = (Book::default(), Counted::new());
    let one = connection(0, "192.0.2.1:50000", "198.51.100.7:443");
    let listed: Vec<_> = (0..LIMIT as u64 + 3)
        .map(|cookie| Listed::Connected(Connection { cookie, ..one }))
        .collect();
    turn(&mut book, &mut counted, &listed);
    assert_eq!(book.untracked(), 3);
    assert_eq!(counted.into_values().next().unwrap().open, LIMIT as i64);
}

/// A socket in the model of the tests.
#[derive(Clone, Debug)]
struct Socket {
    first: usize,
    last: usize,
    remote: u8,
    is_inbound: bool,
    /// Bytes that move between two lists.
    bytes: u64,
    /// The segments begin here, close to the end of their numbers.
    segments: u32,
}

impl Socket {
    fn at(&self, list: usize, cookie: u64) -> Option<Connection> {
        if !(self.first..=self.last).contains(&list) {
            return None;
        }
        let port = if self.is_inbound { 443 } else { 50_000 };
        let mut one = connection(
            cookie,
            &format!("192.0.2.1:{port}"),
            &format!("198.51.100.{}:1000", self.remote),
        );
        let age = u32::try_from(list).unwrap() + 1;
        one.readings.bytes_acked = u64::from(age) * self.bytes;
        one.readings.segments_sent = self.segments.wrapping_add(age);
        Some(one)
    }

    fn key(&self) -> ConnectionKey {
        let (port, direction) = match self.is_inbound {
            true => (443, ConnectionDirection::Inbound),
            false => (0, ConnectionDirection::Outbound),
        };
        key(&format!("198.51.100.{}", self.remote), port, direction)
    }
}

fn socket() -> impl Strategy<Value = Socket> {
    (0..6_usize, 0..6_usize, 0..3_u8, any::<bool>(), 0..5_u64, any::<u32>())
        .prop_map(|(a, b, remote, is_inbound, bytes, segments)| Socket {
            first: a.min(b),
            last: a.max(b),
            remote,
            is_inbound,
            bytes,
            segments: match a {
                // A new socket begins at zero.
                0 => segments,
                _ => 0,
            },
        })
}

proptest! {
    /// The oracle looks at each socket's whole life at once.
    #[test]
    fn lists_add_up_to_the_lives_of_the_sockets(
        sockets in prop::collection::vec(socket(), 0..12),
        recount in prop::collection::vec(any::<bool>(), 7),
        repeated in any::<bool>(),
    ) {
        let mut book = Book::default();
        let mut counted = Counted::new();
        for (list, &is_recount) in recount.iter().enumerate() {
            let mut listed = vec![Listed::Listening(443)];
            listed.extend((0_u64..).zip(&sockets).filter_map(|(cookie, one)| {
                one.at(list, cookie).map(Listed::Connected)
            }));
            if repeated {
                listed.extend_from_within(..);
            }
            turn(&mut book, &mut counted, &listed);
            let mut open: BTreeMap<_, i64> = BTreeMap::new();
            for one in &sockets {
                if one.at(list, 0).is_some() {
                    *open.entry(one.key()).or_default() += 1;
                }
            }
            for (key, growth) in &counted {
                prop_assert_eq!(
                    growth.open,
                    open.get(key).copied().unwrap_or_default()
                );
            }
            if is_recount {
                book.recount();
                counted.values_mut().for_each(|growth| growth.open = 0);
            }
        }
        let mut expected = Counted::new();
        for one in &sockets {
            let growth = expected.entry(one.key()).or_default();
            let end = one.at(one.last, 0).unwrap().readings;
            let begin = match one.first {
                0 => one.at(0, 0).unwrap().readings,
                _ => {
                    growth.opened += 1;
                    Readings::default()
                }
            };
            growth.closed += 1;
            growth.bytes_acked += end.bytes_acked - begin.bytes_acked;
            growth.segments_sent += u64::from(
                end.segments_sent.wrapping_sub(begin.segments_sent),
            );
        }
        prop_assert_eq!(counted, expected);
    }
}
