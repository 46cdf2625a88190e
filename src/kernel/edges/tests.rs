mod paths;

use super::*;
use crate::kernel::interfaces::{Interface, LinkLayer, Relations};

/// Devices by the words of a line each: a name, and then any of `bus`,
/// `kind=`, `lower=` and `master=` with a name, and `off` for one that is not
/// attached. The ifindex is the number of the line, from 1.
struct Machine {
    table: InterfaceTable,
    attached: BTreeSet<u32>,
    names: Vec<String>,
    finder: EdgeFinder,
}

impl Machine {
    fn new(lines: &[&str]) -> Self {
        let mut machine = Self {
            table: InterfaceTable::default(),
            attached: BTreeSet::new(),
            names: Vec::new(),
            finder: EdgeFinder::default(),
        };
        machine.set(lines);
        machine
    }

    fn set(&mut self, lines: &[&str]) {
        let name =
            |line: &&str| line.split(' ').next().unwrap_or_default().to_owned();
        self.names = lines.iter().map(name).collect();
        self.attached.clear();
        let devices: Vec<_> =
            lines.iter().map(|line| self.device(line)).collect();
        self.table.replace(devices);
    }

    fn index(&self, name: &str) -> u32 {
        let place = self.names.iter().position(|other| other == name);
        u32::try_from(place.expect(name) + 1).unwrap()
    }

    fn device(&mut self, line: &str) -> Interface {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let ifindex = self.index(name);
        let mut device = Interface {
            ifindex,
            name: name.into(),
            link_layer: LinkLayer::Ethernet,
            is_up: true,
            is_running: true,
            is_loopback: name == "lo",
            is_on_bus: false,
            relations: Relations::default(),
        };
        let mut is_attached = name != "lo";
        for word in words {
            match word.split_once('=') {
                Some(("kind", kind)) => {
                    device.relations.kind = Some(kind.into());
                }
                Some(("lower", lower)) => {
                    device.relations.lower = Some(self.index(lower));
                }
                Some(("master", master)) => {
                    device.relations.master = Some(self.index(master));
                }
                _ if word == "bus" => device.is_on_bus = true,
                _ if word == "off" => is_attached = false,
                _ => panic!("{word}"),
            }
        }
        if is_attached {
            self.attached.insert(ifindex);
        }
        device
    }

    fn routes(mut self, names: &[&str]) -> Self {
        self.set_routes(names);
        self
    }

    fn set_routes(&mut self, names: &[&str]) {
        let devices = names.iter().map(|name| self.index(name)).collect();
        self.table.set_default_routes(devices);
    }

    fn verdicts(&mut self) -> BTreeMap<String, String> {
        self.verdicts_of(&CountedOnce::Auto).unwrap()
    }

    fn verdicts_of(
        &mut self,
        wanted: &CountedOnce,
    ) -> Option<BTreeMap<String, String>> {
        let found = self.finder.find(wanted, &self.table, &self.attached)?;
        let named = found.iter().map(|(&ifindex, verdict)| {
            let name = self.names[ifindex as usize - 1].clone();
            let sign = if verdict.is_edge() { '+' } else { '-' };
            (name, format!("{sign} {verdict}"))
        });
        Some(named.collect())
    }

    fn edges(&mut self) -> Vec<String> {
        let verdicts = self.verdicts();
        let edges = verdicts.iter().filter(|(_, text)| text.starts_with('+'));
        edges.map(|(name, _)| name.clone()).collect()
    }
}

fn edges(lines: &[&str]) -> Vec<String> {
    Machine::new(lines).edges()
}

#[test]
fn cards_are_edges_and_nothing_else_is() {
    let mut machine = Machine::new(&[
        "lo",
        "eth0 bus",
        "eth1 bus",
        "docker0 kind=bridge",
        "veth1 kind=veth master=docker0",
        "dummy0 kind=dummy",
    ]);
    let verdicts = machine.verdicts();
    assert_eq!(machine.edges(), ["eth0", "eth1"]);
    assert_eq!(verdicts["eth0"], "+ card");
    assert_eq!(verdicts["veth1"], "- does not lead outside");
    assert!(!verdicts.contains_key("lo"));
}

#[test]
fn no_device_that_stands_on_a_card_is_an_edge() {
    for above in [
        "br0 kind=bridge",
        "eth0.7 kind=vlan lower=eth0",
        "mac0 kind=macvlan lower=eth0",
        "ipv0 kind=ipvlan lower=eth0",
        "vx0 kind=vxlan lower=eth0",
        "gre1 kind=gre lower=eth0",
        "wg0 kind=wireguard",
        "tun0 kind=tun",
        "gre2 kind=gre",
        "vx1 kind=vxlan",
        "ppp0 kind=ppp",
    ] {
        let master = if above.contains("bridge") { " master=br0" } else { "" };
        let eth0 = format!("eth0 bus{master}");
        let mut machine = Machine::new(&["lo", &eth0, above]);
        assert_eq!(machine.edges(), ["eth0"], "{above}");
        let name = above.split(' ').next().unwrap();
        assert_eq!(
            machine.verdicts()[name],
            "- its packets are counted at eth0",
            "{above}"
        );
    }
}

