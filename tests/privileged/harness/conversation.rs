//! Two hosts of the kernel's own making that talk to each other over a link:
//! real TCP and UDP, with all the offloads that are switched on.

use std::io::{Read, Write};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket,
};
use std::os::fd::OwnedFd;
use std::thread;

use super::fixtures::{GERMANY, LOCAL4, LOCAL6};
use super::lab::{Lab, PEER, WAN};
use super::link::{Mac, mac_of, mac_text};
use super::netns::Netns;
use super::sys;
use super::wait::PATIENCE;

/// Socket options of UDP: cut what is sent into datagrams of this size, and
/// take received ones merged.
const UDP_SEGMENT: i32 = 103;
const UDP_GRO: i32 = 104;

/// An end of a conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host<'a> {
    pub(crate) namespace: &'a Netns,
    pub(crate) interface: &'a str,
    pub(crate) ipv4: Ipv4Addr,
    pub(crate) ipv6: Ipv6Addr,
}

impl<'a> Host<'a> {
    /// Returns the machine of a lab, with its usual addresses.
    pub(crate) fn machine(lab: &'a Lab) -> Self {
        Self {
            namespace: &lab.machine,
            interface: WAN,
            ipv4: LOCAL4,
            ipv6: LOCAL6,
        }
    }

    /// Returns the world of a lab, which is in Germany.
    pub(crate) fn world(lab: &'a Lab) -> Self {
        Self {
            namespace: &lab.world,
            interface: PEER,
            ipv4: GERMANY.ipv4,
            ipv6: GERMANY.ipv6,
        }
    }

    /// Returns its address of one IP version.
    pub(crate) fn address(&self, ip_version: u8) -> IpAddr {
        match ip_version {
            4 => self.ipv4.into(),
            _ => self.ipv6.into(),
        }
    }

    /// Returns the hardware address of its interface.
    pub(crate) fn mac(&self) -> Mac {
        mac_of(self.interface)
    }

    /// Gives the interface its addresses, routes to another host over it,
    /// and that one's hardware address, so that nobody asks for it.
    fn meet(&self, other: &Self) {
        let name = self.interface;
        let mac = mac_text(other.mac());
        let mut lines = format!(
            "addr add {} peer {} dev {name}\n\
             addr add {}/128 dev {name} nodad\n\
             route add {}/128 dev {name}\n",
            self.ipv4, other.ipv4, self.ipv6, other.ipv6
        );
        for address in [IpAddr::from(other.ipv4), other.ipv6.into()] {
            lines += &format!(
                "neigh add {address} lladdr {mac} dev {name} nud permanent\n"
            );
        }
        self.namespace.ip_batch(&lines);
    }
}

/// Gives two hosts at the ends of a link their addresses.
pub(crate) fn introduce(a: &Host<'_>, b: &Host<'_>) {
    a.meet(b);
    b.meet(a);
}

/// Bounds how much TCP sends ahead, so that no queue on the way overflows:
/// what a device drops was already counted at the hook.
pub(crate) fn bound_tcp(namespace: &Netns, bytes: u32) {
    namespace.set("ipv4/tcp_wmem", &format!("4096 {bytes} {bytes}"));
}

/// Sends `length` bytes over one TCP connection from `a` to `b`, and then as
/// many back.
pub(crate) fn talk_tcp(
    a: &Host<'_>,
    b: &Host<'_>,
    ip_version: u8,
    length: usize,
) {
    let listener = b.namespace.run(|| {
        TcpListener::bind((b.address(ip_version), 0)).expect("cannot listen")
    });
    let to = listener.local_addr().expect("it is bound");
    let client = a.namespace.run(|| {
        TcpStream::connect_timeout(&to, PATIENCE)
            .unwrap_or_else(|e| panic!("cannot connect to {to}: {e}"))
    });
    let (server, _) = listener.accept().expect("a connection was made");
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("it is not zero");
    }
    pour(&client, &server, length);
    pour(&server, &client, length);
    // One end closes, the other sees it and closes: no packet comes later but
    // the last acknowledgement.
    drop(client);
    let rest = (&server).read(&mut [0]).expect("the other end closes");
    assert_eq!(rest, 0, "bytes that nobody sent");
}

fn pour(mut from: &TcpStream, mut to: &TcpStream, length: usize) {
    const CHUNK: usize = 1 << 18;
    thread::scope(|scope| {
        scope.spawn(move || {
            let chunk = vec![0; CHUNK];
            let mut left = length;
            while left > 0 {
                let part = left.min(CHUNK);
                from.write_all(&chunk[..part]).expect("cannot send");
                left -= part;
            }
        });
        let mut chunk = vec![0; CHUNK];
        let mut left = length;
        while left > 0 {
            let part = left.min(CHUNK);
            left -= to.read(&mut chunk[..part]).expect("cannot receive");
        }
    });
}

/// How a host sends datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagrams {
    /// Bytes a system call.
    pub(crate) length: usize,
    /// Into datagrams of how many bytes these are cut; all in one where
    /// `None`.
    pub(crate) segment: Option<i32>,
    /// Whether the receiving socket takes them merged.
    pub(crate) merged: bool,
    /// How many system calls.
    pub(crate) count: usize,
}

/// Sends datagrams from `a` to `b` and back, never more at a time than the
/// other end has taken.
pub(crate) fn talk_udp(
    a: &Host<'_>,
    b: &Host<'_>,
    ip_version: u8,
    datagrams: Datagrams,
) {
    let open = |host: &Host<'_>| {
        let socket = host.namespace.run(|| {
            UdpSocket::bind((host.address(ip_version), 0))
                .expect("cannot open a UDP socket")
        });
        let socket = OwnedFd::from(socket);
        let set = |option, value| {
            sys::set_socket_option(&socket, libc::SOL_UDP, option, value)
                .expect("cannot switch on UDP offload");
        };
        if let Some(segment) = datagrams.segment {
            set(UDP_SEGMENT, segment);
        }
        if datagrams.merged {
            set(UDP_GRO, 1);
        }
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        let address = socket.local_addr().expect("it is bound");
        (socket, address)
    };
    let (a, b) = (open(a), open(b));
    for _ in 0..datagrams.count {
        pass(&a.0, &b.0, b.1, datagrams.length);
        pass(&b.0, &a.0, a.1, datagrams.length);
    }
}

fn pass(from: &UdpSocket, to: &UdpSocket, address: SocketAddr, length: usize) {
    let sent = from.send_to(&vec![0; length], address);
    assert_eq!(sent.expect("cannot send datagrams"), length);
    let mut buffer = vec![0; 1 << 16];
    let mut left = length;
    while left > 0 {
        left -= to.recv(&mut buffer).expect("cannot receive datagrams");
    }
}
