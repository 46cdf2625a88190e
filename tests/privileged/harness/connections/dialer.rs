//! Makes connections, and attempts to connect, from one side of a link.

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::tallies::{Asking, Tallies, Tally};
use super::{Connection, Family, SILENT};
use crate::harness::countries::{CODES, address};
use crate::harness::wait::PATIENCE;
use crate::harness::{sys, tcp_sys};

/// A port that nobody listens on.
const CLOSED_PORT: u16 = 9;

/// Hosts of a country that connections are made with.
const HOSTS: u64 = 20;

/// Connections that a dialer has open at the same time.
const BATCH: u64 = 16;

/// Lets the kernel choose a local port for each remote end.
const IP_BIND_ADDRESS_NO_PORT: i32 = 24;

/// The end of a short connection, or of the attempt to make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    MachineCloses,
    WorldCloses,
    MachineResets,
    WorldResets,
    /// The socket of the side that asked is used for another connection.
    Reused,
    Refused,
    /// The side that asks gives up before an answer.
    GivenUp,
}

/// Closes one end and waits until the other sees it.
pub(super) fn close(first: Socket, mut second: &Socket) {
    drop(first);
    let read = second.read(&mut [0]).expect("the other end closes");
    assert_eq!(read, 0, "bytes that nobody sent");
}

