//! The record of one address, for people who ask why.
//!
//! It has a reader of its own: the one of the poller is fastest if it has one
//! caller.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::Reader;
use serde_json::Value;

use super::database::MAX_DATABASE_BYTES;
use crate::files;

/// The records of a database.
#[derive(Debug)]
pub struct Records(Vec<u8>);

/// The record of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explained {
    /// The prefix that has the record.
    pub prefix: Option<String>,
    /// Is true if there is a record.
    pub has_record: bool,
    /// The city and region, if the record has them.
    pub place: Option<String>,
}

impl Records {
    /// Reads a file that has been found sound. Without a file there are no
    /// records.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let content = files::read(path, MAX_DATABASE_BYTES);
        Self(content.map(|content| content.bytes).unwrap_or_default())
    }

    /// Returns the record of an address.
    #[must_use]
    pub fn explain(&self, address: IpAddr) -> Explained {
        let Ok(reader) = Reader::from_source(&self.0[..]) else {
            return Explained::default();
        };
        let Ok(found) = reader.lookup(address) else {
            return Explained::default();
        };
        let prefix = found.network().ok().map(|prefix| prefix.to_string());
        match found.decode::<Value>() {
            Ok(Some(record)) => {
                let place = place(&record);
                Explained { prefix, has_record: true, place }
            }
            Ok(None) | Err(_) => Explained { prefix, ..Explained::default() },
        }
    }
}

/// Returns the city and region of a record, in the layouts of MaxMind and of
/// flat databases.
fn place(record: &Value) -> Option<String> {
    let name = |value: &Value| {
        let english = value.pointer("/names/en").unwrap_or(value);
        english.as_str().filter(|text| !text.is_empty()).map(String::from)
    };
    let city = record.get("city").and_then(name);
    let region = record.pointer("/subdivisions/0").and_then(name);
    let region = region.or_else(|| record.get("region").and_then(name));
    let parts: Vec<String> = city.into_iter().chain(region).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_place_is_found_in_each_layout() {
        for (record, expected) in [
            (
                json!({"city": {"names": {"en": "Köln"}},
                    "subdivisions": [{"names": {"en": "NRW"}}]}),
                Some("Köln, NRW"),
            ),
            (json!({"city": "Köln", "region": "NRW"}), Some("Köln, NRW")),
            (json!({"country": {"iso_code": "DE"}, "city": ""}), None),
        ] {
            assert_eq!(place(&record).as_deref(), expected);
        }
    }
}
