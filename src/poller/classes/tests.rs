use super::*;
use crate::accounting::IpVersion;
use crate::config::{Ports, Service};
use crate::ranges::{
    Builder, Definition, Listed, Location, Prefix, RangeNames,
};

fn range(name: &str, cidrs: &[&str], local: bool) -> Definition {
    let listed = |text: &&str| Listed {
        prefix: Prefix::read(text).unwrap(),
        location: Location::default(),
    };
    Definition {
        name: name.into(),
        cidrs: cidrs.iter().map(listed).collect(),
        country: None,
        asn: None,
        local,
        location: Location::default(),
    }
}

fn plan(config: &Config) -> ClassPlan {
    let mut builder = Builder::default();
    builder.add_definitions(&config.range);
    let table = builder.build(&RangeNames::default()).unwrap();
    class_plan(config, &table)
}

fn config() -> Config {
    Config {
        ipv4_prefix_length: 24,
        ipv6_prefix_length: 48,
        ..Config::default()
    }
}

#[test]
fn without_services_and_ranges_packets_need_no_class() {
    assert!(plan(&config()).is_empty());
    let range = vec![range("far", &["192.0.2.0/24", "2001:db8::/48"], false)];
    assert!(plan(&Config { range, ..config() }).is_empty());
}

#[test]
fn a_range_is_local_if_it_says_so_and_narrow_by_its_length() {
    let range = vec![
        range("a", &["192.0.2.0/24", "192.0.2.1", "2001:db8::/49"], true),
        range("b", &["192.0.2.128/25"], false),
    ];
    let plan = super::tests::plan(&Config { range, ..config() });
    let shown = |ranges: &[(ClassPrefix, Arc<str>)]| -> Vec<String> {
        let show = |(prefix, name): &(ClassPrefix, Arc<str>)| {
            let version = prefix.ip_version.label();
            format!("{name} {version}/{}", prefix.length)
        };
        ranges.iter().map(show).collect()
    };
    assert_eq!(shown(&plan.locals), ["a 4/24", "a 4/32", "a 6/49"]);
    assert_eq!(shown(&plan.narrows), ["a 4/32", "b 4/25", "a 6/49"]);
    assert_eq!(plan.locals[2].0.ip_version, IpVersion::V6);
}

#[test]
fn a_port_without_a_protocol_is_of_both() {
    let ports = |first, last, protocol| Ports { first, last, protocol };
    let service = Service {
        name: "web".into(),
        ports: vec![
            ports(80, 80, Some(Protocol::Tcp)),
            ports(443, 443, None),
            ports(5000, 5010, Some(Protocol::Udp)),
        ],
        location: Location::default(),
    };
    let plan =
        super::tests::plan(&Config { service: vec![service], ..config() });
    let found: Vec<_> = plan.services[0]
        .ports
        .iter()
        .map(|it| (it.is_udp, it.first, it.last))
        .collect();
    let expected = [
        (false, 80, 80),
        (false, 443, 443),
        (true, 443, 443),
        (true, 5000, 5010),
    ];
    assert_eq!(found, expected);
}
