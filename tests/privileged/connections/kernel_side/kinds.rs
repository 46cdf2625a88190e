//! Every kind of connection, and every way in which one ends.

use std::net::Shutdown;

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use super::*;
use crate::harness::tcp_sys::{disconnect, tcp_info};

/// A namespace's TCP sockets are counted while this runs in it.
fn count(lab: &Lab, work: impl FnOnce(&mut Counter) + Send) {
    lab.machine.run(|| {
        work(&mut Counter::open(ConnectionsScope::Namespace));
    });
}

fn socket(domain: Domain) -> Socket {
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).unwrap()
}

/// Begins to connect, and does not wait.
fn begin(socket: &Socket, to: SocketAddr) {
    socket.set_nonblocking(true).unwrap();
    let error = socket.connect(&to.into()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
}

fn await_connected(socket: &Socket) {
    await_until(PATIENCE, "a connection", || {
        socket.peer_addr().map(drop).map_err(|error| error.to_string())
    });
}

#[test]
fn both_directions_and_families_are_counted_with_bytes_and_segments() {
    let lab = lab();
    count(&lab, |counter| {
        for (own, remote) in [(OWN4, REMOTE4), (OWN6, REMOTE6)] {
            let there =
                lab.world.run(|| TcpListener::bind(at(remote, PORT)).unwrap());
            let here = TcpListener::bind(at(own, PORT)).unwrap();
            let (client, far) = connect(&there);
            send(&client, &far, b"hello");
            assert_eq!(counter.numbers(outbound(remote)), [1, 0, 0, 1]);
            let (far_client, server) = lab.world.run(|| connect(&here));
            send(&server, &far_client, &[7; 1_000]);
            let key = inbound(remote, PORT);
            assert_eq!(counter.numbers(key), [1, 0, 0, 1]);
            for (key, socket) in [(outbound(remote), &client), (key, &server)] {
                // The last acknowledgement may be on its way.
                await_until(PATIENCE, "counters", || {
                    let found = counter.of(key);
                    let told = tcp_info(socket).unwrap();
                    let found = [
                        found.bytes_acked,
                        found.bytes_received,
                        found.segments_sent,
                        found.segments_retransmitted,
                    ];
                    let told = [
                        told.bytes_acked,
                        told.bytes_received,
                        told.segments_sent,
                        told.segments_retransmitted,
                    ];
                    match found == told {
                        true => Ok(()),
                        false => Err(format!("{found:?}, not {told:?}")),
                    }
                });
                let times = counter.of(key).round_trips;
                assert!(times.buckets.iter().sum::<u64>() > 0 && times.sum > 0);
            }
            drop((client, far, far_client, server));
            counter.await_numbers(outbound(remote), [1, 0, 1, 0]);
            counter.await_numbers(key, [1, 0, 1, 0]);
        }
        assert_eq!(counter.keys().len(), 4);
        assert_eq!(counter.watch.untracked(), 0);
    });
}

#[test]
fn an_idle_connection_gives_no_round_trip() {
    let lab = lab();
    let there = lab.world.run(|| TcpListener::bind(at(REMOTE4, PORT)).unwrap());
    count(&lab, |counter| {
        let (client, far) = connect(&there);
        send(&client, &far, b"hello");
        counter.visit();
        let before = counter.of(outbound(REMOTE4)).round_trips;
        for _ in 0..5 {
            counter.visit();
        }
        assert_eq!(counter.of(outbound(REMOTE4)).round_trips, before);
    });
}

#[test]
fn ipv4_in_a_socket_of_ipv6_is_ipv4() {
    let lab = lab();
    let there = lab.world.run(|| TcpListener::bind("[::]:443").unwrap());
    count(&lab, |counter| {
        let mapped = at(&format!("::ffff:{REMOTE4}"), PORT);
        let client = TcpStream::connect(mapped).unwrap();
        let here = TcpListener::bind("[::]:80").unwrap();
        let far = lab.world.run(|| TcpStream::connect(at(OWN4, 80)).unwrap());
        let expected = [outbound(REMOTE4), inbound(REMOTE4, 80)];
        assert_eq!(counter.keys(), expected);
        drop((client, here, far, there));
    });
}

#[test]
fn loopback_and_own_addresses_are_left_out() {
    let lab = lab();
    count(&lab, |counter| {
        for (from, to) in [
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            (OWN4, OWN4),
            (OWN4, OTHER_OWN4),
            (OWN6, OWN6),
            ("127.0.0.1", OWN4),
            ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ] {
            let listener = TcpListener::bind(at(to, PORT)).unwrap();
            let client = socket(Domain::for_address(at(from, 0)));
            client.bind(&at(from, 0).into()).unwrap();
            client.connect(&at(to, PORT).into()).unwrap();
            let (server, _) = listener.accept().unwrap();
            drop((client, server, listener));
            assert!(TcpStream::connect(at(to, PORT)).is_err());
        }
        assert_eq!(counter.keys(), []);
    });
}

#[test]
fn refused_abandoned_and_unanswered_attempts_fail() {
    let lab = lab();
    count(&lab, |counter| {
        let mut expected = 0;
        for _ in 0..3 {
            assert!(TcpStream::connect(at(REMOTE4, PORT)).is_err());
            expected += 1;
        }
        assert_eq!(counter.numbers(outbound(REMOTE4)), [0, 3, 0, 0]);
        // Nobody answers.
        lab.world.ip(&format!("route add blackhole {OWN4}/32"));
        let socket = socket(Domain::IPV4);
        begin(&socket, at(REMOTE4, PORT));
        await_until(PATIENCE, "a retransmission", || {
            let told = tcp_info(&socket).unwrap();
            match told.segments_retransmitted {
                0 => Err(format!("{told:?}")),
                _ => Ok(()),
            }
        });
        assert_eq!(counter.of(outbound(REMOTE4)).segments_sent, 3);
        let told = tcp_info(&socket).unwrap();
        drop(socket);
        expected += 1;
        assert_eq!(counter.numbers(outbound(REMOTE4)), [0, expected, 0, 0]);
        let found = counter.of(outbound(REMOTE4));
        assert_eq!(found.segments_sent, 3 + told.segments_sent);
        let again = found.segments_retransmitted;
        assert_eq!(again, told.segments_retransmitted);
    });
}

#[test]
fn every_end_is_counted_once() {
    let lab = lab();
    let there = lab.world.run(|| TcpListener::bind(at(REMOTE4, PORT)).unwrap());
    count(&lab, |counter| {
        let key = outbound(REMOTE4);
        // This side first: it goes through TIME_WAIT.
        let (client, far) = connect(&there);
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(counter.numbers(key), [1, 0, 0, 1]);
        drop((client, far));
        counter.await_numbers(key, [1, 0, 1, 0]);
        // The other side first.
        let (client, far) = connect(&there);
        drop(far);
        drop(client);
        counter.await_numbers(key, [2, 0, 2, 0]);
        // Resets, from both sides.
        let (client, far) = connect(&there);
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop((client, far));
        counter.await_numbers(key, [3, 0, 3, 0]);
        let (client, far) = connect(&there);
        SockRef::from(&far).set_linger(Some(Duration::ZERO)).unwrap();
        drop(far);
        counter.await_numbers(key, [4, 0, 4, 0]);
        drop(client);
        counter.visit();
        assert_eq!(counter.numbers(key), [4, 0, 4, 0]);
    });
}

/// A socket may connect again after a disconnect. Its counters begin at zero.
#[test]
fn a_socket_that_connects_again_has_another_connection() {
    let lab = lab();
    let there = lab.world.run(|| TcpListener::bind(at(REMOTE4, PORT)).unwrap());
    count(&lab, |counter| {
        let key = outbound(REMOTE4);
        let client = socket(Domain::IPV4);
        let mut bytes = 0;
        for (round, length) in (1..=300).zip((700..1_000).rev()) {
            client.connect(&at(REMOTE4, PORT).into()).unwrap();
            let (far, _) = there.accept().unwrap();
            let sent = vec![7; length];
            client.send(&sent).unwrap();
            let mut buffer = vec![0; sent.len()];
            (&far).read_exact(&mut buffer).unwrap();
            bytes += sent.len() as u64 + 1;
            await_until(PATIENCE, "an acknowledgement", || {
                let told = tcp_info(&client).unwrap();
                match told.bytes_acked == sent.len() as u64 + 1 {
                    true => Ok(()),
                    false => Err(format!("{told:?}")),
                }
            });
            if round % 3 == 0 {
                counter.visit();
            }
            disconnect(&client).unwrap();
            // One that fails, with the same socket.
            let refused = client.connect(&at(REMOTE4, PORT + 1).into());
            refused.unwrap_err();
            if round % 50 == 0 {
                let expected = [round, round, round, 0];
                assert_eq!(counter.numbers(key), expected);
                assert_eq!(counter.of(key).bytes_acked, bytes);
            }
        }
    });
}

/// Both sides ask at the same time, so each is the one that connected.
#[test]
fn a_simultaneous_open_is_outbound() {
    let lab = lab();
    count(&lab, |counter| {
        let here = socket(Domain::IPV4);
        here.bind(&at(OWN4, 1_000).into()).unwrap();
        // All segments are lost until both have asked.
        lab.world.ip(&format!("link set {PEER} down"));
        begin(&here, at(REMOTE4, 2_000));
        lab.world.ip(&format!("link set {PEER} up"));
        lab.world.ip(&format!("route add default dev {PEER}"));
        let there = lab.world.run(|| {
            let there = socket(Domain::IPV4);
            there.bind(&at(REMOTE4, 2_000).into()).unwrap();
            lab.machine.ip("route add blackhole 198.51.100.7/32");
            begin(&there, at(OWN4, 1_000));
            lab.machine.ip("route del blackhole 198.51.100.7/32");
            there
        });
        await_connected(&here);
        await_connected(&there);
        assert_eq!(counter.keys(), [outbound(REMOTE4)]);
        assert_eq!(counter.numbers(outbound(REMOTE4)), [1, 0, 0, 1]);
        drop((here, there));
        counter.await_numbers(outbound(REMOTE4), [1, 0, 1, 0]);
    });
}

/// The kernel does not open those that find no room in the queue.
#[test]
fn a_full_queue_of_a_listener_opens_no_connection() {
    let lab = lab();
    count(&lab, |counter| {
        let listener = socket(Domain::IPV4);
        listener.bind(&at(OWN4, PORT).into()).unwrap();
        listener.listen(1).unwrap();
        let key = inbound(REMOTE4, PORT);
        let clients: Vec<_> = lab.world.run(|| {
            let begun = (0..8).map(|_| {
                let client = socket(Domain::IPV4);
                begin(&client, at(OWN4, PORT));
                client
            });
            begun.collect()
        });
        counter.await_numbers(key, [2, 0, 0, 2]);
        // Never accepted: the end of the listener ends them.
        drop(listener);
        counter.await_numbers(key, [2, 0, 2, 0]);
        drop(clients);
    });
}

#[test]
fn fast_open_is_counted_on_both_sides() {
    const ON_BOTH_SIDES: &str = "1027";
    let lab = lab();
    for namespace in [&lab.machine, &lab.world] {
        namespace.set("ipv4/tcp_fastopen", ON_BOTH_SIDES);
    }
    count(&lab, |counter| {
        for (server, client, ip, key) in [
            (&lab.world, &lab.machine, REMOTE4, outbound(REMOTE4)),
            (&lab.machine, &lab.world, OWN4, inbound(REMOTE4, PORT)),
        ] {
            let listener =
                server.run(|| TcpListener::bind(at(ip, PORT)).unwrap());
            for round in 1..=3 {
                let client = client.run(|| {
                    let client = socket(Domain::IPV4);
                    let to = SockAddr::from(at(ip, PORT));
                    let flags = libc::MSG_FASTOPEN;
                    client.send_to_with_flags(b"hello", &to, flags).unwrap();
                    client
                });
                let (mut far, _) = listener.accept().unwrap();
                far.read_exact(&mut [0; 5]).unwrap();
                counter.await_numbers(key, [round, 0, round - 1, 1]);
                drop((client, far));
                counter.await_numbers(key, [round, 0, round, 0]);
            }
        }
    });
}

#[test]
fn a_connection_of_mptcp_is_counted_once() {
    let lab = lab();
    let make = |domain| {
        let mptcp = Protocol::from(libc::IPPROTO_MPTCP);
        Socket::new(domain, Type::STREAM, Some(mptcp)).unwrap()
    };
    let there = lab.world.run(|| {
        let listener = make(Domain::IPV4);
        listener.bind(&at(REMOTE4, PORT).into()).unwrap();
        listener.listen(8).unwrap();
        listener
    });
    count(&lab, |counter| {
        let client = make(Domain::IPV4);
        client.connect(&at(REMOTE4, PORT).into()).unwrap();
        let (far, _) = there.accept().unwrap();
        assert_eq!(counter.numbers(outbound(REMOTE4)), [1, 0, 0, 1]);
        assert_eq!(counter.keys().len(), 1);
        drop((client, far));
        counter.await_numbers(outbound(REMOTE4), [1, 0, 1, 0]);
    });
}
