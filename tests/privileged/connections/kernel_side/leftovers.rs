//! Rights, bounds, and what is left in the kernel.

use std::collections::BTreeSet;

use aya::maps::loaded_maps;
use aya::programs::loaded_programs;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities,
};

use super::*;

/// Leaves the calling thread these capabilities alone.
fn keep(kept: CapabilitySet) {
    let permitted = capabilities(None).unwrap().permitted & kept;
    let sets = CapabilitySets {
        effective: permitted,
        permitted,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, sets).unwrap();
}

/// Returns the programs and maps of connections in the kernel, by their
/// numbers.
fn loaded() -> BTreeSet<(&'static str, u32)> {
    let is_ours = |name: &str| {
        ["connections_", "growth_"].iter().any(|it| name.starts_with(it))
    };
    let programs = loaded_programs().filter_map(|program| {
        let program = program.ok()?;
        is_ours(program.name_as_str()?).then_some(("program", program.id()))
    });
    let maps = loaded_maps().filter_map(|map| {
        let map = map.ok()?;
        is_ours(map.name_as_str()?).then_some(("map", map.id()))
    });
    programs.chain(maps).collect()
}

#[test]
fn nothing_is_left_in_the_kernel() {
    let lab = lab();
    let there = lab.world.run(|| TcpListener::bind(at(REMOTE4, PORT)).unwrap());
    lab.machine.run(|| {
        let open = [connect(&there), connect(&there)];
        assert_eq!(option_memory(&lab), [0, 0]);
        let before = loaded();
        for _ in 0..3 {
            let mut counter = Counter::open(ConnectionsScope::Namespace);
            assert_eq!(counter.numbers(outbound(REMOTE4))[3], 2);
            let ours: BTreeSet<_> =
                loaded().difference(&before).copied().collect();
            assert!(ours.len() >= 9, "{ours:?}");
            let memory = option_memory(&lab);
            assert!(memory.iter().all(|&it| it > 0), "{memory:?}");
            drop(counter);
            await_until(PATIENCE, "the end of programs and maps", || {
                let left: Vec<_> =
                    loaded().intersection(&ours).copied().collect();
                match left.is_empty() {
                    true => Ok(()),
                    false => Err(format!("{left:?}")),
                }
            });
            await_until(PATIENCE, "the end of the storage", || {
                match option_memory(&lab) {
                    memory if memory == [0, 0] => Ok(()),
                    memory => Err(format!("{memory:?}")),
                }
            });
        }
        drop(open);
    });
}

#[test]
fn two_capabilities_suffice_to_start_and_none_is_needed_later() {
    let lab = lab();
    // One that no other test has: all namespaces are counted.
    let remote = "198.51.100.99";
    lab.world.ip(&format!("address add {remote}/32 dev {PEER}"));
    let there = lab.world.run(|| TcpListener::bind(at(remote, PORT)).unwrap());
    lab.machine.run(|| {
        keep(CapabilitySet::BPF | CapabilitySet::PERFMON);
        for scope in [ConnectionsScope::Namespace, ConnectionsScope::Host] {
            let mut counter = Counter::open(scope);
            let open = connect(&there);
            assert_eq!(counter.numbers(outbound(remote)), [1, 0, 0, 1]);
            drop(open);
            counter.await_numbers(outbound(remote), [1, 0, 1, 0]);
        }
        let mut counter = Counter::open(ConnectionsScope::Namespace);
        keep(CapabilitySet::empty());
        let open = connect(&there);
        assert_eq!(counter.numbers(outbound(remote)), [1, 0, 0, 1]);
        counter.recount();
        assert_eq!(counter.numbers(outbound(remote)), [1, 0, 0, 1]);
        drop(open);
    });
}

