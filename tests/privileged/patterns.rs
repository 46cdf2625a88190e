//! Interfaces that are chosen by patterns, exclusions and what they are, and
//! names of every kind that the kernel takes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::fixtures::GERMANY;
use crate::harness::lab::{Lab, WAN, frames_of, received_from};
use crate::harness::link::{Volume, connect, set_up};
use crate::harness::netns::Netns;
use crate::harness::process::output_of;
use crate::harness::send::Sender;
use crate::harness::traffic::Traffic;
use crate::harness::tun::{Layer, Tun};

/// Waits until exactly these interfaces are attached, and no other shown.
fn await_attached(daemon: &Daemon, interfaces: &[&str]) {
    let what = format!("{interfaces:?} are attached");
    daemon.await_scrape(&what, |scrape| {
        let shown = scrape.values_of("geoip_interface_attached", "interface");
        let count = scrape.sum("geoip_interface_attached", &[]);
        match shown == interfaces && count == interfaces.len() as u64 {
            true => Ok(()),
            false => Err(format!("{shown:?}, {count} of them attached")),
        }
    });
}

fn add_veth(namespace: &Netns, name: &str, peer: &str) {
    namespace.ip(&format!("link add {name} type veth peer name {peer}"));
}

#[test]
fn interfaces_that_appear_are_counted_as_the_patterns_say() {
    let lab = Lab::new();
    let list = toml::Value::from(vec!["any", "!veth*", "!tun*"]);
    let daemon = Setup::new(&lab.machine).set("interfaces", list).start();
    await_attached(&daemon, &[WAN]);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    add_veth(&lab.machine, "veth1", "lan1");
    await_attached(&daemon, &["lan1", WAN]);
    let _tun = Tun::create(&lab.machine, "tun0", Layer::Ip);
    lab.machine.ip("link set lan1 name veth2");
    await_attached(&daemon, &[WAN]);
    lab.machine.ip("link set veth1 name lan2");
    await_attached(&daemon, &["lan2", WAN]);
    traffic.exchange();
    traffic.await_booked(&daemon);
}

#[test]
fn without_a_bus_uplinks_are_those_with_a_default_route() {
    let lab = Lab::new();
    let machine = &lab.machine;
    for (name, peer) in [("a0", "a1"), ("b0", "b1"), ("c0", "c1")] {
        add_veth(machine, name, peer);
        set_up(machine, name);
        set_up(machine, peer);
    }
    // Without neighbours to look for, the kernel joins no group for its address
    // of IPv6, and sends no report of that: it would be counted.
    machine.ip("link set c0 arp off");
    machine.ip("addr add 192.0.2.1/25 dev a0");
    machine.ip("addr add 192.0.2.129/25 dev b0");
    machine.ip("addr add 2001:db8::1/64 dev c0");
    machine.ip(&format!("addr add 198.51.100.1/24 dev {WAN}"));
    let mut daemon = Setup::new(machine).set("interfaces", "uplinks").start();
    daemon.await_log("the warning", 0, |line| {
        line.message().contains("matches no interface")
    });
    await_attached(&daemon, &[]);

    machine.ip("route add default via 198.51.100.2");
    await_attached(&daemon, &[WAN]);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    // Several hops, and another family.
    machine.ip(
        "route replace default nexthop via 192.0.2.2 nexthop via 192.0.2.130",
    );
    await_attached(&daemon, &["a0", "b0"]);
    machine.ip("-6 route add default via 2001:db8::2");
    await_attached(&daemon, &["a0", "b0", "c0"]);
    // Of another table, which rules decide on.
    machine.ip("route add default via 198.51.100.2 table 100");
    machine.ip("-6 route del default");
    await_attached(&daemon, &["a0", "b0"]);
    // The kernel takes the routes away and does not tell.
    machine.ip("link set b0 down");
    await_attached(&daemon, &["a0"]);
    machine.ip("link del a0");
    await_attached(&daemon, &[]);
    machine.ip("route add default via 198.51.100.2");
    await_attached(&daemon, &[WAN]);
    traffic.exchange();

    // Nothing is asked for any more, and then it is again.
    daemon.configure("interfaces", "any");
    daemon.reload();
    await_attached(&daemon, &["b0", "b1", "c0", "c1", WAN]);
    daemon.configure("interfaces", "uplinks");
    daemon.reload();
    await_attached(&daemon, &[WAN]);
    traffic.exchange();
    traffic.await_booked(&daemon);
}

/// The kernel's rule for names has few exceptions: two names may differ in
/// bytes that are no text, and any sign may be in one.
#[test]
fn names_of_every_kind_are_counted_apart_and_can_be_listed() {
    let names: [(&[u8], &str, &str); 5] = [
        (b"a\xff", r"a\xff", r"a\xff"),
        (b"a\xfe", r"a\xfe", r"a\xfe"),
        (b"we\"ird", r#"we"ird"#, r#"we\"ird"#),
        (b"a,b*!?;\\", r"a,b*!?;\\", r"a\,b\*\!\?\;\\"),
        (b"any", "any", r"\x61ny"),
    ];
    let lab = Lab::unplugged();
    for (index, (name, ..)) in names.iter().enumerate() {
        let mut ip = lab.machine.command("ip");
        ip.args(["link", "add", "name"]).arg(OsStr::from_bytes(name));
        ip.args(["type", "veth", "peer", "name", &format!("peer{index}")]);
        output_of(&mut ip);
    }
    let list: Vec<_> = names.iter().map(|(_, _, written)| *written).collect();
    let mut shown: Vec<_> = names.iter().map(|(_, label, _)| *label).collect();
    shown.sort_unstable();
    // As a list, and as a flag.
    let daemon =
        Setup::new(&lab.machine).set("interfaces", list.clone()).start();
    await_attached(&daemon, &shown);
    drop(daemon);
    let flag = format!("--interfaces={}", list.join(","));
    let daemon = Setup::new(&lab.machine).arguments(&[&flag]).start();
    await_attached(&daemon, &shown);
    // And in the environment.
    drop(daemon);
    let daemon = Setup::new(&lab.machine)
        .variable("GEOIP_EXPORTER_INTERFACES", list.join(","))
        .start();
    await_attached(&daemon, &shown);
}

#[test]
fn what_two_names_that_are_no_text_carry_is_kept_apart() {
    let lab = Lab::unplugged();
    let daemon = Setup::new(&lab.machine).set("interfaces", "any").start();
    let frames = frames_of(&received_from(GERMANY), "4");
    let names: [(&[u8], &str); 2] =
        [(b"x\xff", r"x\xff"), (b"x\xfe", r"x\xfe")];
    for ((name, _), peer) in names.iter().zip(["one", "two"]) {
        connect(&lab.machine, WAN, &lab.world, peer);
        let mut ip = lab.machine.command("ip");
        ip.args(["link", "set", WAN, "name"]).arg(OsStr::from_bytes(name));
        output_of(&mut ip);
    }
    await_attached(&daemon, &[r"x\xfe", r"x\xff"]);
    Sender::open(&lab.world, "one").send(&frames);
    Sender::open(&lab.world, "two").send(&frames);
    Sender::open(&lab.world, "two").send(&frames);
    let bytes = Volume::of(&frames).bytes;
    for ((_, label), times) in names.iter().zip([1, 2]) {
        let labels = [("interface", *label), ("country", "DE")];
        let name = "geoip_bytes_received_total";
        daemon.await_sum(name, &labels, times * bytes);
    }
}
