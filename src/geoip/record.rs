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
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Country;

/// The part of a record that is about the country.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The other subjects of the record.
    pub(super) content: Content,
    /// The country, `UNKNOWN` if the place is empty.
    pub(super) country: Country,
}

/// The subjects of records, by their keys.
///
/// Databases of networks' owners have a country too, that of an office. They
/// are told from those of places by the keys beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Content(u8);

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

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record of a country database")
    }

    fn visit_map<M: MapAccess<'de>>(
        self,
        mut map: M,
    ) -> Result<Record, M::Error> {
        let mut nested: Option<Place> = None;
        let mut code: Option<Place> = None;
        let mut content = 0;
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "country" => nested = Some(map.next_value()?),
                "country_code" => code = Some(map.next_value()?),
                key => {
                    content |= Content::of_key(key);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if nested.is_some() || code.is_some() {
            content |= Content::COUNTRY;
        }
        // A code of its own, or a map, is of a place.
        if code.is_some() || nested.as_ref().is_some_and(|one| one.is_map) {
            content |= Content::PLACE;
        }
        // If both are there, `country` may be a name such as "Germany".
        Ok(Record {
            content: Content(content),
            country: code
                .and_then(|place| place.country)
                .or_else(|| nested.and_then(|place| place.country))
                .unwrap_or(Country::UNKNOWN),
        })
    }
}

/// A value in the place of a country: a code, a name, or a map with a code.
#[derive(Default)]
struct Place {
    country: Option<Country>,
    is_map: bool,
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(PlaceVisitor)
    }
}

struct PlaceVisitor;

impl<'de> Visitor<'de> for PlaceVisitor {
    type Value = Place;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a country code, or a map that holds one")
    }

    fn visit_str<E>(self, text: &str) -> Result<Place, E> {
        // DB-IP gives the ranges that belong to no country this code.
        let country = Country::from_code(text)
            .filter(|country| country.fixed_label() != Some("ZZ"));
        Ok(Place { country, is_map: false })
    }

    fn visit_map<M: MapAccess<'de>>(
        self,
        mut map: M,
    ) -> Result<Place, M::Error> {
        let mut place = Place::default();
        while let Some(key) = map.next_key::<&str>()? {
            if key == "iso_code" {
                // A map here would be a layout nobody has; the depth of the
                // decoder's recursion is bounded.
                place = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Place { is_map: true, ..place })
    }

    fn visit_seq<S: SeqAccess<'de>>(
        self,
        mut seq: S,
    ) -> Result<Place, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Place::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Place, E> {
        Ok(Place::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Place, E> {
        Ok(Place::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Place, E> {
        Ok(Place::default())
    }

    fn visit_u128<E>(self, _: u128) -> Result<Place, E> {
        Ok(Place::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Place, E> {
        Ok(Place::default())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Place, E> {
        Ok(Place::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(json: &str) -> Record {
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
}
