//! The life of an interface: deleted, made anew, renamed, moved, and what was
//! counted under which name meanwhile.
//!
//! The exporter polls once an hour here. What is right at the end was right at
//! each step, and not only by the next poll.

pub(crate) mod lost;
mod moved;
mod renamed;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::{Scrape, whole};
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::{
    Volume, bridge, connect, mac_of, mac_text, set_up, statistics,
};
use crate::harness::netns::Netns;
use crate::harness::sys::interface_index;
use crate::harness::traffic::{Books, Traffic, assert_books};

const UP: u64 = 0;
const DOWN: u64 = 1;
const NOT_FOUND: u64 = 2;

/// Starts an exporter that polls only when something asks for it, behind its
/// first poll.
fn start(machine: &Netns, interfaces: &str) -> Daemon {
    let mut daemon = Setup::new(machine)
        .set("interfaces", interfaces)
        .set("poll_interval", "1h")
        .start();
    daemon.await_log("first poll", 0, |line| line.message() == "polled");
    daemon
}

fn await_log(daemon: &mut Daemon, from: usize, what: &str, interface: &str) {
    daemon.await_log(&format!("{what} {interface}"), from, |line| {
        line.message() == what
            && line.get("interface").as_deref() == Some(interface)
    });
}

/// Polls, and returns what the exporter shows.
fn poll(daemon: &Daemon) -> Scrape {
    daemon.reload();
    daemon.scrape()
}

