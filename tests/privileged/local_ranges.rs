//! Named ranges that the programs look for themselves: those of local and
//! forwarded addresses, and those that are narrower than the kept prefix.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};

use toml::Value;

use crate::harness::bpffs::Bpffs;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::faults::{Call, Fault};
use crate::harness::fixtures::{GERMANY, LOCAL4};
use crate::harness::frames::Packet;
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::connect;
use crate::harness::netns::Netns;
use crate::harness::send::Sender;
use crate::harness::sys::Signal;
use crate::harness::wait::PATIENCE;

/// Returns a table of ranges.
fn ranges(all: &[(&str, &[&str], bool)]) -> Value {
    let range = |(name, cidrs, local): &(&str, &[&str], bool)| {
        let mut table = toml::Table::new();
        table.insert("name".into(), (*name).into());
        let cidrs: Vec<Value> = cidrs.iter().map(|it| (*it).into()).collect();
        table.insert("cidrs".into(), cidrs.into());
        table.insert("local".into(), (*local).into());
        Value::Table(table)
    };
    all.iter().map(range).collect::<Vec<_>>().into()
}

/// Bytes by interface, direction, source and destination.
type Books = BTreeMap<(String, &'static str, String, String), u64>;

fn books(scrape: &Scrape) -> Books {
    let mut books = Books::new();
    for direction in ["received", "sent"] {
        let name = format!("geoip_range_bytes_{direction}_total");
        for (labels, value) in scrape.matching(&name, &[("ip_version", "4")]) {
            let label = |name: &str| labels[name].clone();
            let (source, destination) = (label("source"), label("destination"));
            let key = (label("interface"), direction, source, destination);
            *books.entry(key).or_default() +=
                crate::harness::exposition::whole(value);
        }
    }
    books
}

/// Checks that all IP bytes of each interface and direction are in one
/// combination or unattributed.
fn assert_conserved(scrape: &Scrape, interface: &str) {
    for direction in ["received", "sent"] {
        for version in ["4", "6"] {
            let labels = [("interface", interface), ("ip_version", version)];
            let sum = |family: &str| {
                let name = format!("geoip_{family}bytes_{direction}_total");
                scrape.sum(&name, &labels)
            };
            assert_eq!(
                sum("range_") + sum("range_unattributed_"),
                sum("") + sum("unattributed_"),
                "{interface} {direction} {version}"
            );
        }
    }
}

fn await_books(daemon: &Daemon, expected: &Books) {
    daemon.await_scrape("the bytes of ranges", |scrape| {
        let seen = books(scrape);
        match expected.iter().all(|(key, value)| seen.get(key) == Some(value)) {
            true => Ok(()),
            false => Err(format!("{seen:#?}\ninstead of {expected:#?}")),
        }
    });
}

/// A customer behind the machine, with an address in a prefix of its own.
struct Customer {
    namespace: Netns,
    address: Ipv4Addr,
}

impl Customer {
    fn new(machine: &Netns, port: &str, network: [u8; 3]) -> Self {
        let namespace = Netns::new();
        connect(machine, port, &namespace, "eth0");
        let [a, b, c] = network;
        let address = Ipv4Addr::new(a, b, c, 2);
        let gateway = Ipv4Addr::new(a, b, c, 1);
        machine.ip(&format!("addr add {gateway}/25 dev {port}"));
        namespace.ip(&format!("addr add {address}/25 dev eth0"));
        namespace.ip(&format!("route add default via {gateway}"));
        Self { namespace, address }
    }
}

const DATAGRAMS: u64 = 500;
const PAYLOAD: usize = 700;

/// Bytes of a datagram on the wire: Ethernet, IPv4, UDP.
const FRAME: u64 = 14 + 20 + 8 + PAYLOAD as u64;

#[test]
fn what_is_forwarded_between_customers_counts_for_both() {
    let machine = Netns::new();
    machine.set("ipv4/ip_forward", "1");
    // Both in one kept prefix, so that only the program tells them apart.
    let alpha = Customer::new(&machine, "lan0", [198, 51, 100]);
    let beta = {
        let namespace = Netns::new();
        connect(&machine, "lan1", &namespace, "eth0");
        let address = Ipv4Addr::new(198, 51, 100, 130);
        machine.ip("addr add 198.51.100.129/25 dev lan1");
        namespace.ip(&format!("addr add {address}/25 dev eth0"));
        namespace.ip("route add default via 198.51.100.129");
        Customer { namespace, address }
    };
    let daemon = Setup::new(&machine)
        .set("interfaces", "lan0,lan1")
        .set(
            "range",
            ranges(&[
                ("alpha", &["198.51.100.0/25"], true),
                ("beta", &["198.51.100.128/25"], true),
            ]),
        )
        .start();
    let receiver = beta.namespace.run(|| {
        let socket = UdpSocket::bind((beta.address, 9_000)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    });
    let mut buffer = [0; 2 * PAYLOAD];
    alpha.namespace.run(|| {
        let socket = UdpSocket::bind((alpha.address, 9_001)).unwrap();
        for _ in 0..DATAGRAMS {
            socket.send_to(&[0; PAYLOAD], (beta.address, 9_000)).unwrap();
            receiver.recv(&mut buffer).unwrap();
        }
    });
    let bytes = DATAGRAMS * FRAME;
    let key = |interface: &str, direction| {
        (interface.into(), direction, "alpha".into(), "beta".into())
    };
    let expected = Books::from([
        (key("lan0", "received"), bytes),
        (key("lan1", "sent"), bytes),
    ]);
    await_books(&daemon, &expected);
    for interface in ["lan0", "lan1"] {
        assert_conserved(&daemon.scrape(), interface);
    }
}

fn frame(last: u8, payload: usize) -> Vec<u8> {
    let remote = Ipv4Addr::new(192, 0, 2, last);
    Packet::new(remote, LOCAL4).payload(payload).frame()
}

/// One address of a prefix has a name of its own, and the kept prefix stays.
#[test]
fn a_range_of_one_address_is_told_from_its_prefix() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set(
            "range",
            ranges(&[
                ("net", &["192.0.2.0/24"], false),
                ("host", &["192.0.2.7/32"], false),
            ]),
        )
        .start();
    let sender: Sender = lab.inbound();
    let host = sender.repeat(&frame(7, 100), 300);
    let net =
        sender.repeat(&frame(8, 40), 200) + sender.repeat(&frame(6, 9), 70);
    let key =
        |source: &str| (WAN.into(), "received", source.into(), "other".into());
    let expected =
        Books::from([(key("host"), host.bytes), (key("net"), net.bytes)]);
    await_books(&daemon, &expected);
    let scrape = daemon.scrape();
    assert_conserved(&scrape, WAN);
    assert_eq!(
        scrape
            .sum("geoip_bytes_received_total", &[("country", GERMANY.country)]),
        host.bytes + net.bytes
    );
}

/// The classes of packets that pass while no exporter runs have their meaning
/// for the next one, whatever it is configured with.
#[test]
fn classes_keep_their_meaning_over_restarts_with_pins() {
    let lab = Lab::new();
    let state = tempfile::TempDir::new().unwrap();
    let bpffs = Bpffs::new();
    let all: [(&str, &[&str], bool); 3] = [
        ("alpha", &["198.18.0.0/25"], true),
        ("beta", &["198.18.0.128/25"], true),
        ("host", &["192.0.2.7/32"], false),
    ];
    let setup = |of: &[(&str, &[&str], bool)]| {
        Setup::new(&lab.machine)
            .set("interfaces", WAN)
            .set("state_directory", state.path().to_str().unwrap())
            .set("pin_directory", bpffs.path("pins").to_str().unwrap())
            .set("range", ranges(of))
    };
    let sender = lab.inbound();
    let frame = |remote: u8, local: u8| {
        let remote = Ipv4Addr::new(192, 0, 2, remote);
        Packet::new(remote, [198, 18, 0, local]).payload(64).frame()
    };
    let mut expected = Books::new();
    let send = |expected: &mut Books, remote: u8, local: u8| {
        let sent = sender.repeat(&frame(remote, local), 50);
        let source = if remote == 7 { "host" } else { "other" };
        let destination = if local < 128 { "alpha" } else { "beta" };
        let key = (WAN.into(), "received", source.into(), destination.into());
        *expected.entry(key).or_default() += sent.bytes;
    };
    for round in 0..4 {
        // The order of the names changes, and one of them comes and goes.
        let mut of = all.to_vec();
        of.rotate_left(round % 3);
        let extra: (&str, &[&str], bool) = ("extra", &["198.18.1.0/24"], true);
        if round % 2 == 1 {
            of.insert(0, extra);
        }
        let mut daemon = setup(&of).start();
        for (remote, local) in [(7, 1), (7, 200), (8, 1), (8, 200)] {
            send(&mut expected, remote, local);
        }
        await_books(&daemon, &expected);
        let signal = [Signal::Terminate, Signal::Kill][round % 2];
        daemon.signal(signal);
        daemon.wait(PATIENCE);
        // Nobody is there.
        for (remote, local) in [(7, 1), (9, 200), (8, 1), (7, 200)] {
            send(&mut expected, remote, local);
        }
    }
    let daemon = setup(&all).start();
    await_books(&daemon, &expected);
    assert_conserved(&daemon.scrape(), WAN);
}

/// At a reload the kernel refuses the new ranges: packets count by the old ones
/// until a reload writes all of them.
#[test]
fn ranges_that_cannot_be_written_stay_as_they_were() {
    const MAP_UPDATE: Call = Call::bpf(2);
    let lab = Lab::new();
    let fault = Fault::of(MAP_UPDATE);
    let old: [(&str, &[&str], bool); 2] = [
        ("alpha", &["198.18.0.0/25"], true),
        ("beta", &["198.18.0.128/25"], true),
    ];
    let new: [(&str, &[&str], bool); 2] = [
        ("gamma", &["198.18.0.64/26"], true),
        ("beta", &["198.18.0.128/25"], true),
    ];
    let mut daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("range", ranges(&old))
        .with_fault(&fault)
        .start();
    let sender = lab.inbound();
    let mut expected = Books::new();
    let send = |expected: &mut Books, local: u8, destination: &str| {
        let packet = Packet::new(GERMANY.ipv4, [198, 18, 0, local]);
        let sent = sender.repeat(&packet.payload(33).frame(), 40);
        let destination = destination.into();
        let key = (WAN.into(), "received", "other".into(), destination);
        *expected.entry(key).or_default() += sent.bytes;
    };
    send(&mut expected, 65, "alpha");
    send(&mut expected, 129, "beta");
    await_books(&daemon, &expected);
    // The second entry is refused, so that one of them is there already.
    fault.fail_behind(1, libc::ENOMEM);
    daemon.configure("range", ranges(&new));
    daemon.reload();
    let message = "services and ranges stay as they were";
    daemon.await_log(message, 0, |line| line.message() == message);
    for _ in 0..3 {
        send(&mut expected, 65, "alpha");
        send(&mut expected, 129, "beta");
        await_books(&daemon, &expected);
        daemon.await_polls();
    }
    fault.mend();
    daemon.reload();
    send(&mut expected, 65, "gamma");
    send(&mut expected, 1, "other");
    send(&mut expected, 129, "beta");
    await_books(&daemon, &expected);
    assert_conserved(&daemon.scrape(), WAN);
}

/// A configuration with more combinations than there are numbers is refused as
/// a whole, and the first local range waits for a restart.
#[test]
fn too_many_classes_are_refused_and_the_first_needs_a_restart() {
    let lab = Lab::new();
    let mut daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    let alpha: [(&str, &[&str], bool); 1] =
        [("alpha", &["198.18.0.0/25"], true)];
    daemon.configure("range", ranges(&alpha));
    daemon.reload();
    daemon.await_log("the restart", 0, |line| {
        line.message().contains("in force only after a restart")
    });

    let names: Vec<_> = (0..200).map(|it| it.to_string()).collect();
    let cidrs: Vec<_> =
        (0..200).map(|it| [format!("198.18.{it}.0/24")]).collect();
    let cidrs: Vec<_> = cidrs.iter().map(|[it]| [it.as_str()]).collect();
    let many: Vec<(&str, &[&str], bool)> = names
        .iter()
        .zip(&cidrs)
        .map(|(name, cidrs)| (&**name, &cidrs[..], true))
        .collect();
    let ports: Vec<_> = (1..=100).map(|it| [format!("{it}/tcp")]).collect();
    let ports: Vec<_> = ports.iter().map(|[it]| [it.as_str()]).collect();
    let services: Vec<(&str, &[&str])> = names
        .iter()
        .zip(&ports)
        .map(|(name, ports)| (&**name, &ports[..]))
        .collect();
    daemon.configure("range", ranges(&many));
    daemon.configure("service", crate::services::services(&services));
    daemon.reload_refused("have 40401 combinations");
    let setup = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("range", ranges(&many))
        .set("service", crate::services::services(&services));
    let (status, said) = setup.start_refused();
    assert_eq!(status.code(), Some(78), "{said}");
    assert!(said.contains("have 40401 combinations"), "{said}");
}
