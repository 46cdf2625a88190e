//! IPsec with policies, which have no device of their own: what is on the wire
//! is counted, once, and a decrypted packet is not.

use crate::harness::account::{Account, Counted, count, settle};
use crate::harness::conversation::{
    Datagrams, Host, bound_tcp, introduce, talk_tcp, talk_udp,
};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::lab::Lab;
use crate::harness::link::{Volume, set_offloads};
use crate::harness::process::output_of;
use crate::kinds::{INSIDE4, INSIDE6};
use crate::protected::{AH, IPCOMP, PLAIN, Protected, Protection};

/// Bytes each way over each connection.
const CONVERSATION: usize = 40_000;

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
             addr add {own6}/128 dev lo nodad\n\
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

    /// The same, where the link was used before.
    fn open_later(ends: [Host<'a>; 2]) -> Self {
        let daemons = ends.map(|end| {
            Setup::new(end.namespace)
                .set("interfaces", end.interface)
                .set("poll_interval", "10ms")
                .start()
        });
        let mut books = Self { ends, daemons, before: Default::default() };
        books.since("before");
        books
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
    let mut books = Books::open_later(ends);
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

/// Checks that so many bytes of each packet are missing, and no more than IPsec
/// adds.
fn assert_missing(what: &str, counted: Volume, wire: u64, least: u64) {
    let missing = (wire - counted.bytes) / counted.packets;
    eprintln!("{what}: {missing} bytes a packet are missing");
    assert!((least..=90).contains(&missing), "{what}: {missing}");
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
            for gro in [false, true] {
                less_is_counted(version, mode, gro);
            }
        }
    }
    for module in ["esp4_offload", "esp6_offload"] {
        output_of(std::process::Command::new("rmmod").arg(module));
    }
}

/// Each time in a new place: what was seen as it came is remembered for a
/// second after GRO is switched on.
fn less_is_counted(version: u8, mode: &'static str, gro: bool) {
    let lab = Lab::new();
    let ends = ends_of(&lab);
    for end in &ends {
        set_offloads(end.namespace, end.interface, &["gro"], gro);
    }
    let mut books = Books::open(ends);
    give_addresses(&ends);
    let protection = Protection { versions: [version; 2], mode, ..PLAIN };
    let protected = Protected::new(&ends, &protection);
    books.daemons.iter_mut().for_each(await_found);
    let what = format!("offload, {mode}, IPv{version}, GRO {gro}");
    talk(&protected.hosts, version);
    let accounts = books.since(&what);
    for (own, account) in accounts.iter().enumerate() {
        // With GRO the receiving device leaves out a header.
        let header = if gro { 14 * account.received.packets } else { 0 };
        let wire = accounts[1 - own].device.sent.bytes + header;
        assert_missing(&what, account.received, wire, u64::from(gro));
        if !gro {
            let wire = account.device.sent.bytes;
            assert_missing(&what, account.sent, wire, 1);
            let same = account.device.received;
            assert_eq!(account.received, same, "{what}");
        }
    }
}
