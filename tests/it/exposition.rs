//! What Prometheus gets to see: the page as text, and its rules.

mod connections;
mod host;
mod hosts;
mod networks;
mod quota;
mod ranges;
mod services;
mod zero;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use geoip_exporter::accounting::{
    Direction, Family, FlowKey, InterfaceId, InterfaceTotal, IpVersion,
    KernelCounter, KernelCounters, Origin, PollEnd, PollStatistics,
    TableStatistics, Timestamp, TotalsTracker, Volume,
};
use geoip_exporter::collectors::exporter::{
    CertificateCollector, DatabaseStatus, ExporterCollector, LastReload,
    Process, SERIES,
};
use geoip_exporter::collectors::interfaces::{
    InterfaceState, InterfacesCollector, Once, OnceSnapshot, Status,
};
use geoip_exporter::collectors::traffic::{TrafficAccount, TrafficCollector};
use geoip_exporter::config::{Config, Countries};
use geoip_exporter::geoip::CountryLabels;
use geoip_exporter::metrics::Registry;
use geoip_exporter::metrics::encode::Format;
use geoip_exporter::metrics::published::{Feed, Publisher, Sink};
use geoip_exporter::release::Build;

const BUILD: Build = Build { version: "1.2.3", revision: "0123abc" };

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(second * 1_000 + 250)
}

/// Feeds an account what two interfaces saw, one of them with a name that
/// needs escaping.
fn traffic() -> Feed<TrafficAccount> {
    let account = TrafficAccount::new().starting(at(1_700_000_000));
    let mut feed = Feed::new(account);
    fill(&mut feed);
    feed
}

fn fill(feed: &mut impl Sink) {
    use Direction::{Received, Sent};
    use IpVersion::{V4, V6};

    feed.name_interface(InterfaceId(2), &"wan\\\"0\"".into());
    feed.name_interface(InterfaceId(1), &"eth0".into());
    let mut labels = CountryLabels::default();
    let (mut totals, mut rests) = (TotalsTracker::default(), Vec::new());
    for (id, direction, ip_version, label, packets, bytes) in [
        (1, Received, V4, "US", 3, 4_500),
        (1, Sent, V4, "US", 2, 120),
        (1, Received, V6, "DE", 1, 9_007_199_254_740_991),
        (1, Received, V4, "UNKNOWN", 1, 60),
        (2, Sent, V4, "DE", 5, 500),
        (2, Received, V6, "office \"1\"", 4, 400),
        (2, Received, V6, "PRIVATE", 3, 300),
    ] {
        let key = FlowKey {
            interface: InterfaceId(id),
            direction,
            ip_version,
            class: 0,
            remote: [0; 16],
        };
        let volume = Volume { packets, bytes };
        let country = labels.intern(label).unwrap();
        totals.credit(&key, volume);
        feed.credit(&key, volume, &Origin { country, ..Origin::default() });
    }
    feed.label_countries(&labels.into());
    for (id, direction, family, packets, bytes) in [
        (1, Received, Family::Ip(V4), 6, 5_060),
        (1, Received, Family::NonIp, 2, 84),
        (2, Sent, Family::Ip(V4), 5, 500),
    ] {
        let total = InterfaceTotal {
            interface: InterfaceId(id),
            direction,
            family,
            volume: Volume { packets, bytes },
        };
        totals.observe(&[total], &mut rests);
    }
    feed.credit_rests(&rests);
    let uptime = Duration::from_secs(2);
    let at = at(1_700_000_002);
    feed.end_poll(PollEnd { at, uptime, absent_retention: None });
    feed.publish();
}

fn exporter(feed: &Feed<TrafficAccount>) -> ExporterCollector {
    ExporterCollector {
        build: BUILD,
        config: Publisher::new(Config {
            poll_interval: Duration::from_millis(2500),
            ..Config::default()
        })
        .reader(),
        config_hash: Publisher::new("0123456789abcdef".into()).reader(),
        last_reload: Publisher::new(LastReload {
            successful: true,
            success_time: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        })
        .reader(),
        databases: ["country", "asn", "off"].map(networks::database).into(),
        optional: networks::optional_collectors(),
        is_saved: Some(Publisher::new(true).reader()),
        polls: Publisher::new(PollStatistics {
            polls: 10,
            created: Some(at(1_600_000_000)),
            is_ready: true,
            poll_failures: 1,
            kernel: KernelCounters::default()
                .with(KernelCounter::LookupFailures, 7)
                .with(KernelCounter::MapPackets, 3),
            new_keys: 7,
            evictions: 2,
            map_entries: 5,
            flow_table: TableStatistics {
                bytes: 8_000_000,
                max_entries: 200_000,
                entries: 6,
                reclaims: 1,
            },
            minimum_eviction_age: None,
            map_read_duration: Duration::from_micros(1250),
            poll_duration: Duration::from_micros(2750),
        })
        .reader(),
        traffic: feed.reader(),
    }
}

