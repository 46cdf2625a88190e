//! Connections that are open before anything is counted, the scope, and what
//! happens when the numbers of open connections begin anew.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::{Domain, Socket, Type};

use super::*;

fn listener(lab: &Lab) -> TcpListener {
    lab.world.run(|| TcpListener::bind(at(REMOTE4, PORT)).unwrap())
}

#[test]
fn open_connections_are_found_and_not_counted_as_opened() {
    let lab = lab();
    let there = listener(&lab);
    lab.machine.run(|| {
        let here = TcpListener::bind(at(OWN4, 80)).unwrap();
        let (client, far) = connect(&there);
        let (far_client, server) = lab.world.run(|| connect(&here));
        send(&client, &far, &[7; 1_000]);
        let mut counter = Counter::open(ConnectionsScope::Namespace);
        let keys = [outbound(REMOTE4), inbound(REMOTE4, 80)];
        assert_eq!(counter.keys(), keys);
        for key in keys {
            // It is of the time before the first visit.
            let open =
                ConnectionGrowth { open: 1, carried: 1, ..Default::default() };
            assert_eq!(counter.of(key), open);
        }
        send(&client, &far, b"hello");
        drop((client, far, far_client, server));
        for key in keys {
            counter.await_numbers(key, [0, 0, 1, 0]);
        }
        // The bytes after it was found, and the last one.
        assert_eq!(counter.of(outbound(REMOTE4)).bytes_acked, 6);
    });
}

/// Each is opened or found, never both.
#[test]
fn connections_that_begin_during_the_first_look_are_counted_once() {
    let lab = lab();
    let there = listener(&lab);
    let key = outbound(REMOTE4);
    let is_counting = AtomicBool::new(false);
    let begin = || {
        let mut kept = VecDeque::new();
        while !is_counting.load(Ordering::Relaxed) {
            kept.push_back(connect(&there));
            // Each has two descriptors.
            if kept.len() > 200 {
                kept.pop_front();
            }
        }
        kept
    };
    lab.machine.run(|| {
        for _ in 0..10 {
            is_counting.store(false, Ordering::Relaxed);
            let (mut counter, kept) = std::thread::scope(|scope| {
                let load = scope.spawn(|| lab.machine.run(begin));
                let counter = Counter::open(ConnectionsScope::Namespace);
                is_counting.store(true, Ordering::Relaxed);
                (counter, load.join().unwrap())
            });
            let kept_open = kept.len() as i64;
            await_until(PATIENCE, "the ends of the others", || {
                match counter.numbers(key) {
                    [.., open] if open == kept_open => Ok(()),
                    found => Err(format!("{found:?}, not {kept_open} open")),
                }
            });
            let [opened, _, closed, open] = counter.numbers(key);
            let found = counter.of(key).carried.cast_signed();
            assert_eq!(opened + found, closed + open);
            drop(kept);
            counter.await_numbers(key, [opened, 0, closed + open, 0]);
        }
    });
}

#[test]
fn the_scope_says_whether_other_namespaces_are_counted() {
    // No other test has these addresses.
    let (near, far_there) = ("198.51.100.97", "198.51.100.98");
    let (lab, elsewhere) = (lab_of(near), lab_of(far_there));
    let there = lab.world.run(|| TcpListener::bind(at(near, 80)).unwrap());
    let far_listener =
        elsewhere.world.run(|| TcpListener::bind(at(far_there, 80)).unwrap());
    let elsewhere_open = elsewhere.machine.run(|| connect(&far_listener));
    let open = lab.machine.run(|| connect(&there));
    for scope in [ConnectionsScope::Namespace, ConnectionsScope::Host] {
        lab.machine.run(|| {
            let mut counter = Counter::open(scope);
            let is_host = i64::from(scope == ConnectionsScope::Host);
            let key = outbound(far_there);
            assert_eq!(counter.numbers(outbound(near)), [0, 0, 0, 1]);
            assert_eq!(counter.numbers(key), [0, 0, 0, is_host]);
            let before = counter.of(key).bytes_acked;
            let (client, far) =
                elsewhere.machine.run(|| connect(&far_listener));
            send(&client, &far, b"hello");
            assert_eq!(counter.numbers(key), [is_host, 0, 0, 2 * is_host]);
            let moved = counter.of(key).bytes_acked - before;
            assert_eq!(moved, 6 * is_host.cast_unsigned());
            drop((client, far));
            counter.await_numbers(key, [is_host, 0, is_host, is_host]);
        });
    }
    drop((open, elsewhere_open));
}

