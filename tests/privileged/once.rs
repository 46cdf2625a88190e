//! The whole machine, counted once: on a container host, while devices come, go
//! and change under traffic, and over restarts.

use std::sync::atomic::Ordering;

use aya::programs::TcAttachType;
use tempfile::TempDir;

use crate::harness::bpffs::Bpffs;
use crate::harness::containers::{BRIDGE, ContainerHost};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::{GERMANY, LOCAL4};
use crate::harness::flood::{
    HALF, Offered, frames_from, frames_to, on_each_cpu,
};
use crate::harness::frames::Packet;
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::{Volume, bridge, connect, statistics};
use crate::harness::netns::Netns;
use crate::harness::send::Sender;
use crate::harness::sys::Signal;
use crate::harness::tcx::Counter;
use crate::harness::wait::{PATIENCE, await_equal, await_until};
use crate::harness::watch::{accounted, during};

const DIRECTIONS: [&str; 2] = ["received", "sent"];

/// The log line with the interfaces.
const COUNTED: &str = "the whole machine is counted at these interfaces";

/// Returns every byte of the whole machine, one way.
pub(crate) fn whole(scrape: &Scrape, direction: &str) -> u64 {
    ["bytes", "unattributed_bytes", "non_ip_bytes"]
        .iter()
        .map(|kind| {
            scrape.sum(&format!("geoip_host_{kind}_{direction}_total"), &[])
        })
        .sum()
}

/// Waits until the whole machine is what is expected, to the byte.
fn await_whole(daemon: &Daemon, expected: impl Fn() -> [u64; 2]) -> Scrape {
    daemon.await_scrape("the whole machine", |scrape| {
        let seen = DIRECTIONS.map(|direction| whole(scrape, direction));
        let expected = expected();
        match seen == expected {
            true => Ok(scrape.clone()),
            false => Err(format!("{seen:?} instead of {expected:?}")),
        }
    })
}

/// Returns the bytes that an interface carried: received and sent.
fn carried(namespace: &Netns, interface: &str) -> [u64; 2] {
    let seen = statistics(namespace, interface);
    [seen.received.bytes, seen.sent.bytes]
}

fn setup(namespace: &Netns) -> Setup {
    Setup::new(namespace).set("interfaces", "any").set("host", true)
}

fn await_counted(daemon: &mut Daemon, from: usize, interfaces: &str) {
    daemon.await_log(interfaces, from, |line| {
        line.message() == COUNTED
            && line.get("interfaces").as_deref() == Some(interfaces)
    });
}

fn await_attached(daemon: &mut Daemon, from: usize, interface: &str) {
    daemon.await_log(interface, from, |line| {
        line.message() == "attached"
            && line.get("interface").as_deref() == Some(interface)
    });
}

#[test]
fn a_container_host_is_what_its_uplink_carried_to_the_byte() {
    let host = ContainerHost::new(40);
    let machine = &host.lab.machine;
    let mut daemon = setup(machine).start();
    await_counted(&mut daemon, 0, "wan0 (default route)");
    let before = carried(machine, WAN);
    let idle = await_scrape_of(&daemon);
    host.talk();
    let uplink = || {
        let now = carried(machine, WAN);
        [0, 1].map(|side| now[side] - before[side] + idle[side])
    };
    let scrape = await_whole(&daemon, uplink);
    let total = uplink();
    // Many times as much passed the other devices.
    let all: u64 = scrape
        .values_of("geoip_interface_attached", "interface")
        .iter()
        .map(|interface| accounted(&scrape, interface, "sent"))
        .sum();
    assert!(all > 3 * total[1], "{all} {total:?}");
    let edges = scrape.sum("geoip_interface_counted_once", &[]);
    assert_eq!(edges, 1);
    let shown = scrape.values_of("geoip_interface_counted_once", "interface");
    assert_eq!(shown.len(), 42);
    for direction in DIRECTIONS {
        assert_eq!(
            whole(&scrape, direction),
            accounted(&scrape, WAN, direction)
        );
        let name = format!("geoip_host_packets_{direction}_total");
        assert!(scrape.sum(&name, &[("country", "DE")]) >= 40 * 6);
    }
    eprintln!("40 containers: {total:?} on the uplink, {all} sent on all");

    // One byte more is one byte more.
    let packet = || Packet::new(GERMANY.ipv4, LOCAL4);
    let frame = |length| packet().payload(length).frame();
    let inbound = host.lab.inbound();
    for length in [40, 41] {
        let expected = whole(&daemon.scrape(), "received")
            + inbound.repeat(&frame(length), 1).bytes;
        daemon.await_scrape("one frame", |scrape| {
            let seen = whole(scrape, "received");
            match seen == expected {
                true => Ok(()),
                false => Err(format!("{seen} instead of {expected}")),
            }
        });
    }
}

/// Returns what the exporter shows of the whole machine, once that rests.
fn await_scrape_of(daemon: &Daemon) -> [u64; 2] {
    let look = || {
        daemon.await_polls();
        DIRECTIONS.map(|direction| whole(&daemon.scrape(), direction))
    };
    let mut last = look();
    await_until(PATIENCE, "rest", || {
        let now = look();
        match std::mem::replace(&mut last, now) == now {
            true => Ok(now),
            false => Err(format!("{now:?}")),
        }
    })
}

/// Floods the link both ways while `work` goes on.
fn under_traffic(lab: &Lab, work: impl FnOnce()) {
    during(
        |stop| {
            let frames = [frames_from(0..HALF), frames_to(0..HALF)];
            let senders = [lab.inbound(), lab.outbound()];
            on_each_cpu([0, 1].map(|i| {
                let pieces = frames[i].chunks(256).cycle();
                let sender = &senders[i];
                move || {
                    for piece in pieces {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        sender.send(piece);
                    }
                }
            }));
        },
        work,
    );
}

