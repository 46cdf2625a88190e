//! The dashboards for Grafana: each query of each panel, in a real Prometheus
//! that scrapes an exporter under traffic.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::connections;
use crate::harness::connections::{Asking, CountryLab};
use crate::harness::countries::database;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::data;
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
    ("$top", "10"),
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
        .set("range", ranges(&[("far", &["198.18.0.0/15"])]))
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

    // At rest: every byte of the card is on the dashboard.
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
    for (title, way) in [("Received", "received"), ("Sent", "sent")] {
        let find = |wanted: &str| {
            let found = queries.iter().filter(|(panel, _)| panel == wanted);
            found.map(|(_, query)| query.as_str()).collect::<Vec<_>>()
        };
        #[expect(clippy::cast_precision_loss, reason = "it is small")]
        let expected = whole(&rest, way) as f64;
        assert!(expected > 100_000.0, "{expected}");
        await_until(PATIENCE, title, || {
            match sum(&prometheus, find(title)[0]) {
                seen if seen == expected => Ok(()),
                seen => Err(format!("{seen} instead of {expected}")),
            }
        });
        let column = usize::from(way == "sent");
        let countries = sum(&prometheus, find("Countries")[1 + column]);
        let name = format!("geoip_host_bytes_{way}_total");
        #[expect(clippy::cast_precision_loss, reason = "it is small")]
        let expected = rest.sum(&name, &[]) as f64;
        assert_eq!(countries, expected, "{way}");
        // No byte of a network is lost by the join with the names.
        let networks = sum(&prometheus, find("Networks")[column]);
        let name = format!("geoip_as_bytes_{way}_total");
        #[expect(clippy::cast_precision_loss, reason = "it is small")]
        let expected = rest.sum(&name, &[]) as f64;
        assert_eq!(networks, expected, "{way}");
    }
}
