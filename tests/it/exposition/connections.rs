//! The page of connections.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use geoip_exporter::accounting::{
    ConnectionDirection, ConnectionGrowth, ConnectionKey, PollEnd,
};
use geoip_exporter::collectors::connections::{
    ConnectionsAccount, ConnectionsCollector, Method, Snapshot,
};
use geoip_exporter::config::{Config, Ports, Service};
use geoip_exporter::geoip::CountryLabels;
use geoip_exporter::metrics::Registry;
use geoip_exporter::metrics::encode::Format;
use geoip_exporter::metrics::published::Publisher;

use super::{at, page};
use crate::scrape::Scrape;

use ConnectionDirection::{Inbound, Outbound};

fn config(connections: bool) -> Config {
    let ports = vec![Ports { first: 443, last: 443, protocol: None }];
    let location = geoip_exporter::ranges::Location::default();
    let service = vec![Service { name: "web".into(), ports, location }];
    let connections_countries = 2;
    Config { connections, connections_countries, service, ..Config::default() }
}

fn growth(first: u64) -> ConnectionGrowth {
    let mut growth = ConnectionGrowth {
        opened: first + 3,
        closed: 2,
        open: i64::try_from(first).unwrap() + 1,
        bytes_acked: 1_000 * first,
        bytes_received: 2_000 * first,
        segments_sent: 10 * first,
        segments_retransmitted: first / 2,
        ..ConnectionGrowth::default()
    };
    growth.round_trips.buckets[2] = first;
    growth.round_trips.buckets[9] = 1;
    growth.round_trips.sum = 20_000 * first + 2_500_000;
    growth
}

/// Three countries, of which two have round-trip times of their own, and a key
/// for which the kernel had no room.
fn account() -> ConnectionsAccount {
    let mut account = ConnectionsAccount::resume(Snapshot::default())
        .starting(at(1_700_000_000));
    account.configure(&config(true));
    account.count_by(Some(Method::Programs));
    let mut labels = CountryLabels::default();
    let remote: IpAddr = "192.0.2.1".parse().unwrap();
    for second in [10, 20] {
        for (label, local_port, direction, first) in [
            (Some("DE"), 443, Inbound, 30),
            (Some("DE"), 22, Inbound, 10),
            (Some("DE"), 0, Outbound, 2),
            (Some("US"), 0, Outbound, 20),
            (Some("office \"1\""), 443, Inbound, 5),
            (None, 0, Inbound, 1),
        ] {
            let remote = label.map(|_| remote);
            let country = label.map(|label| labels.intern(label).unwrap());
            let key = ConnectionKey { remote, local_port, direction };
            let mut growth = growth(first);
            if direction == Outbound {
                growth.failed = 4;
            }
            account.credit(country, &key, &growth);
        }
        account.add_untracked(1);
        account.end_visit(PollEnd {
            at: at(1_700_000_000 + second),
            uptime: Duration::from_secs(second),
            absent_retention: None,
        });
    }
    account.label_countries(&Arc::new(labels));
    account
}

pub(super) fn collector(is_on: bool) -> ConnectionsCollector {
    ConnectionsCollector::new(
        Publisher::new(account().snapshot()).reader(),
        Publisher::new(config(is_on)).reader(),
    )
}

fn text(format: Format) -> String {
    let mut registry = Registry::new();
    registry.register(collector(true));
    page(&registry, format)
}

#[test]
fn connections_are_shown_while_they_are_on() {
    let mut registry = Registry::new();
    registry.register(collector(false));
    assert_eq!(page(&registry, Format::Text), "");
    let text = text(Format::Text);
    for line in [
        "geoip_tcp_connections\
         {country=\"DE\",direction=\"inbound\",service=\"web\"} 62",
        "geoip_tcp_connections\
         {country=\"other\",direction=\"inbound\",service=\"other\"} 4",
        "geoip_tcp_connections_failed_total\
         {country=\"US\",direction=\"outbound\"} 8",
        "geoip_tcp_connections_method_info{method=\"programs\"} 1",
        "geoip_tcp_connections_untracked_total 2",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}: {text}");
    }
    assert!(!text.contains("failed_total{country=\"office"), "{text}");
}

/// Lists of open connections show no failed ones: 0 would be a wrong number.
#[test]
fn failed_connections_are_absent_while_lists_are_read() {
    let mut account = account();
    account.count_by(Some(Method::SockDiag));
    let counters = Publisher::new(account.snapshot());
    let config = Publisher::new(config(true));
    let mut registry = Registry::new();
    registry.register(ConnectionsCollector::new(
        counters.reader(),
        config.reader(),
    ));
    let text = page(&registry, Format::Text);
    let line = "geoip_tcp_connections_method_info{method=\"sock_diag\"} 1\n";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("geoip_tcp_connections_failed"), "{text}");
    assert!(text.contains("geoip_tcp_connections_opened_total{"), "{text}");
}

/// A number of open connections that is below zero until the next count is shown
/// as none.
#[test]
fn no_number_of_open_connections_is_negative() {
    let mut account = account();
    let remote = Some("192.0.2.2".parse().unwrap());
    let country = geoip_exporter::geoip::Country::from_code("US");
    let key = ConnectionKey { remote, local_port: 0, direction: Outbound };
    let growth = ConnectionGrowth { open: -100, ..Default::default() };
    account.credit(country, &key, &growth);
    let mut registry = Registry::new();
    registry.register(ConnectionsCollector::new(
        Publisher::new(account.snapshot()).reader(),
        Publisher::new(config(true)).reader(),
    ));
    let page = page(&registry, Format::Text);
    let line = "\ngeoip_tcp_connections\
                {country=\"US\",direction=\"outbound\",service=\"other\"} 0\n";
    assert!(page.contains(line), "{page}");
}

#[test]
fn round_trip_times_are_a_histogram_in_both_formats() {
    for (format, two) in [(Format::Text, "2"), (Format::OpenMetrics, "2.0")] {
        let page = text(format);
        let scrape = Scrape::parse(&page);
        assert_eq!(
            scrape.type_of("geoip_tcp_rtt_seconds"),
            Some("histogram"),
            "{page}"
        );
        // The first observations of a country stay in `other`.
        for (country, count, below, sum) in [
            ("DE", 45.0, 42.0, "8.34"),
            ("US", 21.0, 20.0, "2.9"),
            ("other", 82.0, 74.0, "21.48"),
        ] {
            let value = |name: &str, le: &[(&str, &str)]| {
                let country = [("country", country)];
                let labels = [&country, le].concat();
                scrape.value(&format!("geoip_tcp_rtt_seconds{name}"), &labels)
            };
            assert_eq!(value("_count", &[]), Some(count), "{page}");
            assert_eq!(value("_bucket", &[("le", "+Inf")]), Some(count));
            assert_eq!(value("_bucket", &[("le", "0.015")]), Some(0.0));
            for le in ["0.025", two] {
                assert_eq!(value("_bucket", &[("le", le)]), Some(below));
            }
            let line = format!("_sum{{country=\"{country}\"}} {sum}\n");
            assert!(page.contains(&line), "{page}");
        }
        assert_eq!(page.matches("le=\"0.005\"").count(), 3, "{page}");
        assert_eq!(page.matches("_bucket{").count(), 3 * 10, "{page}");
        let created = page.matches("\ngeoip_tcp_rtt_seconds_created{").count();
        assert_eq!(created, if two == "2" { 0 } else { 3 }, "{page}");
    }
}
