//! Country databases from the outside: layouts, refusals, damage.

use std::fs;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use geoip_exporter::geoip::{Database, Locator};
use proptest::prelude::*;

use crate::databases::{COUNTRIES, path};
use crate::mmdb::{Value, Writer};

const LAYOUTS: [&str; 4] = [
    "country-maxmind.mmdb",
    "country-dbip.mmdb",
    "country-ipinfo.mmdb",
    "country-flat.mmdb",
];

fn open(name: &str) -> Database {
    Database::open(&path(name)).unwrap()
}

/// Returns the refusal with the folder taken out of it.
fn refusal(name: &str) -> String {
    let error = Database::open(&path(name)).err().unwrap().to_string();
    error.replace(path("").to_str().unwrap(), "")
}

fn country(database: &Database, address: &str) -> String {
    database.country(address.parse().unwrap()).to_string()
}

fn cache_size(size: usize) -> NonZeroUsize {
    NonZeroUsize::new(size).unwrap()
}

/// Returns the first and the last address of a prefix.
fn ends(prefix: &str) -> [IpAddr; 2] {
    let (first, length) = prefix.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    let first: IpAddr = first.parse().unwrap();
    let last = match first {
        IpAddr::V4(v4) => IpAddr::from(
            (v4.to_bits() | u32::MAX.checked_shr(length).unwrap_or(0))
                .to_be_bytes(),
        ),
        IpAddr::V6(v6) => IpAddr::from(
            (v6.to_bits() | u128::MAX.checked_shr(length).unwrap_or(0))
                .to_be_bytes(),
        ),
    };
    [first, last]
}

#[test]
fn every_layout_gives_the_same_countries() {
    for name in LAYOUTS {
        let database = open(name);
        for (prefix, code) in COUNTRIES {
            if (name, prefix) == (LAYOUTS[0], "198.51.100.128/25") {
                continue; // Its last part is another test's.
            }
            for address in ends(prefix) {
                assert_eq!(
                    database.country(address).to_string(),
                    code,
                    "{address} in {name}"
                );
            }
        }
    }
}

#[test]
fn private_and_unmatched_addresses_are_unknown_in_every_layout() {
    for name in LAYOUTS {
        let database = open(name);
        for address in [
            "10.0.0.1",
            "127.0.0.1",
            "192.0.1.255",
            "192.0.3.0",
            "224.0.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fd00::1",
            "2001:db8:4:8000::",
            "2001:db8:5::",
            "ff02::1",
        ] {
            assert_eq!(country(&database, address), "UNKNOWN", "{address}");
        }
    }
}

#[test]
fn the_country_is_where_a_network_is_not_who_owns_it() {
    let database = open("country-maxmind.mmdb");
    assert_eq!(country(&database, "198.51.100.239"), "CA");
    assert_eq!(country(&database, "198.51.100.240"), "UNKNOWN");
}

#[test]
fn ipv4_inside_ipv6_is_found_where_the_database_leads_there() {
    let database = open("country-maxmind.mmdb");
    assert_eq!(country(&database, "::ffff:192.0.2.1"), "DE");
    assert_eq!(country(&database, "2002:c000:0201::"), "DE");
}

#[test]
fn ipv6_in_a_database_of_ipv4_only_is_unknown() {
    let database = open("country-ipv4-only.mmdb");
    assert_eq!(database.ip_version(), 4);
    assert_eq!(country(&database, "192.0.2.1"), "DE");
    assert_eq!(country(&database, "2001:db8:1::1"), "UNKNOWN");
}

#[test]
fn a_database_tells_what_it_is() {
    let database = open("country-maxmind.mmdb");
    assert_eq!(database.path(), path("country-maxmind.mmdb"));
    assert_eq!(database.database_type(), "GeoLite2-Country");
    assert_eq!(database.build_epoch(), 1_767_225_600);
    assert_eq!(database.ip_version(), 6);
    let identity = geoip_exporter::files::Identity::of(database.path());
    assert_eq!(database.identity(), identity);
}

#[test]
fn what_cannot_be_used_is_refused_in_one_line_that_says_why() {
    for (name, text) in [
        (
            "no-such.mmdb",
            r#"cannot open GeoIP database "no-such.mmdb": No such file or directory"#,
        ),
        (
            "damaged-empty.mmdb",
            r#"cannot open GeoIP database "damaged-empty.mmdb": the file is empty"#,
        ),
        (
            "damaged-garbage.mmdb",
            r#"cannot use GeoIP database "damaged-garbage.mmdb": it is not a complete MaxMind database (.mmdb) file: could not find MaxMind DB metadata in file"#,
        ),
        (
            "damaged-truncated.mmdb",
            r#"cannot use GeoIP database "damaged-truncated.mmdb": it is not a complete MaxMind database (.mmdb) file: could not find MaxMind DB metadata in file"#,
        ),
        (
            "damaged-cyclic.mmdb",
            r#"cannot use GeoIP database "damaged-cyclic.mmdb": it is damaged: the search tree is deeper than an address is long"#,
        ),
        (
            "asn.mmdb",
            r#"cannot use GeoIP database "asn.mmdb": it is of type "GeoLite2-ASN" and its records carry no country; use a country or city database"#,
        ),
        (
            "no-records.mmdb",
            r#"cannot use GeoIP database "no-records.mmdb": it is of type "GeoLite2-Country" and its records carry no country; use a country or city database"#,
        ),
    ] {
        assert_eq!(refusal(name), text);
    }
    let damaged = refusal("damaged-record.mmdb");
    assert!(
        damaged.starts_with(
            r#"cannot use GeoIP database "damaged-record.mmdb": it is damaged: "#
        ),
        "{damaged}"
    );
}

