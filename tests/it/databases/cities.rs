//! Databases of cities, with names in several scripts.

use super::{facts, named};
use crate::mmdb::{Value, Writer};
use Value::{List, Map, Number, Text};

type Names = &'static [(&'static str, &'static str)];

/// A place: its prefix and country, and the names of its subdivision and city by
/// language. `en` is missing in some.
pub(crate) struct City {
    pub(crate) prefix: &'static str,
    pub(crate) country: &'static str,
    pub(crate) subdivision: Names,
    pub(crate) city: Names,
}

/// Who is in which city, longer prefixes after the shorter ones that they lie
/// in.
pub(crate) const CITIES: [City; 8] = [
    City {
        prefix: "192.0.2.0/24",
        country: "DE",
        subdivision: &[
            ("de", "Nordrhein-Westfalen"),
            ("en", "North Rhine-Westphalia"),
        ],
        city: &[
            ("de", "Köln"),
            ("en", "Cologne"),
            ("ja", "ケルン"),
            ("ru", "Кёльн"),
            ("zh-CN", "科隆"),
        ],
    },
    City {
        prefix: "192.0.2.128/25",
        country: "DE",
        subdivision: &[("en", "Bavaria")],
        city: &[("de", "München"), ("en", "Munich")],
    },
    City {
        prefix: "198.51.100.0/25",
        country: "US",
        subdivision: &[("en", "California")],
        city: &[("en", "A \"quoted\" \\ city\nwith lines")],
    },
    City {
        prefix: "198.51.100.128/25",
        country: "CA",
        subdivision: &[("fr", "Québec")],
        city: &[("fr", "Montréal")],
    },
    City {
        prefix: "203.0.113.0/24",
        country: "JP",
        subdivision: &[("ja", "大阪府")],
        city: &[("ja", "大阪市")],
    },
    City {
        prefix: "198.18.0.0/16",
        country: "BR",
        subdivision: &[],
        city: &[("fa", "علی\u{200c}آباد")],
    },
    City {
        prefix: "2001:db8::/48",
        country: "GB",
        subdivision: &[("en", "England")],
        city: &[("en", "London"), ("he", "לונדון"), ("th", "ลอนดอน")],
    },
    City {
        prefix: "2001:db8:1::/48",
        country: "DE",
        subdivision: &[("en", "Hesse")],
        city: &[],
    },
];

/// Returns every database of cities: its name and its bytes.
pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("city.mmdb", maxmind("GeoLite2-City", 28)),
        ("city-dbip.mmdb", maxmind("DBIP-City-Lite", 32)),
        ("city-ipinfo.mmdb", ipinfo()),
    ]
}

fn names(names: Names) -> Value {
    Map(names.iter().map(|(language, name)| (*language, Text(name))).collect())
}

/// MaxMind's City, whose layout DB-IP has too: maps of names by language, and a
/// list of subdivisions.
fn maxmind(database_type: &'static str, record_bits: usize) -> Vec<u8> {
    let mut writer = Writer::new(6, record_bits);
    for City { prefix, country, subdivision, city } in CITIES {
        let (continent, name, number) = facts(country);
        let mut record = vec![
            ("continent", Map(vec![("code", Text(continent))])),
            ("country", Map(named(country, name, number))),
        ];
        if !city.is_empty() {
            let own = ("geoname_id", Number(2_886_242));
            record.insert(0, ("city", Map(vec![own, ("names", names(city))])));
        }
        if !subdivision.is_empty() {
            let largest = Map(vec![
                ("iso_code", Text("NW")),
                ("names", names(subdivision)),
            ]);
            let smaller =
                Map(vec![("names", Map(vec![("en", Text("A district"))]))]);
            record.push(("subdivisions", List(vec![largest, smaller])));
        }
        writer.insert(prefix, &Map(record));
    }
    writer.finish(database_type)
}

/// IPinfo's: flat, one name of each.
fn ipinfo() -> Vec<u8> {
    let mut writer = Writer::new(6, 32);
    for City { prefix, country, subdivision, city } in CITIES {
        let first = |names: Names| {
            let english = names.iter().find(|(language, _)| *language == "en");
            english.or(names.first()).map_or("", |(_, name)| name)
        };
        let record = Map(vec![
            ("city", Text(first(city))),
            ("country", Text(country)),
            ("region", Text(first(subdivision))),
            ("timezone", Text("UTC")),
        ]);
        writer.insert(prefix, &record);
    }
    writer.finish("ipinfo standard_location.mmdb")
}
