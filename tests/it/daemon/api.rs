//! The interface for programs.

use std::collections::BTreeSet;
use std::net::TcpStream;

use geoip_exporter::accounting::ConnectionDirection::Inbound;
use geoip_exporter::api::{self, Answer};
use tempfile::TempDir;

use super::fake::{FakeHost, PATIENCE};
use super::running::{Running, database, with_database};
use super::tcp::key;
use crate::client;
use crate::openapi::OpenApi;

/// Everything that has a page.
pub(super) fn everything() -> String {
    let asn = database("asn.mmdb");
    with_database(&format!(
        "host = true\nremote_hosts = true\ncounted_once = \"eth0\"\nnetworks = true\n\
         asn_db = {asn:?}\nnetworks_top = 1\nunknown_prefixes = true\n\
         connections = true\nconnections_interval = \"1s\"\n\
         [[service]]\nname = \"web\"\nports = [\"443/tcp\"]\n\
         [[range]]\nname = \"a\"\ncidrs = \"192.0.2.0/24\"\n"
    ))
}

/// Asks for a page with headers.
fn ask(daemon: &Running, path: &str, headers: &str) -> client::Response {
    let stream = TcpStream::connect(daemon.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    client::ask(stream, &format!("GET {path}"), headers).unwrap()
}

fn get<T: Answer>(daemon: &Running, query: &str) -> T {
    let (status, body) = daemon.get(&format!("{}{query}", T::PATH));
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Starts a daemon that counts traffic of all kinds.
fn start() -> Running {
    start_with(&everything())
}

fn start_with(config: &str) -> Running {
    let host = FakeHost::new(&[(2, "eth0"), (3, "eth1")]);
    let daemon = Running::start(host, config);
    daemon.host.log.wait_for(0, &["counting connections"]);
    daemon.host.change_kernel(|kernel| {
        kernel.tcp.open(key("192.0.2.7", 443, Inbound), 5);
    });
    for (interface, address, bytes) in [
        (2, "192.0.2.7", 5_000),
        (2, "203.0.113.9", 30),
        (2, "2001:db8::7", 400),
        (2, "9.9.9.9", 70),
        (3, "192.0.2.8", 9),
    ] {
        daemon.host.send(interface, address, bytes);
        daemon.host.receive(interface, address, bytes * 3);
    }
    let opened = "geoip_tcp_connections_opened_total";
    daemon.wait_for("a visit", |scrape| scrape.sum(opened) == 5.0);
    daemon.settled();
    daemon
}

#[test]
fn every_answer_is_as_the_file_says() {
    let file = OpenApi::read();
    let known: BTreeSet<_> = api::PATHS.iter().map(|&it| it.into()).collect();
    assert_eq!(file.paths(), known);
    let state = TempDir::new().unwrap();
    let state = state.path();
    let everything = format!(
        "state_directory = {state:?}\npin_directory = \"\"\n\
         quota = \"1TiB\"\n{}",
        everything()
    );
    let daemon = start_with(&everything);
    for path in file.paths() {
        let (status, body) = daemon.get(&path);
        match status {
            200 => file.check_page(&path, &body),
            _ => file.check_refusal(&path, status, &body),
        }
        // A wrong parameter, and each one with a value that may be right.
        let (status, body) = daemon.get(&format!("{path}?wrong=1"));
        assert_eq!(status, 400, "{path}");
        file.check_refusal(&path, 400, &body);
        for name in file.parameters(&path) {
            for value in ["4", "eth0", "DE", "no such", ""] {
                let query =
                    format!("{path}?{name}={}", value.replace(' ', "+"));
                let (status, body) = daemon.get(&query);
                match status {
                    200 => file.check_page(&path, &body),
                    _ => file.check_refusal(&path, status, &body),
                }
            }
        }
    }
    daemon.configure(&format!("web = false\n{everything}"));
    daemon.reload();
    for path in file.paths() {
        let (status, body) = daemon.get(&path);
        file.check_refusal(&path, status, &body);
        assert!(status == 404 && body.contains("web = true"), "{body}");
    }
    daemon.configure(&with_database(""));
    daemon.reload();
    let mut off = 0;
    for path in file.paths() {
        let (status, body) = daemon.get(&path);
        if status == 404 {
            off += 1;
            file.check_refusal(&path, status, &body);
            assert!(body.ends_with(" turns this page on\n"), "{body}");
        }
    }
    assert!(off >= 5, "{off}");
    daemon.stop();
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn the_sums_equal_the_metrics() {
    let daemon = start();
    let scrape = daemon.settled();
    let metric = |name: &str| scrape.sum(name);
    let both = |family: &str, of: &api::Bytes| {
        for (direction, bytes) in
            [("received", of.bytes_received), ("sent", of.bytes_sent)]
        {
            let name = family.replace("{}", direction);
            assert_eq!(bytes as f64, metric(&name), "{name}");
        }
    };
    let all = get::<api::Countries>(&daemon, "");
    assert_eq!(all.counted, api::Counted::Host);
    assert!(all.whole.bytes.bytes_received > 16_000);
    both("geoip_host_bytes_{}_total", &all.whole.bytes);
    let interfaces = get::<api::Interfaces>(&daemon, "");
    both("geoip_bytes_{}_total", &interfaces.whole.bytes);
    let packets = interfaces.whole.packets;
    let sent = metric("geoip_packets_sent_total");
    assert_eq!(packets.packets_sent as f64, sent);
    let networks = get::<api::Networks>(&daemon, "?limit=1");
    both("geoip_as_bytes_{}_total", &networks.whole);
    assert_eq!(networks.networks.len(), 1);
    let ranges = get::<api::Ranges>(&daemon, "");
    both("geoip_range_bytes_{}_total", &ranges.whole.bytes);
    let connections = get::<api::Connections>(&daemon, "");
    let opened = connections.connections.iter().map(|it| it.inbound.opened);
    assert_eq!(opened.sum::<u64>(), 5);
    let summary = get::<api::Summary>(&daemon, "");
    assert_eq!(summary.whole.bytes.total(), all.whole.bytes.total());
    assert_eq!(summary.connections_open, Some(5));
    assert!(summary.is_ready && summary.slices.networks);
    let germany = all.countries.iter().find(|row| row.country == "DE");
    let of_one = get::<api::Countries>(&daemon, "?interface=eth1");
    assert_eq!(of_one.countries[0].volume.bytes.bytes_sent, 9);
    assert_eq!(germany.is_some(), of_one.countries[0].country == "DE");
    daemon.stop();
}

#[test]
fn an_unchanged_answer_costs_a_304() {
    // No poll but the first, until the reload.
    let config = everything().replace("10ms", "1h");
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    let mark = daemon.host.log.wait_for(0, &["ready"]);
    assert!(mark.contains("interfaces: 1"), "{mark}");
    let summary = get::<api::Summary>(&daemon, "");
    assert!(summary.is_ready);
    let mut known = Vec::new();
    for query in ["", "?ip_version=4"] {
        let path = format!("/api/v1/countries{query}");
        let first = ask(&daemon, &path, "");
        assert_eq!(first.status, 200);
        let header = |name: &str| {
            let mut headers = first.headers.iter();
            headers.find(|(it, _)| *it == *name).map(|(_, value)| value)
        };
        let tag = header("etag").unwrap();
        let headers = format!("If-None-Match: {tag}\r\n");
        let again = ask(&daemon, &path, &headers);
        assert_eq!((again.status, &*again.body), (304, ""));
        let before = get::<api::Countries>(&daemon, query).envelope;
        known.push((query, path, headers, before));
    }
    daemon.configure(&everything());
    daemon.reload();
    daemon.settled();
    for (query, path, headers, before) in known {
        assert_eq!(ask(&daemon, &path, &headers).status, 200);
        let after = get::<api::Countries>(&daemon, query).envelope;
        assert_ne!(before.snapshot, after.snapshot);
        assert!(after.rates_over_seconds.is_some());
    }
    daemon.stop();
}

/// A kill after an answer cannot set the counters back.
#[test]
fn saved_counters_are_shown_only() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "state_directory = {:?}\npin_directory = \"\"\n{}",
        folder.path(),
        everything()
    );
    let host = FakeHost::new(&[(2, "eth0")]);
    let daemon = Running::start(host, &config);
    daemon.settled();
    daemon.host.send(2, "192.0.2.7", 5_000);
    daemon.host.settle();
    // No scrape has saved them.
    let shown = get::<api::Countries>(&daemon, "").whole.bytes.bytes_sent;
    assert_eq!(shown, 5_000);
    let saved = folder.path().join("kept");
    let newest = std::fs::read_dir(folder.path()).unwrap();
    std::fs::create_dir(&saved).unwrap();
    for file in newest.map(|it| it.unwrap().path()) {
        if file.is_file() {
            std::fs::copy(&file, saved.join(file.file_name().unwrap()))
                .unwrap();
        }
    }
    daemon.host.send(2, "192.0.2.7", 1_000);
    daemon.settled();
    daemon.stop();

    // A kill would have left the same state.
    let config =
        config.replace(&format!("{:?}", folder.path()), &format!("{saved:?}"));
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    let shown = get::<api::Countries>(&daemon, "").whole.bytes.bytes_sent;
    assert_eq!(shown, 5_000);
    daemon.stop();
}

#[test]
fn events_are_reloads_databases_interfaces_and_faults() {
    let daemon = start();
    let first = get::<api::Events>(&daemon, "").events;
    let newest = first.last().unwrap().number;
    let has = |events: &[api::Event], kind, message: &str| {
        let is = |one: &&api::Event| {
            one.kind == kind && one.message.contains(message)
        };
        events.iter().find(is).cloned()
    };
    let opened = has(&first, api::EventKind::Database, "opened the GeoIP");
    assert_eq!(opened.unwrap().details["database"], "country");
    daemon.host.add(7, "wg0");
    let mark = daemon.host.log.mark();
    daemon.configure("poll_interval = 7\n");
    daemon.hang_up();
    daemon.host.log.wait_for(mark, &["not reloaded"]);
    daemon.settled();
    let after = format!("?after={newest}");
    let later = get::<api::Events>(&daemon, &after).events;
    assert_eq!(later[0].number, newest + 1);
    let attached = has(&later, api::EventKind::Interface, "attached");
    assert_eq!(attached.unwrap().details["interface"], "wg0");
    let failed = has(&later, api::EventKind::Reload, "not reloaded").unwrap();
    assert!(failed.is_fault && failed.at > first[0].at);
    daemon.stop();
}
