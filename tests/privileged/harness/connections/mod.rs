//! Real TCP connections between a machine and hosts of fifty countries: very
//! many short ones, of every kind of beginning and end, and ones that stay
//! open. Each is booked as the exporter should count it.

mod dialer;
mod tallies;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use socket2::Socket;

pub(crate) use self::dialer::Dialer;
use self::dialer::{Listener, close};
#[allow(unused_imports, reason = "the tests on other kernels use some")]
pub(crate) use self::tallies::{Asking, Tallies, Tally};
use super::countries::{CODES, address};
use super::lab::{Lab, PEER, WAN};
use super::link::{connect, mac_of, mac_text};
use super::netns::Netns;
use super::process::output_of;
use super::relay::{Relay, Terms};

/// The machine's own addresses, which no database knows.
pub(crate) const OWN4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const OWN6: Ipv6Addr =
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

/// The router to all other hosts.
const ROUTER4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const ROUTER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 2);

/// The host of each country that answers nothing.
const SILENT: u16 = 255;

/// The addresses of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
    /// IPv4, over a socket for IPv6 on the machine.
    Mapped,
}

impl Family {
    pub(crate) const ALL: [Self; 3] = [Self::V4, Self::V6, Self::Mapped];

    pub(super) fn version(self) -> u8 {
        match self {
            Self::V6 => 6,
            Self::V4 | Self::Mapped => 4,
        }
    }

    pub(super) fn own(self) -> IpAddr {
        match self {
            Self::V6 => OWN6.into(),
            Self::V4 | Self::Mapped => OWN4.into(),
        }
    }
}

/// A machine and, behind its link, hosts of fifty countries.
pub(crate) struct CountryLab {
    pub(crate) lab: Lab,
    /// The links of the first countries, if they have some.
    pub(crate) relays: Vec<Relay>,
}

impl CountryLab {
    /// Makes the same, but threads of the kernel receive the packets, on any CPU:
    /// both ends of a connection change their states at the same time.
    pub(crate) fn on_all_cpus() -> Self {
        let lab = Self::new();
        for (namespace, link) in lab.links() {
            // A veth has a NAPI if it merges packets.
            let merge = ["-K", link, "gro", "on"];
            output_of(namespace.command("ethtool").args(merge));
        }
        lab.set_of_links("threaded", "1");
        lab
    }

    /// Makes the same, but interrupts receive the packets on another CPU than
    /// they were sent on, on top of any process.
    #[allow(dead_code, reason = "the tests on other kernels use it")]
    pub(crate) fn with_steering(cpus: usize) -> Self {
        let lab = Self::new();
        let all = format!("{:x}", (1_u64 << cpus) - 1);
        lab.set_of_links("queues/rx-0/rps_cpus", &all);
        lab
    }

    fn links(&self) -> [(&Netns, &str); 2] {
        [(&self.lab.machine, WAN), (&self.lab.world, PEER)]
    }

    /// Writes to a file of both ends of the link. Only a mount of the namespace's
    /// own sysfs has it.
    fn set_of_links(&self, file: &str, value: &str) {
        for (namespace, link) in self.links() {
            let script = format!(
                "mount -t sysfs none /sys && \
                 echo {value} >/sys/class/net/{link}/{file}"
            );
            let arguments = ["-m", "sh", "-c", &script];
            output_of(namespace.command("unshare").args(arguments));
        }
    }

    /// Makes the namespaces, the link, the addresses and the routes.
    pub(crate) fn new() -> Self {
        Self::on_link(Lab::unplugged(), WAN, PEER)
    }

    /// Makes the same with a link of these names between two namespaces.
    pub(crate) fn on_link(lab: Lab, wan: &str, peer: &str) -> Self {
        let Lab { machine, world } = &lab;
        for namespace in [machine, world] {
            prepare(namespace);
        }
        connect(machine, wan, world, peer);
        let [there, here] = [peer, wan].map(|name| mac_text(mac_of(name)));
        machine.ip_batch(&format!(
            "addr add {OWN4}/24 dev {wan}\n\
             addr add {OWN6}/64 dev {wan} nodad\n\
             neigh add {ROUTER4} lladdr {there} dev {wan} nud permanent\n\
             neigh add {ROUTER6} lladdr {there} dev {wan} nud permanent\n\
             route add 198.18.0.0/15 via {ROUTER4}\n\
             route add 2001:db8::/32 via {ROUTER6}\n"
        ));
        world.ip_batch(&format!(
            "addr add {ROUTER4}/24 dev {peer}\n\
             addr add {ROUTER6}/64 dev {peer} nodad\n\
             neigh add {OWN4} lladdr {here} dev {peer} nud permanent\n\
             neigh add {OWN6} lladdr {here} dev {peer} nud permanent\n"
        ));
        populate(world);
        Self { lab, relays: Vec::new() }
    }

    /// Makes the same with a link of its own for each of the first countries.
    /// There are no others.
    pub(crate) fn over_relays(terms: &[Terms]) -> Self {
        let lab = Lab::unplugged();
        let Lab { machine, world } = &lab;
        for namespace in [machine, world] {
            prepare(namespace);
        }
        machine.ip_batch(&format!(
            "addr add {OWN4}/32 dev lo\naddr add {OWN6}/128 dev lo nodad\n"
        ));
        populate(world);
        let relays = terms.iter().enumerate().map(|(number, &terms)| {
            let [far, near] = ["far", "near"].map(|it| format!("{it}{number}"));
            let ends = [(machine, far.as_str()), (world, near.as_str())];
            let relay = Relay::new(ends, terms);
            machine.ip_batch(&format!(
                "route add 198.18.{number}.0/24 dev {far} src {OWN4}\n\
                 route add 2001:db8:{number:x}::/48 dev {far} src {OWN6}\n"
            ));
            // Answers take the link of their country.
            let table = 100 + number;
            world.ip(&format!(
                "rule add from 198.18.{number}.0/24 lookup {table}"
            ));
            world.ip(&format!(
                "-6 rule add from 2001:db8:{number:x}::/48 lookup {table}"
            ));
            world.ip_batch(&format!(
                "route add {OWN4}/32 dev {near} table {table}\n\
                 route add {OWN6}/128 dev {near} table {table}\n"
            ));
            relay
        });
        let relays = relays.collect();
        Self { lab, relays }
    }