#[test]
fn what_is_not_a_file_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let error = Database::open(folder.path()).err().unwrap().to_string();
    assert!(error.ends_with("it is a directory, not a file"), "{error}");

    for device in ["/dev/zero", "/dev/tty0"] {
        if Path::new(device).exists() {
            assert!(Database::open(Path::new(device)).is_err());
        }
    }

    let fifo = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let error = Database::open(&fifo).err().unwrap().to_string();
    assert!(error.ends_with("it is a FIFO, not a file"), "{error}");
}

#[test]
fn a_file_too_large_is_refused_without_reading_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 40).unwrap();
    let error = Database::open(file.path()).err().unwrap().to_string();
    assert!(error.ends_with("the file is larger than 512 MiB"), "{error}");
}

#[test]
fn a_file_cut_short_after_it_was_opened_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("x.mmdb");
    fs::copy(path("country-maxmind.mmdb"), &copy).unwrap();
    let database = Database::open(&copy).unwrap();
    fs::File::create(&copy).unwrap();
    assert_eq!(country(&database, "192.0.2.1"), "DE");
}

#[test]
fn without_a_database_every_country_is_unknown() {
    let mut locator = Locator::new(None, cache_size(16));
    let address = "192.0.2.1".parse().unwrap();
    assert_eq!(locator.country_of(address).to_string(), "UNKNOWN");
}

#[test]
fn a_replaced_database_answers_at_once() {
    let moved = {
        let mut writer = Writer::new(6, 24);
        let record = Value::Map(vec![("country_code", Value::Text("FR"))]);
        writer.insert("192.0.2.0/24", &record);
        Database::from_bytes(Path::new("moved"), writer.finish("moved"))
    };
    let address = "192.0.2.1".parse().unwrap();
    let first = Arc::new(open("country-flat.mmdb"));
    let mut locator = Locator::new(Some(first), cache_size(16));
    assert_eq!(locator.country_of(address).to_string(), "DE");

    locator.replace(Some(Arc::new(moved.unwrap())));
    assert_eq!(locator.country_of(address).to_string(), "FR");
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
        prop::sample::select(COUNTRIES.to_vec())
            .prop_map(|(prefix, _)| ends(prefix)[1]),
    ]
}

proptest! {
    /// Whatever the bytes are: no panic, no endless walk, and a database that
    /// was accepted answers with a country or `UNKNOWN`.
    #[test]
    fn a_mutated_database_is_refused_or_answers(
        name in prop::sample::select(LAYOUTS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
        addresses in prop::collection::vec(any_address(), 50),
    ) {
        let mut bytes = fs::read(path(name)).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match Database::from_bytes(Path::new("x"), bytes) {
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
            Ok(database) => {
                let mut locator =
                    Locator::new(Some(Arc::new(database)), cache_size(4));
                for address in addresses {
                    let code = locator.country_of(address).to_string();
                    prop_assert!(code.len() == 2 || code == "UNKNOWN");
                }
            }
        }
    }

    /// The oracle is a search through the list of prefixes, longest first.
    #[test]
    fn a_lookup_finds_what_a_search_through_the_prefixes_finds(
        prefixes in prop::collection::vec(
            (any::<u32>(), 1_u32..=32, prop::sample::select(vec!["AA", "BB", "CC", "DD"])),
            1..60,
        ),
        ip_version in prop::sample::select(vec![4, 6]),
        record_bits in prop::sample::select(vec![24, 28, 32]),
        size in 1_usize..6,
        addresses in prop::collection::vec(any::<u32>(), 50),
    ) {
        let mask = |length: u32| u32::MAX << (32 - length);
        let mut prefixes: Vec<_> = prefixes
            .into_iter()
            .map(|(bits, length, code)| (length, bits & mask(length), code))
            .collect();
        prefixes.sort_unstable();
        prefixes.dedup_by_key(|&mut (length, bits, _)| (length, bits));
        let mut writer = Writer::new(ip_version, record_bits);
        for &(length, bits, code) in &prefixes {
            let prefix = format!("{}/{length}", std::net::Ipv4Addr::from(bits));
            let record = Value::Map(vec![("country", Value::Text(code))]);
            writer.insert(&prefix, &record);
        }
        let bytes = writer.finish("random");
        let database = Database::from_bytes(Path::new("x"), bytes).unwrap();
        let mut locator =
            Locator::new(Some(Arc::new(database)), cache_size(size));
        let near = prefixes.iter().map(|&(_, bits, _)| bits);
        for address in addresses.into_iter().chain(near.clone()) {
            let expected = prefixes
                .iter()
                .rev()
                .find(|&&(length, bits, _)| address & mask(length) == bits)
                .map_or("UNKNOWN", |&(_, _, code)| code);
            let address = IpAddr::from(address.to_be_bytes());
            let country = locator.country_of(address);
            prop_assert_eq!(country.to_string(), expected);
        }
    }
}

/// A check of the first records alone would pass it, and sixty thousand new
/// flows would then take minutes.
#[test]
fn records_that_take_long_are_found_behind_any_number_of_light_ones() {
    let bytes = crate::mmdb::slow_behind(20_000);
    let error = Database::from_bytes(Path::new("/x.mmdb"), bytes).err();
    let error = error.expect("it takes long").to_string();
    assert!(error.ends_with("its records take too long to read"), "{error}");
}
