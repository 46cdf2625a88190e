//! Named ranges on the running kernel: both ends of each packet.

use std::sync::atomic::{AtomicBool, Ordering};

use toml::Value;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::{Scrape, whole};
use crate::harness::fixtures::{GERMANY, JAPAN, LOCAL4, LOCAL6, UNITED_STATES};
use crate::harness::frames::Packet;
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::{connect, mac_of, statistics};
use crate::harness::netns::Netns;
use crate::harness::send::Sender;

/// Returns the tables of these ranges.
pub(crate) fn ranges(all: &[(&str, &[&str])]) -> Value {
    let range = |(name, cidrs): &(&str, &[&str])| {
        let mut table = toml::Table::new();
        table.insert("name".into(), (*name).into());
        let cidrs: Vec<Value> = cidrs.iter().map(|it| (*it).into()).collect();
        table.insert("cidrs".into(), cidrs.into());
        Value::Table(table)
    };
    all.iter().map(range).collect::<Vec<_>>().into()
}

/// Returns the bytes of each direction, source and destination of an interface.
fn pairs(scrape: &Scrape, interface: &str) -> Vec<String> {
    let mut pairs = Vec::new();
    for direction in ["received", "sent"] {
        let name = format!("geoip_range_bytes_{direction}_total");
        let labels = [("interface", interface)];
        for (labels, value) in scrape.matching(&name, &labels) {
            let bytes = whole(value);
            let (source, destination) =
                (&labels["source"], &labels["destination"]);
            let version = &labels["ip_version"];
            pairs.push(format!(
                "{direction} IPv{version} {source} -> {destination}: {bytes}"
            ));
        }
    }
    pairs.sort();
    pairs
}

fn await_pairs(daemon: &Daemon, interface: &str, expected: &[String]) {
    let mut expected = expected.to_vec();
    expected.sort();
    daemon.await_scrape("the bytes of all pairs", |scrape| {
        match pairs(scrape, interface) {
            seen if seen == expected => Ok(()),
            seen => Err(format!("{seen:#?} instead of {expected:#?}")),
        }
    });
    daemon.await_polls();
    assert_eq!(pairs(&daemon.scrape(), interface), expected);
}

/// Returns everything that an interface's ranges account for.
pub(crate) fn accounted(
    scrape: &Scrape,
    interface: &str,
    direction: &str,
) -> u64 {
    ["", "unattributed_"]
        .iter()
        .map(|part| {
            let name = format!("geoip_range_{part}bytes_{direction}_total");
            scrape.sum(&name, &[("interface", interface)])
        })
        .sum()
}