    /// Returns the namespace of the side that asks, and the other one.
    fn sides(&self, asking: Asking) -> (&Netns, &Netns) {
        let Lab { machine, world } = &self.lab;
        match asking {
            Asking::Machine => (machine, world),
            Asking::World => (world, machine),
        }
    }

    /// Runs `work` with a dialer, whose other side listens on this port and the
    /// next one, which is for mapped addresses; or on any ports if it is 0.
    pub(crate) fn dial<T: Send>(
        &self,
        asking: Asking,
        port: u16,
        work: impl FnOnce(&mut Dialer) -> T + Send,
    ) -> T {
        let (here, there) = self.sides(asking);
        let listeners = there.run(|| {
            let is_next = |family| port > 0 && family == Family::Mapped;
            Family::ALL.map(|family| {
                let port = port + u16::from(is_next(family));
                Listener::open(asking, family, port)
            })
        });
        here.run(|| work(&mut Dialer { asking, listeners, random: 1 }))
    }

    /// Makes this many short connections and attempts, asked for by either
    /// side, and returns all of them when each has ended at both ends or is
    /// about to.
    pub(crate) fn make_short(&self, count: u64, seed: u64) -> Tallies {
        let shares = [Asking::Machine, Asking::World].map(|asking| {
            let seed = seed * 2 + u64::from(asking == Asking::World) + 1;
            (asking, count / 2, seed)
        });
        thread::scope(|scope| {
            let dialers = shares.map(|(asking, count, seed)| {
                scope.spawn(move || {
                    self.dial(asking, 0, |dialer| {
                        dialer.random = seed;
                        dialer.make_short(count)
                    })
                })
            });
            let mut tallies = Tallies::default();
            for dialer in dialers {
                tallies += dialer.join().unwrap_or_else(|p| resume_unwind(p));
            }
            tallies
        })
    }

    /// Opens this many connections, which stay open: the first is with the
    /// first country, and so on.
    pub(crate) fn open(
        &self,
        asking: Asking,
        port: u16,
        count: usize,
    ) -> Vec<Connection> {
        self.dial(asking, port, |dialer| {
            let open = |number: usize| {
                let host = u16::try_from(1 + number / CODES.len() % 250);
                dialer.open(
                    number % CODES.len(),
                    host.expect("at most 250"),
                    Family::ALL[number % 3],
                )
            };
            (0..count).map(open).collect()
        })
    }
}

/// Lets a namespace be all hosts of all countries.
fn populate(namespace: &Netns) {
    let mut lines = "route add local 198.18.0.0/15 dev lo\n".to_owned();
    for country in 0..CODES.len() {
        lines += &format!(
            "route add local 2001:db8:{country:x}::/48 dev lo\n\
             route add blackhole {}/32 table local\n\
             route add blackhole {}/128 table local\n",
            address(country, SILENT, 4),
            address(country, SILENT, 6),
        );
    }
    namespace.ip_batch(&lines);
}

/// Sets a namespace up for very many connections.
fn prepare(namespace: &Netns) {
    for (key, value) in [
        ("ipv4/ip_local_port_range", "1024 65535"),
        // A socket in TIME-WAIT takes memory and a pair of addresses.
        ("ipv4/tcp_max_tw_buckets", "4096"),
        ("ipv4/tcp_tw_reuse", "1"),
        ("core/somaxconn", "65535"),
        ("ipv4/tcp_max_syn_backlog", "65535"),
        ("ipv6/ip_nonlocal_bind", "1"),
    ] {
        namespace.set(key, value);
    }
}

/// A connection, with both of its ends. Closing is up to the test.
pub(crate) struct Connection {
    pub(crate) country: usize,
    pub(crate) machine: Socket,
    pub(crate) world: Socket,
    /// A connection that is found open is inbound if somebody listens.
    listener: Arc<Socket>,
}

impl Connection {
    fn new(
        asking: Asking,
        country: usize,
        ends: [Socket; 2],
        listener: Arc<Socket>,
    ) -> Self {
        let [here, there] = ends;
        let (machine, world) = match asking {
            Asking::Machine => (here, there),
            Asking::World => (there, here),
        };
        Self { country, machine, world, listener }
    }

    /// Returns the code of its country.
    pub(crate) fn code(&self) -> &'static str {
        CODES[self.country]
    }

    /// Lets the machine send `sent` bytes, and then the other end send
    /// `received`.
    pub(crate) fn exchange(&self, sent: usize, received: usize) {
        pass(&self.machine, &self.world, sent);
        pass(&self.world, &self.machine, received);
    }

    /// Closes it, the machine first.
    pub(crate) fn close(self) {
        close(self.machine, &self.world);
        drop(self.listener);
    }
}

fn pass(mut from: &Socket, mut to: &Socket, length: usize) {
    from.write_all(&vec![7; length]).expect("cannot send");
    to.read_exact(&mut vec![0; length]).expect("cannot receive");
}
