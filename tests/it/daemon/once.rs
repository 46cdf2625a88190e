//! The whole machine, counted once: where its packets enter and leave it, while
//! devices come, go and change.

use geoip_exporter::accounting::Direction;
use geoip_exporter::kernel::{InterfaceEvent, Relations};
use tempfile::TempDir;

use super::fake::FakeHost;
use super::kernel::Packet;
use super::running::{Running, Scrape, with_database};

/// The message of the log line that names the edges.
const COUNTED: &str = "the whole machine is counted at these interfaces";

/// By default the interface of the container is not counted.
const ALL: &str = "interfaces = \"any\"\n";

/// A machine with two cards, a bridge over the first, a container on it, and a
/// tunnel.
fn machine() -> FakeHost {
    let host = FakeHost::new(&[
        (2, "eth0"),
        (3, "eth1"),
        (4, "br0"),
        (5, "veth1"),
        (6, "wg0"),
    ]);
    for (ifindex, is_on_bus, kind, master) in [
        (2, true, None, Some(4)),
        (3, true, None, None),
        (4, false, Some("bridge"), None),
        (5, false, Some("veth"), Some(4)),
        (6, false, Some("wireguard"), None),
    ] {
        set(&host, ifindex, is_on_bus, kind, master);
    }
    host
}

/// Describes a device, without a word to the daemon.
fn set(
    host: &FakeHost,
    ifindex: u32,
    is_on_bus: bool,
    kind: Option<&str>,
    master: Option<u32>,
) {
    let mut kernel = host.kernel();
    let (_, device) = kernel.devices.get_mut(&ifindex).unwrap();
    device.is_on_bus = is_on_bus;
    let kind = kind.map(str::to_owned);
    device.relations = Relations { master, kind, lower: None };
}

/// The first card appears.
fn plug_in(host: &FakeHost) {
    host.add_silently(2, "eth0");
    set(host, 2, true, None, Some(4));
    let device = host.kernel().devices[&2].1.clone();
    host.tell(vec![InterfaceEvent::Changed(device)]);
}

/// Puts the cable of the first card into this port, and waits until the daemon
/// has heard of it.
fn move_cable(host: &FakeHost, master: Option<u32>) {
    let mark = host.log.mark();
    host.change(2, |device| {
        device.relations.master = master;
        device.is_running = !device.is_running;
    });
    host.log.wait_for(mark, &["link up", "link down"]);
}

fn start(host: FakeHost, lines: &str) -> Running {
    Running::start(host, &with_database(&format!("host = true\n{lines}")))
}

/// Lets a packet pass these devices.
fn receive_at(host: &FakeHost, devices: &[u32], bytes: u64) {
    for &ifindex in devices {
        host.receive(ifindex, "192.0.2.7", bytes);
    }
}

/// Returns all bytes of the whole machine.
fn bytes(scrape: &Scrape) -> f64 {
    ["", "unattributed_", "non_ip_"]
        .iter()
        .flat_map(|part| {
            ["received", "sent"].map(|direction| {
                scrape.sum(&format!("geoip_host_{part}bytes_{direction}_total"))
            })
        })
        .sum()
}

fn counted_once(scrape: &Scrape, interface: &str) -> Option<f64> {
    scrape.find(&format!(
        "geoip_interface_counted_once{{interface=\"{interface}\"}}"
    ))
}

