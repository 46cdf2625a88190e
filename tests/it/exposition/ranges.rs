//! The series of named ranges.

use std::time::Duration;

use geoip_exporter::accounting::{
    Account as _, Direction, Family, FlowKey, InterfaceId, IpVersion, Origin,
    PollEnd, Rest, Volume,
};
use geoip_exporter::collectors::ranges::{RangesAccount, RangesCollector};
use geoip_exporter::config::Config;
use geoip_exporter::metrics::Registry;
use geoip_exporter::metrics::encode::Format;
use geoip_exporter::metrics::published::{Feed, Publisher};
use geoip_exporter::ranges::{Definition, Location, RangeNames};

use super::{at, page, samples};

fn config() -> Config {
    let range = Definition {
        name: "zoom".into(),
        cidrs: Vec::new(),
        country: None,
        asn: None,
        local: true,
        location: Location::default(),
    };
    Config { range: vec![range], ..Config::default() }
}

/// Returns the collector of an account that saw two packets and lost one.
pub(super) fn collector(config: Config) -> RangesCollector {
    let names = RangeNames::default();
    let zoom = names.intern("zoom").unwrap();
    let mut account = RangesAccount::new(names).starting(at(1_700_000_000));
    account.configure(&config);
    let interface = InterfaceId(1);
    account.name_interface(interface, &"eth0".into());
    let (direction, ip_version) = (Direction::Sent, IpVersion::V4);
    for (direction, range, bytes) in
        [(Direction::Received, zoom, 1_500), (direction, zoom, 60)]
    {
        let remote = [0; 16];
        let key =
            FlowKey { interface, direction, ip_version, class: 0, remote };
        let volume = Volume { packets: 1, bytes };
        let origin = Origin { range, ..Origin::default() };
        account.credit(&key, volume, &origin);
    }
    account.credit_rests(&[Rest {
        interface,
        direction,
        family: Family::Ip(ip_version),
        volume: Volume { packets: 2, bytes: 100 },
        unattributed: Volume { packets: 1, bytes: 40 },
    }]);
    account.end_poll(PollEnd {
        at: at(1_700_000_002),
        uptime: Duration::from_secs(2),
        absent_retention: None,
    });
    let feed = Feed::new(account);
    RangesCollector::new(feed.reader(), Publisher::new(config).reader())
}

/// The collector of the page that has every family.
pub(super) fn on() -> RangesCollector {
    collector(config())
}

#[test]
fn ranges_are_shown_only_if_there_are_some() {
    let mut registry = Registry::new();
    registry.register(collector(Config::default()));
    assert_eq!(page(&registry, Format::Text), "");

    let mut registry = Registry::new();
    registry.register(on());
    let page = page(&registry, Format::Text);
    assert_eq!(
        samples(&page, "geoip_range_bytes_received"),
        ["geoip_range_bytes_received_total{source=\"zoom\",\
             destination=\"other\",interface=\"eth0\",ip_version=\"4\"} 1500"]
    );
    assert_eq!(
        samples(&page, "geoip_range_bytes_sent"),
        ["geoip_range_bytes_sent_total{source=\"other\",\
             destination=\"zoom\",interface=\"eth0\",ip_version=\"4\"} 60"]
    );
    assert_eq!(
        samples(&page, "geoip_range_unattributed_bytes_sent")[0],
        "geoip_range_unattributed_bytes_sent_total\
         {interface=\"eth0\",ip_version=\"4\"} 40"
    );
}
