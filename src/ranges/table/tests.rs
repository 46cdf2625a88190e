use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use foldhash::fast::FixedState;
use proptest::prelude::*;

use super::*;
use crate::ranges::{Builder, Definition, Listed, Location, SourceFile};

fn definition(
    name: &str,
    cidrs: &[&str],
    country: Option<&str>,
    asn: Option<u32>,
) -> Definition {
    let listed = |(text, line): (&&str, usize)| Listed {
        prefix: Prefix::read(text).unwrap(),
        location: Location {
            file: Some(Path::new("/etc/x.toml").into()),
            line: Some(line),
        },
    };
    Definition {
        name: name.into(),
        cidrs: cidrs.iter().zip(1..).map(listed).collect(),
        country: country.map(Into::into),
        asn,
        local: true,
        location: Location::default(),
    }
}

fn table(definitions: &[Definition]) -> RangeTable {
    let mut builder = Builder::default();
    builder.add_definitions(definitions);
    builder.build(&RangeNames::default()).unwrap()
}

fn shown(table: &RangeTable, found: Found) -> String {
    let country = found.country.map(|it| &*table.countries()[usize::from(it)]);
    format!(
        "{} {} {}",
        table.names().get(found.range),
        country.unwrap_or("-"),
        found.asn.unwrap_or_default()
    )
}

#[test]
fn the_narrowest_range_with_a_value_gives_it() {
    let table = table(&[
        definition("all", &["::/0", "0.0.0.0/0"], None, Some(1)),
        definition("site", &["10.0.0.0/8"], Some("HQ"), None),
        definition("vpn", &["10.8.0.0/16"], None, Some(64500)),
        definition("lab", &["10.8.1.0/24"], Some("DE"), None),
        definition("host", &["10.8.1.7/32"], None, None),
    ]);
    for (address, length, expected) in [
        ("192.0.2.0", 24, "all - 1"),
        ("10.0.0.0", 24, "site HQ 1"),
        ("10.8.0.0", 24, "vpn HQ 64500"),
        ("10.8.1.0", 24, "lab DE 64500"),
        // The whole prefix must be in the range.
        ("10.8.1.7", 24, "lab DE 64500"),
        ("10.8.1.7", 32, "host DE 64500"),
        ("10.0.0.0", 4, "all - 1"),
        ("2001:db8::", 48, "all - 1"),
    ] {
        let found = table.find(address.parse().unwrap(), length);
        assert_eq!(shown(&table, found), expected, "{address}/{length}");
    }
    let host = table.names().intern("host").unwrap();
    let address = "10.8.1.0".parse().unwrap();
    let found = table.find_narrow(address, 24, host);
    assert_eq!(shown(&table, found), "host DE 64500");
    // A name that is gone from the table.
    let found = table.find_narrow(address, 24, Range(9));
    assert_eq!(shown(&table, found), "lab DE 64500");
    let narrow: Vec<_> = table.narrow(24, 48).map(|it| it.range).collect();
    assert_eq!(narrow, [host]);
    let rule = table.matches("10.8.1.7".parse().unwrap()).next().unwrap();
    assert_eq!(table.place_of(rule), "/etc/x.toml:1");
}

#[test]
fn without_ranges_nothing_is_found() {
    let table = RangeTable::default();
    assert!(table.is_empty());
    for address in ["0.0.0.0", "255.255.255.255", "::"] {
        let address = address.parse().unwrap();
        assert_eq!(table.find(address, 128), Found::default());
    }
}

#[test]
fn a_prefix_with_two_names_is_named_with_both_places() {
    let mut builder = Builder::default();
    builder.add_definitions(&[
        definition("a", &["10.0.0.0/8", "10.1.0.0/16"], None, None),
        definition("b", &["10.1.0.0/16"], None, None),
    ]);
    let file = SourceFile {
        path: "/etc/list".into(),
        format: None,
        name: Some("c".into()),
        field: None,
        local: None,
        location: Location::default(),
    };
    builder.add_file(&file, "# comment\n10.0.0.0/8\nnonsense\n10.0.0.1/8\n");
    let names = RangeNames::default();
    let faults = builder.build(&names).unwrap_err().0;
    assert_eq!(
        faults,
        [
            "/etc/list:3: \"nonsense\" is no prefix: write an address and a \
             length, such as \"198.51.100.0/24\" or \"2001:db8::/32\", or an \
             address alone",
            "/etc/list:4: \"10.0.0.1/8\" has bits set past its length: write \
             \"10.0.0.0/8\", or \"10.0.0.1\" for this address alone",
            "/etc/list:2: \"10.0.0.0/8\" is \"c\" here, and \"a\" at \
             /etc/x.toml:1: a prefix has one name",
            "/etc/x.toml:1: \"10.1.0.0/16\" is \"b\" here, and \"a\" at \
             /etc/x.toml:2: a prefix has one name",
        ]
    );
    // A refused table takes no numbers.
    assert_eq!(names.intern("first"), Some(Range(1)));
}

