//! The series of networks and of the names of countries.

use std::time::Duration;

use geoip_exporter::accounting::{
    Account as _, Direction, FlowKey, InterfaceId, IpVersion, Origin, PollEnd,
    Volume,
};
use geoip_exporter::collectors::countries::CountriesCollector;
use geoip_exporter::collectors::exporter::{
    self, CollectorStatus, DatabaseStatus,
};
use geoip_exporter::collectors::networks::{
    NetworksAccount, NetworksCollector,
};
use geoip_exporter::collectors::traffic::TrafficAccount;
use geoip_exporter::config::Config;
use geoip_exporter::geoip::{Database, Network, NetworkDatabase};
use geoip_exporter::metrics::Registry;
use geoip_exporter::metrics::encode::Format;
use geoip_exporter::metrics::published::{Feed, Published, Publisher};

use super::{at, page, traffic};
use crate::databases;

fn config() -> Config {
    Config {
        networks: true,
        networks_top: 2,
        country_info: true,
        ..Config::default()
    }
}

/// The states of the optional collectors, one of which is off.
pub(super) fn optional_collectors() -> Vec<Published<CollectorStatus>> {
    let on = CollectorStatus {
        collector: "connections",
        is_on: true,
        is_successful: true,
        duration: Duration::from_millis(75),
    };
    [CollectorStatus::off("off"), on]
        .map(|status| Publisher::new(status).reader())
        .into()
}

/// The state of a database; `off` is one that the configuration does not use.
pub(super) fn database(label: &'static str) -> Published<DatabaseStatus> {
    let database_type = match label {
        "asn" => "GeoLite2-ASN",
        _ => "GeoLite2-Country",
    };
    Publisher::new(DatabaseStatus {
        database: label,
        is_wanted: label != "off",
        is_loaded: true,
        open: Some(exporter::Database {
            path: format!("/usr/share/GeoIP/{database_type}.mmdb").into(),
            database_type: database_type.into(),
            build_timestamp_seconds: 1_690_000_000,
        }),
    })
    .reader()
}

/// Three networks, of which two are shown and had traffic since.
pub(super) fn networks(config: Config) -> NetworksCollector {
    let mut account = NetworksAccount::resume(None).starting(at(1_700_000_000));
    account.configure(&config);
    for second in [1, 2] {
        for (network, direction, bytes) in [
            (64_496, Direction::Received, 100),
            (64_498, Direction::Received, 5_000),
            (64_498, Direction::Sent, 60),
            (65_550, Direction::Sent, 7_000),
            (0, Direction::Sent, 9),
        ] {
            let key = FlowKey {
                interface: InterfaceId(0),
                direction,
                ip_version: IpVersion::V4,
                class: 0,
                remote: [0; 16],
            };
            let network = Network(network);
            let origin = Origin { network, ..Origin::default() };
            account.credit(&key, Volume { packets: 1, bytes }, &origin);
        }
        account.end_poll(PollEnd {
            at: at(1_700_000_000 + second),
            uptime: Duration::from_secs(second),
            absent_retention: None,
        });
    }
    let database = NetworkDatabase::open(&databases::path("asn.mmdb")).unwrap();
    let names = (**database.names()).clone();
    NetworksCollector {
        snapshot: Feed::new(account).reader(),
        names: Publisher::new(names).reader(),
        config: Publisher::new(config).reader(),
    }
}

pub(super) fn countries(
    feed: &Feed<TrafficAccount>,
    config: Config,
) -> CountriesCollector {
    let path = databases::path("country-maxmind.mmdb");
    let names = (**Database::open(&path).unwrap().names()).clone();
    CountriesCollector {
        traffic: feed.reader(),
        names: Publisher::new(names).reader(),
        config: Publisher::new(config).reader(),
    }
}

pub(super) fn register(registry: &mut Registry, feed: &Feed<TrafficAccount>) {
    registry.register(networks(config()));
    registry.register(countries(feed, config()));
}

/// The first bytes of each network stay in `other`, and every series has a name
/// to join with.
#[test]
fn networks_begin_at_zero_and_every_series_has_a_name() {
    let mut registry = Registry::new();
    registry.register(networks(config()));
    let page = page(&registry, Format::Text);
    let of = |family: &str| -> Vec<String> {
        let begin = format!("{family}{{");
        let lines = page.lines().filter_map(|l| l.strip_prefix(&*begin));
        lines.map(String::from).collect()
    };
    assert_eq!(
        of("geoip_as_bytes_received_total"),
        [
            "asn=\"UNKNOWN\"} 0",
            "asn=\"64498\"} 5000",
            "asn=\"65550\"} 0",
            "asn=\"other\"} 5200",
        ]
    );
    assert_eq!(
        of("geoip_as_bytes_sent_total"),
        [
            "asn=\"UNKNOWN\"} 18",
            "asn=\"64498\"} 60",
            "asn=\"65550\"} 7000",
            "asn=\"other\"} 7060",
        ]
    );
    assert_eq!(
        of("geoip_as_info"),
        [
            "asn=\"UNKNOWN\",name=\"UNKNOWN\"} 1",
            r#"asn="64498",name="The \"quoted\" \\ backslash"} 1"#,
            "asn=\"65550\",name=\"UNKNOWN\"} 1",
            "asn=\"other\",name=\"other\"} 1",
        ]
    );
}

#[test]
fn without_the_settings_there_is_nothing() {
    let mut registry = Registry::new();
    registry.register(networks(Config::default()));
    registry.register(countries(&traffic(), Config::default()));
    assert_eq!(page(&registry, Format::Text), "");
}

/// A code of a country without a name, and labels that are no country's.
#[test]
fn every_country_has_a_name_and_a_continent() {
    let mut registry = Registry::new();
    let feed = traffic();
    registry.register(countries(&feed, config()));
    let page = page(&registry, Format::Text);
    for line in [
        r#"{country="UNKNOWN",name="UNKNOWN",continent="UNKNOWN"} 1"#,
        r#"{country="DE",name="Germany",continent="EU"} 1"#,
        r#"{country="US",name="United States",continent="NA"} 1"#,
        r#"{country="PRIVATE",name="PRIVATE",continent="UNKNOWN"} 1"#,
        r#"{country="office \"1\"",name="office \"1\"",continent="UNKNOWN"} 1"#,
    ] {
        assert!(page.contains(&format!("geoip_country_info{line}")), "{page}");
    }
    assert_eq!(page.matches("geoip_country_info{").count(), 5, "{page}");
}
