//! The city and the subdivision in a database's record, whichever layout the
//! record has.
//!
//! | layout | city | subdivision |
//! |---|---|---|
//! | MaxMind (City, Enterprise), DB-IP | `city.names` | `subdivisions[0].names` |
//! | IPinfo | `city` | `region` |
//! | other flat ones | `city` | `state1`, `stateprov`, `state` or `subdivision` |
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::loose::{Loose, next, next_element};
use super::network::clean_with;

/// The place of an address below its country, each part none if it is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The name of the largest subdivision: a state, a province, a region.
    pub subdivision: Option<String>,
    /// The name of the city.
    pub city: Option<String>,
}

/// The part of a record that is about the place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CityRecord<'a> {
    /// True if the record has a place for a city, filled or not.
    pub(super) has_city: bool,
    city: Names<'a>,
    /// With the rank of its key: a lower one is preferred.
    subdivision: Option<(u8, Names<'a>)>,
}

impl CityRecord<'_> {
    /// Returns the place with names in a language, if they are there.
    pub(super) fn place(&self, language: &str) -> Place {
        let subdivision = self.subdivision.as_ref();
        Place {
            subdivision: subdivision.and_then(|(_, it)| it.in_(language)),
            city: self.city.in_(language),
        }
    }
}

/// A name, or names by language in the order of the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names<'a>(Vec<(&'a str, &'a str)>);

impl Names<'_> {
    /// Returns the name in this language; else in another form of it (`de` for
    /// `de-AT`, `pt-BR` for `pt`); else in English; else the first one.
    fn in_(&self, language: &str) -> Option<String> {
        let is_it = |own: &str, it: &str| own.eq_ignore_ascii_case(it);
        let find = |is_meant: &dyn Fn(&str) -> bool| {
            self.0.iter().find(|(own, _)| is_meant(own))
        };
        let found = find(&|own| is_it(own, language))
            .or_else(|| find(&|own| is_it(main(own), main(language))))
            .or_else(|| find(&|own| is_it(main(own), "en")))
            .or_else(|| self.0.first());
        let name = clean_place(found?.1);
        (!name.is_empty()).then_some(name)
    }
}

/// Returns the language without its script or country.
fn main(language: &str) -> &str {
    language.split('-').next().unwrap_or(language)
}

/// Returns a name of a place for a label: as that of a network, but with the
/// joiners that Persian and the scripts of India need inside of words.
fn clean_place(name: &str) -> String {
    clean_with(name, |char| matches!(char, '\u{200c}' | '\u{200d}'))
}

impl<'a> Loose<'a> for Names<'a> {
    fn of_text(text: &'a str) -> Self {
        match text {
            // IPinfo and others write this for nothing.
            "" | "-" => Self::default(),
            _ => Self(vec![("", text)]),
        }
    }

    fn of_map<M: MapAccess<'a>>(mut map: M) -> Result<Self, M::Error> {
        let (mut names, mut name) = (Self::default(), Self::default());
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "names" => names = next::<ByLanguage<'_>, _>(&mut map)?.0,
                "name" => name = next(&mut map)?,
                _ => next::<Ignored, _>(&mut map)?.0,
            }
        }
        Ok(if names.0.is_empty() { name } else { names })
    }

    /// Subdivisions: the first one is the largest.
    fn of_list<S: SeqAccess<'a>>(mut list: S) -> Result<Self, S::Error> {
        let first = next_element::<Self, _>(&mut list)?;
        while next_element::<Ignored, _>(&mut list)?.is_some() {}
        Ok(first.unwrap_or_default())
    }
}

/// A map from languages to names.
#[derive(Default)]
struct ByLanguage<'a>(Names<'a>);

impl<'a> Loose<'a> for ByLanguage<'a> {
    fn of_map<M: MapAccess<'a>>(mut map: M) -> Result<Self, M::Error> {
        let mut names = Vec::new();
        while let Some(language) = map.next_key::<&str>()? {
            let name: Option<&str> = next(&mut map)?;
            names.extend(
                name.filter(|name| !name.is_empty())
                    .map(|name| (language, name)),
            );
        }
        Ok(Self(Names(names)))
    }
}

/// A value that is skipped.
#[derive(Default)]
struct Ignored(());

impl Loose<'_> for Ignored {}