/// Without the right to load programs, lists show the open connections.
#[test]
fn lists_stand_in_for_programs_and_say_why() {
    let lab = lab();
    let there = lab.world.run(|| TcpListener::bind(at(REMOTE4, PORT)).unwrap());
    lab.machine.run(|| {
        let here = TcpListener::bind(at(OWN4, 80)).unwrap();
        let found = connect(&there);
        // The loader remembers for good which features it found.
        drop(Counter::open(ConnectionsScope::Namespace));
        let before = capabilities(None).unwrap();
        let effective = CapabilitySet::empty();
        let none = CapabilitySets { effective, ..before };
        set_capabilities(None, none).unwrap();
        let watch = TcpConnections.open(ConnectionsScope::Namespace).unwrap();
        set_capabilities(None, before).unwrap();
        let ConnectionsMethod::SockDiag { reason } = watch.method() else {
            panic!("{:?}", watch.method());
        };
        assert!(reason.contains("missing CAP_BPF, CAP_PERFMON"), "{reason}");
        assert_eq!(reason.lines().count(), 1);
        let mut counter = Counter { watch, all: BTreeMap::new() };
        let key = outbound(REMOTE4);
        assert_eq!(counter.numbers(key), [0, 0, 0, 1]);
        let (client, far) = connect(&there);
        let (far_client, server) = lab.world.run(|| connect(&here));
        send(&client, &far, &[7; 1_000]);
        counter.await_numbers(key, [1, 0, 0, 2]);
        await_until(PATIENCE, "the bytes", || {
            match counter.of(key).bytes_acked {
                1_001 => Ok(()),
                other => Err(format!("{other}")),
            }
        });
        counter.recount();
        assert_eq!(counter.numbers(inbound(REMOTE4, 80)), [1, 0, 0, 1]);
        drop((found, client, far, far_client, server));
        counter.await_numbers(key, [1, 0, 2, 0]);
        counter.await_numbers(inbound(REMOTE4, 80), [1, 0, 1, 0]);
    });
}

/// The number of open connections by key is wrong after an end that found no
/// room, and right again after a recount.
#[test]
fn more_keys_than_there_is_room_for_lose_no_connection() {
    const ATTEMPTS: u32 = 33_000;
    let lab = lab();
    // Its kernel refuses connections to all of them.
    lab.world.ip("route add local 203.0.0.0/16 dev lo");
    lab.world.ip("route add local 198.51.100.8/32 dev lo");
    // One neighbour for all of them.
    let way = format!("via {REMOTE4} dev {WAN} onlink");
    lab.machine.ip(&format!("route add 203.0.0.0/16 {way}"));
    let there = lab.world.run(|| TcpListener::bind("0.0.0.0:443").unwrap());
    lab.machine.run(|| {
        let mut counter = Counter::open(ConnectionsScope::Namespace);
        let connect_to = |ip| {
            let client = TcpStream::connect(at(ip, PORT)).unwrap();
            (client, there.accept().unwrap())
        };
        let first = connect_to(REMOTE4);
        counter.visit();
        assert!(!counter.watch.is_crowded());
        let addresses = u32::from(std::net::Ipv4Addr::new(203, 0, 0, 0));
        for number in 0..ATTEMPTS {
            let ip = std::net::Ipv4Addr::from(addresses + number);
            TcpStream::connect((ip, 80)).unwrap_err();
        }
        assert!(counter.watch.is_crowded());
        // One that is opened now, and one that ends now.
        let last = connect_to("198.51.100.8");
        assert!(!counter.watch.is_displaced());
        let (client, (far, _)) = first;
        drop(far);
        drop(client);
        let nowhere = ConnectionKey { remote: None, ..outbound(REMOTE4) };
        await_until(PATIENCE, "an end without room", || {
            match counter.watch.is_displaced() {
                true => Ok(()),
                false => Err("not yet".to_owned()),
            }
        });
        let failed = |counter: &Counter| -> u64 {
            counter.all.values().map(|growth| growth.failed).sum()
        };
        counter.visit();
        assert_eq!(failed(&counter), u64::from(ATTEMPTS));
        // The kept one is open under no key, and the other was closed there.
        assert_eq!(counter.numbers(nowhere)[2..], [1, 0]);
        assert_eq!(counter.numbers(outbound(REMOTE4)), [1, 0, 0, 1]);
        counter.recount();
        assert!(!counter.watch.is_displaced());
        assert_eq!(counter.numbers(outbound(REMOTE4))[3], 0);
        assert_eq!(counter.numbers(outbound("198.51.100.8"))[3], 1);
        assert_eq!(counter.numbers(nowhere)[3], 0);
        drop(last);
        counter.await_numbers(outbound("198.51.100.8"), [0, 0, 1, 0]);
    });
}