#[test]
fn a_stack_of_several_devices_is_counted_at_the_lowest() {
    let lines = [
        "eth0 bus master=bond0",
        "eth1 bus master=bond0",
        "bond0 kind=bond",
        "bond0.7 kind=vlan lower=bond0 master=br7",
        "br7 kind=bridge",
        "tap0 kind=tun master=br7",
        "vx0 kind=vxlan lower=br7",
    ];
    let mut machine = Machine::new(&lines);
    assert_eq!(machine.edges(), ["eth0", "eth1"]);
    for above in ["bond0", "bond0.7", "br7", "vx0"] {
        let verdict = &machine.verdicts()[above];
        assert!(verdict.starts_with("- its packets are counted at eth"));
    }
}

#[test]
fn a_bond_is_an_edge_if_a_member_is_not_attached() {
    for kind in ["bond", "team"] {
        let bond = format!("bond0 kind={kind}");
        let mut machine = Machine::new(&[
            "eth0 bus master=bond0",
            "eth1 bus master=bond0 off",
            &bond,
        ]);
        let verdicts = machine.verdicts();
        assert_eq!(machine.edges(), ["bond0"]);
        assert_eq!(
            verdicts["bond0"],
            "+ stands on eth1, which is not attached"
        );
        assert_eq!(verdicts["eth0"], "- its packets are counted at bond0");
        assert_eq!(verdicts["eth1"], "- its packets are counted at bond0");
    }
}

#[test]
fn a_port_of_a_vrf_is_counted_and_the_vrf_is_not() {
    assert_eq!(edges(&["eth0 bus master=red", "red kind=vrf"]), ["eth0"]);
}

#[test]
fn the_devices_above_a_card_that_is_not_attached_are_edges() {
    let mut machine = Machine::new(&[
        "eth0 bus master=br0 off",
        "br0 kind=bridge",
        "veth1 kind=veth master=br0",
        "br0.7 kind=vlan lower=br0",
    ]);
    assert_eq!(machine.edges(), ["br0"]);
    let verdicts = machine.verdicts();
    assert_eq!(verdicts["br0"], "+ stands on eth0, which is not attached");
    assert_eq!(verdicts["eth0"], "- its packets are counted at br0");
    assert_eq!(verdicts["veth1"], "- its packets are counted at br0");

    let vlans = [
        "eth0 bus off",
        "eth0.7 kind=vlan lower=eth0",
        "eth0.8 kind=vlan lower=eth0",
    ];
    assert_eq!(edges(&vlans), ["eth0.7", "eth0.8"]);
    assert_eq!(edges(&["eth0 bus off", "wg0 kind=wireguard"]), ["wg0"]);
    // The tunnel's packets leave through the bridge.
    let both =
        ["eth0 bus master=br0 off", "br0 kind=bridge", "wg0 kind=wireguard"];
    assert_eq!(edges(&both), ["br0"]);
    // A port of it is a tunnel that may send through the other card.
    let tunnel = "vx0 kind=vxlan master=br0 off";
    let mut port = Machine::new(&[both[0], both[1], tunnel, "eth1 bus"]);
    assert_eq!(port.edges(), ["eth1"]);
    let br0 = port.verdicts().remove("br0").unwrap();
    assert_eq!(br0, "- its packets are counted at eth1");
    // Two steps up.
    let far = [
        "eth0 bus master=bond0 off",
        "bond0 kind=bond master=br0 off",
        "br0 kind=bridge",
    ];
    assert_eq!(edges(&far), ["br0"]);
}

#[test]
fn a_card_that_nothing_attached_stands_for_is_named() {
    let mut machine =
        Machine::new(&["eth0 bus", "eth1 bus off", "veth1 kind=veth"]);
    let verdicts = machine.verdicts();
    assert_eq!(machine.edges(), ["eth0"]);
    assert_eq!(verdicts["eth1"], "- not attached");
    let mut machine = Machine::new(&["eth0 bus off", "veth1 kind=veth"]);
    assert_eq!(machine.edges(), [""; 0]);
}

#[test]
fn a_card_that_is_the_master_of_another_is_the_edge() {
    assert_eq!(edges(&["eth0 bus", "eth1 bus master=eth0"]), ["eth0"]);
    // The other way around: the master is attached later.
    assert_eq!(edges(&["eth1 bus master=eth0", "eth0 bus off"]), ["eth1"]);
}

#[test]
fn the_ports_of_a_switch_are_counted_and_not_the_card_behind_them() {
    let lines = [
        "eth0 bus",
        "lan1 bus kind=dsa lower=eth0",
        "lan2 bus kind=dsa lower=eth0",
    ];
    assert_eq!(edges(&lines), ["lan1", "lan2"]);
}

