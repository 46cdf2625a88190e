//! What stands in the place of a country database, and how it is refused.

use std::fs;
use std::path::Path;

use geoip_exporter::geoip::Database;

use crate::databases::path;
use crate::mmdb::{Value, Writer};
use Value::{Map, Text};

/// Returns the refusal of these bytes in a file of that name.
fn refusal(name: &str, bytes: &[u8]) -> String {
    let database = Database::from_bytes(Path::new(name), bytes.to_vec());
    database.err().unwrap().to_string()
}

/// Returns a database of this type whose records have these texts.
fn database(
    kind: &'static str,
    record: &[(&'static str, &'static str)],
) -> Vec<u8> {
    let mut writer = Writer::new(6, 24);
    let record = record.iter().map(|&(key, text)| (key, Text(text)));
    writer.insert("192.0.2.0/24", &Map(record.collect()));
    writer.finish(kind)
}

#[test]
fn another_format_is_named_with_what_to_do() {
    let country = fs::read(path("country-maxmind.mmdb")).unwrap();
    let tar = [&[b'x'; 257], &b"ustar\x0000"[..], &country].concat();
    let legacy = [
        &[0_u8; 300][..],
        b"GEO-106FREE 20180327 Build 1 Copyright (c) 2018 MaxMind Inc",
        b"\xff\xff\xff\x01",
    ]
    .concat();
    for (name, bytes, expected) in [
        (
            "x.mmdb.gz",
            &b"\x1f\x8b\x08\x00\x00"[..],
            "compressed with gzip: unpack it with gunzip",
        ),
        (
            "x.tar.gz",
            b"\x1f\x8b\x08\x00\x00",
            "a compressed archive: unpack it with tar -xzf, and name the .mmdb file in it",
        ),
        (
            "x.mmdb",
            &tar,
            "a tar archive: unpack it with tar -xf, and name the .mmdb file in it",
        ),
        (
            "x.zip",
            b"PK\x03\x04\x14\x00",
            "a zip archive: unpack it, and name the .mmdb file in it",
        ),
        (
            "x.mmdb",
            b"\xfd7zXZ\x00\x00",
            "compressed with xz: unpack it with unxz",
        ),
        (
            "x.mmdb",
            b"\x28\xb5\x2f\xfd\x00",
            "compressed with zstd: unpack it with unzstd",
        ),
        (
            "GeoIP.mmdb",
            &legacy,
            "a legacy database (.dat), which has not been updated since 2019: fetch a GeoLite2 or other .mmdb file",
        ),
        (
            "GeoIP.dat",
            &[7; 600],
            "a legacy database (.dat), which has not been updated since 2019: fetch a GeoLite2 or other .mmdb file",
        ),
        (
            "x.mmdb",
            b"\n<!DOCTYPE html>\n<html><body>Log in</body></html>",
            "a web page or XML, as a proxy or a login page sends: fetch the .mmdb file anew",
        ),
        (
            "x.mmdb",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            "a pointer of Git LFS, not the file itself: fetch that with git lfs pull",
        ),
        (
            "x.mmdb",
            b"{\"message\": \"Invalid licence key\"}",
            "JSON, not a database: fetch the .mmdb file",
        ),
        (
            "x.mmdb",
            b"start_ip,end_ip,country\n192.0.2.0,192.0.2.255,DE\n",
            "text, such as CSV: fetch the .mmdb file",
        ),
    ] {
        assert_eq!(
            refusal(name, bytes),
            format!("cannot use GeoIP database {name:?}: it is {expected}")
        );
    }
}

/// Their records have a country too: that of the owner's office.
#[test]
fn a_database_of_who_owns_a_network_is_refused() {
    let abuse = [
        ("address", "Example Street 1"),
        ("country", "DE"),
        ("email", "abuse@example.com"),
        ("name", "Abuse"),
        ("network", "192.0.2.0/24"),
        ("phone", "+49 30 000000"),
    ];
    let asn = [
        ("asn", "AS64496"),
        ("country", "DE"),
        ("domain", "example.com"),
        ("name", "Example"),
        ("route", "192.0.2.0/24"),
        ("type", "isp"),
    ];
    let whois = [("country", "DE"), ("id", "EXAMPLE"), ("name", "EXAMPLE-NET")];
    for (kind, record) in [
        ("ipinfo abuse.mmdb", &abuse[..]),
        ("of some kind", &abuse),
        ("ipinfo asn.mmdb", &asn),
        ("of some kind", &asn),
        ("ipinfo rwhois.mmdb", &whois),
        ("whois_net", &whois),
        ("GeoIP2-ISP", &[("country", "DE")]),
        ("ipinfo company.mmdb", &[("country", "DE")]),
    ] {
        assert_eq!(
            refusal("x.mmdb", &database(kind, record)),
            format!(
                "cannot use GeoIP database \"x.mmdb\": it is of type \
                 {kind:?}, whose records say who owns a network, not where \
                 it is; use a country or city database"
            )
        );
    }
}

/// Those of countries may have more in them, and other words in their name.
#[test]
fn a_country_database_with_more_in_it_is_taken() {
    let flat = [("country", "DE")];
    let lite = [
        ("as_domain", "example.com"),
        ("as_name", "Example"),
        ("asn", "AS64496"),
        ("continent", "Europe"),
        ("country", "Germany"),
        ("country_code", "DE"),
    ];
    let both = [
        ("as_domain", "example.com"),
        ("asn", "AS64496"),
        ("continent", "EU"),
        ("country", "DE"),
        ("country_name", "Germany"),
        ("name", "Example"),
    ];
    for (kind, record) in [
        ("ipinfo country_asn.mmdb", &both[..]),
        ("ipinfo lite", &lite),
        ("dbip-geo-whois-asn-country", &[("country_code", "DE")]),
        ("GeoLite2-City", &flat),
        ("my own", &[("asn", "AS64496"), ("country", "DE")]),
    ] {
        let bytes = database(kind, record);
        let database = Database::from_bytes(Path::new("x.mmdb"), bytes);
        let country = database
            .map(|one| one.country("192.0.2.1".parse().unwrap()).to_string());
        assert_eq!(country.unwrap(), "DE", "{kind}");
    }
}
