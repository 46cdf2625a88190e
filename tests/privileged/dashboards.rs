//! The dashboards for Grafana: each query of each panel, in a real Prometheus
//! that scrapes an exporter under traffic.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use serde_json::Value;

use crate::connections;
use crate::harness::connections::{Asking, CountryLab};
use crate::harness::countries::database;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::data;
use crate::harness::frames::Packet;
use crate::harness::lab::WAN;
use crate::harness::prometheus::Prometheus;
use crate::harness::wait::{PATIENCE, await_until};
use crate::ranges::ranges;
use crate::services::services;

const DASHBOARDS: [&str; 2] = ["traffic", "health"];

/// The port of the service.
const PORT: u16 = 8_080;

/// Values of the variables, as Grafana puts them in.
const VARIABLES: [(&str, &str); 7] = [
    ("$__rate_interval", "1m"),
    ("$__range", "10m"),
    ("$job", "geoip"),
    ("$instance", ".*"),
    ("$country", ".*"),
    ("$interface", ".*"),
    ("$top", "1000"),
];

/// Panels with all bytes of one direction, received and sent in turn.
const TOTALS: [&str; 4] =
    ["Received", "Sent", "Received per second", "Sent per second"];

/// Panels of other sums: the title, the number of the query, and the family
/// whose sum it shows; with `*` both directions of it.
const SUMS: [(&str, usize, &str); 29] = [
    ("Without country", 0, "geoip_host_unattributed_bytes_*_total"),
    ("Bytes by country", 0, "geoip_host_bytes_*_total"),
    // The first query of this title counts the countries.
    ("Countries", 1, "geoip_host_bytes_received_total"),
    ("Countries", 2, "geoip_host_bytes_sent_total"),
    ("Largest countries, received", 0, "geoip_host_bytes_received_total"),
    ("Largest countries, sent", 0, "geoip_host_bytes_sent_total"),
    ("Bytes of each day", 0, "geoip_host_bytes_received_total"),
    ("Bytes of each day", 1, "geoip_host_bytes_sent_total"),
    ("Countries of each day, received", 0, "geoip_host_bytes_received_total"),
    ("Interfaces, received", 0, "geoip_bytes_received_total"),
    ("Interfaces, sent", 0, "geoip_bytes_sent_total"),
    ("Largest networks, received", 0, "geoip_as_bytes_received_total"),
    ("Largest networks, sent", 0, "geoip_as_bytes_sent_total"),
    // No byte of a network is lost by the join with the names.
    ("Networks", 0, "geoip_as_bytes_received_total"),
    ("Networks", 1, "geoip_as_bytes_sent_total"),
    ("Largest hosts, received", 0, "geoip_remote_host_bytes_received_total"),
    ("Largest hosts, sent", 0, "geoip_remote_host_bytes_sent_total"),
    ("Hosts", 0, "geoip_remote_host_bytes_received_total"),
    ("Hosts", 1, "geoip_remote_host_bytes_sent_total"),
    ("Services, received", 0, "geoip_service_bytes_received_total"),
    ("Services, sent", 0, "geoip_service_bytes_sent_total"),
    (
        "Attempts to connect, by country",
        0,
        "geoip_service_connection_attempts_total",
    ),
    ("Ranges, received", 0, "geoip_range_bytes_received_total"),
    ("Ranges, sent", 0, "geoip_range_bytes_sent_total"),
    ("Open", 0, "geoip_tcp_connections"),
    ("Opened, failed and closed", 0, "geoip_tcp_connections_opened_total"),
    ("Opened, failed and closed", 1, "geoip_tcp_connections_failed_total"),
    ("Opened, failed and closed", 2, "geoip_tcp_connections_closed_total"),
    ("Flows in the kernel", 1, "geoip_config_map_max_entries"),
];

/// A query, and the title of its panel.
type Query = (String, String);

/// Returns the queries of a dashboard.
fn queries(name: &str) -> Vec<Query> {
    let path = format!("etc/grafana/{name}.json");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let board: Value =
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut queries = Vec::new();
    for panel in board["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().into_iter().flatten() {
            let mut query = target["expr"].as_str().unwrap().to_owned();
            for (variable, value) in VARIABLES {
                query = query.replace(variable, value);
            }
            assert!(
                !query.contains('$') || query.contains("\"$1\""),
                "{query}"
            );
            queries.push((title.to_owned(), query));
        }
    }
    queries
}

/// An address of a country of its own, which never gets an answer.
const SILENT: [u8; 4] = [192, 0, 2, 77];

/// Returns the named ranges.
fn far_and_silent() -> toml::Value {
    let mut all = ranges(&[
        ("far", &["198.18.0.0/15"]),
        ("silent", &[&format!("{}/32", Ipv4Addr::from(SILENT))]),
    ]);
    all[1].as_table_mut().unwrap().insert("country".into(), "SILENT".into());
    all
}