fn collector(
    feed: &Feed<TrafficAccount>,
    countries_at_zero: Countries,
) -> TrafficCollector {
    let config = Config { countries_at_zero, ..Config::default() };
    TrafficCollector::new(feed.reader(), Publisher::new(config).reader())
}

/// Everything the exporter exports but `process_*`, which no two runs share.
pub(crate) fn registry() -> Registry {
    let feed = traffic();
    let interfaces = Publisher::new(
        [
            ("wan\\\"0\"", Status::Down, true),
            ("eth0", Status::Up, true),
            ("eth1", Status::NotFound, false),
            ("eth2", Status::Up, false),
        ]
        .map(|(name, status, is_attached)| {
            (Arc::from(name), InterfaceState { status, is_attached })
        })
        .into(),
    );
    let mut registry = Registry::new();
    registry.register(collector(&feed, Countries::None));
    registry.register(host::collector(Countries::None));
    registry.register(quota::on());
    networks::register(&mut registry, &feed);
    registry.register(hosts::on());
    registry.register(ranges::on());
    registry.register(services::collector(&["dns", "web \"2\""]));
    registry.register(connections::collector(true));
    let once = |is_edge, why: &str| Once { is_edge, why: why.into() };
    let counted_once = Publisher::new(OnceSnapshot::from([
        ("eth0".into(), once(true, "card")),
        ("wan\\\"0\"".into(), once(false, "does not lead outside")),
    ]));
    registry.register(InterfacesCollector::new(
        interfaces.reader(),
        counted_once.reader(),
    ));
    registry.register(exporter(&feed));
    let expiry = || Some(1_800_000_000);
    registry.register(CertificateCollector { expiry });
    registry.count_series(SERIES);
    registry
}