#[test]
fn a_packet_counts_at_the_card_and_nowhere_else() {
    let daemon = start(machine(), ALL);
    let host = &daemon.host;
    let line = host.log.wait_for(0, &[COUNTED]);
    assert!(line.contains("eth0 (card), eth1 (card)"), "{line}");
    host.wait_until("attached", |kernel| kernel.attached().len() == 5);
    receive_at(host, &[2, 4], 1_000);
    receive_at(host, &[2, 5], 200);
    receive_at(host, &[3, 6], 30);
    host.send(3, "203.0.113.1", 4);
    let arp = Packet {
        ifindex: 2,
        direction: Direction::Received,
        remote: None,
        packets: 1,
        bytes: 60,
    };
    host.kernel().count(&arp);
    let scrape = daemon.settled();
    let country = |direction: &str, unit: &str, country: &str| {
        scrape.get(&format!(
            "geoip_host_{unit}_{direction}_total{{country=\"{country}\",\
             ip_version=\"4\"}}"
        ))
    };
    assert_eq!(country("received", "bytes", "DE"), 1_230.0);
    assert_eq!(country("received", "packets", "DE"), 3.0);
    assert_eq!(country("sent", "bytes", "JP"), 4.0);
    assert_eq!(scrape.get("geoip_host_non_ip_bytes_received_total"), 60.0);
    assert_eq!(bytes(&scrape), 1_294.0);
    for (interface, is_edge) in
        [("eth0", 1.0), ("eth1", 1.0), ("br0", 0.0), ("veth1", 0.0)]
    {
        let shown = counted_once(&scrape, interface);
        assert_eq!(shown, Some(is_edge), "{interface}");
    }
    let (_, page) = daemon.get("/");
    for row in [
        "<td>eth0</td><td>up</td><td>yes: card</td>",
        "<td>wg0</td><td>up</td><td>no: its packets are counted at eth0</td>",
    ] {
        assert!(page.contains(row), "{row} {page}");
    }
    // One line says it, however many interfaces are attached.
    let log = host.log.text();
    assert_eq!(log.matches(COUNTED).count(), 1, "{log}");
    daemon.stop();
}

/// The interface is gone before a poll has read its last bytes.
#[test]
fn no_byte_is_lost_when_an_interface_goes_and_comes_back() {
    let daemon = start(machine(), ALL);
    let host = &daemon.host;
    host.wait_until("attached", |kernel| kernel.attached().len() == 5);
    for round in 0..3 {
        receive_at(host, &[2, 4], 1_000);
        host.remove(2);
        // Nothing else leads outside by the first card.
        receive_at(host, &[4, 5], 7);
        plug_in(host);
        host.wait_until("attached anew", |kernel| kernel.is_counted(2));
        receive_at(host, &[2, 4], 200);
        let scrape = daemon.settled();
        assert_eq!(bytes(&scrape), 1_200.0 * f64::from(round + 1));
    }
    daemon.stop();
}

/// No packet passes at the moment of the change: before it, all of them count
/// at the old edge, and then all of them at the new one.
#[test]
fn a_change_of_edges_loses_and_doubles_nothing() {
    let daemon = start(machine(), "interfaces = [\"br0\", \"wg0\"]\n");
    let host = &daemon.host;
    let line = host.log.wait_for(0, &[COUNTED]);
    let expected = "br0 (stands on eth0, which is not attached), \
                    not_attached: eth1";
    assert!(line.contains(expected), "{line}");
    host.wait_until("attached", |kernel| kernel.attached() == [4, 6]);
    receive_at(host, &[2, 4, 6], 1_000);
    let mut expected = 1_000.0;
    for _ in 0..3 {
        let all = "host = true\ninterfaces = \"any\"\n";
        daemon.configure(&with_database(all));
        daemon.reload();
        receive_at(host, &[2, 4, 6], 200);
        expected += 200.0;
        assert_eq!(bytes(&daemon.settled()), expected);
        // The cable is in another port.
        receive_at(host, &[2, 4], 5);
        move_cable(host, None);
        receive_at(host, &[2], 30);
        move_cable(host, Some(4));
        receive_at(host, &[2, 4], 5);
        let some = "host = true\ninterfaces = [\"br0\", \"wg0\"]\n";
        daemon.configure(&with_database(some));
        daemon.reload();
        receive_at(host, &[2, 4, 6], 4);
        expected += 44.0;
        let scrape = daemon.settled();
        assert_eq!(bytes(&scrape), expected);
        assert_eq!(counted_once(&scrape, "br0"), Some(1.0));
        assert_eq!(counted_once(&scrape, "eth1"), Some(0.0));
    }
    daemon.stop();
}

