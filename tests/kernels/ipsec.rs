//! IPsec with policies, which have no device of their own: what is on the wire
//! is counted, once, and a decrypted packet is not.

use std::net::UdpSocket;
use std::os::fd::OwnedFd;

use crate::harness::account::{Account, Counted, count, settle};
use crate::harness::conversation::{
    Datagrams, Host, bound_tcp, introduce, talk_tcp, talk_udp,
};
use crate::harness::daemon::Daemon;
use crate::harness::lab::Lab;
use crate::harness::link::set_offloads;
use crate::harness::process::output_of;
use crate::harness::sys;
use crate::kinds::{INSIDE4, INSIDE6};

/// Bytes each way over each connection.
const CONVERSATION: usize = 40_000;

const KEY: &str =
    "0x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// How the ends protect what they send each other.
#[derive(Clone, Copy, Debug)]
struct Protection {
    protocol: &'static str,
    algorithm: &'static str,
    mode: &'static str,
    /// In UDP, on port 4500.
    in_udp: bool,
    /// The versions of IP outside and inside.
    versions: [u8; 2],
    /// More words of `ip xfrm state`.
    options: &'static str,
}

const ESP: &str = "auth-trunc hmac(sha256) KEY 128 enc ecb(cipher_null) EMPTY";
const AH: &str = "auth-trunc hmac(sha256) KEY 128";
const IPCOMP: &str = "comp deflate";

const PLAIN: Protection = Protection {
    protocol: "esp",
    algorithm: ESP,
    mode: "tunnel",
    in_udp: false,
    versions: [4, 4],
    options: "",
};

fn hosts_of<'a>(
    ends: &[Host<'a>; 2],
    protection: &Protection,
) -> [Host<'a>; 2] {
    [0, 1].map(|own| match protection.mode {
        "transport" => ends[own],
        _ => Host { ipv4: INSIDE4[own], ipv6: INSIDE6[own], ..ends[own] },
    })
}

/// Runs `ip xfrm` with words between blanks, of which some stand for others.
fn xfrm(host: &Host<'_>, words: &str) {
    let words = words.split_whitespace().map(|word| match word {
        "KEY" => KEY,
        "EMPTY" => "",
        word => word,
    });
    output_of(host.namespace.command("ip").arg("xfrm").args(words));
}

/// Two hosts that protect what they send each other, until this is dropped.
struct Protected<'a> {
    hosts: [Host<'a>; 2],
    _sockets: Vec<OwnedFd>,
}

impl<'a> Protected<'a> {
    fn new(ends: &[Host<'a>; 2], protection: &Protection) -> Self {
        let Protection { protocol, algorithm, mode, options, .. } = *protection;
        let [outer, inner] = protection.versions;
        let hosts = hosts_of(ends, protection);
        let encap = match protection.in_udp {
            true => "encap espinudp 4500 4500 0.0.0.0",
            false => "",
        };
        for here in 0..2 {
            for (from, to, directions) in [
                (here, 1 - here, &["out"][..]),
                (1 - here, here, &["in", "fwd"]),
            ] {
                let spi = if protocol == "comp" { 0x100 } else { 0x1000 };
                let state = format!(
                    "src {} dst {} proto {protocol}",
                    ends[from].address(outer),
                    ends[to].address(outer)
                );
                let any = if mode == "tunnel" { "flag af-unspec" } else { "" };
                let any = if options.contains("flag") { "" } else { any };
                xfrm(
                    &ends[here],
                    &format!(
                        "state add {state} spi {} reqid 1 mode {mode} {any} \
                         {options} {encap} {algorithm}",
                        spi + from
                    ),
                );
                for direction in directions {
                    // What it cannot compress comes without.
                    let level = match (protocol, *direction) {
                        ("comp", "in" | "fwd") => "level use",
                        _ => "",
                    };
                    xfrm(
                        &ends[here],
                        &format!(
                            "policy add src {} dst {} dir {direction} priority 2 tmpl \
                             {state} reqid 1 mode {mode} {level}",
                            hosts[from].address(inner),
                            hosts[to].address(inner),
                        ),
                    );
                }
            }
        }
        if protection.in_udp && mode == "transport" {
            // As a key daemon says of its own socket.
            for own in 0..2 {
                let [from, to] =
                    [1 - own, own].map(|end| ends[end].address(outer));
                let words = format!(
                    "policy add src {from} dst {to} proto 17 dport 4500 \
                     dir in action allow priority 1"
                );
                xfrm(&ends[own], &words);
            }
        }
        let sockets = match protection.in_udp {
            true => ends.iter().map(|end| nat_socket(end, outer)).collect(),
            false => Vec::new(),
        };
        Self { hosts, _sockets: sockets }
    }
}

impl Drop for Protected<'_> {
    fn drop(&mut self) {
        for host in &self.hosts {
            xfrm(host, "state flush");
            xfrm(host, "policy flush");
        }
    }
}

