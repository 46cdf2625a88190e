//! Settings of remote hosts and of the database of their places.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use figment::value::Value;

use super::optional;
use crate::config::setting::{Effect, Kind, Setting};
use crate::config::values::Fault;
use crate::config::{byte_size, values};

/// A host has three series on the page.
const REMOTE_HOSTS_TOP: RangeInclusive<u32> = 1..=5_000;

/// Up to more than a host exchanges in a year.
const THRESHOLD: RangeInclusive<u64> = 0..=1 << 50;

pub(super) const HOSTS: &[Setting] = &[
    Setting {
        key: "remote_hosts",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Count bytes and packets by remote address",
        details: "Each packet counts once, where it enters or leaves the \
            machine. The exporter keeps 200,000 addresses, which take 36 to \
            130 MB; the traffic of those that it forgets is summed by country. \
            The kernel has to keep whole addresses: so the defaults of \
            ipv4_prefix_length and ipv6_prefix_length are then 32 and 128. \
            Each address takes a place in the flow table and in the map of \
            map_max_entries flows; docs/hosts.md says what that costs. With \
            other values of the two, prefixes stand in place of addresses.",
        expected: "true or false",
        example: "true",
        effect: Effect::Restart,
        read: |config, value| {
            config.remote_hosts = values::switch(value)?;
            Ok(())
        },
        write: |config| config.remote_hosts.into(),
        copy: |config, old| config.remote_hosts = old.remote_hosts,
    },
    Setting {
        key: "city_db",
        kind: Kind::Text,
        value_name: "FILE",
        summary: "Database of cities",
        details: "It gives remote addresses a city and a subdivision of the \
            country. The layouts of MaxMind (City, Enterprise), DB-IP and \
            IPinfo are read. It is opened only if remote_hosts is true. If \
            this is not set, the exporter looks for GeoLite2-City.mmdb, \
            GeoIP2-City.mmdb and dbip-city-lite.mmdb in /usr/share/GeoIP, \
            /var/lib/GeoIP and /usr/local/share/GeoIP, at the start and at a \
            reload, and without such a file addresses have no city. \
            geoip_db_watch is for this database too. A database with cities \
            can be geoip_db too; it is then read twice. Empty: none.",
        expected: "the path of an mmdb file, or empty",
        example: "\"/usr/share/GeoIP/GeoLite2-City.mmdb\"",
        effect: Effect::Live,
        read: |config, value| {
            config.city_db = match values::text(value)? {
                "" => None,
                _ => Some(values::file(value)?.into()),
            };
            Ok(())
        },
        write: |config| optional(config.city_db.as_deref()),
        copy: |config, old| config.city_db = old.city_db.clone(),
    },
    Setting {
        key: "names_language",
        kind: Kind::Text,
        value_name: "LANGUAGE",
        summary: "Language of the names of cities and subdivisions",
        details: "If the database has no name in this language, another form \
            of the language is taken (pt-BR for pt), then English, then the \
            first name that it has. MaxMind's databases have de, en, es, fr, \
            ja, pt-BR, ru and zh-CN.",
        expected: "a language tag of letters, digits and hyphens",
        example: "\"en\"",
        effect: Effect::Live,
        read: |config, value| {
            config.names_language = language(value)?;
            Ok(())
        },
        write: |config| config.names_language.as_str().into(),
        copy: |config, old| config.names_language = old.names_language.clone(),
    },
    Setting {
        key: "remote_hosts_metrics",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Show the largest remote addresses as series",
        details: "Adds geoip_remote_host_bytes_received_total, \
            geoip_remote_host_bytes_sent_total and geoip_remote_host_info, \
            if remote_hosts is true. Addresses of people may be personal \
            data, and Prometheus keeps them.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.remote_hosts_metrics = values::switch(value)?;
            Ok(())
        },
        write: |config| config.remote_hosts_metrics.into(),
        copy: |config, old| {
            config.remote_hosts_metrics = old.remote_hosts_metrics;
        },
    },
    Setting {
        key: "remote_hosts_top",
        kind: Kind::Number,
        value_name: "HOSTS",
        summary: "Remote addresses with series of their own",
        details: "The page shows the addresses with the most bytes, and all \
            others as remote=\"other\". An address starts at zero when it is \
            first shown. When all places are taken, an address takes the \
            place of the smallest one if it has an eighth more bytes; at most \
            60 addresses do so within an hour.",
        expected: "a whole number from 1 to 5000",
        example: "100",
        effect: Effect::Live,
        read: |config, value| {
            config.remote_hosts_top = values::number(value, REMOTE_HOSTS_TOP)?;
            Ok(())
        },
        write: |config| i64::from(config.remote_hosts_top).into(),
        copy: |config, old| config.remote_hosts_top = old.remote_hosts_top,
    },
    Setting {
        key: "remote_hosts_threshold",
        kind: Kind::Text,
        value_name: "SIZE",
        summary: "Bytes from which on a remote address may have series",
        details: "The bytes of addresses below it are in remote=\"other\". An \
            address that has series keeps them if this is raised.",
        expected: "a size from 0B to 1PiB, with a unit",
        example: "\"1MiB\"",
        effect: Effect::Live,
        read: |config, value| {
            config.remote_hosts_threshold =
                byte_size::byte_size(value, THRESHOLD)?;
            Ok(())
        },
        write: |config| {
            byte_size::byte_size_text(config.remote_hosts_threshold).into()
        },
        copy: |config, old| {
            config.remote_hosts_threshold = old.remote_hosts_threshold;
        },
    },
];

/// Reads the tag of a language: letters, digits and hyphens.
fn language(value: &Value) -> Result<String, Fault> {
    let text = values::text(value)?;
    let are_known = |part: &str| {
        (1..=8).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let main = text.split('-').next().unwrap_or_default();
    let is_one = matches!(main.len(), 2 | 3)
        && main.bytes().all(|byte| byte.is_ascii_alphabetic())
        && text.len() <= 35
        && text.split('-').all(are_known);
    is_one.then(|| text.into()).ok_or(Fault::NotExpected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_a_tag() {
        for text in ["en", "pt-BR", "zh-Hant-TW", "gsw", "DE"] {
            assert_eq!(language(&text.into()), Ok(text.into()));
        }
        for text in ["", "e", "english", "en_US", "en-", "-en", "de DE", "日本"]
        {
            assert_eq!(language(&text.into()), Err(Fault::NotExpected));
        }
    }
}