/// The kernel forwards real frames between two customers. Both interfaces see
/// each of them, with the same ends.
#[test]
fn forwarding_between_two_customers_has_both_names() {
    let (router, first, second) = (Netns::new(), Netns::new(), Netns::new());
    connect(&router, "cust0", &first, "first0");
    connect(&router, "cust1", &second, "second0");
    router.ip("addr add 192.0.2.1/24 dev cust0");
    router.ip("addr add 203.0.113.1/24 dev cust1");
    router.ip(&format!(
        "neigh add {} lladdr {} dev cust0 nud permanent",
        GERMANY.ipv4,
        crate::harness::link::mac_text(mac_of("first0"))
    ));
    router.ip(&format!(
        "neigh add {} lladdr {} dev cust1 nud permanent",
        JAPAN.ipv4,
        crate::harness::link::mac_text(mac_of("second0"))
    ));
    router.set("ipv4/ip_forward", "1");
    router.set("ipv4/conf/all/rp_filter", "0");
    router.set("ipv4/conf/cust0/rp_filter", "0");
    let daemon = Setup::new(&router)
        .set("interfaces", "cust0,cust1")
        .set(
            "range",
            ranges(&[
                ("customer a", &["192.0.2.0/24"]),
                ("customer b", &["203.0.113.0/24"]),
            ]),
        )
        .start();
    let frame = |source, destination, from: &str, to: &str, payload| {
        Packet::new(source, destination)
            .payload(payload)
            .between(mac_of(from), mac_of(to))
            .frame()
    };
    let there = frame(GERMANY.ipv4, JAPAN.ipv4, "first0", "cust0", 1_000);
    let back = frame(JAPAN.ipv4, GERMANY.ipv4, "second0", "cust1", 33);
    // From outside, to a customer: only one end has a name.
    let other = frame(UNITED_STATES.ipv4, JAPAN.ipv4, "first0", "cust0", 500);
    let (a, b) =
        (Sender::open(&first, "first0"), Sender::open(&second, "second0"));
    for _ in 0..100 {
        a.send([&there, &other]);
        b.send([&back]);
    }
    let of = |frame: &Vec<u8>| 100 * frame.len();
    let (there, back, other) = (of(&there), of(&back), of(&other));
    await_pairs(
        &daemon,
        "cust0",
        &[
            format!("received IPv4 customer a -> customer b: {there}"),
            format!("received IPv4 other -> customer b: {other}"),
            format!("sent IPv4 customer b -> customer a: {back}"),
        ],
    );
    await_pairs(
        &daemon,
        "cust1",
        &[
            format!("received IPv4 customer b -> customer a: {back}"),
            format!("sent IPv4 customer a -> customer b: {there}"),
            format!("sent IPv4 other -> customer b: {other}"),
        ],
    );
    let scrape = daemon.scrape();
    for interface in ["cust0", "cust1"] {
        let wire = statistics(&router, interface);
        assert_eq!(
            accounted(&scrape, interface, "received"),
            wire.received.bytes
        );
        assert_eq!(accounted(&scrape, interface, "sent"), wire.sent.bytes);
    }
}

/// One address gets a name, and its neighbours in the kept prefix do not.
#[test]
fn a_range_narrower_than_the_kept_prefix_is_told_apart() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set(
            "range",
            ranges(&[
                ("wide", &["192.0.2.0/24", "2001:db8:1::/48"]),
                ("host", &["192.0.2.7/32", "2001:db8:1::7/128"]),
                ("site", &["198.18.0.0/24"]),
            ]),
        )
        .start();
    let (near, host) = ([192, 0, 2, 8], GERMANY.ipv4);
    let received = [
        Packet::new(host, LOCAL4).payload(100).frame(),
        Packet::new(near, LOCAL4).payload(10).frame(),
        Packet::new(GERMANY.ipv6, LOCAL6).payload(50).frame(),
    ];
    let sent = [Packet::new(LOCAL4, host).payload(7).frame()];
    lab.inbound().send(&received);
    lab.outbound().send(&sent);
    let [of_host, of_near, of_ipv6] = received.each_ref().map(Vec::len);
    await_pairs(
        &daemon,
        WAN,
        &[
            format!("received IPv4 host -> site: {of_host}"),
            format!("received IPv4 wide -> site: {of_near}"),
            format!("received IPv6 host -> other: {of_ipv6}"),
            format!("sent IPv4 site -> host: {}", sent[0].len()),
        ],
    );
    // The table is still one by prefix: two classes of one /24.
    let flows = daemon.scrape().sum("geoip_ebpf_map_entries", &[]);
    assert_eq!(flows, 4);
}

