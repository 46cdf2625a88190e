//! Every setting. Flags, environment variables, TOML keys, `--help`, the sample
//! file, the man pages and docs/settings.md are made from these definitions.
//! This file has the settings of counting, `series` those of the page,
//! `networks` those of networks, `hosts` those of remote hosts, `connections`
//! those of connections, `serving` those of the web server, `running` those of
//! the process, `history` those of the history, `quota` those of the quota, `lists` those that are lists of
//! tables.
//!
//! A feature with a table of its own has its settings in its own file, with
//! keys such as `connections.interval`, and adds one line to [`TABLES`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod connections;
mod history;
mod hosts;
mod lists;
mod networks;
mod quota;
mod running;
mod series;
mod serving;
mod whole;

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::setting::{Effect, Kind, Setting};
use super::{Config, duration, interfaces, values};

/// Below 500 µs even an empty poll takes longer than the pause. Above a day the
/// totals would stand still for too long to be useful.
const POLL_INTERVAL: RangeInclusive<Duration> =
    Duration::from_micros(500)..=Duration::from_secs(24 * 3600);

/// The kernel allocates the memory of every entry at the start: 16,777,216
/// entries take several gigabytes, and more with every CPU.
const MAP_MAX_ENTRIES: RangeInclusive<u32> = 1..=1 << 24;

/// The buffers of one system call hold this many entries for every CPU.
const FLOW_BATCH_SIZE: RangeInclusive<u32> = 1..=1 << 20;

/// More records than any database of countries has.
const GEOIP_CACHE_SIZE: RangeInclusive<u32> = 1..=1 << 24;

/// Every group of settings, in the order of the documents.
const TABLES: &[&[Setting]] = &[
    COUNTING,
    whole::WHOLE,
    networks::NETWORKS,
    hosts::HOSTS,
    connections::CONNECTIONS,
    series::SERIES,
    serving::SERVING,
    running::RUNNING,
    history::HISTORY,
    quota::QUOTAS,
    lists::LISTS,
];

/// Returns every setting, in the order of the documents.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    TABLES.iter().copied().flatten()
}

/// Returns the setting with this key.
pub fn find(key: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.key == key)
}

