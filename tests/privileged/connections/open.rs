//! The connections that are open now: where they belong, and how a change of
//! the configuration moves them.

use std::fs;
use std::net::{IpAddr, TcpListener, TcpStream};

use toml::Value;

use super::{
    Gauges, OPEN, OPENED, await_gauges, await_tallies, await_visits, gauges,
    setup, start, tallies,
};
use crate::harness::connections::{
    Asking, Connection, CountryLab, OWN4, OWN6, Tallies, Tally,
};
use crate::harness::countries::{CODES, database_with};
use crate::harness::daemon::Daemon;
use crate::harness::fixtures::write_whole;
use crate::harness::netns::Netns;
use crate::harness::wait::PATIENCE;
use crate::ranges::ranges;
use crate::services::services;

/// The port of a service. Mapped addresses use the next one.
const PORT: u16 = 8_080;

/// Counts connections as open.
fn add(
    gauges: &mut Gauges,
    connections: &[Connection],
    direction: &str,
    service: &str,
) {
    for connection in connections {
        let key = [connection.code(), direction, service];
        let [country, direction, service] = key.map(str::to_owned);
        *gauges.entry((country, direction, service)).or_default() += 1;
    }
}

/// Returns the sum of a metric over all of its series.
fn sum(daemon: &Daemon, name: &str) -> u64 {
    daemon.scrape().sum(name, &[])
}

#[test]
fn open_connections_have_a_country_a_direction_and_a_service() {
    let lab = CountryLab::new();
    // Found open by the exporter.
    let before = [
        lab.open(Asking::World, PORT, 120),
        lab.open(Asking::World, 0, 20),
        lab.open(Asking::Machine, PORT, 70),
    ];
    let web = services(&[("web", &["8080-8083/tcp"])]);
    let daemon = start(setup(&lab).set("service", web));
    let mut expected = Gauges::new();
    let labels =
        [("inbound", "web"), ("inbound", "other"), ("outbound", "other")];
    for (connections, (direction, service)) in before.iter().zip(labels) {
        add(&mut expected, connections, direction, service);
    }
    await_gauges(&daemon, &expected);
    assert_eq!(sum(&daemon, OPENED), 0);

    // Opened while it runs.
    let after = lab.open(Asking::World, PORT + 2, 90);
    add(&mut expected, &after, "inbound", "web");
    await_gauges(&daemon, &expected);
    assert_eq!(sum(&daemon, OPENED), 90);

    // Another name, and then none, by a reload.
    let mut daemon = daemon;
    for (service, name) in [
        (services(&[("shop", &["8080-8083/tcp"])]), "shop"),
        (services(&[]), "other"),
    ] {
        daemon.configure("service", service);
        daemon.reload();
        let mut renamed = Gauges::new();
        for (connections, (direction, service)) in before.iter().zip(labels) {
            let service = if service == "web" { name } else { service };
            add(&mut renamed, connections, direction, service);
        }
        add(&mut renamed, &after, "inbound", name);
        await_gauges(&daemon, &renamed);
        assert_eq!(sum(&daemon, OPENED), 90);
    }

    for connection in before.into_iter().flatten().chain(after) {
        connection.close();
    }
    await_gauges(&daemon, &Gauges::new());
    assert_eq!(daemon.scrape().values_of(OPEN, "country"), CODES);
    daemon.await_sum(super::CLOSED, &[], 120 + 20 + 70 + 90);
    assert_eq!(sum(&daemon, OPENED), 90);
}

