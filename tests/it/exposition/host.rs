//! The page of the whole machine.

use std::sync::Arc;

use geoip_exporter::accounting::{AtEdges, InterfaceId};
use geoip_exporter::collectors::host::{HostAccount, HostCollector};
use geoip_exporter::config::{Config, Countries};
use geoip_exporter::metrics::Registry;
use geoip_exporter::metrics::encode::Format;
use geoip_exporter::metrics::published::{Feed, Publisher, Sink as _};

use super::{at, fill, page, samples};

/// Returns the collector of a machine that the second interface leads out of.
pub(super) fn collector(countries_at_zero: Countries) -> HostCollector {
    let config = Config { host: true, countries_at_zero, ..Config::default() };
    let account =
        HostAccount::resume(Default::default()).starting(at(1_700_000_000));
    let mut feed = Feed::new(AtEdges::new(account));
    feed.configure(&config);
    feed.set_edges(&Arc::new([InterfaceId(2)].into_iter().collect()));
    fill(&mut feed);
    HostCollector::new(feed.reader(), Publisher::new(config).reader())
}

/// Off is no series at all.
#[test]
fn the_whole_machine_is_shown_only_if_it_is_counted() {
    let mut registry = Registry::new();
    let off = Publisher::new(Config::default()).reader();
    let feed = Feed::new(HostAccount::resume(Default::default()));
    registry.register(HostCollector::new(feed.reader(), off));
    assert_eq!(page(&registry, Format::Text), "");

    let mut registry = Registry::new();
    let codes = ["AT", "DE"].map(String::from);
    registry.register(collector(Countries::Listed(codes.into())));
    let page = page(&registry, Format::OpenMetrics);
    let expected = [
        ("AT", 4, 0),
        ("AT", 6, 0),
        ("DE", 4, 0),
        ("DE", 6, 0),
        ("PRIVATE", 6, 300),
        ("office \\\"1\\\"", 6, 400),
    ];
    let name = "geoip_host_bytes_received";
    let expected = expected.map(|(country, ip_version, bytes)| {
        format!(
            "{name}_total{{country=\"{country}\",\
             ip_version=\"{ip_version}\"}} {bytes}"
        )
    });
    assert_eq!(samples(&page, name), expected);
    let sent = samples(&page, "geoip_host_packets_sent");
    assert_eq!(
        sent[2..],
        [
            "geoip_host_packets_sent_total\
        {country=\"DE\",ip_version=\"4\"} 5",
            "geoip_host_packets_sent_total\
        {country=\"DE\",ip_version=\"6\"} 0"
        ]
    );
    let created = page.lines().filter(|line| line.contains("_created"));
    assert!(created.clone().all(|line| line.ends_with(" 1700000000.25")));
    let totals = page
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains("_total"));
    assert_eq!(created.count(), totals.count());
}
