//! The country in a database's record, whichever layout the record has.
//!
//! | layout | place of the code |
//! |---|---|
//! | MaxMind, DB-IP | `country.iso_code` |
//! | IPinfo, and several redistributions | `country_code` |
//! | older IPinfo and other flat ones | `country`, if it is two letters |
//!
//! A record's `registered_country` and `represented_country` are not asked:
//! they give the owner of a network, not its place, and the totals would differ
//! from those of every other exporter that reads the same database.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::Country;
use super::loose::{Loose, next};

/// The part of a record that is about the country.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record<'a> {
    /// The other subjects of the record.
    pub(super) content: Content,
    /// The country, `UNKNOWN` if the place is empty.
    pub(super) country: Country,
    /// The name of the country, in English where there are several languages.
    pub(super) name: Option<&'a str>,
    /// The code of the continent.
    pub(super) continent: Option<&'a str>,
}

/// The subjects of records, by their keys.
///
/// Databases of networks' owners have a country too, that of an office. They
/// are told from those of places by the keys beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content(u8);

impl Content {
    /// A place for a country, filled or not.
    const COUNTRY: u8 = 1;
    /// The contact of a network.
    const CONTACT: u8 = 2;
    /// The number of an autonomous system.
    const SYSTEM: u8 = 4;
    /// Other keys of databases of autonomous systems.
    const OWNER: u8 = 8;
    /// More about a place than a country.
    const PLACE: u8 = 16;

    /// Returns the subject of a key of a record, beside the country itself.
    fn of_key(key: &str) -> u8 {
        match key {
            "abuse" | "email" | "emails" | "phone" => Self::CONTACT,
            "asn" | "autonomous_system_number" => Self::SYSTEM,
            "autonomous_system_organization"
            | "domain"
            | "name"
            | "route"
            | "type" => Self::OWNER,
            "city" | "continent" | "continent_code" | "country_name"
            | "location" | "region" => Self::PLACE,
            _ => 0,
        }
    }

    /// Adds the subjects of another record.
    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Returns whether there is a place for a country.
    pub(super) fn has_country(self) -> bool {
        self.0 & Self::COUNTRY != 0
    }

    /// Returns whether the country is that of an owner, not of a place.
    pub(super) fn is_of_owners(self) -> bool {
        let system = Self::SYSTEM | Self::OWNER;
        self.0 & Self::CONTACT != 0
            || (self.0 & system == system && self.0 & Self::PLACE == 0)
    }
}

/// Returns whether a database calls itself one of networks' owners, and not
/// also one of places.
pub(super) fn is_type_of_owners(database_type: &str) -> bool {
    const OWNERS: [&str; 9] = [
        "abuse", "asn", "carrier", "company", "domain", "domains", "isp",
        "rwhois", "whois",
    ];
    const PLACES: [&str; 4] = ["country", "city", "location", "enterprise"];
    let lower = database_type.to_ascii_lowercase();
    let words = || lower.split(|char: char| !char.is_ascii_alphanumeric());
    words().any(|word| OWNERS.contains(&word))
        && !words().any(|word| PLACES.contains(&word))
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record of a country database")
    }

    fn visit_map<M: MapAccess<'de>>(
        self,
        mut map: M,
    ) -> Result<Record<'de>, M::Error> {
        let mut nested: Option<Place<'_>> = None;
        let mut code: Option<Place<'_>> = None;
        let mut continent = Place::default();
        let (mut name, mut continent_code) = (None, None);
        let mut content = 0;
        while let Some(key) = map.next_key::<&str>()? {
            content |= Content::of_key(key);
            match key {
                "country" => nested = Some(next(&mut map)?),
                "country_code" => code = Some(next(&mut map)?),
                "country_name" => name = next(&mut map)?,
                "continent" => continent = next(&mut map)?,
                "continent_code" => continent_code = next(&mut map)?,
                _ => next::<Ignored, _>(&mut map)?.0,
            }
        }
        if nested.is_some() || code.is_some() {
            content |= Content::COUNTRY;
        }
        // A code of its own, or a map, is of a place.
        if code.is_some() || nested.as_ref().is_some_and(|one| one.is_map) {
            content |= Content::PLACE;
        }
        let nested = nested.unwrap_or_default();
        let code = code.unwrap_or_default();
        // If both are there, `country` may be a name such as "Germany".
        let text = nested.text.filter(|_| nested.country.is_none());
        Ok(Record {
            content: Content(content),
            country: code.country.or(nested.country).unwrap_or_default(),
            name: nested.name.or(name).or(text),
            continent: continent.code.or(continent_code).or(continent.text),
        })
    }
}

/// A value that is skipped.
#[derive(Default)]
struct Ignored(());

