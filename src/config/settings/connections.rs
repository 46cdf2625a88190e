//! Settings of TCP connections.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::setting::{Effect, Kind, Setting};
use crate::config::{connections, duration, values};

/// A visit of a hundred thousand connections takes a tenth of a second of CPU
/// time. Above an hour the times of round trips would say little.
const INTERVAL: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(3600);

/// A country has twelve series of round-trip times.
const COUNTRIES: RangeInclusive<u32> = 1..=1_000;

pub(super) const CONNECTIONS: &[Setting] = &[
    Setting {
        key: "connections",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Count TCP connections by country",
        details: "Adds geoip_tcp_connections, the number of open connections, \
            and counters of opened, failed and closed ones, of bytes, of \
            segments and of retransmitted segments, and a histogram of \
            round-trip times. The kernel counts them where connections \
            change their state, so that short ones are counted too. With \
            false nothing is loaded and it costs nothing; the counters stay \
            in the state. docs/connections.md says more.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.connections = values::switch(value)?;
            Ok(())
        },
        write: |config| config.connections.into(),
        copy: |config, old| config.connections = old.connections,
    },
    Setting {
        key: "connections_interval",
        kind: Kind::Text,
        value_name: "DURATION",
        summary: "Time between two visits of the open connections",
        details: "A visit reads the bytes, segments and round-trip time of \
            each open connection in the kernel. Opened, failed and closed \
            connections are counted without it.",
        expected: "a duration from 1s to 1h",
        example: "\"10s\"",
        effect: Effect::Live,
        read: |config, value| {
            config.connections_interval = duration::duration(value, INTERVAL)?;
            Ok(())
        },
        write: |config| {
            duration::duration_text(config.connections_interval).into()
        },
        copy: |config, old| {
            config.connections_interval = old.connections_interval;
        },
    },
    Setting {
        key: "connections_ignore",
        kind: Kind::Text,
        value_name: "LIST",
        summary: "Remote addresses whose connections are not counted",
        details: "Prefixes, addresses, and names of ranges. An address is \
            in a range if the narrowest range with a name that contains it \
            has this name. Connections over the loopback device and to the \
            machine's own addresses are never counted. Empty: none.",
        expected: "a comma list of prefixes, addresses and names of ranges \
            (in TOML also an array)",
        example: "[\"198.51.100.0/24\", \"office\"]",
        effect: Effect::Live,
        read: |config, value| {
            config.connections_ignore = connections::ignored(value)?;
            Ok(())
        },
        write: |config| connections::ignored_value(&config.connections_ignore),
        copy: |config, old| {
            config.connections_ignore = old.connections_ignore.clone();
        },
    },
    Setting {
        key: "connections_scope",
        kind: Kind::Text,
        value_name: "SCOPE",
        summary: "Network namespaces whose connections are counted",
        details: "\"namespace\": the one that the exporter runs in. \"host\": \
            all of them, those of containers included.",
        expected: "\"namespace\" or \"host\"",
        example: "\"host\"",
        effect: Effect::Live,
        read: |config, value| {
            config.connections_scope = connections::scope(value)?;
            Ok(())
        },
        write: |config| config.connections_scope.name().into(),
        copy: |config, old| config.connections_scope = old.connections_scope,
    },
    Setting {
        key: "connections_countries",
        kind: Kind::Number,
        value_name: "COUNTRIES",
        summary: "Countries with round-trip times of their own",
        details: "The page shows the countries with the most observations, \
            and all others as country=\"other\". A country has 12 series.",
        expected: "a whole number from 1 to 1000",
        example: "64",
        effect: Effect::Live,
        read: |config, value| {
            config.connections_countries = values::number(value, COUNTRIES)?;
            Ok(())
        },
        write: |config| i64::from(config.connections_countries).into(),
        copy: |config, old| {
            config.connections_countries = old.connections_countries;
        },
    },
];