fn start(lab: &CountryLab) -> Daemon {
    let setup = Setup::new(&lab.lab.machine);
    let file = setup.path("countries.mmdb");
    fs::write(&file, database()).unwrap();
    let state = setup.path("state");
    let setup = setup
        .set("interfaces", WAN)
        .set("host", true)
        .set("counted_once", WAN)
        .set("connections", true)
        .set("connections_interval", "1s")
        .set("networks", true)
        .set("remote_hosts", true)
        .set("remote_hosts_metrics", true)
        .set("remote_hosts_threshold", "1B")
        .set("quota", "1TB")
        .set("asn_db", data("asn.mmdb").to_str().unwrap())
        .set("service", services(&[("web", &["8080-8081/tcp"])]))
        .set("range", far_and_silent())
        .set("state_directory", state.to_str().unwrap())
        .set("poll_interval", "200ms")
        .set("log_level", "info")
        .set("geoip_db", file.to_str().unwrap());
    connections::start(setup)
}

/// Returns the bytes of the whole machine.
fn whole(scrape: &Scrape, direction: &str) -> u64 {
    ["bytes", "unattributed_bytes", "non_ip_bytes"]
        .iter()
        .map(|kind| {
            scrape.sum(&format!("geoip_host_{kind}_{direction}_total"), &[])
        })
        .sum()
}

/// Returns a query with each counter in place of its rate or increase: what it
/// adds up, and how, can then be told to the byte.
fn counted(query: &str) -> String {
    let mut text = query.to_owned();
    for function in ["rate(", "increase("] {
        while let Some(start) = text.find(function) {
            let inside = start + function.len();
            let range = inside + text[inside..].find('[').unwrap();
            let end = range + text[range..].find(']').unwrap() + 1;
            let end = match text[end..].strip_prefix(" @ end()") {
                Some(rest) => text.len() - rest.len(),
                None => end,
            };
            assert!(text[end..].starts_with(')'), "{text}");
            let counter = text[inside..range].to_owned();
            text.replace_range(start..=end, &counter);
        }
    }
    text
}

/// Returns the sum of the answer of a query.
fn sum(prometheus: &Prometheus, query: &str) -> f64 {
    let answer = prometheus.evaluate(query);
    let value = |sample: &Value| {
        sample["value"][1].as_str().unwrap().parse::<f64>().unwrap()
    };
    answer.iter().map(value).sum()
}

#[test]
fn every_panel_shows_what_was_sent() {
    let lab = CountryLab::new();
    let daemon = start(&lab);
    let prometheus = Prometheus::start(&lab.lab.machine, daemon.address());
    // To a host that is not here.
    let frame = Packet::new(IpAddr::from(SILENT), [203, 0, 113, 99]).frame();
    lab.lab.inbound().send([frame]);
    let open =
        [lab.open(Asking::World, PORT, 100), lab.open(Asking::Machine, 0, 50)];
    // Until every rate has two samples with growth between.
    let queries: Vec<Query> =
        DASHBOARDS.iter().flat_map(|name| queries(name)).collect();
    assert!(queries.len() > 50, "{}", queries.len());
    for (panel, query) in &queries {
        await_until(PATIENCE, panel, || {
            for connection in open.iter().flatten() {
                connection.exchange(100, 2_000);
            }
            match prometheus.evaluate(query).len() {
                0 => Err(format!("nothing for {query}")),
                _ => Ok(()),
            }
        });
    }
    for connection in open.into_iter().flatten() {
        connection.close();
    }

    // At rest: every byte is on the dashboard.
    let rest = await_until(PATIENCE, "rest", || {
        let before = daemon.scrape();
        daemon.await_polls();
        let now = daemon.scrape();
        let both = ["received", "sent"];
        match both.map(|way| whole(&before, way) == whole(&now, way)) {
            [true, true] => Ok(now),
            _ => Err("traffic".into()),
        }
    });
    let totals = ["received", "sent"].map(|way| whole(&rest, way));
    assert!(totals.iter().all(|bytes| *bytes > 100_000), "{totals:?}");
    let of_whole = TOTALS.iter().zip(totals.iter().cycle());
    let of_whole = of_whole.map(|(panel, bytes)| ((*panel, 0), *bytes));
    let of_families = SUMS.map(|(panel, number, family)| {
        let sum = |way| rest.sum(&family.replace('*', way), &[]);
        let sum = match family.contains('*') {
            true => sum("received") + sum("sent"),
            false => sum(""),
        };
        ((panel, number), sum)
    });
    for ((panel, number), expected) in of_whole.chain(of_families) {
        let own: Vec<_> =
            queries.iter().filter(|(title, _)| title == panel).collect();
        let query = counted(&own[number].1);
        await_until(PATIENCE, panel, || {
            #[expect(clippy::cast_precision_loss, reason = "it is small")]
            match sum(&prometheus, &query) {
                seen if seen == expected as f64 => Ok(()),
                seen => Err(format!("{seen}, not {expected}, for {query}")),
            }
        });
    }
}