/// Resets a connection and waits until the other end sees it.
fn reset(first: Socket, mut second: &Socket) {
    first.set_linger(Some(Duration::ZERO)).expect("cannot set an option");
    drop(first);
    let error = second.read(&mut [0]).expect_err("the other end resets");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// A listening socket, and the way to it.
pub(super) struct Listener {
    socket: Arc<Socket>,
    port: u16,
}

impl Listener {
    pub(super) fn open(asking: Asking, family: Family, port: u16) -> Self {
        let is_mapped = family == Family::Mapped && asking == Asking::World;
        let is_v6 = family == Family::V6 || is_mapped;
        let any: IpAddr = match is_v6 {
            false => Ipv4Addr::UNSPECIFIED.into(),
            true => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = open(is_v6);
        if is_v6 {
            socket.set_only_v6(!is_mapped).expect("cannot set an option");
        }
        socket.set_reuse_address(true).expect("cannot set an option");
        socket
            .bind(&SocketAddr::new(any, port).into())
            .unwrap_or_else(|e| panic!("cannot bind to {any} {port}: {e}"));
        socket.listen(65_535).expect("cannot listen");
        // Bounds accept() as well.
        socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let bound = socket.local_addr().expect("it is bound").as_socket();
        Self {
            socket: Arc::new(socket),
            port: bound.expect("an address and port").port(),
        }
    }
}

fn open(is_v6: bool) -> Socket {
    let domain = if is_v6 { Domain::IPV6 } else { Domain::IPV4 };
    Socket::new(domain, Type::STREAM, None).expect("cannot open a socket")
}

/// Limits the time that a read, a write or a connect may take. A test whose one
/// half failed would wait for ever with the other.
fn limit(socket: &Socket) {
    socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
    socket.set_write_timeout(Some(PATIENCE)).expect("not zero");
}

/// Makes connections from one side. It works in the namespace of this side.
pub(crate) struct Dialer {
    pub(super) asking: Asking,
    /// In the order of [`Family::ALL`].
    pub(super) listeners: [Listener; 3],
    pub(super) random: u64,
}

impl Dialer {
    /// Opens a connection with a host of a country.
    pub(crate) fn open(
        &mut self,
        country: usize,
        host: u16,
        family: Family,
    ) -> Connection {
        let socket = self.socket(country, host, family);
        self.connect(socket, country, host, family)
    }

    /// Returns an unconnected socket for a connection with this host.
    fn socket(&self, country: usize, host: u16, family: Family) -> Socket {
        let socket = match self.asking {
            Asking::Machine => open(family != Family::V4),
            Asking::World => open(family == Family::V6),
        };
        if self.asking == Asking::World {
            if family != Family::V6 {
                sys::set_socket_option(
                    &socket,
                    libc::SOL_IP,
                    IP_BIND_ADDRESS_NO_PORT,
                    1,
                )
                .expect("cannot set an option");
            }
            let own = address(country, host, family.version());
            let bound = socket.bind(&SocketAddr::new(own, 0).into());
            bound.unwrap_or_else(|e| panic!("cannot bind to {own}: {e}"));
        }
        limit(&socket);
        socket
    }

    /// Returns the other end of such connections.
    fn target(
        &self,
        country: usize,
        host: u16,
        family: Family,
        port: u16,
    ) -> SockAddr {
        let address = match (self.asking, family) {
            (Asking::World, _) => family.own(),
            (Asking::Machine, Family::Mapped) => {
                match address(country, host, 4) {
                    IpAddr::V4(v4) => v4.to_ipv6_mapped().into(),
                    IpAddr::V6(_) => panic!("asked for IPv4"),
                }
            }
            (Asking::Machine, _) => address(country, host, family.version()),
        };
        SocketAddr::new(address, port).into()
    }

    fn connect(
        &self,
        socket: Socket,
        country: usize,
        host: u16,
        family: Family,
    ) -> Connection {
        let listener = &self.listeners[family as usize];
        let target = self.target(country, host, family, listener.port);
        socket.connect(&target).unwrap_or_else(|e| {
            panic!("cannot connect to {:?}: {e}", target.as_socket())
        });
        let accepted = listener.socket.accept();
        let (other, _) = accepted.expect("a connection was made");
        limit(&other);
        let listener = Arc::clone(&listener.socket);
        Connection::new(self.asking, country, [socket, other], listener)
    }

    /// Returns a random number below a limit: Marsaglia's xorshift64*.
    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let random = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        (random * limit) >> 32
    }

    fn choose(&mut self) -> (usize, u16, Family, End) {
        let index = |number: u64| usize::try_from(number).expect("small");
        let country = index(self.below(CODES.len() as u64));
        let host = u16::try_from(1 + self.below(HOSTS)).expect("small");
        let family = Family::ALL[index(self.below(3))];
        let end = match self.below(64) {
            0 => End::GivenUp,
            1..4 => End::Reused,
            4..14 => End::Refused,
            14..22 => End::MachineResets,
            22..30 => End::WorldResets,
            30..47 => End::MachineCloses,
            _ => End::WorldCloses,
        };
        (country, host, family, end)
    }

    /// Makes this many connections and attempts.
    pub(crate) fn make_short(&mut self, count: u64) -> Tallies {
        let mut tallies = [Tally::default(); CODES.len()];
        let mut left = count;
        while left > 0 {
            let batch = left.min(BATCH);
            let mut open = Vec::new();
            for _ in 0..batch {
                let (country, host, family, end) = self.choose();
                let tally = &mut tallies[country];
                if matches!(end, End::Refused | End::GivenUp) {
                    self.fail(country, host, family, end);
                    // The machine sees nothing of those of others.
                    tally.failed += u64::from(self.asking == Asking::Machine);
                } else {
                    let connection = self.open(country, host, family);
                    tally.opened += 1;
                    if self.below(4) == 0 {
                        connection.exchange(100, 1_000);
                    }
                    open.push((connection, host, family, end));
                }
            }
            for (connection, host, family, end) in open {
                self.end(connection, host, family, end, &mut tallies);
            }
            left -= batch;
        }
        let mut all = Tallies::default();
        for (country, tally) in tallies.into_iter().enumerate() {
            all.add(CODES[country], self.asking, tally);
        }
        all
    }

    /// Tries to connect in vain.
    fn fail(&self, country: usize, host: u16, family: Family, end: End) {
        let socket = self.socket(country, host, family);
        if end == End::Refused {
            let target = self.target(country, host, family, CLOSED_PORT);
            let error = socket.connect(&target).expect_err("nobody listens");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        } else if self.asking == Asking::Machine {
            socket.set_nonblocking(true).expect("cannot set an option");
            let target = self.target(country, SILENT, family, CLOSED_PORT);
            let error = socket.connect(&target).expect_err("no answer");
            assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
        }
    }

    fn end(
        &mut self,
        connection: Connection,
        host: u16,
        family: Family,
        end: End,
        tallies: &mut [Tally; CODES.len()],
    ) {
        let Connection { country, machine, world, .. } = connection;
        tallies[country].closed += 1;
        match end {
            End::MachineCloses => close(machine, &world),
            End::WorldCloses => close(world, &machine),
            End::MachineResets => reset(machine, &world),
            End::WorldResets => reset(world, &machine),
            End::Reused => {
                let (socket, other) = match self.asking {
                    Asking::Machine => (machine, world),
                    Asking::World => (world, machine),
                };
                tcp_sys::disconnect(&socket).expect("cannot disconnect");
                drop(other);
                // One of the world's is bound to its country.
                let country = match self.asking {
                    Asking::Machine => (country + 1) % CODES.len(),
                    Asking::World => country,
                };
                tallies[country] += Tally { opened: 1, failed: 0, closed: 1 };
                self.connect(socket, country, host, family).close();
            }
            End::Refused | End::GivenUp => panic!("it was never open"),
        }
    }
}