#[test]
fn devices_that_change_above_the_uplink_lose_and_double_nothing() {
    let lab = Lab::new();
    let machine = &lab.machine;
    machine.ip(&format!("route add default dev {WAN}"));
    connect(machine, "lan0", &lab.world, "host0");
    let mut daemon = setup(machine).start();
    await_counted(&mut daemon, 0, "wan0 (default route)");
    under_traffic(&lab, || {
        for round in 0..4 {
            let position = daemon.log_position();
            machine.ip(&format!("link add mac0 link {WAN} type macvlan"));
            machine.ip(&format!(
                "link add vx0 type vxlan id 7 dev {WAN} dstport 4789"
            ));
            machine.ip("link set mac0 up");
            for device in ["mac0", "vx0"] {
                await_attached(&mut daemon, position, device);
            }
            machine.ip("link del mac0");
            // A port of a bridge cannot have a macvlan.
            bridge(machine, BRIDGE, &["lan0", WAN]);
            await_attached(&mut daemon, position, BRIDGE);
            machine.ip(&format!("link set {WAN} nomaster"));
            daemon.await_polls();
            machine.ip(&format!("link set {WAN} master {BRIDGE}"));
            if round % 2 == 0 {
                machine.ip(&format!("link set {WAN} nomaster"));
            }
            for device in ["vx0", BRIDGE] {
                machine.ip(&format!("link del {device}"));
            }
            daemon.await_polls();
        }
    });
    let uplink = || carried(machine, WAN);
    let scrape = await_whole(&daemon, uplink);
    eprintln!("under traffic: {:?}", uplink());
    for direction in DIRECTIONS {
        assert_eq!(
            whole(&scrape, direction),
            accounted(&scrape, WAN, direction)
        );
    }
    // The edge was the same all the while.
    let lines = daemon.log();
    let lines = lines.iter().filter(|line| line.message() == COUNTED);
    assert_eq!(lines.count(), 1);
}

/// It carries packets before it has a route again.
#[test]
fn an_uplink_that_is_made_anew_loses_and_doubles_nothing() {
    let lab = Lab::unplugged();
    let machine = &lab.machine;
    connect(machine, "lan0", &lab.world, "host0");
    bridge(machine, BRIDGE, &["lan0"]);
    let plug = || connect(machine, WAN, &lab.world, PEER);
    plug();
    machine.ip(&format!("route add default dev {WAN}"));
    let mut daemon = setup(machine).start();
    await_counted(&mut daemon, 0, "wan0 (default route)");
    let offered = [Offered::default(), Offered::default()];
    let inside = Sender::open(&lab.world, "host0");
    for round in 0..4_u32 {
        let position = daemon.log_position();
        if round > 0 {
            plug();
            await_attached(&mut daemon, position, WAN);
        }
        let counter = Counter::last(machine, WAN, TcAttachType::Ingress);
        let [inbound, outbound] = [lab.inbound(), lab.outbound()];
        let mut received = Volume::default();
        for part in 0..2 {
            received = received
                + offered[0].send(&inbound, &frames_from(0..1_000 + round));
            offered[1].send(&outbound, &frames_to(0..500));
            inside.send(frames_from(0..100));
            if part == 0 && round % 2 == 1 {
                machine.ip(&format!("route add default dev {WAN}"));
            }
        }
        await_equal("packets at the hook", &received, || counter.seen());
        machine.ip(&format!("link del {WAN}"));
        // Nothing of this leads outside.
        inside.send(frames_from(0..1_000));
    }
    let expected = || [offered[0].bytes(), offered[1].bytes()];
    await_whole(&daemon, expected);
    assert_eq!(await_scrape_of(&daemon), expected());
    eprintln!("an uplink made anew: {:?}", expected());
}

/// The uplink is gone before the next exporter starts.
#[test]
fn traffic_of_the_time_without_an_exporter_counts_once() {
    let (state, bpffs) = (TempDir::new().unwrap(), Bpffs::new());
    let lab = Lab::new();
    let machine = &lab.machine;
    machine.ip(&format!("route add default dev {WAN}"));
    connect(machine, "lan0", &lab.world, "host0");
    bridge(machine, BRIDGE, &["lan0"]);
    let setup = || {
        setup(machine)
            .set("state_directory", state.path().to_str().unwrap())
            .set("pin_directory", bpffs.path("pins").to_str().unwrap())
    };
    let inside = Sender::open(&lab.world, "host0");
    let offered = [Offered::default(), Offered::default()];
    let exchange = |count: u32| {
        let counter = Counter::last(machine, WAN, TcAttachType::Ingress);
        let received = offered[0].send(&lab.inbound(), &frames_from(0..count));
        offered[1].send(&lab.outbound(), &frames_to(0..count / 2));
        inside.send(frames_from(0..count));
        await_equal("packets at the hook", &received, || counter.seen());
    };
    let expected = || [offered[0].bytes(), offered[1].bytes()];
    for signal in [Signal::Terminate, Signal::Kill] {
        let mut daemon = setup().start();
        await_whole(&daemon, expected);
        exchange(1_000);
        await_whole(&daemon, expected);
        exchange(10);
        daemon.signal(signal);
        daemon.wait(PATIENCE);
        exchange(3_000);
    }
    machine.ip(&format!("link del {WAN}"));
    inside.send(frames_from(0..100));
    let daemon = setup().start();
    await_whole(&daemon, expected);
    assert_eq!(await_scrape_of(&daemon), expected());
    eprintln!("over two restarts: {:?}", expected());
}