#[test]
fn without_cards_the_default_route_decides() {
    let mut container =
        Machine::new(&["lo", "eth0 kind=veth", "wg0 kind=wireguard"]);
    assert_eq!(container.verdicts_of(&CountedOnce::Auto), None);
    container.set_routes(&["eth0"]);
    assert_eq!(container.edges(), ["eth0"]);
    assert_eq!(container.verdicts()["eth0"], "+ default route");
    assert_eq!(
        container.verdicts()["wg0"],
        "- its packets are counted at eth0"
    );
    let tunnel = ["lo", "wg0 kind=wireguard"];
    assert_eq!(Machine::new(&tunnel).routes(&["wg0"]).edges(), ["wg0"]);
    let both = ["eth0 kind=veth", "wg0 kind=wireguard"];
    let mut both = Machine::new(&both).routes(&["eth0", "wg0"]);
    assert_eq!(both.edges(), ["eth0"]);
    let tap = ["lo", "tap0 kind=tun"];
    assert_eq!(Machine::new(&tap).routes(&["tap0"]).edges(), ["tap0"]);
}

#[test]
fn a_default_route_leads_down_to_the_device_that_carries_it() {
    let vlan = ["eth0 kind=veth", "eth0.7 kind=vlan lower=eth0"];
    assert_eq!(Machine::new(&vlan).routes(&["eth0.7"]).edges(), ["eth0"]);
    let bond = [
        "a kind=veth master=bond0",
        "b kind=veth master=bond0",
        "bond0 kind=bond",
    ];
    assert_eq!(Machine::new(&bond).routes(&["bond0"]).edges(), ["a", "b"]);
    let off = ["eth0 kind=veth off", "eth0.7 kind=vlan lower=eth0"];
    assert_eq!(Machine::new(&off).routes(&["eth0.7"]).edges(), ["eth0.7"]);
}

/// Nothing tells which port leads outside.
#[test]
fn a_bridge_with_the_default_route_is_the_edge() {
    let mut machine = Machine::new(&[
        "eth0 kind=veth master=br0",
        "veth1 kind=veth master=br0",
        "br0 kind=bridge",
    ])
    .routes(&["br0"]);
    assert_eq!(machine.edges(), ["br0"]);
    assert_eq!(machine.verdicts()["eth0"], "- its packets are counted at br0");
}

#[test]
fn containers_behind_a_bridge_are_not_outside() {
    let lines = [
        "lo",
        "wan kind=veth",
        "docker0 kind=bridge",
        "veth1 kind=veth master=docker0",
        "veth2 kind=veth master=docker0",
    ];
    let mut with_route = Machine::new(&lines).routes(&["wan"]);
    assert_eq!(with_route.edges(), ["wan"]);
    let mut without = Machine::new(&lines).routes(&[]);
    assert_eq!(without.edges(), ["wan"]);
    assert_eq!(without.verdicts()["wan"], "+ leads out of this namespace");
}

/// A route that is replaced is gone for a moment, and an uplink that is made
/// anew too: nothing else becomes an edge.
#[test]
fn without_any_default_route_the_last_one_decides() {
    let lines = ["wan kind=veth", "lan kind=veth", "docker0 kind=bridge"];
    let mut machine = Machine::new(&lines).routes(&["wan"]);
    assert_eq!(machine.edges(), ["wan"]);
    machine.set_routes(&[]);
    assert_eq!(machine.edges(), ["wan"]);
    machine.table.remove(1);
    assert_eq!(machine.edges(), [""; 0]);
    machine.set(&lines);
    assert_eq!(machine.edges(), ["wan"]);
    machine.set_routes(&["lan"]);
    assert_eq!(machine.edges(), ["lan"]);
    machine.set_routes(&[]);
    assert_eq!(machine.edges(), ["lan"]);
}

#[test]
fn both_ends_of_a_veth_are_one_edge() {
    let lines = ["a kind=veth lower=b", "b kind=veth lower=a"];
    assert_eq!(Machine::new(&lines).routes(&["a", "b"]).edges().len(), 1);
    assert_eq!(Machine::new(&lines).routes(&[]).edges(), [""; 0]);
}

#[test]
fn a_list_is_taken_as_it_is() {
    let mut machine = Machine::new(&[
        "lo",
        "eth0 bus master=br0",
        "br0 kind=bridge",
        "wg0 kind=wireguard",
        "wg1 kind=wireguard off",
    ]);
    let list = Interfaces::read("br0,wg*,lo").unwrap();
    let wanted = CountedOnce::Listed(list);
    let verdicts = machine.verdicts_of(&wanted).unwrap();
    let expected = [
        ("lo", "- not attached"),
        ("eth0", "- not in counted_once"),
        ("br0", "+ in counted_once"),
        ("wg0", "+ in counted_once"),
        ("wg1", "- not attached"),
    ];
    let expected = expected.map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(verdicts, expected.into());
    let found = machine.finder.find(&wanted, &machine.table, &machine.attached);
    let pairs = doubled(&machine.table, &found.unwrap());
    assert_eq!(pairs, [[machine.index("wg0"), machine.index("br0")]]);

    let uplinks = Interfaces::read("uplinks").unwrap();
    let wanted = CountedOnce::Listed(uplinks);
    let verdicts = machine.verdicts_of(&wanted).unwrap();
    assert_eq!(verdicts["eth0"], "+ in counted_once");
    let mut container = Machine::new(&["eth0 kind=veth"]);
    assert_eq!(container.verdicts_of(&wanted), None);
}
