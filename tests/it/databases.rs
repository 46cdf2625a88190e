//! The databases in `tests/data`: which they are, and that they are what this
//! file makes. `tests/data/README.md` says what they answer.
//!
//! After a change here: `make test-databases`.

pub(crate) mod cities;

use std::fs;
use std::path::{Path, PathBuf};

use crate::mmdb::{Value, Writer, push_node};
use Value::{Flag, Map, Number, Text};

/// Who is where: documentation and benchmarking ranges, longer prefixes after
/// the shorter ones they lie in.
pub(crate) const COUNTRIES: [(&str, &str); 11] = [
    ("192.0.2.0/24", "DE"),
    ("198.51.100.0/25", "US"),
    ("198.51.100.128/25", "CA"),
    ("203.0.113.0/24", "JP"),
    ("198.18.0.0/16", "BR"),
    ("198.19.0.0/16", "FR"),
    ("2001:db8::/48", "GB"),
    ("2001:db8:1::/48", "DE"),
    ("2001:db8:2::/48", "US"),
    ("2001:db8:3::/48", "JP"),
    ("2001:db8:4::/49", "NL"),
];

/// The network of each prefix: numbers for documentation, of both sizes.
pub(crate) const NETWORKS: [(&str, u32, &str); 8] = [
    ("192.0.2.0/24", 64_496, "Example Networks"),
    ("198.51.100.0/25", 64_497, "Beispiel Büro GmbH"),
    ("198.51.100.128/25", 64_498, "The \"quoted\" \\ backslash"),
    ("203.0.113.0/24", 64_499, "two\nlines\tand\u{7f}more "),
    ("198.18.0.0/16", 64_500, "EXAMPLE-AS"),
    ("198.19.0.0/16", 65_551, "Four bytes, Inc."),
    ("2001:db8::/48", 64_496, "Example Networks"),
    ("2001:db8:1::/48", 64_511, ""),
];

/// The countries of these networks.
const COUNTRIES_OF_NETWORKS: [&str; NETWORKS.len()] =
    ["DE", "US", "CA", "JP", "BR", "FR", "GB", "DE"];

/// Returns the path of one of the databases.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Returns every database: its name and its bytes.
fn all() -> Vec<(&'static str, Vec<u8>)> {
    let maxmind = country_maxmind();
    let mut all = cities::all();
    all.extend([
        ("country-dbip.mmdb", country_dbip()),
        ("country-ipinfo.mmdb", country_ipinfo()),
        ("country-flat.mmdb", country_flat()),
        ("country-ipv4-only.mmdb", country_ipv4_only()),
        ("asn.mmdb", asn()),
        ("asn-isp.mmdb", asn_isp()),
        ("asn-dbip.mmdb", asn_dbip()),
        ("asn-ipinfo.mmdb", asn_ipinfo()),
        ("country-asn.mmdb", country_asn()),
        ("country-asn-lite.mmdb", country_asn_lite()),
        ("enterprise.mmdb", enterprise()),
        ("damaged-asn.mmdb", damaged_cyclic(&asn())),
        ("no-records.mmdb", Writer::new(6, 24).finish("GeoLite2-Country")),
        ("damaged-truncated.mmdb", maxmind[..maxmind.len() / 2].to_vec()),
        ("damaged-garbage.mmdb", garbage(4096)),
        ("damaged-record.mmdb", damaged_record(&maxmind)),
        ("damaged-cyclic.mmdb", damaged_cyclic(&maxmind)),
        ("damaged-empty.mmdb", Vec::new()),
        ("country-maxmind.mmdb", maxmind),
    ]);
    all
}

/// Returns the continent's code and the country's name and GeoNames number.
fn facts(code: &str) -> (&'static str, &'static str, u32) {
    match code {
        "BR" => ("SA", "Brazil", 3_469_034),
        "CA" => ("NA", "Canada", 6_251_999),
        "DE" => ("EU", "Germany", 2_921_044),
        "FR" => ("EU", "France", 3_017_382),
        "GB" => ("EU", "United Kingdom", 2_635_167),
        "JP" => ("AS", "Japan", 1_861_060),
        "NL" => ("EU", "The Netherlands", 2_750_405),
        "US" => ("NA", "United States", 6_252_001),
        other => panic!("nothing is known of {other}"),
    }
}

fn named(
    code: &'static str,
    name: &'static str,
    number: u32,
) -> Vec<(&'static str, Value)> {
    vec![
        ("geoname_id", Number(number)),
        ("iso_code", Text(code)),
        ("names", Map(vec![("en", Text(name))])),
    ]
}