/// With both ends on this machine, they are nobody's.
#[test]
fn loopback_and_own_addresses_are_left_out() {
    let lab = CountryLab::new();
    lab.lab.machine.ip("addr add 198.18.7.7/32 dev lo");
    let daemon = start(setup(&lab));
    let own: [IpAddr; 6] = [
        "127.0.0.1".parse().unwrap(),
        "::1".parse().unwrap(),
        "198.18.7.7".parse().unwrap(),
        "::ffff:198.18.7.7".parse().unwrap(),
        OWN4.into(),
        OWN6.into(),
    ];
    let connect = |address: IpAddr| {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let to = listener.local_addr().unwrap();
        let stream = TcpStream::connect_timeout(&to, PATIENCE).unwrap();
        let both = (stream, listener.accept().unwrap());
        drop(listener);
        TcpStream::connect_timeout(&to, PATIENCE).unwrap_err();
        both
    };
    let both = lab.lab.machine.run(|| own.map(connect));
    await_visits(&daemon, 1);
    assert_eq!(gauges(&daemon.scrape()), Gauges::new());
    drop(both);
    // The next addresses are those of other hosts.
    let opened = lab.open(Asking::Machine, 0, 9);
    assert_closed(&daemon, Tallies::default(), opened, |_| true);
}

/// Closes connections of this machine, and checks that those of counted
/// countries, and no others, come to the tallies of before.
fn assert_closed(
    daemon: &Daemon,
    mut expected: Tallies,
    connections: Vec<Connection>,
    is_counted: impl Fn(usize) -> bool,
) {
    for connection in connections {
        if is_counted(connection.country) {
            let one = Tally { opened: 1, failed: 0, closed: 1 };
            expected.add(connection.code(), Asking::Machine, one);
        }
        connection.close();
    }
    await_tallies(daemon, &expected);
    await_visits(daemon, 1);
    assert_eq!(tallies(&daemon.scrape()), expected);
}

#[test]
fn ignored_addresses_are_left_out_and_come_back() {
    let lab = CountryLab::new();
    let connections = lab.open(Asking::World, 0, 100);
    let office = [("office", &["198.18.2.0/24", "2001:db8:2::/48"][..])];
    let mut daemon = start(setup(&lab).set("range", ranges(&office)));
    let expected = |ignored: &[usize]| {
        let mut expected = Gauges::new();
        for connection in &connections {
            if !ignored.contains(&connection.country) {
                let one = std::slice::from_ref(connection);
                add(&mut expected, one, "inbound", "other");
            }
        }
        expected
    };
    await_gauges(&daemon, &expected(&[]));
    let ignore = |words: &[&str]| {
        let words = words.iter().map(|word| Value::from(*word));
        Value::Array(words.collect())
    };
    let of_one = &["198.18.1.0/24", "2001:db8:1::/48"][..];
    for (words, ignored) in [
        (of_one, &[1][..]),
        (&["office"], &[2]),
        (&["office", "198.18.1.0/24", "2001:db8:1::/48"], &[1, 2]),
        (&[], &[]),
        (&["198.18.0.0/15", "2001:db8::/32"], &(0..50).collect::<Vec<_>>()),
        (&["office"], &[2]),
    ] {
        daemon.configure("connections_ignore", ignore(words));
        daemon.reload();
        await_gauges(&daemon, &expected(ignored));
    }
    // With the last list.
    let before = tallies(&daemon.scrape());
    let opened = lab.open(Asking::Machine, 0, 100);
    assert_closed(&daemon, before, opened, |country| country != 2);
}

