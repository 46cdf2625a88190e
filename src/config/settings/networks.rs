//! Settings of networks (autonomous systems), and of the names for joins.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use crate::config::setting::{Effect, Kind, Setting};
use crate::config::values;

/// A network has three series on the page.
const NETWORKS_TOP: RangeInclusive<u32> = 1..=10_000;

pub(super) const NETWORKS: &[Setting] = &[
    Setting {
        key: "networks",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Count bytes by network (autonomous system)",
        details: "Adds geoip_as_bytes_received_total and \
            geoip_as_bytes_sent_total for the largest networks, \
            geoip_as_info with their names, and the state of the database. \
            Each byte counts once, where it enters or leaves the machine. \
            With false asn_db is not opened, and polls and scrapes cost as \
            much as without this setting.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.networks = values::switch(value)?;
            Ok(())
        },
        write: |config| config.networks.into(),
        copy: |config, old| config.networks = old.networks,
    },
    Setting {
        key: "asn_db",
        kind: Kind::Text,
        value_name: "FILE",
        summary: "Database of networks (autonomous systems)",
        details: "The layouts of MaxMind (ASN, ISP, Enterprise), DB-IP and \
            IPinfo are read. A file with countries and networks can be \
            geoip_db too; it is then read twice. While the file does not \
            exist, every network is UNKNOWN. If this is not set and the \
            default file does not exist, the exporter looks for \
            GeoLite2-ASN.mmdb, GeoIP2-ISP.mmdb and dbip-asn-lite.mmdb in \
            /usr/share/GeoIP, /var/lib/GeoIP and /usr/local/share/GeoIP, at \
            the start and at a reload. geoip_db_watch and geoip_cache_size \
            are for this database too.",
        expected: "the path of an mmdb file",
        example: "\"/usr/share/GeoIP/GeoLite2-ASN.mmdb\"",
        effect: Effect::Live,
        read: |config, value| {
            config.asn_db = values::file(value)?.into();
            Ok(())
        },
        write: |config| config.asn_db.to_string_lossy().into_owned().into(),
        copy: |config, old| config.asn_db = old.asn_db.clone(),
    },
    Setting {
        key: "networks_top",
        kind: Kind::Number,
        value_name: "NETWORKS",
        summary: "Networks with series of their own",
        details: "The page shows the networks with the most bytes, and all \
            others as asn=\"other\". A network starts at zero when it is \
            first shown. When all places are taken, a network takes the \
            place of the smallest one if it has an eighth more bytes; at \
            most 60 networks do so within an hour.",
        expected: "a whole number from 1 to 10000",
        example: "200",
        effect: Effect::Live,
        read: |config, value| {
            config.networks_top = values::number(value, NETWORKS_TOP)?;
            Ok(())
        },
        write: |config| i64::from(config.networks_top).into(),
        copy: |config, old| config.networks_top = old.networks_top,
    },
    Setting {
        key: "country_info",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Show the names and continents of countries",
        details: "Adds a series geoip_country_info for each country that has \
            traffic, for joins in queries. The names are those of geoip_db, \
            in English. If it has no names, the code is the name, and the \
            continent is UNKNOWN.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.country_info = values::switch(value)?;
            Ok(())
        },
        write: |config| config.country_info.into(),
        copy: |config, old| config.country_info = old.country_info,
    },
];
