//! The page of services.

use std::sync::Arc;

use geoip_exporter::accounting::{
    Account as _, AtEdges, Class, Classes, Direction, Edges, FlowKey,
    InterfaceId, IpVersion, Origin, Volume,
};
use geoip_exporter::collectors::services::{
    ServicesAccount, ServicesCollector, Snapshot,
};
use geoip_exporter::config::{Config, Service};
use geoip_exporter::geoip::Country;
use geoip_exporter::metrics::Registry;
use geoip_exporter::metrics::encode::Format;
use geoip_exporter::metrics::published::{Feed, Publisher};

use super::{at, page, samples};

fn config(names: &[&str]) -> Config {
    let service = |name: &&str| Service {
        name: Arc::from(*name),
        ports: Vec::new(),
        location: geoip_exporter::ranges::Location::default(),
    };
    let service = names.iter().map(service).collect();
    Config { service, ..Config::default() }
}

/// Returns the collector of two services, each with some traffic, of which the
/// configuration has those named.
pub(super) fn collector(names: &[&str]) -> ServicesCollector {
    let both = ["dns", "web \"2\""];
    let account = ServicesAccount::resume(Snapshot::default())
        .starting(at(1_700_000_000));
    let mut account = AtEdges::new(account);
    account.configure(&config(&both));
    let edges: Edges = [InterfaceId(0)].into_iter().collect();
    account.set_edges(&Arc::new(edges));
    let class =
        |service, is_attempt| Class { service, is_attempt, ..Class::default() };
    let meanings = [(0, false), (1, false), (1, true), (2, false), (2, true)];
    let meanings = meanings.map(|(it, attempt)| class(it, attempt)).into();
    let services = both.map(Arc::from).into();
    account.set_classes(&Arc::new(Classes::new(
        meanings,
        Vec::new(),
        services,
    )));
    let key = |class, direction, ip_version, interface| FlowKey {
        interface: InterfaceId(interface),
        direction,
        ip_version,
        class,
        remote: [0; 16],
    };
    let country = Country::from_code("DE").unwrap();
    let origin = Origin { country, ..Origin::default() };
    let volume = |packets: u64| Volume { packets, bytes: packets * 100 };
    for (class, direction, ip_version, interface, packets) in [
        (1, Direction::Received, IpVersion::V4, 0, 1),
        (3, Direction::Received, IpVersion::V4, 0, 2),
        (3, Direction::Sent, IpVersion::V6, 0, 3),
        (4, Direction::Received, IpVersion::V4, 0, 4),
        (4, Direction::Received, IpVersion::V6, 0, 5),
        // Passes the edge elsewhere.
        (4, Direction::Received, IpVersion::V6, 1, 100),
    ] {
        let key = key(class, direction, ip_version, interface);
        account.credit(&key, volume(packets), &origin);
    }
    let unknown = key(4, Direction::Received, IpVersion::V4, 0);
    account.credit_without_remote(&unknown, volume(6));
    let feed = Feed::new(account);
    let config = Publisher::new(config(names)).reader();
    ServicesCollector::new(feed.reader(), config)
}

#[test]
fn services_are_shown_as_long_as_they_are_configured() {
    let mut registry = Registry::new();
    registry.register(collector(&[]));
    assert_eq!(page(&registry, Format::Text), "");
    let mut registry = Registry::new();
    registry.register(collector(&["dns"]));
    let shown = page(&registry, Format::Text);
    assert_eq!(
        samples(&shown, "geoip_service_bytes_received"),
        ["geoip_service_bytes_received_total\
          {service=\"dns\",country=\"DE\"} 100"]
    );
}