/// Returns another machine, whose world has this address.
fn lab_of(remote: &str) -> Lab {
    let lab = lab();
    lab.world.ip(&format!("address add {remote}/32 dev {PEER}"));
    lab
}

#[test]
fn a_recount_begins_the_number_of_open_connections_anew() {
    let lab = lab();
    let there = listener(&lab);
    lab.machine.run(|| {
        let key = outbound(REMOTE4);
        let mut counter = Counter::open(ConnectionsScope::Namespace);
        let mut open: Vec<_> = (0..5).map(|_| connect(&there)).collect();
        assert_eq!(counter.numbers(key), [5, 0, 0, 5]);
        counter.recount();
        // Before the next visit: one that is not counted yet ends, and another
        // one begins.
        drop(open.pop());
        open.push(connect(&there));
        counter.await_numbers(key, [6, 0, 1, 5]);
        for _ in 0..3 {
            counter.recount();
            assert_eq!(counter.numbers(key)[3], 5);
        }
        drop(open);
        counter.await_numbers(key, [6, 0, 6, 0]);
    });
}

/// Sockets that are opened and closed while the numbers begin anew again and
/// again.
#[test]
fn recounts_under_load_end_with_the_right_number() {
    const ROUNDS: usize = 2_000;
    let lab = lab();
    let there = listener(&lab);
    lab.machine.run(|| {
        let key = outbound(REMOTE4);
        let mut counter = Counter::open(ConnectionsScope::Namespace);
        let work = || {
            let mut kept = Vec::new();
            for round in 0..ROUNDS {
                let pair = connect(&there);
                if round % 100 == 0 {
                    kept.push(pair);
                }
            }
            kept
        };
        let kept = std::thread::scope(|scope| {
            let load = scope.spawn(|| lab.machine.run(work));
            while !load.is_finished() {
                counter.recount();
                counter.visit();
            }
            load.join().unwrap()
        });
        let (opened, open) = (ROUNDS as i64, kept.len() as i64);
        counter.await_numbers(key, [opened, 0, opened - open, open]);
        drop(kept);
        counter.await_numbers(key, [opened, 0, opened, 0]);
    });
}

/// A visit takes growth in between: its connections need not have room together.
#[test]
fn more_open_connections_than_keys_are_all_found_under_their_addresses() {
    const HOSTS: u32 = 33_500;
    let lab = lab_of_many();
    let tcp = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    lab.machine.run(|| {
        let here = tcp();
        here.bind(&at(OWN4, PORT).into()).unwrap();
        here.listen(65_535).unwrap();
        // They wait to be accepted, so they need no descriptors.
        lab.world.run(|| {
            let first = u32::from(Ipv4Addr::new(203, 0, 0, 0));
            for host in first..first + HOSTS {
                let there = tcp();
                let own = SocketAddr::from((Ipv4Addr::from(host), 0));
                there.bind(&own.into()).unwrap();
                there.connect(&at(OWN4, PORT).into()).unwrap();
            }
        });
        let mut counter = Counter::open(ConnectionsScope::Namespace);
        for _ in 0..2 {
            counter.visit();
            let known = counter.all.iter().filter(|(_, it)| it.open != 0);
            let (keyed, others): (Vec<_>, _) =
                known.partition(|(key, _)| key.remote.is_some());
            assert_eq!(others, []);
            assert_eq!(keyed.len(), HOSTS as usize);
            assert!(keyed.iter().all(|(_, it)| it.open == 1));
            counter.recount();
        }
    });
}
