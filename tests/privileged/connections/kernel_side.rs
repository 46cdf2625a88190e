//! The kernel side of connections: the programs and what they count, without
//! the rest of the exporter.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};

use geoip_exporter::accounting::{
    ConnectionDirection, ConnectionGrowth, ConnectionKey,
};
use geoip_exporter::config::ConnectionsScope;
use geoip_exporter::kernel::{
    ConnectionsMethod, OpenConnections as _, TcpConnections, WatchConnections,
};

use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::netns::Netns;

const OWN4: &str = "192.0.2.1";
const REMOTE4: &str = "198.51.100.7";

fn lab() -> Lab {
    let lab = Lab::new();
    lab.machine.ip(&format!("address add {OWN4}/32 dev {WAN}"));
    lab.machine.ip(&format!("route add default dev {WAN}"));
    lab.world.ip(&format!("address add {REMOTE4}/32 dev {PEER}"));
    lab.world.ip(&format!("route add default dev {PEER}"));
    lab
}

fn address(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

type Counted = BTreeMap<ConnectionKey, ConnectionGrowth>;

fn add(counted: &mut Counted, watch: &mut dyn WatchConnections) {
    watch
        .visit(&mut |key, growth| {
            *counted.entry(*key).or_default() += growth;
        })
        .unwrap();
}

#[test]
fn a_connection_is_counted() {
    let lab = lab();
    let listener =
        lab.world.run(|| TcpListener::bind(address(REMOTE4, 443)).unwrap());
    lab.machine.run(|| {
        let start = std::time::Instant::now();
        let mut watch =
            TcpConnections.open(ConnectionsScope::Namespace).unwrap();
        eprintln!("open: {:?}", start.elapsed());
        assert_eq!(*watch.method(), ConnectionsMethod::Programs);
        let mut counted = Counted::new();
        let mut client = TcpStream::connect(address(REMOTE4, 443)).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"hello").unwrap();
        let mut buffer = [0; 5];
        server.read_exact(&mut buffer).unwrap();
        let start = std::time::Instant::now();
        add(&mut counted, &mut *watch);
        eprintln!("visit: {:?}", start.elapsed());
        eprintln!("{counted:?}");
        drop(client);
        drop(server);
        add(&mut counted, &mut *watch);
        eprintln!("{counted:?}");
        assert_eq!(counted.len(), 1);
    });
}