const COUNTING: &[Setting] = &[
    Setting {
        key: "interfaces",
        kind: Kind::Text,
        value_name: "NAMES",
        summary: "Interfaces to count",
        details: "\"any\" means every interface but loopback, up or down, \
            also those that appear later. \"containers\" means the ends of \
            veth and netkit pairs whose other end is in another network \
            namespace, on a machine that has interfaces with hardware or a \
            virtual bus behind them (Linux 5.14). \"uplinks\" means the interfaces \
            with hardware or a virtual bus behind them. If there are none, \
            as in a container, and before Linux 5.14, it means those with a \
            default route in the main routing table. In a name, * stands for \
            any bytes and ? for one. ! before a name, a pattern or a word \
            excludes: \"any,!veth*,!docker*\". An interface is counted if \
            one entry includes it and none excludes it; the order does not \
            matter. If a list only excludes, \"any\" is added to it. Only its \
            full name includes loopback. The exporter waits for an interface \
            that does not exist. Alternative names are not searched. A list \
            is written with commas or, in a TOML file, as an array. A \
            backslash makes a sign stand for itself, and \\x with two digits \
            writes a byte: 'a\\,b' and 'a\\xffb' are names. Empty: \
            \"any,!containers\".",
        expected: "\"any\", \"uplinks\", \"containers\" or a comma list of \
            names, patterns and exclusions (in TOML also an array)",
        example: "\"eth*,!eth9\"",
        effect: Effect::Live,
        read: |config, value| {
            config.interfaces = interfaces::interfaces(value)?;
            Ok(())
        },
        write: |config| interfaces::value(&config.interfaces),
        copy: |config, old| config.interfaces = old.interfaces.clone(),
    },
    Setting {
        key: "geoip_db",
        kind: Kind::Text,
        value_name: "FILE",
        summary: "Database of countries",
        details: "The layouts of MaxMind, DB-IP, IPinfo and others with a \
            flat country_code are read. While the file does not exist, \
            every country is UNKNOWN. If this is not set and the default \
            file does not exist, the exporter looks for GeoLite2-Country.mmdb, \
            GeoIP2-Country.mmdb, the City databases of these names and \
            dbip-country-lite.mmdb in /usr/share/GeoIP, /var/lib/GeoIP and \
            /usr/local/share/GeoIP, at the start and at a reload. A reload \
            opens the database again even if nothing changed.",
        expected: "the path of an mmdb file",
        example: "\"/usr/share/GeoIP/GeoLite2-Country.mmdb\"",
        effect: Effect::Live,
        read: |config, value| {
            config.geoip_db = values::file(value)?.into();
            Ok(())
        },
        write: |config| config.geoip_db.to_string_lossy().into_owned().into(),
        copy: |config, old| config.geoip_db = old.geoip_db.clone(),
    },
    Setting {
        key: "geoip_db_watch",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Load the database again when its file changes",
        details: "With false it is loaded again at a reload only.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.geoip_db_watch = values::switch(value)?;
            Ok(())
        },
        write: |config| config.geoip_db_watch.into(),
        copy: |config, old| config.geoip_db_watch = old.geoip_db_watch,
    },
    Setting {
        key: "geoip_cache_size",
        kind: Kind::Number,
        value_name: "RECORDS",
        summary: "Database records kept decoded",
        details: "A country database has a few hundred records, so the \
            default keeps them all.",
        expected: "a whole number from 1 to 16777216, or 0 for the default",
        example: "65536",
        effect: Effect::Live,
        read: |config, value| {
            let default =
                NonZeroU32::try_from(Config::default().geoip_cache_size);
            let default = default.map_err(|_| values::Fault::NotExpected)?;
            let size = values::size(value, GEOIP_CACHE_SIZE, default)?;
            config.geoip_cache_size =
                size.try_into().map_err(|_| values::Fault::NotExpected)?;
            Ok(())
        },
        write: |config| integer(config.geoip_cache_size.get()),
        copy: |config, old| config.geoip_cache_size = old.geoip_cache_size,
    },
    Setting {
        key: "map_max_entries",
        kind: Kind::Number,
        value_name: "FLOWS",
        summary: "Flows the kernel keeps between two polls",
        details: "A flow is an interface, a direction and a remote prefix. \
            If more flows are active within one poll_interval than fit, the \
            kernel drops the least recently used. Their bytes since the last \
            poll are counted in geoip_unattributed_bytes_*_total, without a \
            country. Every entry takes memory for every CPU.",
        expected: "a whole number from 1 to 16777216",
        example: "100000",
        effect: Effect::Restart,
        read: |config, value| {
            config.map_max_entries = values::nonzero(value, MAP_MAX_ENTRIES)?;
            Ok(())
        },
        write: |config| i64::from(config.map_max_entries.get()).into(),
        copy: |config, old| config.map_max_entries = old.map_max_entries,
    },
    Setting {
        key: "poll_interval",
        kind: Kind::Text,
        value_name: "DURATION",
        summary: "Time between two polls of the kernel's counts",
        details: "A number with a unit: us, ms, s, m or min, h, and their \
            sequences such as 1m30s. Under 10ms polls take a large part of a \
            CPU. Over an hour the totals stand still for too long to compute \
            rates from them, and short flows are dropped before they are \
            read. Keep it below the scrape interval.",
        expected: "a duration from 500us to 24h",
        example: "\"2s\"",
        effect: Effect::Live,
        read: |config, value| {
            config.poll_interval = duration::duration(value, POLL_INTERVAL)?;
            Ok(())
        },
        write: |config| duration::duration_text(config.poll_interval).into(),
        copy: |config, old| config.poll_interval = old.poll_interval,
    },
    Setting {
        key: "flow_batch_size",
        kind: Kind::Number,
        value_name: "FLOWS",
        summary: "Flows read by one system call",
        details: "It bounds the memory of the buffers: a flow takes 24 bytes \
            and 24 more for every CPU. From a few hundred on it hardly \
            changes the cost of a poll.",
        expected: "a whole number from 1 to 1048576, or 0 for the default",
        example: "10000",
        effect: Effect::Live,
        read: |config, value| {
            let default = Config::default().flow_batch_size;
            config.flow_batch_size =
                values::size(value, FLOW_BATCH_SIZE, default)?;
            Ok(())
        },
        write: |config| i64::from(config.flow_batch_size.get()).into(),
        copy: |config, old| config.flow_batch_size = old.flow_batch_size,
    },
    Setting {
        key: "ipv4_prefix_length",
        kind: Kind::Number,
        value_name: "BITS",
        summary: "Bits of a remote IPv4 address that make a flow",
        details: "Addresses with these bits in common are counted together \
            and get the country of the first one. 32 keeps every address \
            apart; fewer bits take less memory. With remote_hosts = true the \
            default is 32.",
        expected: "a whole number from 8 to 32",
        example: "24",
        effect: Effect::Restart,
        read: |config, value| {
            config.ipv4_prefix_length = values::number(value, 8..=32)?;
            Ok(())
        },
        write: |config| i64::from(config.ipv4_prefix_length).into(),
        copy: |config, old| config.ipv4_prefix_length = old.ipv4_prefix_length,
    },
    Setting {
        key: "ipv6_prefix_length",
        kind: Kind::Number,
        value_name: "BITS",
        summary: "Bits of a remote IPv6 address that make a flow",
        details: "Addresses with these bits in common are counted together \
            and get the country of the first one. 128 keeps every address \
            apart; fewer bits take less memory. With remote_hosts = true the \
            default is 128.",
        expected: "a whole number from 16 to 128",
        example: "48",
        effect: Effect::Restart,
        read: |config, value| {
            config.ipv6_prefix_length = values::number(value, 16..=128)?;
            Ok(())
        },
        write: |config| i64::from(config.ipv6_prefix_length).into(),
        copy: |config, old| config.ipv6_prefix_length = old.ipv6_prefix_length,
    },
];

/// Returns a path, or an empty text if there is none.
pub(super) fn optional(path: Option<&Path>) -> toml::Value {
    path.unwrap_or("".as_ref()).to_string_lossy().into_owned().into()
}

fn integer(number: usize) -> toml::Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