/// Opens what a key daemon opens to have ESP in UDP taken in.
fn nat_socket(end: &Host<'_>, version: u8) -> OwnedFd {
    const UDP_ENCAP: i32 = 100;
    const UDP_ENCAP_ESPINUDP: i32 = 2;
    let socket = end.namespace.run(|| {
        UdpSocket::bind((end.address(version), 4500)).expect("it is free")
    });
    let socket = OwnedFd::from(socket);
    sys::set_socket_option(
        &socket,
        libc::SOL_UDP,
        UDP_ENCAP,
        UDP_ENCAP_ESPINUDP,
    )
    .expect("the kernel knows ESP in UDP");
    socket
}

/// Two ends of a link, with addresses for tunnels between them.
fn ends_of(lab: &Lab) -> [Host<'_>; 2] {
    let ends = [Host::machine(lab), Host::world(lab)];
    for end in &ends {
        bound_tcp(end.namespace, 50_000);
        let all = ["tso", "gso", "tx-udp-segmentation", "gro"];
        set_offloads(end.namespace, end.interface, &all, false);
    }
    ends
}

fn give_addresses(ends: &[Host<'_>; 2]) {
    introduce(&ends[0], &ends[1]);
    for (own, end) in ends.iter().enumerate() {
        let other = &ends[1 - own];
        let (name, via4, via6) = (end.interface, other.ipv4, other.ipv6);
        let (own4, own6) = (INSIDE4[own], INSIDE6[own]);
        let (other4, other6) = (INSIDE4[1 - own], INSIDE6[1 - own]);
        end.namespace.ip_batch(&format!(
            "link set lo up\n\
             addr add {own4}/32 dev lo\n\
             addr add {own6}/128 dev lo\n\
             route add {other4}/32 via {via4} dev {name} src {own4} onlink\n\
             route add {other6}/128 via {via6} dev {name} src {own6} onlink\n"
        ));
    }
}

fn talk(hosts: &[Host<'_>; 2], version: u8) {
    talk_tcp(&hosts[0], &hosts[1], version, CONVERSATION);
    for length in [10, 1_000, 4_000] {
        let datagrams =
            Datagrams { length, segment: None, merged: false, count: 20 };
        talk_udp(&hosts[0], &hosts[1], version, datagrams);
    }
}

fn await_found(daemon: &mut Daemon) {
    daemon.await_log("IPsec", 0, |line| {
        line.message() == "found IPsec: looking for decrypted packets"
    });
}

/// Exporters at both ends, and what they showed so far.
struct Books<'a> {
    ends: [Host<'a>; 2],
    daemons: [Daemon; 2],
    before: [Account; 2],
}

impl<'a> Books<'a> {
    fn open(ends: [Host<'a>; 2]) -> Self {
        let daemons = [count(&ends[0]), count(&ends[1])];
        Self { ends, daemons, before: Default::default() }
    }

    fn since(&mut self, what: &str) -> [Account; 2] {
        let now = settle([
            Counted::of(&self.ends[0], &self.daemons[0]),
            Counted::of(&self.ends[1], &self.daemons[1]),
        ]);
        let new = [0, 1].map(|end| now[end].since(&self.before[end]));
        self.before = now;
        for account in &new {
            account.show(what, Default::default());
        }
        new
    }
}

/// What was received twice by the stack was received once. With GRO the device
/// leaves out the Ethernet header.
fn assert_exact(what: &str, gro: bool, accounts: [Account; 2]) {
    assert_eq!(accounts[0].sent, accounts[1].received, "{what}");
    assert_eq!(accounts[1].sent, accounts[0].received, "{what}");
    for account in accounts {
        let what = format!("{what}: {account:?}");
        if !gro {
            assert_eq!(account.received, account.device.received, "{what}");
            assert_eq!(account.sent, account.device.sent, "{what}");
        }
        assert_eq!(account.non_ip_received + account.non_ip_sent, 0, "{what}");
        assert!(account.sent.packets > 60, "{what}");
    }
}

#[test]
fn encrypted_packets_are_counted_once_whatever_they_hold() {
    let lab = Lab::new();
    let ends = ends_of(&lab);
    let mut books = Books::open(ends);
    give_addresses(&ends);
    let transport = Protection { mode: "transport", ..PLAIN };
    let in_udp = Protection { in_udp: true, ..PLAIN };
    let ah = Protection { protocol: "ah", algorithm: AH, ..PLAIN };
    let comp = Protection { protocol: "comp", algorithm: IPCOMP, ..PLAIN };
    let mut all = vec![
        Protection { in_udp: true, ..transport },
        Protection { versions: [6, 6], in_udp: true, ..PLAIN },
    ];
    for versions in [[4, 4], [6, 6]] {
        for kind in [PLAIN, transport, in_udp, ah, comp] {
            all.push(Protection { versions, ..kind });
        }
        all.push(Protection { versions, mode: "transport", ..ah });
    }
    for versions in [[4, 6], [6, 4]] {
        for kind in [PLAIN, in_udp, ah] {
            all.push(Protection { versions, ..kind });
        }
    }
    for protection in all {
        let what = format!("{protection:?}");
        let protected = Protected::new(&ends, &protection);
        // The first has come after the start.
        books.daemons.iter_mut().for_each(await_found);
        for gro in [false, true] {
            for end in &ends {
                set_offloads(end.namespace, end.interface, &["gro"], gro);
            }
            talk(&protected.hosts, protection.versions[1]);
            let accounts = books.since(&what);
            assert_exact(&format!("{what}, GRO {gro}"), gro, accounts);
        }
    }
}

/// One that starts where there is IPsec already counts as well.
#[test]
fn what_was_there_before_the_start_is_found() {
    let lab = Lab::new();
    let ends = ends_of(&lab);
    give_addresses(&ends);
    let protected = Protected::new(&ends, &PLAIN);
    let mut books = Books::open(ends);
    books.daemons.iter_mut().for_each(await_found);
    talk(&protected.hosts, 4);
    let what = "before the start";
    assert_exact(what, false, books.since(what));
}

/// Encrypted packets that are longer than the link takes come in fragments.
#[test]
fn encrypted_packets_in_fragments_are_counted_once() {
    let lab = Lab::new();
    let ends = ends_of(&lab);
    for end in &ends {
        end.namespace.ip(&format!("link set {} mtu 1280", end.interface));
    }
    let mut books = Books::open(ends);
    give_addresses(&ends);
    // No packet inside may be shorter than the least of IPv6.
    let protection = Protection {
        versions: [4, 6],
        options: "flag af-unspec flag nopmtudisc",
        ..PLAIN
    };
    let protected = Protected::new(&ends, &protection);
    books.daemons.iter_mut().for_each(await_found);
    let datagrams =
        Datagrams { length: 1_200, segment: None, merged: false, count: 100 };
    talk_udp(&protected.hosts[0], &protected.hosts[1], 6, datagrams);
    let accounts = books.since("in fragments");
    assert_exact("in fragments", false, accounts);
    for account in accounts {
        assert!(account.sent.packets > 199, "there are none: {account:?}");
    }
}

/// Where the kernel decrypts in GRO, no program sees a packet as it came: what
/// is inside is counted, and what was around it is missing. Of a super-frame
/// that is encrypted behind the hook, the end of each packet is missing.
#[test]
fn with_offloads_less_is_counted_than_was_on_the_wire() {
    for module in ["esp4_offload", "esp6_offload"] {
        output_of(std::process::Command::new("modprobe").arg(module));
    }
    for version in [4, 6] {
        for mode in ["tunnel", "transport"] {
            let lab = Lab::new();
            let ends = ends_of(&lab);
            let mut books = Books::open(ends);
            give_addresses(&ends);
            let versions = [version; 2];
            let protection = Protection { versions, mode, ..PLAIN };
            let protected = Protected::new(&ends, &protection);
            books.daemons.iter_mut().for_each(await_found);
            for gro in [false, true] {
                for end in &ends {
                    set_offloads(end.namespace, end.interface, &["gro"], gro);
                }
                let what = format!("offload, {mode}, IPv{version}, GRO {gro}");
                talk(&protected.hosts, version);
                let accounts = books.since(&what);
                for (own, account) in accounts.iter().enumerate() {
                    let received = account.received;
                    let sent = accounts[1 - own].sent;
                    if gro {
                        // 8 + 0 + 2 to 5 + 16 bytes, and an IP header.
                        let missing = (sent.bytes - received.bytes)
                            / received.packets.max(1);
                        assert!((20..=90).contains(&missing), "{missing}");
                    } else {
                        assert_eq!(sent, received, "{what}");
                    }
                }
            }
        }
    }
    for module in ["esp4_offload", "esp6_offload"] {
        output_of(std::process::Command::new("rmmod").arg(module));
    }
}
