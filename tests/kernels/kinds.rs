//! Every kind of device: what one end sends is what the other end receives, to
//! the byte and packet, and what the device itself counts is known.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::Stdio;

use crate::harness::account::{Account, Counted, count, settle};
use crate::harness::conversation::{
    Datagrams, Host, bound_tcp, introduce, talk_tcp, talk_udp,
};
use crate::harness::fixtures::GERMANY;
use crate::harness::frames::Packet;
use crate::harness::lab::Lab;
use crate::harness::link::{
    Volume, connect, mac_of, mac_text, set_offloads, set_up,
};
use crate::harness::netns::Netns;
use crate::harness::process::output_of;
use crate::harness::send::{Sender, Sniffer};

/// Bytes each way over each connection, and that TCP sends ahead.
const CONVERSATION: usize = 300_000;
pub(crate) const AHEAD: u32 = 100_000;

/// Addresses inside a tunnel: shared address space, and in no country.
pub(crate) const INSIDE4: [Ipv4Addr; 2] =
    [Ipv4Addr::new(100, 64, 1, 1), Ipv4Addr::new(100, 64, 2, 1)];
pub(crate) const INSIDE6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0x2001, 0xdb8, 0xaa, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0xbb, 0, 0, 0, 0, 1),
];

/// The devices under test.
pub(crate) const NAMES: [&str; 2] = ["inner0", "inner1"];

/// Two namespaces with a link between them that has addresses, and exporters
/// that count the link.
pub(crate) fn underlay(lab: &Lab) -> [Host<'_>; 2] {
    let ends = [Host::machine(lab), Host::world(lab)];
    for end in &ends {
        bound_tcp(end.namespace, AHEAD);
    }
    introduce(&ends[0], &ends[1]);
    ends
}

/// Makes a device at each end, with the `ip` arguments that `kind` returns for
/// this end's number, and returns the hosts inside.
pub(crate) fn build<'a>(
    ends: &[Host<'a>; 2],
    kind: impl Fn(usize) -> String,
) -> [Host<'a>; 2] {
    for (own, end) in ends.iter().enumerate() {
        let name = NAMES[own];
        end.namespace.ip(&format!("link add {name} {}", kind(own)));
    }
    inside(ends)
}

/// Brings up the devices under test and returns the hosts inside.
pub(crate) fn inside<'a>(ends: &[Host<'a>; 2]) -> [Host<'a>; 2] {
    [0, 1].map(|own| {
        let namespace = ends[own].namespace;
        // Only what has a hardware address takes one.
        let _ = namespace
            .command("ip")
            .args(["link", "set", NAMES[own], "address"])
            .arg(mac_text(mac_of(NAMES[own])))
            .stderr(Stdio::null())
            .status();
        namespace.ip(&format!("link set {} mtu 1300 up", NAMES[own]));
        Host {
            namespace,
            interface: NAMES[own],
            ipv4: INSIDE4[own],
            ipv6: INSIDE6[own],
        }
    })
}