/// MaxMind's GeoLite2 Country: maps with names, what owns a network beside
/// where it is, and the IPv4 tree reached by four ways.
fn country_maxmind() -> Vec<u8> {
    let mut writer = Writer::new(6, 24);
    for (prefix, code) in COUNTRIES {
        let (continent, name, number) = facts(code);
        let record = Map(vec![
            (
                "continent",
                Map(vec![
                    ("code", Text(continent)),
                    ("geoname_id", Number(6_255_148)),
                ]),
            ),
            ("country", Map(named(code, name, number))),
            ("registered_country", Map(named(code, name, number))),
        ]);
        writer.insert(prefix, &record);
    }
    // A network whose owner is known and whose country is not.
    let owner =
        Map(vec![("registered_country", Map(named("US", "x", 6_252_001)))]);
    writer.insert("198.51.100.240/28", &owner);
    for prefix in ["::ffff:0:0/96", "2001::/32", "2002::/16"] {
        writer.alias_ipv4(prefix);
    }
    writer.finish("GeoLite2-Country")
}

/// DB-IP's Country Lite: as MaxMind's, with `ZZ` for private networks.
fn country_dbip() -> Vec<u8> {
    let mut writer = Writer::new(6, 28);
    for (prefix, code) in COUNTRIES {
        let (continent, name, number) = facts(code);
        let mut country = named(code, name, number);
        country.push(("is_in_european_union", Flag(continent == "EU")));
        writer.insert(
            prefix,
            &Map(vec![
                ("continent", Map(vec![("code", Text(continent))])),
                ("country", Map(country)),
            ]),
        );
    }
    let nowhere = Map(vec![("country", Map(named("ZZ", "", 0)))]);
    writer.insert("10.0.0.0/8", &nowhere);
    writer.finish("DBIP-Country-Lite")
}

/// IPinfo's: flat, the country's name in `country`, its code beside it.
fn country_ipinfo() -> Vec<u8> {
    let mut writer = Writer::new(6, 32);
    for (prefix, code) in COUNTRIES {
        let (continent, name, _) = facts(code);
        writer.insert(
            prefix,
            &Map(vec![
                ("asn", Text("AS64496")),
                ("continent_code", Text(continent)),
                ("country", Text(name)),
                ("country_code", Text(code)),
            ]),
        );
    }
    writer.finish("ipinfo generic_lite_free.mmdb")
}

/// The plainest: a code in `country_code` and nothing else.
fn country_flat() -> Vec<u8> {
    let mut writer = Writer::new(6, 28);
    for (prefix, code) in COUNTRIES {
        writer.insert(prefix, &Map(vec![("country_code", Text(code))]));
    }
    writer.finish("ipv4/ipv6-country_code")
}

/// A code in `country`, and no IPv6.
fn country_ipv4_only() -> Vec<u8> {
    let mut writer = Writer::new(4, 24);
    for (prefix, code) in COUNTRIES {
        if !prefix.contains(':') {
            writer.insert(prefix, &Map(vec![("country", Text(code))]));
        }
    }
    writer.finish("ipinfo country.mmdb")
}

/// Returns a database with a record for each of the networks.
fn of_networks(
    database_type: &'static str,
    record_bits: usize,
    record: impl Fn(u32, &'static str, &'static str) -> Value,
) -> Vec<u8> {
    let mut writer = Writer::new(6, record_bits);
    for ((prefix, number, name), code) in
        NETWORKS.into_iter().zip(COUNTRIES_OF_NETWORKS)
    {
        writer.insert(prefix, &record(number, name, code));
    }
    writer.finish(database_type)
}

fn system(number: u32, name: &'static str) -> Vec<(&'static str, Value)> {
    let name = (!name.is_empty()).then_some(name);
    let name = name.map(|name| ("autonomous_system_organization", Text(name)));
    let number = ("autonomous_system_number", Number(number));
    [number].into_iter().chain(name).collect()
}

fn number_text(number: u32) -> Value {
    Text(format!("AS{number}").leak())
}

/// MaxMind's GeoLite2 ASN.
fn asn() -> Vec<u8> {
    of_networks("GeoLite2-ASN", 24, |number, name, _| Map(system(number, name)))
}

/// MaxMind's GeoIP2 ISP: other names beside that of the system.
fn asn_isp() -> Vec<u8> {
    of_networks("GeoIP2-ISP", 28, |number, name, _| {
        let mut record = system(number, name);
        record.insert(0, ("isp", Text("A provider")));
        record.push(("organization", Text("A customer")));
        Map(record)
    })
}

