//! A container host: a router with containers behind a bridge.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::fixtures::GERMANY;
use super::lab::{Lab, PEER, WAN};
use super::link::{bridge, connect};
use super::netns::Netns;
use super::wait::PATIENCE;

/// A host with an uplink, a bridge, and containers behind it, which is a router
/// for them.
pub(crate) struct ContainerHost {
    pub(crate) lab: Lab,
    containers: Vec<Netns>,
}

/// The bridge of the containers.
pub(crate) const BRIDGE: &str = "br0";

impl ContainerHost {
    /// Makes a host with so many containers.
    pub(crate) fn new(count: usize) -> Self {
        let lab = Lab::new();
        let Lab { machine, world } = &lab;
        // A router asks for its neighbours from link-local addresses.
        machine.set("ipv4/ip_forward", "1");
        machine.set("ipv6/conf/all/forwarding", "1");
        bridge(machine, BRIDGE, &[]);
        let Lan { machine4, machine6, .. } = LAN;
        machine.ip_batch(&format!(
            "addr add 192.0.2.1/24 dev {WAN}\n\
             addr add 2001:db8:1::1/64 dev {WAN} nodad\n\
             addr add {machine4}/24 dev {BRIDGE}\n\
             addr add {machine6}/64 dev {BRIDGE} nodad\n\
             addr add fe80::1/64 dev {WAN} nodad\n\
             addr add fe80::2/64 dev {BRIDGE} nodad\n\
             route add default via {}\n\
             route add default via {}\n",
            GERMANY.ipv4, GERMANY.ipv6
        ));
        world.ip_batch(&format!(
            "addr add {}/24 dev {PEER}\n\
             addr add {}/64 dev {PEER} nodad\n\
             route add default via 192.0.2.1\n\
             route add default via 2001:db8:1::1\n",
            GERMANY.ipv4, GERMANY.ipv6
        ));
        let mut host = Self { lab, containers: Vec::new() };
        for number in 0..count {
            host.add(number);
        }
        host
    }

    fn add(&mut self, number: usize) {
        let container = Netns::new();
        let [end, inner] = ["veth", "in"].map(|it| format!("{it}{number}"));
        let machine = &self.lab.machine;
        connect(machine, &end, &container, &inner);
        machine.ip(&format!("link set {end} master {BRIDGE}"));
        let Lan { machine4, machine6, .. } = LAN;
        let [v4, v6] = [4, 6].map(|version| LAN.container(number, version));
        container.ip_batch(&format!(
            "addr add {v4}/24 dev {inner}\n\
             addr add {v6}/64 dev {inner} nodad\n\
             route add default via {machine4}\n\
             route add default via {machine6}\n"
        ));
        self.containers.push(container);
    }

    /// Lets every container talk to the world, to the next one, and to the host.
    pub(crate) fn talk(&self) {
        let world = |version: u8| -> IpAddr {
            match version {
                4 => GERMANY.ipv4.into(),
                _ => GERMANY.ipv6.into(),
            }
        };
        for (number, container) in self.containers.iter().enumerate() {
            let next = (number + 1) % self.containers.len();
            for version in [4, 6] {
                let own = LAN.container(number, version);
                let length = 10 + number * 30;
                let ends = [
                    (&self.lab.world, world(version)),
                    (&self.containers[next], LAN.container(next, version)),
                    (&self.lab.machine, LAN.machine(version)),
                ];
                for (namespace, address) in ends {
                    exchange((container, own), (namespace, address), length);
                }
            }
        }
    }
}

/// The addresses behind the bridge.
struct Lan {
    machine4: &'static str,
    machine6: &'static str,
    prefixes: [&'static str; 2],
}

const LAN: Lan = Lan {
    machine4: "198.18.7.1",
    machine6: "2001:db8:beef::1",
    prefixes: ["198.18.7.", "2001:db8:beef::"],
};

impl Lan {
    fn container(&self, number: usize, version: u8) -> IpAddr {
        let prefix = self.prefixes[usize::from(version == 6)];
        format!("{prefix}{}", number + 10).parse().expect("an address")
    }

    fn machine(&self, version: u8) -> IpAddr {
        [self.machine4, self.machine6][usize::from(version == 6)]
            .parse()
            .expect("an address")
    }
}

/// Sends datagrams back and forth.
fn exchange(
    (here, own): (&Netns, IpAddr),
    (there, other): (&Netns, IpAddr),
    length: usize,
) {
    let open = |namespace: &Netns, address: IpAddr| {
        let socket = namespace.run(|| {
            UdpSocket::bind(SocketAddr::new(address, 0)).expect("cannot bind")
        });
        socket.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        let address = socket.local_addr().expect("it is bound");
        (socket, address)
    };
    let (here, there) = (open(here, own), open(there, other));
    let mut buffer = vec![0; 2_000];
    for turn in 0..3 {
        let message = vec![0; length + turn];
        for (from, to) in [(&here, &there), (&there, &here)] {
            let sent = from.0.send_to(&message, to.1);
            assert_eq!(sent.expect("cannot send"), message.len());
            let (read, _) = to.0.recv_from(&mut buffer).expect("no answer");
            assert_eq!(read, message.len());
        }
    }
}
