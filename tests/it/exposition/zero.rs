//! Countries that have series before their first packet.

use geoip_exporter::config::Countries;
use geoip_exporter::metrics::Registry;
use geoip_exporter::metrics::encode::Format;

use super::{collector, page, samples, traffic};

#[test]
fn countries_at_zero_are_shown_once_and_in_order_for_every_interface() {
    let feed = traffic();
    let codes = ["UNKNOWN", "AT", "US", "ZW"].map(String::from);
    let mut registry = Registry::new();
    registry.register(collector(&feed, Countries::Listed(codes.into())));
    let page = page(&registry, Format::OpenMetrics);
    let name = "geoip_bytes_received";
    let expected: Vec<String> = [
        ("UNKNOWN", "eth0", 4, 60),
        ("UNKNOWN", "eth0", 6, 0),
        ("AT", "eth0", 4, 0),
        ("AT", "eth0", 6, 0),
        ("DE", "eth0", 6, 9_007_199_254_740_991_u64),
        ("US", "eth0", 4, 4_500),
        ("US", "eth0", 6, 0),
        ("ZW", "eth0", 4, 0),
        ("ZW", "eth0", 6, 0),
        ("UNKNOWN", "wan\\\\\\\"0\\\"", 4, 0),
        ("UNKNOWN", "wan\\\\\\\"0\\\"", 6, 0),
        ("AT", "wan\\\\\\\"0\\\"", 4, 0),
        ("AT", "wan\\\\\\\"0\\\"", 6, 0),
        ("US", "wan\\\\\\\"0\\\"", 4, 0),
        ("US", "wan\\\\\\\"0\\\"", 6, 0),
        ("ZW", "wan\\\\\\\"0\\\"", 4, 0),
        ("ZW", "wan\\\\\\\"0\\\"", 6, 0),
        ("PRIVATE", "wan\\\\\\\"0\\\"", 6, 300),
        ("office \\\"1\\\"", "wan\\\\\\\"0\\\"", 6, 400),
    ]
    .map(|(country, interface, ip_version, bytes)| {
        format!(
            "{name}_total{{country=\"{country}\",interface=\"{interface}\",\
             ip_version=\"{ip_version}\"}} {bytes}"
        )
    })
    .into();
    assert_eq!(samples(&page, name), expected);
    let created = page.lines().filter(|line| line.contains("_created{"));
    let created: Vec<_> = created.collect();
    assert!(created.iter().all(|line| line.ends_with(" 1700000000.25")));
    // Every sample has one.
    let totals = page.lines().filter(|line| line.contains("_total{")).count();
    assert_eq!(created.len(), totals);
}