/// DB-IP's ASN Lite: as MaxMind's.
fn asn_dbip() -> Vec<u8> {
    of_networks("DBIP-ASN-Lite (compat=GeoLite2-ASN)", 32, |number, name, _| {
        Map(system(number, name))
    })
}

/// IPinfo's ASN: the number is a text, and the country that of an office.
fn asn_ipinfo() -> Vec<u8> {
    of_networks("ipinfo asn.mmdb", 32, |number, name, code| {
        Map(vec![
            ("asn", number_text(number)),
            ("country", Text(code)),
            ("domain", Text("example.com")),
            ("name", Text(name)),
            ("type", Text("hosting")),
        ])
    })
}

/// IPinfo's country and ASN in one file.
fn country_asn() -> Vec<u8> {
    of_networks("ipinfo country_asn.mmdb", 32, |number, name, code| {
        let (continent, country, _) = facts(code);
        Map(vec![
            ("as_domain", Text("example.com")),
            ("as_name", Text(name)),
            ("asn", number_text(number)),
            ("continent", Text(continent)),
            ("country", Text(code)),
            ("country_name", Text(country)),
        ])
    })
}

/// IPinfo's Lite: the name of the country in `country`.
fn country_asn_lite() -> Vec<u8> {
    of_networks("ipinfo bundle_location_lite.mmdb", 32, |number, name, code| {
        let (continent, country, _) = facts(code);
        Map(vec![
            ("as_domain", Text("example.com")),
            ("as_name", Text(name)),
            ("asn", number_text(number)),
            ("continent", Text("A continent")),
            ("continent_code", Text(continent)),
            ("country", Text(country)),
            ("country_code", Text(code)),
        ])
    })
}

/// MaxMind's Enterprise: the system is in a map of its own.
fn enterprise() -> Vec<u8> {
    of_networks("GeoIP2-Enterprise", 28, |number, name, code| {
        let (continent, country, geoname) = facts(code);
        Map(vec![
            ("continent", Map(vec![("code", Text(continent))])),
            ("country", Map(named(code, country, geoname))),
            ("traits", Map(system(number, name))),
        ])
    })
}

/// A file of bytes that look like chance.
fn garbage(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// The first record is of a kind that does not exist.
fn damaged_record(sound: &[u8]) -> Vec<u8> {
    let mut file = sound.to_vec();
    let separator = file.windows(16).position(|w| w == [0; 16]).unwrap();
    file[separator + 16..separator + 18].copy_from_slice(&[0, 0xff]);
    file
}

/// The root's left branch is the root again.
fn damaged_cyclic(sound: &[u8]) -> Vec<u8> {
    let mut root = Vec::new();
    let right = [0, sound[3], sound[4], sound[5]];
    let right = u32::from_be_bytes(right).try_into().unwrap();
    push_node(&mut root, 24, 0, right);
    [&root, &sound[6..]].concat()
}

/// Run with `UPDATE_TEST_DATABASES=1` it writes them instead.
#[test]
fn the_committed_databases_are_what_this_file_makes() {
    let update = std::env::var_os("UPDATE_TEST_DATABASES").is_some();
    for (name, bytes) in all() {
        if update {
            fs::write(path(name), &bytes).unwrap();
        }
        let committed = fs::read(path(name)).unwrap();
        assert!(committed == bytes, "{name} is not what is made");
    }
}

#[test]
fn no_other_database_lies_about() {
    let mut made: Vec<_> = all().iter().map(|(name, _)| path(name)).collect();
    made.sort();
    let mut found: Vec<_> = fs::read_dir(path(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "mmdb"))
        .collect();
    found.sort();
    assert_eq!(found, made);
}

/// The table in the README is the table here.
#[test]
fn the_readme_tells_who_is_where() {
    let readme = fs::read_to_string(path("README.md")).unwrap();
    for (prefix, code) in COUNTRIES {
        let row = format!("| `{prefix}` | {code} |");
        assert!(readme.contains(&row), "the README has no row {row}");
    }
    for city in cities::CITIES {
        let begin = format!("| `{}` |", city.prefix);
        assert!(readme.contains(&begin), "the README has no row {begin}");
    }
    for (prefix, number, _) in NETWORKS {
        let row = format!("| `{prefix}` | {number} |");
        assert!(readme.contains(&row), "the README has no row {row}");
    }
}