/// Waits until exactly these interfaces have exactly these states.
fn await_states(daemon: &Daemon, expected: &[(&str, u64)]) {
    daemon.await_scrape("the states of the interfaces", |scrape| {
        let seen: Vec<(String, u64)> = scrape
            .matching("geoip_interface_status", &[])
            .map(|(labels, v)| (labels["interface"].clone(), whole(v)))
            .collect();
        let is_same = seen.len() == expected.len()
            && seen
                .iter()
                .zip(expected)
                .all(|((name, status), e)| (name.as_str(), *status) == *e);
        if is_same { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

fn index_of(namespace: &Netns, name: &str) -> u32 {
    namespace.run(|| interface_index(name)).unwrap()
}

/// Returns the `ip` command that makes a link as `connect` does, with a
/// number of its own choice.
fn add(lab: &Lab, name: &str, index: u32, peer: &str) -> String {
    format!(
        "link add {name} index {index} address {} type veth \
         peer name {peer} address {} netns {}\n",
        mac_text(mac_of(name)),
        mac_text(mac_of(peer)),
        lab.world.path(),
    )
}

fn open(lab: &Lab, name: &str, peer: &str) -> Traffic {
    Traffic::between(&lab.machine, name, &lab.world, peer)
}

fn set_both_up(lab: &Lab, name: &str, peer: &str) {
    lab.machine.ip(&format!("link set {name} up"));
    set_up(&lab.world, peer);
    set_up(&lab.machine, name);
}

/// Returns all that was booked.
pub(crate) fn sum(parts: &[&Traffic]) -> Books {
    let mut sum = Books::new();
    for (subject, volume) in parts.iter().flat_map(|t| t.booked()) {
        let entry = sum.entry(subject.clone()).or_default();
        *entry = *entry + *volume;
    }
    sum
}

#[test]
fn each_byte_up_to_the_deletion_is_counted_under_the_right_name() {
    let lab = Lab::new();
    let mut daemon = start(&lab.machine, "any");
    let mut traffic = Traffic::new(&lab);
    for round in 0..20 {
        traffic.exchange();
        let position = daemon.log_position();
        let index = index_of(&lab.machine, WAN);
        // The next has another number, the same name; or the same number and
        // another name; or both the same.
        let (name, index) = match round % 3 {
            0 => (WAN, index + 100),
            1 => ("lan0", index),
            _ => (WAN, index),
        };
        let old = traffic.name().to_owned();
        let add = add(&lab, name, index, PEER);
        lab.machine.ip_batch(&format!("link del {old}\n{add}"));
        set_both_up(&lab, name, PEER);
        await_log(&mut daemon, position, "detached", &old);
        await_log(&mut daemon, position, "attached", name);
        traffic.reopen(open(&lab, name, PEER));
        if round % 3 == 1 {
            traffic.exchange();
            let position = daemon.log_position();
            lab.machine.ip("link del lan0");
            connect(&lab.machine, WAN, &lab.world, PEER);
            await_log(&mut daemon, position, "attached", WAN);
            traffic.reopen(open(&lab, WAN, PEER));
        }
    }
    traffic.exchange();
    assert_books(&poll(&daemon), traffic.booked());
}

#[test]
fn a_device_with_a_large_number_is_counted_as_exactly() {
    let lab = Lab::unplugged();
    let mut daemon = start(&lab.machine, "wan0, lan0");
    let mut all = Vec::new();
    // The last that is found in the array, the first that is not, and one
    // number for two devices, one after the other.
    for (name, index) in [
        (WAN, 65_535),
        ("lan0", 65_536),
        (WAN, 70_000),
        ("lan0", 70_000),
        (WAN, 2_147_483_646),
    ] {
        let position = daemon.log_position();
        lab.machine.ip_batch(&add(&lab, name, index, PEER));
        set_both_up(&lab, name, PEER);
        await_log(&mut daemon, position, "attached", name);
        let mut traffic = open(&lab, name, PEER);
        traffic.exchange();
        assert_kernel_agrees(&lab, name, &traffic);
        all.push(traffic);
        lab.machine.ip(&format!("link del {name}"));
        await_log(&mut daemon, position, "detached", name);
    }
    let all: Vec<&Traffic> = all.iter().collect();
    assert_books(&poll(&daemon), &sum(&all));
    await_states(&daemon, &[("lan0", NOT_FOUND), (WAN, NOT_FOUND)]);
}

/// Panics unless the kernel's own counters of a device show what was sent.
fn assert_kernel_agrees(lab: &Lab, name: &str, traffic: &Traffic) {
    let kernel = statistics(&lab.machine, name);
    let sent = [traffic.total("received"), traffic.total("sent")];
    eprintln!("{name}: {sent:?} sent, {kernel:?}");
    assert_eq!([kernel.received, kernel.sent], sent, "{name}");
    assert_ne!(kernel.sent, Volume::default(), "{name}");
}

#[test]
fn going_down_and_up_and_through_a_bridge_detaches_nothing() {
    let lab = Lab::new();
    let mut daemon = start(&lab.machine, "wan0, br0, other");
    await_states(
        &daemon,
        &[("br0", NOT_FOUND), ("other", NOT_FOUND), (WAN, UP)],
    );
    let position = daemon.log_position();
    let mut traffic = Traffic::new(&lab);
    bridge(&lab.machine, "br0", &[]);
    await_log(&mut daemon, position, "attached", "br0");
    for _ in 0..3 {
        traffic.exchange();
        lab.machine.ip("link set wan0 down");
        await_states(
            &daemon,
            &[("br0", UP), ("other", NOT_FOUND), (WAN, DOWN)],
        );
        set_up(&lab.machine, WAN);
        await_states(&daemon, &[("br0", UP), ("other", NOT_FOUND), (WAN, UP)]);
        traffic.exchange();
        lab.machine.ip("link set wan0 master br0");
        lab.machine.ip("link set wan0 nomaster");
    }
    // As a port, what it receives and the bridge does not forward, since it
    // has no other port, is received by the bridge too only if it is for it.
    traffic.exchange();
    assert_kernel_agrees(&lab, WAN, &traffic);
    assert_books(&poll(&daemon), traffic.booked());
    let position = daemon.log_position();
    lab.machine.ip("link del br0");
    let end = daemon
        .await_log("the end of br0", 0, |line| line.message() == "detached");
    assert_eq!(end.get("interface").as_deref(), Some("br0"), "at {position}");
}

/// Other names of a device are not followed: the kernel gives every device
/// one name that is unique and any number that are not shown.
#[test]
fn an_alternative_name_is_not_the_name() {
    let lab = Lab::new();
    lab.machine.ip("link property add dev wan0 altname uplink0");
    let daemon = start(&lab.machine, "uplink0");
    await_states(&daemon, &[("uplink0", NOT_FOUND)]);
}
