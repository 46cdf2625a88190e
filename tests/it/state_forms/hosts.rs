//! The section of remote hosts.

use std::sync::Arc;
use std::time::Duration;

use geoip_exporter::accounting::{
    Account as _, Class, Classes, Direction, Family, FlowKey, InterfaceId,
    IpVersion, Origin, PollEnd, Range, Rest, Timestamp, Volume,
};
use geoip_exporter::collectors::hosts::{HostsAccount, Snapshot};
use geoip_exporter::config::Config;
use geoip_exporter::geoip::{Country, CountryLabels, Network};
use geoip_exporter::ranges::RangeNames;

use super::section::{damage, read_every_version};

/// Hosts with and without a range and a service, one of which moved to another
/// country, and bytes without a host.
fn snapshot() -> Snapshot {
    let names = RangeNames::default();
    let range = names.intern("Büro").unwrap();
    let mut labels = CountryLabels::default();
    let own = labels.intern("my office").unwrap();
    let start = Timestamp::from_millis(1_700_000_000_000);
    let mut account = HostsAccount::resume(names, None).starting(start);
    account.configure(&Config {
        remote_hosts: true,
        remote_hosts_metrics: true,
        remote_hosts_top: 2,
        remote_hosts_threshold: 1_000,
        ipv4_prefix_length: 32,
        ipv6_prefix_length: 128,
        ..Config::default()
    });
    account.label_countries(&Arc::new(labels));
    let web = Class { service: 1, ..Class::default() };
    let classes = vec![Class::default(), web];
    let classes = Classes::new(classes, vec![], vec!["web".into()]);
    account.set_classes(&Arc::new(classes));
    let germany = Country::from_code("DE").unwrap();
    for poll in 1..=3_u64 {
        for number in 1..=4_u8 {
            let ip_version = match number {
                1 | 2 => IpVersion::V4,
                _ => IpVersion::V6,
            };
            let mut remote = [0; 16];
            remote[..4].copy_from_slice(&[192, 0, 2, number]);
            let key = FlowKey {
                interface: InterfaceId(0),
                direction: Direction::Sent,
                ip_version,
                class: u16::from(number % 2),
                remote,
            };
            let moves = number == 2 && poll > 1;
            let origin = Origin {
                country: if moves { own } else { germany },
                network: Network(64_500 + u32::from(number)),
                range: if moves { range } else { Range::default() },
            };
            let bytes = 400 * u64::from(number) * poll;
            account.credit(&key, Volume { packets: poll, bytes }, &origin);
        }
        account.credit_rests(&[Rest {
            interface: InterfaceId(0),
            direction: Direction::Sent,
            family: Family::Ip(IpVersion::V4),
            volume: Volume { packets: 2, bytes: 3_000 },
            unattributed: Volume { packets: 1, bytes: 77 },
        }]);
        account.end_poll(PollEnd {
            at: Timestamp::from_millis(1_700_000_000_000 + poll * 1_000),
            uptime: Duration::from_secs(poll),
            absent_retention: None,
        });
    }
    account.snapshot()
}

#[test]
fn a_section_of_hosts_of_any_version_is_read() {
    let expected = snapshot();
    read_every_version(&expected, |read, labels| {
        assert_eq!(labels, *expected.labels);
        let labels = expected.labels.clone();
        let origins = expected.origins.clone();
        assert_eq!(Snapshot { labels, origins, ..read }, expected);
    });
}

/// A damaged section is refused, or its parts agree: an account can continue
/// from it.
#[test]
fn a_damaged_section_is_refused_or_makes_sense() {
    damage(&snapshot(), |read| {
        assert!(read.series.is_consistent());
        let names = RangeNames::default();
        let mut account = HostsAccount::resume(names, Some(read.clone()));
        assert_eq!(account.snapshot().whole(), read.whole());
    });
}
