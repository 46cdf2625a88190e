//! Databases of autonomous systems from the outside: layouts, refusals, names.

use std::fs;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use geoip_exporter::geoip::{
    Country, Database, Network, NetworkDatabase, NetworkLocator,
};
use proptest::prelude::*;

use crate::databases::{NETWORKS, path};
use crate::mmdb::{Value, Writer};

pub(crate) const LAYOUTS: [&str; 7] = [
    "asn.mmdb",
    "asn-isp.mmdb",
    "asn-dbip.mmdb",
    "asn-ipinfo.mmdb",
    "country-asn.mmdb",
    "country-asn-lite.mmdb",
    "enterprise.mmdb",
];

fn open(name: &str) -> NetworkDatabase {
    NetworkDatabase::open(&path(name)).unwrap()
}

fn network(database: &NetworkDatabase, address: &str) -> u32 {
    database.network(address.parse().unwrap()).0
}

/// Returns the refusal with the folder taken out of it.
fn refusal(name: &str) -> String {
    let error = NetworkDatabase::open(&path(name)).err().unwrap().to_string();
    error.replace(path("").to_str().unwrap(), "")
}

#[test]
fn every_layout_gives_the_same_networks_and_names() {
    for name in LAYOUTS {
        let database = open(name);
        for (prefix, number, _) in NETWORKS {
            let address = prefix.split_once('/').unwrap().0;
            assert_eq!(network(&database, address), number, "{prefix} {name}");
        }
        for address in ["192.0.3.1", "10.0.0.1", "2001:db8:9::1", "::1"] {
            assert_eq!(network(&database, address), 0, "{address} in {name}");
        }
        for (number, expected) in [
            (64_496, Some("Example Networks")),
            (64_497, Some("Beispiel Büro GmbH")),
            (64_498, Some("The \"quoted\" \\ backslash")),
            (64_499, Some("two lines and more")),
            (65_551, Some("Four bytes, Inc.")),
            (64_502, None),
            (0, None),
        ] {
            let found = database.names().get(Network(number));
            assert_eq!(found, expected, "{number} in {name}");
        }
    }
}

/// Only where there is no name of the system itself.
#[test]
fn a_network_without_a_name_gets_that_of_its_provider_or_none() {
    let unnamed = Network(64_511);
    assert_eq!(open("asn.mmdb").names().get(unnamed), None);
    assert_eq!(open("asn-isp.mmdb").names().get(unnamed), Some("A customer"));
}

#[test]
fn a_file_of_both_is_good_for_both() {
    for name in ["country-asn.mmdb", "country-asn-lite.mmdb", "enterprise.mmdb"]
    {
        let countries = Database::open(&path(name)).unwrap();
        let address = "198.51.100.1".parse().unwrap();
        assert_eq!(
            countries.country(address),
            Country::from_code("US").unwrap()
        );
        assert_eq!(network(&open(name), "198.51.100.1"), 64_497);
        let names = countries.names();
        let country = Country::from_code("US").unwrap();
        assert_eq!(names.name(country), Some("United States"), "{name}");
        assert_eq!(names.continent(country), Some("NA"), "{name}");
    }
}

#[test]
fn a_file_that_is_no_database_of_systems_is_refused_in_one_line() {
    for (name, text) in [
        (
            "country-maxmind.mmdb",
            "cannot use GeoIP database \"country-maxmind.mmdb\": it is of type \
             \"GeoLite2-Country\" and its records carry no number of an \
             autonomous system; use an ASN or ISP database",
        ),
        (
            "country-flat.mmdb",
            "cannot use GeoIP database \"country-flat.mmdb\": it is of type \
             \"ipv4/ipv6-country_code\" and its records carry no number of an \
             autonomous system; use an ASN or ISP database",
        ),
        (
            "no-records.mmdb",
            "cannot use GeoIP database \"no-records.mmdb\": it is of type \
             \"GeoLite2-Country\" and its records carry no number of an \
             autonomous system; use an ASN or ISP database",
        ),
        (
            "damaged-asn.mmdb",
            "cannot use GeoIP database \"damaged-asn.mmdb\": it is damaged: \
             the search tree is deeper than an address is long",
        ),
        (
            "damaged-empty.mmdb",
            "cannot open GeoIP database \"damaged-empty.mmdb\": the file is \
             empty",
        ),
        (
            "no-such.mmdb",
            "cannot open GeoIP database \"no-such.mmdb\": No such file or \
             directory",
        ),
    ] {
        assert_eq!(refusal(name), text);
    }
}