impl<'de> Deserialize<'de> for CityRecord<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = CityRecord<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record of a city database")
    }

    fn visit_map<M: MapAccess<'de>>(
        self,
        mut map: M,
    ) -> Result<CityRecord<'de>, M::Error> {
        let mut record = CityRecord::default();
        while let Some(key) = map.next_key::<&str>()? {
            let rank = match key {
                "city" => {
                    record.has_city = true;
                    record.city = next(&mut map)?;
                    continue;
                }
                "subdivisions" => 0,
                "region" => 1,
                "state1" => 2,
                "stateprov" => 3,
                "state" => 4,
                "subdivision" => 5,
                _ => {
                    next::<Ignored, _>(&mut map)?;
                    continue;
                }
            };
            let names: Names<'_> = next(&mut map)?;
            let before = record.subdivision.as_ref();
            let is_better = before.is_none_or(|(other, _)| rank < *other);
            if is_better && !names.0.is_empty() {
                record.subdivision = Some((rank, names));
            }
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geoip::network::LONGEST_NAME;

    fn place(json: &str, language: &str) -> (Option<String>, Option<String>) {
        let record: CityRecord<'_> = serde_json::from_str(json).unwrap();
        let Place { subdivision, city } = record.place(language);
        (subdivision, city)
    }

    fn both(subdivision: &str, city: &str) -> (Option<String>, Option<String>) {
        (Some(subdivision.into()), Some(city.into()))
    }

    const MAXMIND: &str = r#"{
        "city": {"geoname_id": 2886242,
                 "names": {"de": "Köln", "en": "Cologne", "ja": "ケルン",
                           "ru": "Кёльн", "zh-CN": "科隆"}},
        "country": {"iso_code": "DE"},
        "location": {"latitude": 50.9333},
        "subdivisions": [
            {"iso_code": "NW", "names": {"de": "Nordrhein-Westfalen",
                                         "en": "North Rhine-Westphalia"}},
            {"iso_code": "XX", "names": {"en": "A district"}}]
    }"#;

    #[test]
    fn the_place_is_found_in_every_layout() {
        for (json, expected) in [
            (MAXMIND, both("North Rhine-Westphalia", "Cologne")),
            (
                r#"{"city": "Cologne", "country": "DE", "lat": "50.93",
                    "region": "North Rhine-Westphalia"}"#,
                both("North Rhine-Westphalia", "Cologne"),
            ),
            (
                r#"{"city": "Cologne", "country_code": "DE", "state1": "NRW",
                    "state2": "Köln", "stateprov": "x"}"#,
                both("NRW", "Cologne"),
            ),
            (
                r#"{"city": {"name": "Cologne"}, "subdivisions": ["NRW"]}"#,
                both("NRW", "Cologne"),
            ),
            (r#"{"city": "", "region": "-"}"#, (None, None)),
            (r#"{"city": 7, "subdivisions": []}"#, (None, None)),
            (r#"{"country": {"iso_code": "DE"}}"#, (None, None)),
            (
                r#"{"city": {}, "subdivisions": [{"names": {"en": "NRW"}}]}"#,
                (Some("NRW".into()), None),
            ),
        ] {
            assert_eq!(place(json, "en"), expected, "{json}");
        }
    }

    #[test]
    fn the_language_falls_back_to_its_main_form_then_english_then_any() {
        for (language, city) in [
            ("de", "Köln"),
            ("DE", "Köln"),
            ("de-AT", "Köln"),
            ("ja", "ケルン"),
            ("ru", "Кёльн"),
            ("zh", "科隆"),
            ("zh-TW", "科隆"),
            ("fr", "Cologne"),
            ("", "Cologne"),
        ] {
            let (_, found) = place(MAXMIND, language);
            assert_eq!(found.as_deref(), Some(city), "{language}");
        }
        // The subdivision has no Japanese name.
        let (subdivision, _) = place(MAXMIND, "ja");
        assert_eq!(subdivision.as_deref(), Some("North Rhine-Westphalia"));
        let none = r#"{"city": {"names": {"fa": "تهران", "ru": "Тегеран"}}}"#;
        assert_eq!(place(none, "de").1.as_deref(), Some("تهران"));
    }

    #[test]
    fn names_of_any_script_stay_as_they_are_and_marks_of_direction_go() {
        for (name, expected) in [
            ("علی\u{200c}آباد", "علی\u{200c}آباد"),
            ("ශ්\u{200d}රී", "ශ්\u{200d}රී"),
            ("תל אביב-יפו", "תל אביב-יפו"),
            ("Łódź", "Łódź"),
            ("สมุทรปราการ", "สมุทรปราการ"),
            ("a\u{202e}b\u{85}c", "a b c"),
            ("\u{200d}", ""),
        ] {
            let record = serde_json::json!({ "city": name }).to_string();
            let (_, found) = place(&record, "en");
            assert_eq!(found.unwrap_or_default(), expected);
        }
    }

    proptest! {
        #[test]
        fn any_name_becomes_a_short_line(name in any::<String>()) {
            let cleaned = clean_place(&name);
            prop_assert!(cleaned.len() <= LONGEST_NAME);
            prop_assert!(!cleaned.contains(char::is_control));
        }
    }
}