#[test]
fn off_is_free_and_on_counts_from_then_on() {
    let daemon = Running::start(machine(), &with_database(ALL));
    let host = &daemon.host;
    host.wait_until("attached", |kernel| kernel.attached().len() == 5);
    receive_at(host, &[2, 4], 1_000);
    let is_silent = |scrape: &Scrape| {
        let mut names = scrape.0.keys();
        !names.any(|it| it.contains("_host_") || it.contains("counted_once"))
    };
    assert!(is_silent(&daemon.settled()));
    receive_at(host, &[2, 4], 1_000);
    let mark = host.log.mark();
    daemon.configure(&with_database("host = true\n"));
    daemon.reload();
    receive_at(host, &[2, 4], 200);
    assert_eq!(bytes(&daemon.settled()), 200.0);
    assert!(!host.log.text()[..mark].contains(COUNTED));

    receive_at(host, &[2, 4], 30);
    daemon.configure(&with_database(""));
    daemon.reload();
    receive_at(host, &[2, 4], 5_000);
    let scrape = daemon.settled();
    assert!(is_silent(&scrape), "{scrape:?}");
    let (_, page) = daemon.get("/");
    assert!(!page.contains("Counted"), "{page}");
    daemon.configure(&with_database("host = true\n"));
    daemon.reload();
    receive_at(host, &[2, 4], 4);
    // The bytes from before it was turned off are still there.
    assert_eq!(bytes(&daemon.settled()), 234.0);
    daemon.stop();
}

#[test]
fn a_list_is_taken_as_it_is_with_a_warning_about_doubles() {
    let lines = format!("{ALL}counted_once = [\"wg0\", \"br0\"]\n");
    let daemon = start(machine(), &lines);
    let host = &daemon.host;
    host.wait_until("attached", |kernel| kernel.attached().len() == 5);
    host.log.wait_for(0, &["two interfaces that the same packets pass"]);
    receive_at(host, &[2, 4, 6], 10);
    assert_eq!(bytes(&daemon.settled()), 20.0);
    let once = "host = true\ncounted_once = \"eth1\"\n";
    daemon.configure(&with_database(once));
    daemon.reload();
    receive_at(host, &[2, 3, 4], 5);
    assert_eq!(bytes(&daemon.settled()), 25.0);
    let none = "host = true\ncounted_once = \"ppp0\"\n";
    daemon.configure(&with_database(none));
    let said = daemon.reload();
    let warning = "WARN no attached interface leads outside";
    assert_eq!(said.matches(warning).count(), 1, "{said}");
    receive_at(host, &[2, 3, 4], 5);
    assert_eq!(bytes(&daemon.settled()), 25.0);
    daemon.stop();
}

/// As in a container.
#[test]
fn without_cards_default_routes_decide_and_are_followed() {
    let host = FakeHost::new(&[(2, "eth0"), (3, "wg0"), (4, "eth1")]);
    for (ifindex, kind) in [(2, "veth"), (3, "wireguard"), (4, "veth")] {
        set(&host, ifindex, false, Some(kind), None);
    }
    host.kernel().default_routes = [2, 3].into();
    let daemon = start(host, "");
    let host = &daemon.host;
    let line = host.log.wait_for(0, &[COUNTED]);
    assert!(line.contains("interfaces: eth0 (default route)"), "{line}");
    host.wait_until("attached", |kernel| kernel.attached().len() == 3);
    receive_at(host, &[2, 3], 1_000);
    assert_eq!(bytes(&daemon.settled()), 1_000.0);
    receive_at(host, &[2, 3], 200);
    let mark = host.log.mark();
    host.route_by(&[4]);
    host.log.wait_for(mark, &["interfaces: eth1 (default route)"]);
    // The change is in force after a poll.
    host.settle();
    receive_at(host, &[4, 3], 30);
    assert_eq!(bytes(&daemon.settled()), 1_230.0);
    // Between two routes the last one decides.
    host.route_by(&[]);
    receive_at(host, &[4, 3], 4);
    host.route_by(&[4]);
    assert_eq!(bytes(&daemon.settled()), 1_234.0);
    // A reload waits for the routes, which nobody reads while it is off.
    daemon.configure(&with_database(""));
    daemon.reload();
    assert!(!host.kernel().are_routes_wanted);
    daemon.configure(&with_database("host = true\n"));
    daemon.reload();
    receive_at(host, &[4, 3], 5);
    assert_eq!(bytes(&daemon.settled()), 1_239.0);
    daemon.stop();
}