impl Loose<'_> for Ignored {}

/// A value in the place of a country or continent: a code, a name, or a map
/// that holds both.
#[derive(Default)]
struct Place<'a> {
    country: Option<Country>,
    is_map: bool,
    text: Option<&'a str>,
    code: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'a> Loose<'a> for Place<'a> {
    fn of_text(text: &'a str) -> Self {
        // DB-IP gives the ranges that belong to no country this code.
        let country = Country::from_code(text)
            .filter(|country| country.fixed_label() != Some("ZZ"));
        Self { country, text: Some(text), ..Self::default() }
    }

    fn of_map<M: MapAccess<'a>>(mut map: M) -> Result<Self, M::Error> {
        let mut place = Self { is_map: true, ..Self::default() };
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "iso_code" => {
                    place.country = next::<Self, _>(&mut map)?.country;
                }
                "code" => place.code = next(&mut map)?,
                "names" => place.name = next::<English<'_>, _>(&mut map)?.0,
                _ => next::<Ignored, _>(&mut map)?.0,
            }
        }
        Ok(place)
    }
}

/// A name in English, out of a map by languages.
#[derive(Default)]
struct English<'a>(Option<&'a str>);

impl<'a> Loose<'a> for English<'a> {
    fn of_map<M: MapAccess<'a>>(mut map: M) -> Result<Self, M::Error> {
        let mut name = None;
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "en" => name = next(&mut map)?,
                _ => next::<Ignored, _>(&mut map)?.0,
            }
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(json: &str) -> Record<'_> {
        serde_json::from_str(json).unwrap()
    }

    fn code(json: &str) -> String {
        record(json).country.to_string()
    }

    #[test]
    fn the_code_is_found_in_every_layout() {
        let maxmind = r#"{
            "continent": {"code": "EU", "names": {"en": "Europe"}},
            "country": {"geoname_id": 2921044, "iso_code": "DE",
                        "names": {"de": "Deutschland", "en": "Germany"}},
            "registered_country": {"iso_code": "FR"}
        }"#;
        assert_eq!(code(maxmind), "DE");
        assert_eq!(code(r#"{"country": "DE", "continent": "EU"}"#), "DE");
        assert_eq!(code(r#"{"country_code": "DE"}"#), "DE");
        assert_eq!(code(r#"{"country_code": "de"}"#), "DE");
    }

    #[test]
    fn a_code_beside_a_name_is_taken_in_either_order() {
        assert_eq!(
            code(r#"{"country": "Germany", "country_code": "DE"}"#),
            "DE"
        );
        assert_eq!(
            code(r#"{"country_code": "DE", "country": "Germany"}"#),
            "DE"
        );
    }

    #[test]
    fn the_owner_of_a_network_is_not_its_country() {
        let record = record(
            r#"{"registered_country": {"iso_code": "US"},
                "represented_country": {"iso_code": "US"}}"#,
        );
        assert_eq!(record, Record::default());
    }

    #[test]
    fn an_unfilled_place_is_unknown_but_a_place() {
        for json in [
            r#"{"country": {}}"#,
            r#"{"country": {"names": {"en": "Germany"}}}"#,
            r#"{"country": "Germany"}"#,
            r#"{"country": ""}"#,
            r#"{"country_code": "-"}"#,
            r#"{"country_code": "ZZ"}"#,
            r#"{"country_code": 276}"#,
            r#"{"country": ["DE"]}"#,
            r#"{"country": {"iso_code": 2.5}}"#,
        ] {
            let record = record(json);
            assert!(record.content.has_country(), "{json}");
            assert_eq!(record.country, Country::UNKNOWN, "{json}");
        }
    }

    #[test]
    fn a_record_of_another_kind_has_no_place_for_a_country() {
        let json = r#"{"autonomous_system_number": 64496,
                       "autonomous_system_organization": "Example"}"#;
        assert!(!record(json).content.has_country());
    }

    #[test]
    fn names_are_found_in_every_layout() {
        let maxmind = r#"{
            "continent": {"code": "EU", "names": {"en": "Europe"}},
            "country": {"iso_code": "DE",
                        "names": {"de": "Deutschland", "en": "Germany"}}
        }"#;
        let lite = r#"{"continent": "Europe", "continent_code": "EU",
                       "country": "Germany", "country_code": "DE"}"#;
        let older = r#"{"continent": "EU", "country": "DE",
                        "country_name": "Germany"}"#;
        for json in [maxmind, lite, older] {
            let record = record(json);
            let found = (record.name, record.continent);
            assert_eq!(found, (Some("Germany"), Some("EU")), "{json}");
        }
        let plain = record(r#"{"country": "DE"}"#);
        assert_eq!((plain.name, plain.continent), (None, None));
    }
}