/// Gives addresses to devices that find the other end without asking for its
/// hardware address.
pub(crate) fn introduce_plainly(hosts: &[Host<'_>; 2], versions: &[u8]) {
    for (own, host) in hosts.iter().enumerate() {
        let other = &hosts[1 - own];
        for &version in versions {
            let bits = if version == 4 { 32 } else { 128 };
            let (this, that) = (host.address(version), other.address(version));
            let device = host.interface;
            host.namespace.ip(&format!(
                "-{version} addr add {this} peer {that}/{bits} dev {device}"
            ));
        }
    }
}

/// Lets the hosts talk by TCP and UDP.
pub(crate) fn talk(hosts: &[Host<'_>; 2], versions: &[u8]) {
    let [a, b] = hosts;
    for &version in versions {
        talk_tcp(a, b, version, CONVERSATION);
        for (length, segment) in [(1_000, None), (10_000, Some(1_000))] {
            let datagrams =
                Datagrams { length, segment, merged: false, count: 10 };
            talk_udp(a, b, version, datagrams);
        }
    }
}

/// Whether the stack or the device cuts TCP into packets.
fn set_segmenting(hosts: &[Host<'_>; 2], in_device: bool) {
    for host in hosts {
        for offload in ["tso", "tx-udp-segmentation", "gro"] {
            // Some devices have none to set.
            let state = if in_device { "on" } else { "off" };
            let _ = host
                .namespace
                .command("ethtool")
                .args(["-K", host.interface, offload, state])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// Who finds the other end of a device, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Ethernet,
    Ip,
}

/// Talks over the devices, with and without super-frames, and compares both
/// ends. Without super-frames each end is compared with its device too, which
/// leaves so many bytes out of each packet it receives and sends; `None` where
/// it counts something else.
pub(crate) fn assert_exact(
    what: &str,
    hosts: &[Host<'_>; 2],
    versions: &[u8],
    link: Link,
    missing: Option<[usize; 2]>,
) {
    let daemons = [count(&hosts[0]), count(&hosts[1])];
    match link {
        Link::Ethernet => introduce(&hosts[0], &hosts[1]),
        Link::Ip => introduce_plainly(hosts, versions),
    }
    let mut before = [Account::default(); 2];
    for in_device in [false, true] {
        set_segmenting(hosts, in_device);
        let mut sniffer = Sniffer::open(hosts[0].namespace, hosts[0].interface);
        talk(hosts, versions);
        let now = settle([
            Counted::of(&hosts[0], &daemons[0]),
            Counted::of(&hosts[1], &daemons[1]),
        ]);
        let [here, there] = [0, 1].map(|end| now[end].since(&before[end]));
        before = now;
        let what = format!("{what}, super-frames: {in_device}");
        here.show(&what, sniffer.drain());
        assert!(here.sent.bytes > CONVERSATION as u64, "{what}: {here:?}");
        assert_eq!(here.sent, there.received, "{what}");
        assert_eq!(there.sent, here.received, "{what}");
        let Some(missing) = missing.filter(|_| !in_device) else { continue };
        for Account { received, sent, device, .. } in [here, there] {
            assert_eq!(received, with(device.received, missing[0]), "{what}");
            assert_eq!(sent, with(device.sent, missing[1]), "{what}");
        }
    }
}

/// The volume with so many bytes more for each packet.
fn with(volume: Volume, missing: usize) -> Volume {
    let missing = volume.packets * missing as u64;
    Volume { bytes: volume.bytes + missing, ..volume }
}

/// A tunnel that carries IP packets without a link-layer header.
fn ip_tunnel(kind: &str, outer: u8, versions: &[u8], options: &str) {
    let lab = Lab::new();
    let ends = underlay(&lab);
    let hosts = build(&ends, |own| {
        let [local, remote] =
            [own, 1 - own].map(|end| ends[end].address(outer));
        format!("type {kind} local {local} remote {remote} {options}")
    });
    assert_exact(kind, &hosts, versions, Link::Ip, Some([0, 0]));
}

#[test]
fn an_ipip_tunnel_is_counted_to_the_byte() {
    ip_tunnel("ipip", 4, &[4], "ttl 64");
}

#[test]
fn a_sit_tunnel_is_counted_to_the_byte() {
    ip_tunnel("sit", 4, &[6], "ttl 64");
}

#[test]
fn a_gre_tunnel_is_counted_to_the_byte() {
    ip_tunnel("gre", 4, &[4, 6], "ttl 64");
}

#[test]
fn a_gre_tunnel_over_ipv6_is_counted_to_the_byte() {
    ip_tunnel("ip6gre", 6, &[4, 6], "");
}

#[test]
fn an_ip_tunnel_over_ipv6_is_counted_to_the_byte() {
    ip_tunnel("ip6tnl", 6, &[4, 6], "mode any");
}

#[test]
fn a_vlan_sub_interface_is_counted_to_the_byte() {
    let lab = Lab::new();
    let ends = underlay(&lab);
    let hosts = build(&ends, |own| {
        format!("link {} type vlan id 42", ends[own].interface)
    });
    assert_exact("vlan", &hosts, &[4, 6], Link::Ethernet, Some([14, 0]));
}

#[test]
fn a_tunnel_of_ethernet_frames_is_counted_to_the_byte() {
    for (kind, missing) in [
        ("gretap ttl 64", [0, 14]),
        ("geneve id 42", [14, 14]),
        ("vxlan id 42 dstport 4789", [14, 14]),
    ] {
        let lab = Lab::new();
        let ends = underlay(&lab);
        let hosts = build(&ends, |own| {
            let [local, remote] =
                [own, 1 - own].map(|end| ends[end].address(4));
            match kind.starts_with("geneve") {
                true => format!("type {kind} remote {remote}"),
                false => format!("type {kind} local {local} remote {remote}"),
            }
        });
        assert_exact(kind, &hosts, &[4, 6], Link::Ethernet, Some(missing));
    }
}

/// The two ports of a bond are counted on their own.
#[test]
fn a_bond_is_counted_to_the_byte() {
    let lab = Lab::unplugged();
    let ports = [["port0", "port1"], ["peer0", "peer1"]];
    for (here, there) in ports[0].into_iter().zip(ports[1]) {
        connect(&lab.machine, here, &lab.world, there);
    }
    let ends = [Host::machine(&lab), Host::world(&lab)];
    for (own, end) in ends.iter().enumerate() {
        bound_tcp(end.namespace, AHEAD);
        let (name, namespace) = (NAMES[own], end.namespace);
        let mode = "mode balance-rr miimon 100";
        namespace.ip(&format!("link add {name} type bond {mode}"));
        for port in ports[own] {
            namespace.ip(&format!("link set {port} down"));
            namespace.ip(&format!("link set {port} master {name}"));
            namespace.ip(&format!("link set {port} up"));
        }
    }
    let hosts = inside(&ends);
    for host in &hosts {
        set_up(host.namespace, host.interface);
    }
    for (own, host) in hosts.iter().enumerate() {
        for port in ports[own] {
            set_offloads(host.namespace, port, &["tso", "gro"], false);
        }
    }
    assert_exact("bond", &hosts, &[4, 6], Link::Ethernet, Some([0, 0]));
}

/// Makes a tunnel of WireGuard between two hosts.
pub(crate) fn wireguard<'a>(ends: &[Host<'a>; 2]) -> [Host<'a>; 2] {
    let hosts = build(ends, |_| "type wireguard".into());
    let keys = [0, 1]
        .map(|_| output_of(ends[0].namespace.command("wg").arg("genkey")));
    let directory = tempfile::TempDir::new().expect("a directory");
    let public: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(own, key)| {
            let path = directory.path().join(own.to_string());
            std::fs::write(&path, key).expect("cannot write the key");
            let mut command = ends[0].namespace.command("wg");
            let key = std::fs::File::open(path).expect("it was written");
            command.arg("pubkey").stdin(key);
            output_of(&mut command).trim().to_owned()
        })
        .collect();
    for (own, host) in hosts.iter().enumerate() {
        let endpoint = ends[1 - own].address(4);
        let mut command = host.namespace.command("wg");
        command.args(["set", host.interface, "listen-port", "51820"]);
        command.arg("private-key").arg(directory.path().join(own.to_string()));
        command.args([
            "peer",
            &public[1 - own],
            "allowed-ips",
            "0.0.0.0/0,::/0",
        ]);
        command.args(["endpoint", &format!("{endpoint}:51820")]);
        output_of(&mut command);
    }
    hosts
}

#[test]
fn wireguard_is_counted_to_the_byte() {
    let lab = Lab::new();
    let ends = underlay(&lab);
    let hosts = wireguard(&ends);
    // The device counts what it encrypts to: 32 bytes and padding a packet
    // more, and its own messages.
    assert_exact("wireguard", &hosts, &[4, 6], Link::Ip, None);
}

/// A dummy swallows what it is given, and nothing comes back.
#[test]
fn a_dummy_counts_what_it_is_given() {
    let namespace = Netns::new();
    namespace.ip("link add inner0 type dummy");
    namespace.ip(&format!(
        "link set inner0 address {} up",
        mac_text(mac_of("inner0"))
    ));
    let host = Host {
        namespace: &namespace,
        interface: "inner0",
        ipv4: INSIDE4[0],
        ipv6: INSIDE6[0],
    };
    let daemon = count(&host);
    let frames = [
        Packet::new(INSIDE4[0], GERMANY.ipv4),
        Packet::new(INSIDE6[0], GERMANY.ipv6),
    ]
    .map(|packet| packet.payload(100).frame());
    let sent = Sender::open(&namespace, "inner0").send(&frames);
    let [account] = settle([Counted::of(&host, &daemon)]);
    assert_eq!(account.sent, sent);
    assert_eq!(account.sent, account.device.sent);
    assert_eq!(account.received, Volume::default());
}
