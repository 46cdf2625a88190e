//! The two memories of the notes on a socket: a place of the table, and the
//! storage of the socket if there is none.

use std::net::Ipv4Addr;

use geoip_exporter::kernel::abi::connections::{SETS, WAYS};
use socket2::{Domain, Socket, Type};

use super::*;
use crate::harness::tcp_sys::{disconnect, tcp_info};

/// Places of the table.
const PLACES: usize = WAYS * SETS as usize;

/// More connections than it has places.
const MANY: usize = 20_000;

/// The address of the first of them.
const FIRST: u32 = 0xcb00_0000;

fn tcp() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()
}

/// Waits until so many of the machine's sockets have no storage. Another test
/// that counts the connections of all namespaces gives them one for a while.
fn await_places(lab: &Lab, expected: usize) {
    await_until(PATIENCE, "sockets without a storage", || {
        let memory = option_memory(lab);
        match memory.iter().filter(|&&it| it == 0).count() {
            found if found >= expected => Ok(()),
            found => Err(format!("{found} of {}", memory.len())),
        }
    });
}

/// The kernel allocates nothing for it.
#[test]
fn a_connection_that_ends_before_a_visit_has_all_its_bytes() {
    let lab = lab();
    let there = lab.world.run(|| TcpListener::bind(at(REMOTE4, PORT)).unwrap());
    lab.machine.run(|| {
        let mut counter = Counter::open(ConnectionsScope::Namespace);
        let mut sent = 0;
        for round in 1..=20 {
            let (mut client, far) = connect(&there);
            send(&client, &far, &vec![7; round]);
            send(&far, &client, b"hello");
            sent += round as u64;
            await_places(&lab, 1);
            drop(far);
            assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
            drop(client);
            await_until(PATIENCE, "an end", || match option_memory(&lab) {
                none if none.is_empty() => Ok(()),
                some => Err(format!("{some:?}")),
            });
        }
        let key = outbound(REMOTE4);
        assert_eq!(counter.numbers(key), [20, 0, 20, 0]);
        let found = counter.of(key);
        // Each SYN and each FIN is a byte.
        assert_eq!(found.bytes_acked, sent + 2 * 20);
        assert_eq!(found.bytes_received, (5 + 1) * 20);
    });
}

/// Without an attempt that fails, which would give it a storage.
#[test]
fn a_socket_that_connects_again_takes_a_place_again() {
    let lab = lab();
    let there = lab.world.run(|| TcpListener::bind(at(REMOTE4, PORT)).unwrap());
    lab.machine.run(|| {
        let mut counter = Counter::open(ConnectionsScope::Namespace);
        let (key, client) = (outbound(REMOTE4), tcp());
        let mut bytes = 0;
        for (round, length) in (1..=600).zip((400..1_000).rev()) {
            client.connect(&at(REMOTE4, PORT).into()).unwrap();
            let (far, _) = there.accept().unwrap();
            (&client).write_all(&vec![7; length]).unwrap();
            (&far).read_exact(&mut vec![0; length]).unwrap();
            bytes += length as u64 + 1;
            await_until(PATIENCE, "an acknowledgement", || {
                match tcp_info(&client).unwrap().bytes_acked {
                    acked if acked == length as u64 + 1 => Ok(()),
                    acked => Err(format!("{acked}")),
                }
            });
            match round % 4 {
                0 => counter.visit(),
                1 => counter.recount(),
                _ => {}
            }
            if round % 100 == 0 {
                await_places(&lab, 1);
            }
            disconnect(&client).unwrap();
            if round % 50 == 0 {
                let expected = [round, 0, round, 0];
                assert_eq!(counter.numbers(key), expected);
                assert_eq!(counter.of(key).bytes_acked, bytes);
            }
        }
    });
}

/// Connections end, and others take their places, while visits look at them.
#[test]
fn visits_under_load_add_every_byte_once() {
    const ROUNDS: usize = 2_000;
    let lab = lab();
    let there = lab.world.run(|| TcpListener::bind(at(REMOTE4, PORT)).unwrap());
    lab.machine.run(|| {
        let key = outbound(REMOTE4);
        let mut counter = Counter::open(ConnectionsScope::Namespace);
        let work = || {
            for round in 0..ROUNDS {
                let (client, far) = connect(&there);
                send(&client, &far, &vec![7; 1 + round % 500]);
                send(&far, &client, &[7; 100]);
                drop(far);
                assert_eq!((&client).read(&mut [0; 1]).unwrap(), 0);
            }
        };
        std::thread::scope(|scope| {
            let load = scope.spawn(|| lab.machine.run(work));
            while !load.is_finished() {
                counter.visit();
            }
            load.join().unwrap();
        });
        let rounds = ROUNDS as i64;
        counter.await_numbers(key, [rounds, 0, rounds, 0]);
        let sent: usize = (0..ROUNDS).map(|round| 1 + round % 500).sum();
        let found = counter.of(key);
        assert_eq!(found.bytes_received, 101 * ROUNDS as u64);
        // Each SYN and each FIN is a byte.
        assert_eq!(found.bytes_acked, (sent + 2 * ROUNDS) as u64);
    });
}

#[test]
fn connections_without_a_place_are_counted_in_their_sockets() {
    let lab = lab_of_many();
    lab.machine.run(|| {
        let mut counter = Counter::open(ConnectionsScope::Namespace);
        for round in 1..=2 {
            let here = tcp();
            here.set_reuse_address(true).unwrap();
            here.bind(&at(OWN4, PORT).into()).unwrap();
            here.listen(65_535).unwrap();
            // They wait to be accepted, so they need no descriptors here. The
            // world has closed them.
            lab.world.run(|| {
                for own in (FIRST..).map(Ipv4Addr::from).take(MANY) {
                    let there = tcp();
                    there.bind(&SocketAddr::from((own, 0)).into()).unwrap();
                    there.connect(&at(OWN4, PORT).into()).unwrap();
                    (&there).write_all(b"hello").unwrap();
                }
            });
            // The places of a set are used up before those of another one.
            await_places(&lab, MANY - 2 * (MANY - PLACES));
            let [all, open] = [round, 1].map(|it| it * MANY as i64);
            let expected = [all, all - open, open, 6 * all];
            await_sums(&mut counter, expected);
            counter.recount();
            await_sums(&mut counter, expected);
            drop(here);
            await_sums(&mut counter, [all, all, 0, 6 * all]);
        }
        assert_eq!(counter.watch.untracked(), 0);
    });
}

fn await_sums(counter: &mut Counter, expected: [i64; 4]) {
    await_until(PATIENCE, "all connections", || {
        counter.visit();
        match sums(counter) {
            found if found == expected => Ok(()),
            found => Err(format!("{found:?}, not {expected:?}")),
        }
    });
}

/// Returns how many connections were opened, were closed and are open, and the
/// bytes that were received.
fn sums(counter: &Counter) -> [i64; 4] {
    let mut sums = [0; 4];
    for it in counter.all.values() {
        let changes = [it.opened, it.closed].map(u64::cast_signed);
        let bytes = it.bytes_received.cast_signed();
        let changes = [changes[0], changes[1], it.open, bytes];
        sums.iter_mut().zip(changes).for_each(|(sum, it)| *sum += it);
    }
    sums
}