#[test]
fn another_database_moves_open_connections_and_keeps_their_number() {
    let lab = CountryLab::new();
    let mut connections = lab.open(Asking::World, 0, 100);
    let daemon = start(setup(&lab));
    connections.extend(lab.open(Asking::World, 0, 100));
    let country = |scrape: &crate::harness::exposition::Scrape, code: &str| {
        scrape.sum(OPEN, &[("country", code)])
    };
    daemon.await_sum(OPEN, &[], 200);
    daemon.await_sum(OPENED, &[], 100);
    let opened = tallies(&daemon.scrape());
    assert_eq!(country(&daemon.scrape(), CODES[0]), 4);

    // The first country is now the second one.
    let database = daemon.path("countries.mmdb");
    let code = |number: usize| CODES[number.max(1)];
    write_whole(&database, &database_with(code));
    daemon.reload();
    daemon.await_scrape("the connections of another country", |scrape| {
        // At every moment.
        assert_eq!(scrape.sum(OPEN, &[]), 200);
        match (country(scrape, CODES[0]), country(scrape, CODES[1])) {
            (0, 8) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(tallies(&daemon.scrape()), opened);
    for connection in connections {
        connection.close();
    }
    daemon.await_sum(OPEN, &[], 0);
    let closed = &[("country", CODES[1])][..];
    daemon.await_sum(super::CLOSED, closed, 8);
    daemon.await_sum(super::CLOSED, &[], 200);
    // Nobody closes one of the first country.
    assert_eq!(daemon.scrape().sum(super::CLOSED, &[("country", CODES[0])]), 0);
    fs::remove_file(database).unwrap();
}

/// A namespace with an address and a link of its own, as a container has. Its
/// peer is in a country that no other test connects with.
struct Container {
    namespace: Netns,
}

const INSIDE: &str = "198.19.77.1";
const PEER_OF_CONTAINER: &str = "198.19.77.2";

impl Container {
    fn new(lab: &CountryLab) -> Self {
        let namespace = Netns::new();
        let world = &lab.lab.world;
        crate::harness::link::connect(&namespace, "eth0", world, "cont0");
        namespace.ip(&format!("addr add {INSIDE}/30 dev eth0"));
        world.ip(&format!("addr add {PEER_OF_CONTAINER}/30 dev cont0"));
        // Before that of the fifty countries, which is wider.
        world.ip(&format!("route add {INSIDE}/32 dev cont0 table local"));
        Self { namespace }
    }

    /// Opens connections out of the container and keeps both ends.
    fn open(&self, lab: &CountryLab, count: usize) -> Vec<TcpStream> {
        let world = &lab.lab.world;
        let listener = world.run(|| {
            TcpListener::bind((PEER_OF_CONTAINER, 0)).expect("cannot listen")
        });
        let to = listener.local_addr().expect("it is bound");
        self.namespace.run(|| {
            (0..count)
                .flat_map(|_| {
                    let stream = TcpStream::connect_timeout(&to, PATIENCE);
                    let (other, _) = listener.accept().expect("connected");
                    [stream.expect("cannot connect"), other]
                })
                .collect()
        })
    }
}

#[test]
fn containers_are_counted_in_the_scope_of_the_host_only() {
    let lab = CountryLab::new();
    let container = Container::new(&lab);
    let database = || {
        use crate::harness::mmdb::{Value, Writer};
        let mut writer = Writer::new(6, 24);
        let code = Value::Map(vec![("iso_code", Value::Text("GL"))]);
        let record = Value::Map(vec![("country", code)]);
        writer.insert(&format!("{PEER_OF_CONTAINER}/32"), &record);
        writer.finish("GeoLite2-Country")
    };
    let mut daemon = start(setup(&lab));
    write_whole(&daemon.path("countries.mmdb"), &database());
    daemon.reload();
    let there = [("country", "GL")];
    let counts = |daemon: &Daemon| {
        let scrape = daemon.scrape();
        [OPEN, OPENED, super::CLOSED].map(|name| scrape.sum(name, &there))
    };

    drop(container.open(&lab, 10));
    await_visits(&daemon, 1);
    assert_eq!(counts(&daemon), [0, 0, 0]);

    daemon.configure("connections_scope", "host");
    daemon.reload();
    await_visits(&daemon, 1);
    let open = container.open(&lab, 7);
    drop(container.open(&lab, 10));
    // Its end in the world is of this host, too, but the address that it is
    // connected with is that of the container.
    daemon.await_sum(OPEN, &there, 7);
    daemon.await_sum(super::CLOSED, &there, 10);
    assert_eq!(counts(&daemon), [7, 17, 10]);

    // They are none of the exporter's own namespace.
    daemon.configure("connections_scope", "namespace");
    daemon.reload();
    daemon.await_sum(OPEN, &there, 0);
    drop(open);
    await_visits(&daemon, 1);
    assert_eq!(counts(&daemon), [0, 17, 10]);
}