/// The maps count on while no daemon runs, and an interface is gone meanwhile.
#[test]
fn a_restart_knows_which_interfaces_were_edges() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    let lines =
        format!("{ALL}state_directory = {state:?}\npin_directory = \"\"\n");
    let host = machine().keeping(state.join("counters.state"));
    let daemon = start(host, &lines);
    daemon.host.wait_until("attached", |k| k.attached().len() == 5);
    receive_at(&daemon.host, &[2, 4], 1_000);
    assert_eq!(bytes(&daemon.settled()), 1_000.0);
    let host = daemon.host.again();
    daemon.stop();
    receive_at(&host, &[2, 4], 200);
    receive_at(&host, &[3, 6], 30);
    host.remove_silently(2);
    host.remove_silently(6);
    receive_at(&host, &[4], 7_000);
    let daemon = start(host, &lines);
    assert_eq!(bytes(&daemon.settled()), 1_230.0);
    receive_at(&daemon.host, &[3, 4], 4);
    assert_eq!(bytes(&daemon.settled()), 1_234.0);
    daemon.stop();
}

#[test]
fn a_card_that_cannot_be_attached_is_counted_at_what_stands_on_it() {
    let host = machine();
    host.remove_silently(2);
    let daemon = start(host, "");
    let host = &daemon.host;
    let line = host.log.wait_for(0, &[COUNTED]);
    assert!(line.contains("interfaces: eth1 (card)"), "{line}");
    let mark = host.log.mark();
    host.kernel().failures.attaching = true;
    plug_in(host);
    let line = host.log.wait_for(mark, &[COUNTED]);
    let expected = "eth1 (card), br0 (stands on eth0, which is not attached)";
    assert!(line.contains(expected), "{line}");
    host.settle();
    receive_at(host, &[2, 4], 1_000);
    assert_eq!(bytes(&daemon.settled()), 1_000.0);
    host.kernel().failures.attaching = false;
    let mark = host.log.mark();
    host.list();
    host.log.wait_for(mark, &["interfaces: eth0 (card), eth1 (card)"]);
    host.settle();
    receive_at(host, &[2, 4], 200);
    receive_at(host, &[3], 30);
    let scrape = daemon.settled();
    assert_eq!(bytes(&scrape), 1_230.0);
    assert_eq!(counted_once(&scrape, "br0"), Some(0.0));
    daemon.stop();
}

/// A poll that fails changes no edge: the next good one does.
#[test]
fn a_failed_poll_at_a_change_loses_and_doubles_nothing() {
    let daemon = start(machine(), ALL);
    let host = &daemon.host;
    host.wait_until("attached", |kernel| kernel.attached().len() == 5);
    receive_at(host, &[2, 4], 1_000);
    host.kernel().failures.reads = true;
    let mark = host.log.mark();
    // The first card is no card any more, but the other one is.
    host.change(2, |device| device.is_on_bus = false);
    host.log.wait_for(mark, &["interfaces: eth1 (card)"]);
    host.settle();
    host.kernel().failures.reads = false;
    assert_eq!(bytes(&daemon.settled()), 1_000.0);
    receive_at(host, &[2, 4], 200);
    receive_at(host, &[3], 30);
    assert_eq!(bytes(&daemon.settled()), 1_030.0);
    daemon.stop();
}