/// Each reload changes names, countries and the number of ranges.
#[test]
fn reloads_of_ranges_under_traffic_lose_nothing_and_count_nothing_twice() {
    let reloads: usize = std::env::var("RANGE_RELOADS")
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(60);
    let lab = Lab::new();
    let configuration = |round: usize| {
        let names = ["a", "b", "c", "d"];
        let mut all: Vec<(&str, &[&str])> = vec![
            ("steady", &["203.0.113.0/24", "198.18.0.0/24"]),
            (names[round % 4], &["192.0.2.0/24"]),
        ];
        if round.is_multiple_of(3) {
            all.push(("host", &["192.0.2.7"]));
        }
        ranges(&all)
    };
    let mut daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("range", configuration(0))
        .start();
    let frames = [GERMANY, JAPAN, UNITED_STATES]
        .map(|remote| Packet::new(remote.ipv4, LOCAL4).payload(100).frame());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sender = lab.inbound();
        let (stop, frames) = (&stop, &frames);
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                sender.send(frames);
            }
        });
        for round in 1..=reloads {
            daemon.configure("range", configuration(round));
            daemon.reload();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let wire = statistics(&lab.machine, WAN).received.bytes;
    let steady = wire / 3;
    daemon.await_scrape("all bytes are counted", |scrape| {
        let labels = [("source", "steady"), ("destination", "steady")];
        let seen = (
            accounted(scrape, WAN, "received"),
            scrape.sum("geoip_range_bytes_received_total", &labels),
        );
        match seen == (wire, steady) {
            true => Ok(()),
            false => Err(format!("{seen:?} of {wire} and {steady}")),
        }
    });
    daemon.await_polls();
    assert_eq!(accounted(&daemon.scrape(), WAN, "received"), wire);
}

/// A key keeps 48 bits, and the addresses that need more are looked up all the
/// same.
#[test]
fn an_address_that_carries_one_of_ipv4_counts_for_its_country() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("name_special_addresses", true)
        .set("range", ranges(&[("germany", &["192.0.2.0/24"])]))
        .start();
    // A client of Teredo at 203.0.113.7, behind a server.
    let teredo = "2001:0:c633:6407:0:63bf:34ff:8ef8";
    let remotes = [
        ("64:ff9b::c000:207", 100, "DE"),
        (teredo, 40, "JP"),
        ("2002:c633:6407::1", 9, "US"),
        ("64:ff9b::a00:1", 20, "PRIVATE"),
        ("fd00::1", 30, "PRIVATE"),
        ("fe80::1", 31, "LINK_LOCAL"),
    ];
    let frames = remotes.map(|(remote, payload, country)| {
        let remote: std::net::Ipv6Addr = remote.parse().unwrap();
        let packet = Packet::new(remote, LOCAL6).payload(payload);
        (packet.frame(), country)
    });
    for (frame, _) in &frames {
        lab.inbound().send([frame]);
    }
    daemon.await_scrape("every country", |scrape| {
        for country in ["DE", "JP", "US", "PRIVATE", "LINK_LOCAL"] {
            let of_country = frames.iter().filter(|(_, it)| *it == country);
            let bytes: u64 = of_country.map(|(it, _)| it.len() as u64).sum();
            let labels = [("country", country)];
            let seen = scrape.sum("geoip_bytes_received_total", &labels);
            if seen != bytes {
                return Err(format!("{country}: {seen} of {bytes}"));
            }
        }
        Ok(())
    });
    let labels = [("source", "germany"), ("ip_version", "6")];
    assert_eq!(
        daemon.scrape().sum("geoip_range_bytes_received_total", &labels),
        frames[0].0.len() as u64
    );
}

/// The file of the neighbouring exporter names both ends, as there.
#[test]
fn a_file_of_ranges_names_local_addresses_too() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine);
    let file = setup.path("ranges.json");
    let text = r#"[{"name": "local", "ipv4": ["198.18.0.0/24"]},
        {"name": "germany", "ipv4": ["192.0.2.0/24"]}]"#;
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let daemon = setup
        .set("interfaces", WAN)
        .set("range_files", vec![Value::from(file)])
        .start();
    let frame = Packet::new(GERMANY.ipv4, LOCAL4).payload(100).frame();
    lab.inbound().send([&frame]);
    let bytes = frame.len();
    await_pairs(
        &daemon,
        WAN,
        &[format!("received IPv4 germany -> local: {bytes}")],
    );
}
