use std::num::NonZeroUsize;
use std::path::Path;

use super::*;
use crate::accounting::{Direction, InterfaceId};
use crate::geoip::Database;
use crate::ranges::{
    Builder, Definition, Listed, Location, Prefix, RangeNames,
};

fn key(text: &str) -> FlowKey {
    let address: IpAddr = text.parse().unwrap();
    let mut remote = [0; 16];
    let ip_version = match address {
        IpAddr::V4(v4) => {
            remote[..4].copy_from_slice(&v4.octets());
            IpVersion::V4
        }
        IpAddr::V6(v6) => {
            remote = v6.octets();
            IpVersion::V6
        }
    };
    let (interface, direction) = (InterfaceId(0), Direction::Sent);
    FlowKey { interface, direction, ip_version, class: 0, remote }
}

fn definition(name: &str, cidr: &str, country: Option<&str>) -> Definition {
    let location = Location::default();
    let prefix = Prefix::read(cidr).unwrap();
    Definition {
        name: name.into(),
        cidrs: vec![Listed { prefix, location: location.clone() }],
        country: country.map(Into::into),
        asn: None,
        local: true,
        location,
    }
}

/// Returns what the rules say of each address: range and country.
fn told(
    definitions: &[Definition],
    name_special: bool,
    addresses: &[&str],
) -> Vec<String> {
    let names = RangeNames::default();
    let mut builder = Builder::default();
    builder.add_definitions(definitions);
    let ranges = Arc::new(builder.build(&names).unwrap());
    let rules = Rules { ranges, name_special, ..Rules::default() };
    let mut labels = Arc::default();
    let rules = RuleLocator::new(rules, &mut labels);
    let database =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/country-maxmind.mmdb");
    let database = Database::open(Path::new(database)).unwrap();
    let size = NonZeroUsize::MIN;
    let mut locator = Locator::new(Some(Arc::new(database)), size);
    let mut networks = NetworkLocator::new(None, size);
    let tell = |address: &&str| {
        let Origin { country, range, .. } =
            rules.origin_of(&key(address), &mut locator, &mut networks);
        format!("{} {}", names.get(range), labels.get(country))
    };
    addresses.iter().map(tell).collect()
}

/// An address of this database with a country.
const KNOWN: &str = "203.0.113.0";

#[test]
fn a_range_comes_before_the_database_and_special_labels_after_it() {
    let ranges = [
        definition("site", "10.0.0.0/8", None),
        definition("hq", "10.1.0.0/16", Some("HQ")),
        definition("wrong", "203.0.113.0/24", Some("ZZ")),
    ];
    let addresses = ["10.0.0.0", "10.1.0.0", "192.168.0.0", KNOWN];
    assert_eq!(
        told(&ranges, true, &addresses),
        ["site PRIVATE", "hq HQ", "other PRIVATE", "wrong ZZ"]
    );
    assert_eq!(
        told(&ranges, false, &addresses),
        ["site UNKNOWN", "hq HQ", "other UNKNOWN", "wrong ZZ"]
    );
}

#[test]
fn a_carried_address_is_looked_up_in_ranges_and_databases() {
    let ranges = [
        definition("inner", "203.0.113.0/24", Some("XX")),
        definition("nat64", "64:ff9b::/96", None),
        definition("six", "2002::/16", None),
    ];
    let addresses = ["2002:cb00:7100::", "64:ff9b::cb00:7100", "64:ff9b::"];
    assert_eq!(
        told(&ranges, true, &addresses),
        // Without an address, a flow does not tell the /96 from its /48.
        ["six XX", "nat64 XX", "other RESERVED"]
    );
    // The database has the addresses of 6to4 itself.
    let off = told(&ranges, false, &addresses);
    assert_eq!(off, ["six JP", "other UNKNOWN", "other UNKNOWN"]);
}