pub(crate) fn page(registry: &Registry, format: Format) -> String {
    let mut page = Vec::new();
    registry.write(format, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// Compares with a file; with `WRITE_GOLDEN` set, writes it.
fn assert_golden(actual: &str, name: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    let differs = |(a, e): &(&str, &str)| a != e;
    let first = actual.lines().zip(expected.lines()).find(differs);
    assert!(
        actual == expected,
        "{name} differs, first in {first:?}; where the change is meant, run \
         with WRITE_GOLDEN=1 and read the difference"
    );
}

#[test]
fn the_text_page_is_the_golden_one() {
    assert_golden(&page(&registry(), Format::Text), "metrics.txt");
}

#[test]
fn the_open_metrics_page_is_the_golden_one() {
    let page = page(&registry(), Format::OpenMetrics);
    assert_golden(&page, "metrics.openmetrics.txt");
}

/// The labels of the reference's series are known to dashboards by now.
const LABELS: &[(&str, &[&str])] = &[
    ("geoip_as_bytes_", &["asn"]),
    ("geoip_as_info", &["asn", "name"]),
    ("geoip_country_info", &["country", "name", "continent"]),
    ("geoip_bytes_", &["country", "interface", "ip_version"]),
    ("geoip_packets_", &["country", "interface", "ip_version"]),
    ("geoip_unattributed_", &["interface", "ip_version"]),
    ("geoip_non_ip_", &["interface"]),
    ("geoip_interface_status", &["interface"]),
    ("geoip_interface_attached", &["interface"]),
    ("geoip_interface_counted_once", &["interface"]),
    ("geoip_host_unattributed_", &["ip_version"]),
    ("geoip_host_non_ip_", &[]),
    ("geoip_host_", &["country", "ip_version"]),
    ("geoip_remote_host_bytes_", &["remote"]),
    ("geoip_remote_hosts_kept", &[]),
    (
        "geoip_remote_host_info",
        &["remote", "country", "subdivision", "city", "asn"],
    ),
    ("geoip_service_bytes_", &["service", "country"]),
    ("geoip_service_", &["service", "country", "ip_version"]),
    ("geoip_tcp_connections_untracked_", &[]),
    ("geoip_tcp_connections_method_info", &["method"]),
    ("geoip_tcp_connections_", &["country", "direction"]),
    ("geoip_tcp_connections", &["country", "direction", "service"]),
    ("geoip_tcp_rtt_seconds_bucket", &["country", "le"]),
    ("geoip_tcp_", &["country"]),
    ("geoip_build_info", &["version", "revision"]),
    ("geoip_config_info", &["hash"]),
    ("geoip_database_last_load_", &["database"]),
    ("geoip_database_info", &["database", "path", "type"]),
    ("geoip_collector_", &["collector"]),
    ("geoip_series", &["family"]),
    ("geoip_database_build_", &["database"]),
    ("geoip_range_pairs", &[]),
    ("geoip_range_unattributed_", &["interface", "ip_version"]),
    ("geoip_range_", &["source", "destination", "interface", "ip_version"]),
    ("geoip_", &[]),
    ("process_", &[]),
];

#[test]
fn every_series_has_help_type_unit_and_its_labels() {
    let mut registry = registry();
    registry.register(Process::default());
    let page = page(&registry, Format::Text);
    let mut announced = HashSet::new();
    let mut series = HashSet::new();
    let mut current = ("", "");
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(announced.insert(name), "{name} comes twice");
            assert!(text.ends_with('.') && text.len() > 10, "{line}");
            let kind = lines.next().unwrap();
            let kind = kind.strip_prefix("# TYPE ").unwrap();
            current = kind.split_once(' ').unwrap();
            assert_eq!(current.0, name);
            assert_eq!(
                current.1 == "counter",
                name.ends_with("_total"),
                "{name} is a {}",
                current.1
            );
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(series.insert(sample), "{sample} comes twice");
        let name = sample.split('{').next().unwrap();
        let suffixes: &[&str] = match current.1 {
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        let suffix = name.strip_prefix(current.0);
        let is_inside = suffix.is_some_and(|it| suffixes.contains(&it));
        assert!(is_inside, "{name} is outside of its family");
        let (_, labels) =
            LABELS.iter().find(|(prefix, _)| name.starts_with(prefix)).unwrap();
        let found: Vec<_> = sample
            .split(['{', ','])
            .skip(1)
            .map(|label| label.split('=').next().unwrap())
            .collect();
        assert_eq!(found, *labels, "{line}");
    }
    assert!(announced.contains("process_resident_memory_bytes"), "{page}");
}

#[test]
fn a_family_is_announced_under_one_name_in_both_formats() {
    let mut registry = registry();
    registry.register(Process::default());
    let names = |format, strip: &[&str]| -> Vec<String> {
        page(&registry, format)
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .map(|line| line.split(' ').next().unwrap())
            .map(|name| {
                strip
                    .iter()
                    .find_map(|suffix| name.strip_suffix(suffix))
                    .unwrap_or(name)
                    .to_owned()
            })
            .collect()
    };
    let open = names(Format::OpenMetrics, &[]);
    assert_eq!(open, names(Format::Text, &["_total", "_info"]));
    assert_eq!(open.iter().collect::<HashSet<_>>().len(), open.len());
}

#[test]
fn before_traffic_and_database_their_series_do_not_exist() {
    let feed = Feed::new(TrafficAccount::new());
    let mut registry = Registry::new();
    registry.register(collector(&feed, Countries::None));
    registry.register(ExporterCollector {
        databases: vec![
            Publisher::new(DatabaseStatus {
                database: "country",
                is_wanted: true,
                is_loaded: false,
                open: None,
            })
            .reader(),
        ],
        optional: Vec::new(),
        is_saved: None,
        ..exporter(&feed)
    });
    let page = page(&registry, Format::Text);
    for absent in [
        "geoip_bytes_",
        "geoip_packets_",
        "geoip_database_info",
        "geoip_database_build_",
        "geoip_state_",
        "geoip_collector_",
    ] {
        assert!(!page.contains(absent), "{absent} in {page}");
    }
    let loaded = "\ngeoip_database_last_load_successful\
         {database=\"country\"} 0\n";
    assert!(page.contains(loaded), "{page}");
    assert!(page.contains("\ngeoip_ebpf_packets_total 0\n"), "{page}");
}

/// Returns the samples of one family.
fn samples<'a>(page: &'a str, family: &str) -> Vec<&'a str> {
    let of_family = |line: &&str| {
        line.strip_prefix(family)
            .is_some_and(|rest| rest.starts_with("_total{"))
    };
    page.lines().filter(of_family).collect()
}
