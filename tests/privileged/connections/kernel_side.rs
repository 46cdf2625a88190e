//! The kernel side of connections: the programs and what they count, without
//! the rest of the exporter.

mod found;
mod kinds;
mod leftovers;
mod places;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use geoip_exporter::accounting::{
    ConnectionDirection, ConnectionGrowth, ConnectionKey,
};
use geoip_exporter::config::ConnectionsScope;
use geoip_exporter::kernel::{
    ConnectionsMethod, OpenConnections as _, TcpConnections, WatchConnections,
};

use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::process::output_of;
use crate::harness::wait::{PATIENCE, await_until};

const OWN4: &str = "192.0.2.1";
const OTHER_OWN4: &str = "192.0.2.2";
const OWN6: &str = "2001:db8:1::1";
const REMOTE4: &str = "198.51.100.7";
const REMOTE6: &str = "2001:db8:2::7";
const PORT: u16 = 443;

/// Returns a machine and the rest of the world, which can talk by TCP.
fn lab() -> Lab {
    let lab = Lab::new();
    for (namespace, device, addresses) in [
        (&lab.machine, WAN, [OWN4, OTHER_OWN4, OWN6].as_slice()),
        (&lab.world, PEER, &[REMOTE4, REMOTE6]),
    ] {
        for address in addresses {
            let length = if address.contains(':') { 128 } else { 32 };
            let change = format!("address add {address}/{length} dev {device}");
            namespace.ip(&change);
        }
        namespace.ip(&format!("-4 route add default dev {device}"));
        namespace.ip(&format!("-6 route add default dev {device}"));
    }
    lab
}

/// The same, with a network of hosts in the world. Very many connections of
/// theirs may wait to be accepted.
fn lab_of_many() -> Lab {
    let lab = lab();
    lab.world.ip("route add local 203.0.0.0/16 dev lo");
    let way = format!("via {REMOTE4} dev {WAN} onlink");
    lab.machine.ip(&format!("route add 203.0.0.0/16 {way}"));
    lab.machine.set("core/somaxconn", "65535");
    lab.machine.set("ipv4/tcp_max_syn_backlog", "65535");
    lab
}

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

fn outbound(remote: &str) -> ConnectionKey {
    ConnectionKey {
        remote: Some(remote.parse().unwrap()),
        local_port: 0,
        direction: ConnectionDirection::Outbound,
    }
}

fn inbound(remote: &str, local_port: u16) -> ConnectionKey {
    let direction = ConnectionDirection::Inbound;
    ConnectionKey { local_port, direction, ..outbound(remote) }
}

/// The connections that were counted since the start.
struct Counter {
    watch: Box<dyn WatchConnections>,
    all: BTreeMap<ConnectionKey, ConnectionGrowth>,
}

impl Counter {
    /// Starts to count in the calling thread's namespace, by programs.
    fn open(scope: ConnectionsScope) -> Self {
        let watch = TcpConnections.open(scope).unwrap();
        assert_eq!(*watch.method(), ConnectionsMethod::Programs);
        Self { watch, all: BTreeMap::new() }
    }

    fn visit(&mut self) {
        let Self { watch, all } = self;
        watch
            .visit(&mut |key, growth| *all.entry(*key).or_default() += growth)
            .unwrap();
    }

    fn recount(&mut self) {
        let Self { watch, all } = self;
        watch
            .recount(&mut |key, growth| {
                *all.entry(*key).or_default() += growth;
            })
            .unwrap();
        all.values_mut().for_each(|growth| growth.open = 0);
    }

    /// Returns what a key has, after another visit.
    fn of(&mut self, key: ConnectionKey) -> ConnectionGrowth {
        self.visit();
        self.all.get(&key).copied().unwrap_or_default()
    }

    /// Returns a key's connections that were opened, have failed, were closed
    /// and are open, after another visit.
    fn numbers(&mut self, key: ConnectionKey) -> [i64; 4] {
        let it = self.of(key);
        let numbers = [it.opened, it.failed, it.closed];
        let [opened, failed, closed] =
            numbers.map(|number| i64::try_from(number).unwrap());
        [opened, failed, closed, it.open]
    }

    /// Waits until a key has these numbers.
    fn await_numbers(&mut self, key: ConnectionKey, expected: [i64; 4]) {
        await_until(PATIENCE, "connections", || {
            let found = self.numbers(key);
            match found == expected {
                true => Ok(()),
                false => Err(format!("{key:?}: {found:?}")),
            }
        });
    }

    /// Returns the keys that were seen.
    fn keys(&mut self) -> Vec<ConnectionKey> {
        self.visit();
        self.all.keys().copied().collect()
    }
}

/// Returns the bytes of options that each of the machine's sockets has, in which
/// the storage of programs is.
fn option_memory(lab: &Lab) -> Vec<u64> {
    let text = output_of(lab.machine.command("ss").args(["-tmnH"]));
    let found = text.split(',').filter_map(|part| part.strip_prefix('o'));
    found.map(|number| number.parse().unwrap()).collect()
}

/// Moves some bytes from one end of a connection to the other.
fn send(from: &TcpStream, to: &TcpStream, bytes: &[u8]) {
    let (mut from, mut to) = (from, to);
    from.write_all(bytes).unwrap();
    let mut buffer = vec![0; bytes.len()];
    to.read_exact(&mut buffer).unwrap();
    assert_eq!(buffer, bytes);
}

/// Returns a connection to a listener: its two ends.
fn connect(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}
