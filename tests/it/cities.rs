//! Databases of cities: every layout, and the fall-back of languages.

use std::fs;
use std::net::IpAddr;

use geoip_exporter::geoip::{CityDatabase, Database, Place};

use crate::databases::{cities::CITIES, path};

const LAYOUTS: [&str; 3] = ["city.mmdb", "city-dbip.mmdb", "city-ipinfo.mmdb"];

fn address(prefix: &str) -> IpAddr {
    prefix.split_once('/').unwrap().0.parse().unwrap()
}

/// Returns the name in the language, else in English, else the first.
fn expected(names: &[(&str, &str)], language: &str) -> Option<String> {
    let find = |language| names.iter().find(|(own, _)| *own == language);
    let found = find(language).or(find("en")).or(names.first());
    found.map(|(_, name)| name.replace('\n', " "))
}

#[test]
fn every_layout_has_its_places() {
    for name in LAYOUTS {
        let database = CityDatabase::open(&path(name)).unwrap();
        for city in CITIES {
            let place = database.place(address(city.prefix), "en");
            let expected = Place {
                subdivision: expected(city.subdivision, "en"),
                city: expected(city.city, "en"),
            };
            assert_eq!(place, expected, "{name}: {}", city.prefix);
        }
        for nowhere in ["10.0.0.1", "2001:db8:ffff::1"] {
            let address = nowhere.parse().unwrap();
            assert_eq!(database.place(address, "en"), Place::default());
            assert_eq!(database.record(address), None);
        }
        // Their countries are those of a database of countries.
        let countries = Database::open(&path(name)).unwrap();
        for city in CITIES {
            let country = countries.country(address(city.prefix));
            assert_eq!(country.to_string(), city.country, "{name}");
        }
    }
}

#[test]
fn names_are_in_the_language_or_in_the_next_best() {
    let database = CityDatabase::open(&path("city.mmdb")).unwrap();
    for language in ["de", "en", "ja", "ru", "zh-CN", "he", "th", "fa", "fr"] {
        for city in CITIES {
            let place = database.place(address(city.prefix), language);
            let name = expected(city.city, language);
            assert_eq!(place.city, name, "{language}: {}", city.prefix);
        }
    }
}

#[test]
fn addresses_of_one_record_have_one_number() {
    let database = CityDatabase::open(&path("city.mmdb")).unwrap();
    let record = |text: &str| database.record(text.parse().unwrap());
    assert_eq!(record("192.0.2.1"), record("192.0.2.127"));
    assert_ne!(record("192.0.2.1"), record("192.0.2.128"));
}

#[test]
fn a_database_without_cities_is_refused_with_its_type() {
    for name in ["country-maxmind.mmdb", "asn.mmdb", "no-records.mmdb"] {
        let error = CityDatabase::open(&path(name)).err().unwrap().to_string();
        assert!(
            error.contains("carry no city; use a city database"),
            "{error}"
        );
        assert!(error.contains(name), "{error}");
    }
    for name in ["damaged-cyclic.mmdb", "damaged-truncated.mmdb"] {
        assert!(CityDatabase::open(&path(name)).is_err(), "{name}");
    }
}

/// Whatever is wrong with a record, opening and asking end.
#[test]
fn a_damaged_byte_never_panics() {
    let good = fs::read(path("city.mmdb")).unwrap();
    for place in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[place] ^= 0x55;
        if let Ok(database) = CityDatabase::from_bytes("x".as_ref(), bad) {
            for city in CITIES {
                let _ = database.place(address(city.prefix), "de");
            }
        }
    }
}
