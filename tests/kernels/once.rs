//! The whole machine, counted once: whatever stands on its cards, the sum is
//! what the cards carried. The script puts two pairs of virtio cards into the
//! guest, each with a cable between them.

use std::fs;
use std::process::Command;

use crate::harness::conversation::{Host, bound_tcp, introduce};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::{JAPAN, Remote};
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::{
    bridge, connect, mac_of, mac_text, set_offloads, set_up, statistics,
};
use crate::harness::netns::Netns;
use crate::harness::process::output_of;
use crate::harness::wait::{PATIENCE, await_until};
use crate::kinds::{
    AHEAD, INSIDE4, INSIDE6, NAMES, build, introduce_plainly, talk, wireguard,
};

/// The places of the cards on the bus, and their names in the tests: those of
/// the machine, and those at the other ends.
const CARDS: [[(&str, &str); 2]; 2] = [
    [("0000:00:10.0", WAN), ("0000:00:12.0", "wan1")],
    [("0000:00:11.0", PEER), ("0000:00:13.0", "peer1")],
];

const VERSIONS: [u8; 2] = [4, 6];

/// Returns the name of the card at this place, once it is here: the kernel
/// takes cards out of a namespace that has ended.
fn card_at(place: &str) -> String {
    await_until(PATIENCE, place, || {
        let devices = fs::read_dir("/sys/class/net").expect("no sysfs");
        let is_there = |name: &String| {
            let device = format!("/sys/class/net/{name}/device");
            let device = fs::canonicalize(device).unwrap_or_default();
            device.to_str().is_some_and(|path| path.contains(place))
        };
        let names = devices
            .filter_map(|device| device.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.retain(is_there);
        names.pop().ok_or_else(|| "there is none".into())
    })
}

/// A machine with two cards, each connected with one of the world, without
/// addresses.
fn cabled() -> Lab {
    let mut command = Command::new("modprobe");
    output_of(command.args(["-a", "virtio_pci", "virtio_net"]));
    let lab = Lab::unplugged();
    for (namespace, cards) in [&lab.machine, &lab.world].into_iter().zip(CARDS)
    {
        for (place, name) in cards {
            let card = card_at(place);
            let ip = |arguments: &[&str]| {
                output_of(Command::new("ip").args(arguments));
            };
            ip(&["link", "set", &card, "down"]);
            let path = namespace.path();
            ip(&["link", "set", &card, "netns", &path, "name", name]);
            let mac = mac_text(mac_of(name));
            namespace.ip(&format!("link set {name} address {mac}"));
            let offloads = ["tso", "gso", "gro"];
            set_offloads(namespace, name, &offloads, false);
        }
        bound_tcp(namespace, AHEAD);
    }
    for (namespace, cards) in [&lab.machine, &lab.world].into_iter().zip(CARDS)
    {
        for (_, name) in cards {
            set_up(namespace, name);
        }
    }
    lab
}

/// Returns the bytes that the machine's cards carried: received and sent.
fn carried(machine: &Netns) -> [u64; 2] {
    let cards = CARDS[0].map(|(_, name)| statistics(machine, name));
    let sum = |of: fn(&crate::harness::link::Statistics) -> u64| {
        cards.iter().map(of).sum()
    };
    [sum(|card| card.received.bytes), sum(|card| card.sent.bytes)]
}

/// Returns the bytes of the whole machine: received and sent.
fn whole(scrape: &Scrape) -> [u64; 2] {
    ["received", "sent"].map(|direction| {
        ["bytes", "unattributed_bytes", "non_ip_bytes"]
            .iter()
            .map(|kind| {
                let name = format!("geoip_host_{kind}_{direction}_total");
                scrape.sum(&name, &[])
            })
            .sum()
    })
}

/// An exporter, and the bytes of the cards from before it counted.
struct Counting {
    daemon: Daemon,
    before: [u64; 2],
}

impl Counting {
    /// Starts to count the cards, and nothing else.
    fn start(lab: &Lab) -> Self {
        let mut daemon = Setup::new(&lab.machine)
            .set("interfaces", "any")
            .set("host", true)
            .start();
        daemon.await_log("the cards", 0, |line| {
            line.message().contains("is counted at these interfaces")
                && line.get("interfaces").as_deref()
                    == Some("wan0 (card), wan1 (card)")
        });
        let before = await_until(PATIENCE, "rest", || {
            let before = carried(&lab.machine);
            daemon.await_polls();
            let counted = whole(&daemon.scrape());
            match before == carried(&lab.machine) {
                true => Ok([0, 1].map(|side| before[side] - counted[side])),
                false => Err("packets still come".into()),
            }
        });
        Self { daemon, before }
    }

    /// Compares with the cards, to the byte. So much was said over them.
    fn assert_exact(&self, lab: &Lab, what: &str, least: u64) {
        let expected = || {
            let now = carried(&lab.machine);
            [0, 1].map(|side| now[side] - self.before[side])
        };
        let scrape = self.daemon.await_scrape(what, |scrape| {
            let (seen, expected) = (whole(scrape), expected());
            match seen == expected {
                true => Ok(scrape.clone()),
                false => Err(format!("{seen:?} instead of {expected:?}")),
            }
        });
        let seen = whole(&scrape);
        assert!(seen.iter().all(|&bytes| bytes > least), "{what}: {seen:?}");
        let edges = scrape.matching("geoip_interface_counted_once", &[]);
        let edges = edges.filter(|(_, value)| *value == 1.0);
        assert_eq!(edges.count(), 2, "{what}");
        let all: u64 = ["received", "sent"]
            .map(|direction| {
                let name = format!("geoip_bytes_{direction}_total");
                scrape.sum(&name, &[])
            })
            .iter()
            .sum();
        eprintln!(
            "| {what} | {} | {} | all interfaces {all} |",
            seen[0], seen[1]
        );
        assert!(all > seen.iter().sum(), "{what}: nothing stands on the cards");
    }
}

/// Returns the same host with other addresses.
fn also(host: Host<'_>, Remote { ipv4, ipv6, .. }: Remote) -> Host<'_> {
    Host { ipv4, ipv6, ..host }
}

/// The least number of bytes that the hosts send to each other.
const SAID: u64 = 600_000;

#[test]
fn a_vlan_over_a_bond_is_counted_at_the_cards() {
    let lab = cabled();
    let counting = Counting::start(&lab);
    let ends = [Host::machine(&lab), Host::world(&lab)];
    for (end, cards) in ends.iter().zip(CARDS) {
        let namespace = end.namespace;
        let mode = "mode balance-rr miimon 100";
        namespace.ip(&format!("link add bond0 type bond {mode}"));
        for (_, card) in cards {
            namespace.ip(&format!("link set {card} down"));
            namespace.ip(&format!("link set {card} master bond0"));
            namespace.ip(&format!("link set {card} up"));
        }
        set_up(namespace, "bond0");
    }
    let hosts = build(&ends, |_| "link bond0 type vlan id 42".into());
    introduce(&hosts[0], &hosts[1]);
    talk(&hosts, &VERSIONS);
    counting.assert_exact(&lab, "vlan over bond", SAID);
    // The VLAN goes, and the bond falls apart.
    lab.machine.ip(&format!("link del {}", NAMES[0]));
    lab.machine.ip("link del bond0");
    for (_, card) in CARDS[0] {
        set_up(&lab.machine, card);
    }
    counting.assert_exact(&lab, "without bond", SAID);
}

#[test]
fn a_bridge_with_a_port_and_containers_is_counted_at_the_card() {
    let lab = cabled();
    let counting = Counting::start(&lab);
    let containers = [(); 3].map(|()| Netns::new());
    bridge(&lab.machine, "br0", &[WAN]);
    for (number, container) in containers.iter().enumerate() {
        let (end, inner) = (format!("veth{number}"), format!("in{number}"));
        connect(&lab.machine, &end, container, &inner);
        lab.machine.ip(&format!("link set {end} master br0"));
        bound_tcp(container, AHEAD);
    }
    let container = |number: usize, interface| Host {
        namespace: &containers[number],
        interface,
        ipv4: INSIDE4[number % 2],
        ipv6: INSIDE6[number % 2],
    };
    let [first, second, third] =
        [container(0, "in0"), container(1, "in1"), container(2, "in2")];
    let world = Host::world(&lab);
    introduce(&first, &world);
    talk(&[first, world], &VERSIONS);
    // The machine itself, through the bridge.
    let machine = Host { interface: "br0", ..Host::machine(&lab) };
    let world = also(world, JAPAN);
    introduce(&machine, &world);
    talk(&[machine, world], &VERSIONS);
    let before = carried(&lab.machine);
    introduce(&second, &third);
    talk(&[second, third], &VERSIONS);
    let after = carried(&lab.machine);
    assert!(after[1] - before[1] < SAID, "containers talk inside");
    counting.assert_exact(&lab, "bridge with veths", 2 * SAID);
}

#[test]
fn a_vxlan_is_counted_at_the_card() {
    for bound in ["", " dev "] {
        let lab = cabled();
        let counting = Counting::start(&lab);
        let ends = [Host::machine(&lab), Host::world(&lab)];
        introduce(&ends[0], &ends[1]);
        let hosts = build(&ends, |own| {
            let [local, remote] =
                [own, 1 - own].map(|end| ends[end].address(4));
            let device = match bound {
                "" => String::new(),
                _ => format!("dev {}", ends[own].interface),
            };
            format!(
                "type vxlan id 42 dstport 4789 local {local} \
                 remote {remote} {device}"
            )
        });
        introduce(&hosts[0], &hosts[1]);
        talk(&hosts, &VERSIONS);
        counting.assert_exact(&lab, &format!("vxlan{bound}"), SAID);
    }
}

#[test]
fn wireguard_is_counted_at_the_card() {
    let lab = cabled();
    let counting = Counting::start(&lab);
    let ends = [Host::machine(&lab), Host::world(&lab)];
    introduce(&ends[0], &ends[1]);
    let hosts = wireguard(&ends);
    introduce_plainly(&hosts, &VERSIONS);
    talk(&hosts, &VERSIONS);
    counting.assert_exact(&lab, "wireguard", SAID);
}

#[test]
fn macvlans_are_counted_at_the_card() {
    let lab = cabled();
    let counting = Counting::start(&lab);
    let ends = [Host::machine(&lab), Host::world(&lab)];
    let hosts = build(&ends, |own| {
        format!("link {} type macvlan", ends[own].interface)
    });
    introduce(&hosts[0], &hosts[1]);
    talk(&hosts, &VERSIONS);
    counting.assert_exact(&lab, "macvlan", SAID);
    // One that lives in a container.
    let container = Netns::new();
    lab.machine.ip(&format!(
        "link add mac1 link {WAN} address {} type macvlan",
        mac_text(mac_of("mac1"))
    ));
    lab.machine.ip(&format!("link set mac1 netns {}", container.path()));
    bound_tcp(&container, AHEAD);
    let inside = Host {
        namespace: &container,
        interface: "mac1",
        ipv4: [100, 64, 3, 1].into(),
        ipv6: "2001:db8:cc::1".parse().unwrap(),
    };
    set_up(&container, "mac1");
    let world = also(Host::world(&lab), JAPAN);
    introduce(&inside, &world);
    talk(&[inside, world], &VERSIONS);
    counting.assert_exact(&lab, "macvlan in a container", 2 * SAID);
}
