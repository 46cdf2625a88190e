//! The series of remote hosts.

use std::sync::Arc;
use std::time::Duration;

use geoip_exporter::accounting::{
    Account as _, Direction, FlowKey, InterfaceId, IpVersion, Origin, PollEnd,
    Volume,
};
use geoip_exporter::collectors::hosts::{HostsAccount, HostsCollector, Places};
use geoip_exporter::config::Config;
use geoip_exporter::geoip::{CityDatabase, Country, Network};
use geoip_exporter::metrics::Registry;
use geoip_exporter::metrics::encode::Format;
use geoip_exporter::metrics::published::{Feed, Publisher};
use geoip_exporter::ranges::RangeNames;

use super::{at, page};
use crate::databases;

fn config() -> Config {
    Config {
        remote_hosts: true,
        remote_hosts_metrics: true,
        remote_hosts_top: 2,
        remote_hosts_threshold: 1_000,
        ipv4_prefix_length: 32,
        ipv6_prefix_length: 128,
        ..Config::default()
    }
}

/// Three hosts, of which two are shown and had traffic since.
pub(super) fn collector(config: Config) -> HostsCollector {
    let mut account = HostsAccount::resume(RangeNames::default(), None)
        .starting(at(1_700_000_000));
    account.configure(&config);
    let v6 = "2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets();
    let v4 = |last| [192, 0, 2, last, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for second in [1, 2] {
        for (ip_version, remote, direction, bytes) in [
            (IpVersion::V4, v4(1), Direction::Received, 5_000),
            (IpVersion::V4, v4(1), Direction::Sent, 60),
            (IpVersion::V4, v4(2), Direction::Received, 100),
            (IpVersion::V6, v6, Direction::Sent, 7_000),
        ] {
            let interface = InterfaceId(0);
            let key =
                FlowKey { interface, direction, ip_version, class: 0, remote };
            let volume = Volume { packets: 1, bytes };
            let origin = match ip_version {
                IpVersion::V4 => Origin {
                    country: Country::from_code("DE").unwrap(),
                    network: Network(64_500),
                    ..Origin::default()
                },
                IpVersion::V6 => Origin::default(),
            };
            account.credit(&key, volume, &origin);
        }
        account.end_poll(PollEnd {
            at: at(1_700_000_000 + second),
            uptime: Duration::from_secs(second),
            absent_retention: None,
        });
    }
    let path = databases::path("city.mmdb");
    let cities = Arc::new(CityDatabase::open(&path).unwrap());
    let config = Publisher::new(config).reader();
    let source = move || (Some(Arc::clone(&cities)), 1);
    HostsCollector {
        snapshot: Feed::new(account).reader(),
        config: config.clone(),
        places: Places::new(Box::new(source), config),
    }
}

pub(super) fn on() -> HostsCollector {
    collector(config())
}

fn lines(config: Config) -> Vec<String> {
    let mut registry = Registry::new();
    registry.register(collector(config));
    let page = page(&registry, Format::Text);
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.map(String::from).collect()
}

#[test]
fn the_largest_hosts_have_series_and_the_others_are_one() {
    assert_eq!(
        lines(config()),
        [
            "geoip_remote_host_bytes_received_total{remote=\"192.0.2.1\"} 5000",
            "geoip_remote_host_bytes_received_total{remote=\"2001:db8::7\"} 0",
            "geoip_remote_host_bytes_received_total{remote=\"other\"} 5200",
            "geoip_remote_host_bytes_sent_total{remote=\"192.0.2.1\"} 60",
            "geoip_remote_host_bytes_sent_total{remote=\"2001:db8::7\"} 7000",
            "geoip_remote_host_bytes_sent_total{remote=\"other\"} 7060",
            "geoip_remote_host_info{remote=\"192.0.2.1\",country=\"DE\",\
             subdivision=\"North Rhine-Westphalia\",city=\"Cologne\",\
             asn=\"64500\"} 1",
            "geoip_remote_host_info{remote=\"2001:db8::7\",country=\"UNKNOWN\",\
             subdivision=\"England\",city=\"London\",asn=\"UNKNOWN\"} 1",
            "geoip_remote_host_info{remote=\"other\",country=\"other\",\
             subdivision=\"other\",city=\"other\",asn=\"other\"} 1",
            "geoip_remote_hosts_kept 3",
        ]
    );
}

#[test]
fn hosts_have_no_series_unless_the_configuration_asks_for_them() {
    let without = Config { remote_hosts_metrics: false, ..config() };
    assert_eq!(lines(without), [""; 0]);
    assert_eq!(lines(Config { remote_hosts: false, ..config() }), [""; 0]);
}