/// Prefixes that overlap often: few distinct bits.
fn prefix() -> impl Strategy<Value = Prefix> {
    let v4 = (any::<u32>(), any::<u32>(), 0..=32_u8).prop_map(
        |(address, mask, length)| {
            let address = Ipv4Addr::from(address & mask & 0xc3c3_c3c3);
            Prefix::of(address.into(), length).unwrap()
        },
    );
    let v6 = (any::<u128>(), any::<u128>(), 0..=128_u8).prop_map(
        |(address, mask, length)| {
            let few = u128::MAX / 0xff * 0xc3;
            let address = Ipv6Addr::from(address & mask & few);
            Prefix::of(address.into(), length).unwrap()
        },
    );
    prop_oneof![v4, v6]
}

type Plain = HashMap<Prefix, (u32, Option<u16>, u32), FixedState>;

/// A longest-prefix scan: from the longest length that any prefix has down to
/// nothing, asking a plain map.
fn scan(
    rules: &Plain,
    lengths: &[u8],
    address: IpAddr,
    longest: u8,
) -> (u32, Option<u16>, Option<u32>) {
    let most = longest.min(if address.is_ipv4() { 32 } else { 128 });
    let mut found = (0, None, None);
    for length in lengths.iter().filter(|length| **length <= most) {
        let prefix = Prefix::of(address, *length).unwrap();
        if let Some((name, country, asn)) = rules.get(&prefix) {
            if found.0 == 0 {
                found.0 = *name;
            }
            found.1 = found.1.or(*country);
            found.2 = found.2.or(Some(*asn).filter(|asn| *asn > 0));
        }
    }
    found
}

/// Compares a table of these prefixes with a scan, for these packets.
fn compare(
    prefixes: &[(Prefix, u8)],
    packets: impl Iterator<Item = (IpAddr, u8)>,
) {
    let mut drafts = Vec::new();
    let mut rules = Plain::default();
    for (prefix, kind) in prefixes {
        let name = u32::from(kind % 50);
        let country = (kind % 3 == 0).then(|| u16::from(kind % 7));
        let asn = if kind % 4 == 0 { u32::from(*kind) } else { 0 };
        rules.entry(*prefix).or_insert((name + 1, country, asn));
        let place = Place { source: 0, outer: 0, inner: 0 };
        let prefix = *prefix;
        drafts.push(Draft {
            prefix,
            name,
            country,
            asn,
            is_local: false,
            place,
        });
    }
    let mut lengths: Vec<_> = rules.keys().map(|it| it.length()).collect();
    lengths.sort_unstable_by(|one, other| other.cmp(one));
    lengths.dedup();
    // Sorting keeps the first of each prefix, as the map does.
    drop(sort(&mut drafts));
    let ranges: Vec<_> = (1..=50).map(Range).collect();
    let names = RangeNames::default();
    let table =
        RangeTable::new(&drafts, &ranges, names, Vec::new(), Vec::new());
    for (address, length) in packets {
        let found = table.find(address, length);
        let (range, country, asn) = scan(&rules, &lengths, address, length);
        let expected =
            Found { range: Range(range.try_into().unwrap()), country, asn };
        assert_eq!(found, expected, "{address}/{length}");
    }
}

proptest! {
    #[test]
    fn a_lookup_is_a_longest_prefix_scan(
        prefixes in prop::collection::vec((prefix(), any::<u8>()), 0..60),
        packets in prop::collection::vec((prefix(), any::<bool>()), 1..60),
    ) {
        let packets = packets.into_iter().map(|(prefix, is_whole)| {
            let length = if is_whole { 128 } else { prefix.length() };
            (prefix.address(), length)
        });
        compare(&prefixes, packets);
    }
}

/// A fixed sequence of numbers: xorshift.
fn numbers() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(0x9e37_79b9_7f4a_7c15_u64), |last| {
        let mut next = *last;
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        Some(next)
    })
    .skip(1)
}

#[test]
fn a_million_packets_find_the_ranges_of_a_scan_over_50_000_prefixes() {
    let address = |number: u64, is_v4: bool| -> IpAddr {
        match is_v4 {
            // A quarter of the space, so that many packets hit.
            true => {
                let [a, b, c, d, ..] = number.to_be_bytes();
                Ipv4Addr::new(a >> 2, b, c, d).into()
            }
            false => {
                let high =
                    (number | 1 << 61) & !(0b110 << 61) & 0x20ff_ffff_ffff_ffff;
                Ipv6Addr::from(u128::from(high) << 64).into()
            }
        }
    };
    let prefixes: Vec<_> = numbers()
        .take(50_000)
        .map(|number| {
            let is_v4 = number >> 40 & 1 == 0;
            let length = match is_v4 {
                true => 8 + (number >> 41) % 25,
                // Fewer lengths, as the scan asks for each.
                false => 20 + (number >> 41) % 6 * 8,
            };
            let length = u8::try_from(length).unwrap();
            let prefix = Prefix::of(address(number, is_v4), length);
            (prefix.unwrap(), number.to_be_bytes()[7])
        })
        .collect();
    let packets = numbers().skip(50_000).take(1_000_000).map(|number| {
        let is_v4 = number >> 40 & 1 == 0;
        let length = if number >> 41 & 1 == 0 { 128 } else { 24 };
        (address(number, is_v4), length)
    });
    compare(&prefixes, packets);
}