#[test]
fn records_that_take_long_are_refused() {
    let bytes = crate::mmdb::slow();
    let error = NetworkDatabase::from_bytes(Path::new("/x.mmdb"), bytes).err();
    let error = error.expect("it takes long").to_string();
    assert!(error.ends_with("its records take too long to read"), "{error}");
}

proptest! {
    /// Whatever the bytes are: no panic, no endless walk, and names of a
    /// database that was accepted are fit for a label.
    #[test]
    fn a_mutated_database_is_refused_or_answers(
        name in prop::sample::select(LAYOUTS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        addresses in prop::collection::vec(any::<u32>(), 30),
    ) {
        let mut bytes = fs::read(path(name)).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        match NetworkDatabase::from_bytes(Path::new("x"), bytes) {
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
            Ok(database) => {
                let database = Arc::new(database);
                let size = NonZeroUsize::new(4).unwrap();
                let mut locator =
                    NetworkLocator::new(Some(Arc::clone(&database)), size);
                let known = NETWORKS.map(|(prefix, ..)| {
                    prefix.split_once('/').unwrap().0.parse().unwrap()
                });
                let any = addresses.iter().map(|bits| bits.to_be_bytes());
                let any = any.map(IpAddr::from);
                for address in any.chain(known) {
                    let network = locator.network_of(address);
                    prop_assert_eq!(network, database.network(address));
                    let name = database.names().get(network);
                    let name = name.unwrap_or("none");
                    prop_assert!(!name.is_empty() && name.len() <= 128);
                    prop_assert!(!name.contains(char::is_control));
                }
            }
        }
    }

    /// The oracle is a search through the list of prefixes, longest first.
    #[test]
    fn a_lookup_finds_the_longest_prefix(
        prefixes in prop::collection::vec(
            (any::<u32>(), 1_u32..=32, 1_u32..9), 1..60,
        ),
        record_bits in prop::sample::select(vec![24, 28, 32]),
        size in 1_usize..6,
        addresses in prop::collection::vec(any::<u32>(), 50),
    ) {
        let mask = |length: u32| u32::MAX << (32 - length);
        let mut prefixes: Vec<_> = prefixes
            .into_iter()
            .map(|(bits, length, number)| (length, bits & mask(length), number))
            .collect();
        prefixes.sort_unstable();
        prefixes.dedup_by_key(|&mut (length, bits, _)| (length, bits));
        let mut writer = Writer::new(6, record_bits);
        for &(length, bits, number) in &prefixes {
            let prefix = format!("{}/{length}", std::net::Ipv4Addr::from(bits));
            let number = ("autonomous_system_number", Value::Number(number));
            writer.insert(&prefix, &Value::Map(vec![number]));
        }
        let bytes = writer.finish("random");
        let database = NetworkDatabase::from_bytes(Path::new("x"), bytes);
        let size = NonZeroUsize::new(size).unwrap();
        let database = Some(Arc::new(database.unwrap()));
        let mut locator = NetworkLocator::new(database, size);
        let near = prefixes.iter().map(|&(_, bits, _)| bits);
        for address in addresses.into_iter().chain(near.clone()) {
            let expected = prefixes
                .iter()
                .rev()
                .find(|&&(length, bits, _)| address & mask(length) == bits)
                .map_or(0, |&(_, _, number)| number);
            let address = IpAddr::from(address.to_be_bytes());
            prop_assert_eq!(locator.network_of(address).0, expected);
        }
    }
}
