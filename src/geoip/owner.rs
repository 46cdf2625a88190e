//! The autonomous system in a database's record, whichever layout the record
//! has.
//!
//! | layout | number | name |
//! |---|---|---|
//! | MaxMind (ASN, ISP), DB-IP | `autonomous_system_number` | `autonomous_system_organization` |
//! | the same in files with more in them | in `traits` | in `traits` |
//! | IPinfo | `asn`: `"AS64500"` | `as_name`, or `name` |
//! | Geo Open | `AutonomousSystemNumber` in `country` | `AutonomousSystemOrganization` |
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::Network;
use super::loose::{Loose, next};

/// The part of a record that is about the autonomous system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The number, `UNKNOWN` if the place is empty or missing.
    pub(super) network: Network,
    /// The name, with the rank of its key: a lower one is preferred.
    name: Option<(u8, &'a str)>,
}

impl<'a> Owner<'a> {
    /// Returns the name of the autonomous system.
    pub(super) fn name(&self) -> Option<&'a str> {
        self.name.map(|(_, name)| name)
    }

    fn take(&mut self, other: Self) {
        if self.network == Network::UNKNOWN {
            self.network = other.network;
        }
        let names = self.name.into_iter().chain(other.name);
        self.name = names.min_by_key(|(rank, _)| *rank);
    }

    fn of_entries<M: MapAccess<'a>>(mut map: M) -> Result<Self, M::Error> {
        let mut owner = Self::default();
        while let Some(key) = map.next_key::<&str>()? {
            let rank = match key {
                "asn"
                | "autonomous_system_number"
                | "AutonomousSystemNumber"
                | "as" => {
                    owner.take(next(&mut map)?);
                    continue;
                }
                "country" | "traits" => {
                    owner.take(next::<Inner<'_>, _>(&mut map)?.0);
                    continue;
                }
                "autonomous_system_organization"
                | "AutonomousSystemOrganization" => 0,
                "as_name" => 1,
                "name" => 2,
                "organization" | "org" => 3,
                "isp" => 4,
                _ => {
                    next::<Option<&str>, _>(&mut map)?;
                    continue;
                }
            };
            let name: Option<&str> = next(&mut map)?;
            let name = name.filter(|name| !name.is_empty());
            let name = name.map(|name| (rank, name));
            owner.take(Self { network: Network::UNKNOWN, name });
        }
        Ok(owner)
    }
}

impl<'a> Loose<'a> for Owner<'a> {
    fn of_text(text: &'a str) -> Self {
        let network = Network::from_text(text).unwrap_or_default();
        Self { network, name: None }
    }

    fn of_number(number: u64) -> Self {
        let network = Network(u32::try_from(number).unwrap_or_default());
        Self { network, name: None }
    }

    fn of_map<M: MapAccess<'a>>(map: M) -> Result<Self, M::Error> {
        Self::of_entries(map)
    }
}

/// A map about something else, with the autonomous system in it. A text or a
/// number in its place is not that of an autonomous system.
#[derive(Default)]
struct Inner<'a>(Owner<'a>);

impl<'a> Loose<'a> for Inner<'a> {
    fn of_map<M: MapAccess<'a>>(map: M) -> Result<Self, M::Error> {
        Owner::of_entries(map).map(Self)
    }
}

impl<'de> Deserialize<'de> for Owner<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OwnerVisitor)
    }
}

struct OwnerVisitor;

impl<'de> Visitor<'de> for OwnerVisitor {
    type Value = Owner<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record of a database of autonomous systems")
    }

    fn visit_map<M: MapAccess<'de>>(
        self,
        map: M,
    ) -> Result<Owner<'de>, M::Error> {
        Owner::of_entries(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_and_the_name_are_found_in_every_layout() {
        for json in [
            r#"{"autonomous_system_number": 64500,
                "autonomous_system_organization": "Example"}"#,
            r#"{"isp": "Other", "organization": "Another",
                "autonomous_system_number": 64500,
                "autonomous_system_organization": "Example"}"#,
            r#"{"country": {"iso_code": "DE", "names": {"en": "Germany"}},
                "traits": {"autonomous_system_number": 64500,
                           "autonomous_system_organization": "Example"}}"#,
            r#"{"asn": "AS64500", "domain": "example.com",
                "name": "Example", "route": "192.0.2.0/24", "type": "isp"}"#,
            r#"{"as_domain": "example.com", "as_name": "Example",
                "asn": "AS64500", "country": "Germany",
                "country_code": "DE", "name": "Something"}"#,
            r#"{"asn": "as64500", "as_name": "Example", "country": "DE"}"#,
            r#"{"asn": 64500, "as_name": "Example"}"#,
            r#"{"as": {"asn": "AS64500", "name": "Example"}, "geo": {}}"#,
            r#"{"country": {"iso_code": "DE",
                "AutonomousSystemNumber": "64500",
                "AutonomousSystemOrganization": "Example"}}"#,
            r#"{"autonomous_system_number": 64500, "isp": "Example"}"#,
        ] {
            let owner: Owner<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(owner.network, Network(64_500), "{json}");
            assert_eq!(owner.name(), Some("Example"), "{json}");
        }
    }

    #[test]
    fn a_record_without_a_number_has_no_network() {
        for json in [
            "{}",
            r#"{"country": {"iso_code": "DE"}}"#,
            r#"{"country": "DE"}"#,
            r#"{"country": 276, "traits": "64500"}"#,
            r#"{"asn": ""}"#,
            r#"{"asn": "-"}"#,
            r#"{"asn": 0}"#,
            r#"{"asn": 4294967296}"#,
            r#"{"asn": -1}"#,
            r#"{"asn": 2.5}"#,
            r#"{"asn": true}"#,
            r#"{"asn": ["AS64500"]}"#,
            r#"{"autonomous_system_number": null}"#,
        ] {
            let Ok(owner) = serde_json::from_str::<Owner<'_>>(json) else {
                assert!(json.contains("null"), "databases have no null");
                continue;
            };
            assert_eq!(owner.network, Network::UNKNOWN, "{json}");
        }
    }
}
