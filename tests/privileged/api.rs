//! The interface for programs has every byte of real traffic: its sums are those
//! of `/metrics`, and its rows have the members without series too.

mod sheets;

use std::collections::BTreeMap;
use std::net::IpAddr;

use geoip_exporter::api::{self, Answer, Envelope};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::conversation::{Host, introduce, talk_tcp};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::{GERMANY, JAPAN, REMOTES, UNITED_STATES, data};
use crate::harness::http;
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::connect;
use crate::harness::traffic::{Traffic, await_books};
use crate::harness::wait::{PATIENCE, await_until};
use crate::ranges::ranges;
use crate::services::services;
use sheets::Sheet;

/// An interface beside [`WAN`], which is no edge of the machine.
const LAN: &str = "lan0";

/// Every subject that has a page, each with fewer series than members.
fn everything(lab: &Lab, state: &TempDir) -> Setup {
    let file = |name: &str| data(name).to_str().unwrap().to_owned();
    Setup::new(&lab.machine)
        .set("interfaces", vec![WAN, LAN])
        .set("counted_once", WAN)
        .set("host", true)
        .set("networks", true)
        .set("networks_top", 1)
        .set("asn_db", file("asn.mmdb"))
        .set("city_db", file("city.mmdb"))
        .set("remote_hosts", true)
        .set("remote_hosts_metrics", true)
        .set("remote_hosts_top", 1)
        .set("remote_hosts_threshold", "0B")
        .set("unknown_prefixes", true)
        .set("connections", true)
        .set("connections_interval", "1s")
        .set(
            "service",
            services(&[("web", &["443"]), ("all", &["1024-65535"])]),
        )
        .set(
            "range",
            ranges(&[
                ("home", &["198.18.0.0/24", "2001:db8:beef::/48"]),
                ("north", &["192.0.2.0/24", "2001:db8:1::/48"]),
                ("east", &["203.0.113.0/24"]),
            ]),
        )
        .set("quota", "20TiB")
        .set("state_directory", state.path().to_str().unwrap())
        .set("pin_directory", "")
}

fn get(daemon: &Daemon, path: &str) -> Value {
    let response = daemon.get(&format!("/api/v1/{path}")).unwrap();
    assert_eq!(response.status, 200, "{path}: {}", response.body);
    serde_json::from_str(&response.body).unwrap()
}

fn page<T: Answer>(daemon: &Daemon, query: &str) -> T {
    let path = format!("{}{query}", T::PATH);
    let path = path.strip_prefix("/api/v1/").unwrap();
    serde_json::from_value(get(daemon, path)).unwrap()
}

/// Asks for all pages and for the metrics, until all are of one snapshot.
fn of_one_snapshot(daemon: &Daemon) -> (Sheet, Scrape) {
    await_until(PATIENCE, "answers of one snapshot", || {
        let mut ids = Vec::new();
        let pages = sheets::of_pages(&[WAN, LAN], |path| {
            let answer = get(daemon, path);
            ids.push(answer["snapshot"].as_str().unwrap().to_owned());
            answer
        });
        let scrape = daemon.scrape();
        ids.push(page::<api::Events>(daemon, "").envelope.snapshot);
        ids.dedup();
        match ids.len() {
            1 => Ok((pages, scrape)),
            _ => Err(format!("{ids:?}")),
        }
    })
}

/// Lets the exporter poll no more, so that its snapshot stays.
fn freeze(daemon: &mut Daemon) {
    for interval in ["poll_interval", "connections_interval"] {
        daemon.configure(interval, "1h");
    }
    daemon.reload();
}

/// Returns bytes by network and by remote address, received and sent, as they
/// were sent at [`WAN`].
fn booked(traffic: &Traffic) -> BTreeMap<String, [u64; 2]> {
    let mut all: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (subject, volume) in traffic.booked() {
        let remote = |it: &&crate::harness::fixtures::Remote| {
            it.country == subject.country
        };
        let remote = REMOTES.iter().find(remote).unwrap();
        let address: IpAddr = match &*subject.ip_version {
            "4" => remote.ipv4.into(),
            _ => remote.ipv6.into(),
        };
        let network = match address {
            it if it == GERMANY.ipv4 => "64496",
            it if it == UNITED_STATES.ipv4 => "64497",
            it if it == JAPAN.ipv4 => "64499",
            it if it == GERMANY.ipv6 => "64511",
            _ => "unknown",
        };
        let side = usize::from(subject.direction == "sent");
        for key in [network.to_owned(), address.to_string()] {
            all.entry(key).or_default()[side] += volume.bytes;
        }
    }
    all
}

/// Returns the same of the pages.
fn listed(daemon: &Daemon) -> BTreeMap<String, [u64; 2]> {
    let of = |it: &api::Bytes| [it.bytes_received, it.bytes_sent];
    let networks = page::<api::Networks>(daemon, "");
    let hosts = page::<api::Hosts>(daemon, "");
    // Most of them have no series.
    let shown = networks.networks.iter().filter(|it| it.shown).count();
    assert_eq!((shown, networks.networks.len()), (1, 4));
    let unknown = ("unknown".to_owned(), of(&networks.unknown));
    let networks = networks.networks.iter();
    let networks = networks.map(|it| (it.asn.to_string(), of(&it.bytes)));
    let hosts = hosts.hosts.iter();
    let hosts = hosts.map(|it| (it.address.clone(), of(&it.volume.bytes)));
    networks.chain(hosts).chain([unknown]).collect()
}

#[test]
fn the_pages_for_programs_have_every_byte_of_the_metrics() {
    let (lab, state) = (Lab::new(), TempDir::new().unwrap());
    connect(&lab.machine, LAN, &lab.world, "far0");
    let mut daemon = everything(&lab, &state).start();
    daemon.await_log("that connections are counted", 0, |line| {
        line.message() == "counting connections"
    });
    let mut wan = Traffic::new(&lab);
    let mut lan = Traffic::between(&lab.machine, LAN, &lab.world, "far0");
    // The largest host and network of all: a series that gave its place away
    // would take its bytes along.
    wan.receive(GERMANY, 100);
    wan.send(GERMANY, 100);
    wan.await_booked(&daemon);
    for _ in 0..3 {
        wan.exchange();
        lan.exchange();
    }
    let mut books = wan.booked().clone();
    books.extend(lan.booked().clone());
    await_books(&daemon, &books);
    let scrape = daemon.scrape();
    let shown = scrape.values_of("geoip_as_bytes_sent_total", "asn");
    assert_eq!(shown.len(), 3, "one, UNKNOWN and other: {shown:?}");
    assert_eq!(listed(&daemon), booked(&wan));

    // The kernel's own TCP, over both versions, asked for by either side.
    let (machine, world) = (Host::machine(&lab), Host::world(&lab));
    introduce(&machine, &world);
    for version in [4, 6] {
        talk_tcp(&machine, &world, version, 70_000);
        talk_tcp(&world, &machine, version, 30_000);
    }
    daemon.await_sum("geoip_tcp_connections_closed_total", &[], 4);
    daemon.await_polls();
    freeze(&mut daemon);

    let (pages, scrape) = of_one_snapshot(&daemon);
    let metrics = sheets::of_metrics(&scrape);
    for subject in ["host DE", "tcp DE inbound opened", "service all DE"] {
        let has = |sheet: &Sheet| sheet.keys().any(|it| it.contains(subject));
        assert!(has(&pages) && has(&metrics), "{subject}: {pages:#?}");
    }
    assert_same(&pages, &metrics);
    // The quota is of the machine counted once.
    let whole = |direction| pages[&format!("host whole bytes_{direction}")];
    let used = pages["quota used_bytes"];
    assert_eq!(used, whole("received") + whole("sent"));
    an_unchanged_snapshot_costs_no_body(&lab, &daemon);
    // The first poll after this is another snapshot.
    let before = page::<api::Summary>(&daemon, "").envelope.snapshot;
    daemon.configure("poll_interval", "20ms");
    daemon.reload();
    await_until(PATIENCE, "another snapshot", || {
        match page::<api::Summary>(&daemon, "").envelope.snapshot {
            same if same == before => Err(same),
            _ => Ok(()),
        }
    });
}

fn assert_same(pages: &Sheet, metrics: &Sheet) {
    let keys = pages.keys().chain(metrics.keys());
    let other = keys.filter(|key| pages.get(*key) != metrics.get(*key));
    let other: Vec<_> =
        other.map(|key| (key, pages.get(key), metrics.get(key))).collect();
    assert_eq!(other, [], "subject, pages, metrics");
}

/// Asks for each page again, with its ETag.
fn an_unchanged_snapshot_costs_no_body(lab: &Lab, daemon: &Daemon) {
    for path in api::PATHS {
        let ask = |headers: &str| {
            let address = daemon.address();
            http::ask(&lab.machine, address, path, headers).unwrap()
        };
        let first = ask("");
        let envelope: Envelope = serde_json::from_str(&first.body).unwrap();
        assert_eq!(first.status, 200);
        let tag = first.headers.iter().find(|(name, _)| name == "etag");
        let (_, tag) = tag.unwrap_or_else(|| panic!("{path} has no ETag"));
        let again = ask(&format!("If-None-Match: {tag}\r\n"));
        assert_eq!((again.status, &*again.body), (304, ""), "{path}");
        assert!(envelope.rates_over_seconds.is_some(), "{path}");
    }
}
