//! Every setting: the one definition behind flags, environment variables,
//! TOML keys, `--help`, the sample file, the man pages and the README.
//!
//! A feature with a table of its own keeps its settings in its own file, with
//! keys such as `connections.interval`, and adds one line to [`TABLES`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::setting::{Effect, Kind, Setting};
use super::{Interfaces, duration, interfaces, listen, values};

/// Below 10 ms reading the map would take longer than the pause; beyond an
/// hour the totals stand still for longer than any rate looks back, while
/// new flows push out old ones that nobody read.
const POLL_INTERVAL: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(3600);

/// The kernel sets the memory of every entry aside at the start: 16,777,216
/// entries are several gigabytes, and more with every CPU.
const MAP_MAX_ENTRIES: RangeInclusive<u32> = 1..=1 << 24;

/// The buffers of one system call hold this many entries for every CPU.
const FLOW_BATCH_SIZE: RangeInclusive<u32> = 1..=1 << 20;

/// More records than any database of countries has.
const GEOIP_CACHE_SIZE: RangeInclusive<u32> = 1..=1 << 24;

/// Every group of settings, in the order of the documents.
const TABLES: &[&[Setting]] = &[GENERAL];

/// Returns every setting, in the order of the documents.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    TABLES.iter().copied().flatten()
}

/// Returns the setting with this key.
pub fn find(key: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.key == key)
}

const GENERAL: &[Setting] = &[
    Setting {
        key: "interfaces",
        kind: Kind::Text,
        value_name: "NAMES",
        summary: "Interfaces to count",
        details: "\"any\" means every interface but loopback, up or down, \
            also those that appear later. A list is written with commas or, \
            in a TOML file, as an array; loopback may be in it. A named \
            interface that does not exist is waited for; it is found by its \
            name, not by an alternative one. Blanks and names given twice \
            are ignored.",
        expected: "\"any\" or a comma list of interface names (in TOML also \
            an array)",
        example: "\"eth0,wg0\"",
        effect: Effect::Live,
        read: |config, value| {
            config.interfaces = interfaces::interfaces(value)?;
            Ok(())
        },
        write: |config| match &config.interfaces {
            Interfaces::Any => "any".into(),
            Interfaces::Named(names) => names.clone().into(),
        },
        keep: |config, old| config.interfaces = old.interfaces.clone(),
    },
    Setting {
        key: "geoip_db",
        kind: Kind::Text,
        value_name: "FILE",
        summary: "Database of countries",
        details: "The layouts of MaxMind, DB-IP, IPinfo and others with a \
            flat country_code are read. While there is no such file every \
            country is UNKNOWN. A reload opens it again even if nothing \
            changed.",
        expected: "the path of an mmdb file",
        example: "\"/usr/share/GeoIP/GeoLite2-Country.mmdb\"",
        effect: Effect::Live,
        read: |config, value| {
            config.geoip_db = values::file(value)?.into();
            Ok(())
        },
        write: |config| config.geoip_db.to_string_lossy().into_owned().into(),
        keep: |config, old| config.geoip_db = old.geoip_db.clone(),
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
        keep: |config, old| config.geoip_db_watch = old.geoip_db_watch,
    },
    Setting {
        key: "geoip_cache_size",
        kind: Kind::Number,
        value_name: "RECORDS",
        summary: "Database records kept decoded",
        details: "A country database has a few hundred records, so the \
            default keeps them all.",
        expected: "a whole number from 1 to 16777216",
        example: "65536",
        effect: Effect::Live,
        read: |config, value| {
            let size = values::nonzero(value, GEOIP_CACHE_SIZE)?;
            config.geoip_cache_size =
                size.try_into().map_err(|_| values::Fault::NotExpected)?;
            Ok(())
        },
        write: |config| integer(config.geoip_cache_size.get()),
        keep: |config, old| config.geoip_cache_size = old.geoip_cache_size,
    },
    Setting {
        key: "map_max_entries",
        kind: Kind::Number,
        value_name: "FLOWS",
        summary: "Flows the kernel keeps between two polls",
        details: "A flow is an interface, a direction and a remote prefix. \
            When more of them are active within one poll_interval than fit, \
            the kernel drops the least recently used; their bytes since the \
            last poll are counted in geoip_unattributed_bytes_*_total, \
            without a country. Every entry takes memory for every CPU.",
        expected: "a whole number from 1 to 16777216",
        example: "100000",
        effect: Effect::Restart,
        read: |config, value| {
            config.map_max_entries = values::nonzero(value, MAP_MAX_ENTRIES)?;
            Ok(())
        },
        write: |config| i64::from(config.map_max_entries.get()).into(),
        keep: |config, old| config.map_max_entries = old.map_max_entries,
    },
    Setting {
        key: "poll_interval",
        kind: Kind::Text,
        value_name: "DURATION",
        summary: "Time between two polls of the kernel's counts",
        details: "A number with a unit: ms, s, m or min, h, and their \
            sequences such as 1m30s. Under 10ms the machine would do little \
            but poll. Over an hour the totals would stand still for too long \
            to compute rates from, and short flows would be pushed out \
            before they are read. Keep it below the scrape interval.",
        expected: "a duration from 10ms to 1h",
        example: "\"2s\"",
        effect: Effect::Live,
        read: |config, value| {
            config.poll_interval = duration::duration(value, POLL_INTERVAL)?;
            Ok(())
        },
        write: |config| duration::duration_text(config.poll_interval).into(),
        keep: |config, old| config.poll_interval = old.poll_interval,
    },
    Setting {
        key: "flow_batch_size",
        kind: Kind::Number,
        value_name: "FLOWS",
        summary: "Flows read by one system call",
        details: "It bounds the memory of the buffers: a flow takes 24 bytes \
            and 24 more for every CPU. From a few hundred on it hardly \
            changes the cost of a poll.",
        expected: "a whole number from 1 to 1048576",
        example: "10000",
        effect: Effect::Live,
        read: |config, value| {
            config.flow_batch_size = values::nonzero(value, FLOW_BATCH_SIZE)?;
            Ok(())
        },
        write: |config| i64::from(config.flow_batch_size.get()).into(),
        keep: |config, old| config.flow_batch_size = old.flow_batch_size,
    },
    Setting {
        key: "ipv4_prefix_length",
        kind: Kind::Number,
        value_name: "BITS",
        summary: "Bits of a remote IPv4 address that make a flow",
        details: "Addresses with these bits in common are counted together \
            and get the country of the first one. 32 keeps every address \
            apart; fewer bits take less memory.",
        expected: "a whole number from 8 to 32",
        example: "24",
        effect: Effect::Restart,
        read: |config, value| {
            config.ipv4_prefix_length = values::number(value, 8..=32)?;
            Ok(())
        },
        write: |config| i64::from(config.ipv4_prefix_length).into(),
        keep: |config, old| config.ipv4_prefix_length = old.ipv4_prefix_length,
    },
    Setting {
        key: "ipv6_prefix_length",
        kind: Kind::Number,
        value_name: "BITS",
        summary: "Bits of a remote IPv6 address that make a flow",
        details: "Addresses with these bits in common are counted together \
            and get the country of the first one. 128 keeps every address \
            apart; fewer bits take less memory.",
        expected: "a whole number from 16 to 128",
        example: "48",
        effect: Effect::Restart,
        read: |config, value| {
            config.ipv6_prefix_length = values::number(value, 16..=128)?;
            Ok(())
        },
        write: |config| i64::from(config.ipv6_prefix_length).into(),
        keep: |config, old| config.ipv6_prefix_length = old.ipv6_prefix_length,
    },
    Setting {
        key: "listen_address",
        kind: Kind::Text,
        value_name: "ADDRESSES",
        summary: "Where the metrics are served",
        details: "IPv6 addresses are written in brackets: [::1]:9100. An \
            empty address, as in :9100, means every address of the machine, \
            IPv6 and IPv4. Port 0 lets the kernel choose a free port, which \
            the log names. A path such as unix:/run/geoip-exporter/metrics.sock \
            is a socket that its owner and group may connect to (mode 0660); \
            one that a dead process left there is replaced.",
        expected: "an address and port, the path of a socket behind unix:, \
            or a comma list of them (in TOML also an array)",
        example: "\"127.0.0.1:9100\"",
        effect: Effect::Restart,
        read: |config, value| {
            config.listen_address = listen::addresses(value)?;
            Ok(())
        },
        write: |config| listen::value(&config.listen_address),
        keep: |config, old| {
            config.listen_address = old.listen_address.clone();
        },
    },
    Setting {
        key: "web_config_file",
        kind: Kind::Text,
        value_name: "FILE",
        summary: "File with TLS and users",
        details: "The file is YAML, in the format that the exporters of \
            Prometheus share: tls_server_config, http_server_config and \
            basic_auth_users. A path in it begins at its directory. It is \
            read again at a reload, and with it the certificate and the key. \
            The name that other exporters give the flag, web.config.file, \
            is understood too. Empty: everybody who reaches the port is \
            answered, in the clear.",
        expected: "the path of a YAML file, or empty",
        example: "\"/etc/geoip-exporter-web.yml\"",
        effect: Effect::Live,
        read: |config, value| {
            config.web_config_file = match value.as_str() {
                Some("") => None,
                _ => Some(values::file(value)?.into()),
            };
            Ok(())
        },
        write: |config| optional(config.web_config_file.as_deref()),
        keep: |config, old| {
            config.web_config_file = old.web_config_file.clone();
        },
    },
    Setting {
        key: "enable_reload",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Let POST /-/reload read everything again",
        details: "It does what SIGHUP does, and answers 200 once that is in \
            force, or 500 with what is wrong. Whoever may scrape may then \
            reload.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.enable_reload = values::switch(value)?;
            Ok(())
        },
        write: |config| config.enable_reload.into(),
        keep: |config, old| config.enable_reload = old.enable_reload,
    },
    Setting {
        key: "metrics_path",
        kind: Kind::Text,
        value_name: "PATH",
        summary: "Path of the metrics page",
        details: "The landing page / and the health pages under /-/ are taken.",
        expected: "a path that begins with a slash",
        example: "\"/metrics\"",
        effect: Effect::Live,
        read: |config, value| {
            config.metrics_path = values::metrics_path(value)?;
            Ok(())
        },
        write: |config| config.metrics_path.clone().into(),
        keep: |config, old| config.metrics_path = old.metrics_path.clone(),
    },
    Setting {
        key: "state_directory",
        kind: Kind::Text,
        value_name: "DIRECTORY",
        summary: "Where counters are kept for the next start",
        details: "They go on there after a restart. They are saved every 30 \
            seconds, at the end, and before a scrape shows them, so that no \
            restart sets them back behind a scrape. What passes \
            while the exporter does not run is not counted. The directory is \
            made if it is missing, and belongs to one exporter. Empty: \
            counters begin at zero, and nothing is written. The unit for \
            systemd sets it.",
        expected: "the path of a directory, or empty",
        example: "\"/var/lib/geoip-exporter\"",
        effect: Effect::Restart,
        read: |config, value| {
            config.state_directory = match value.as_str() {
                Some("") => None,
                _ => Some(values::file(value)?.into()),
            };
            Ok(())
        },
        write: |config| optional(config.state_directory.as_deref()),
        keep: |config, old| {
            config.state_directory = old.state_directory.clone();
        },
    },
    Setting {
        key: "log_level",
        kind: Kind::Text,
        value_name: "LEVEL",
        summary: "How much is logged",
        details: "Each level includes the ones before it. debug adds every \
            poll, trace every interface event.",
        expected: "one of error, warn, info, debug and trace",
        example: "\"info\"",
        effect: Effect::Live,
        read: |config, value| {
            config.log_level = values::log_level(value)?;
            Ok(())
        },
        write: |config| config.log_level.as_str().into(),
        keep: |config, old| config.log_level = old.log_level,
    },
    Setting {
        key: "log_format",
        kind: Kind::Text,
        value_name: "FORMAT",
        summary: "How log lines are written",
        details: "text is for people, json writes one object a line.",
        expected: "one of text and json",
        example: "\"text\"",
        effect: Effect::Live,
        read: |config, value| {
            config.log_format = values::log_format(value)?;
            Ok(())
        },
        write: |config| config.log_format.as_str().into(),
        keep: |config, old| config.log_format = old.log_format,
    },
    Setting {
        key: "sandbox",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Give up privileges that are not needed any more",
        details: "Once the programs are loaded, the exporter keeps \
            CAP_NET_ADMIN on the thread that attaches to interfaces, and no \
            other capability; system calls that it does not make fail, and it \
            can write no file. false is for finding out whether that is in \
            the way of something.",
        expected: "true or false",
        example: "true",
        effect: Effect::Restart,
        read: |config, value| {
            config.sandbox = values::switch(value)?;
            Ok(())
        },
        write: |config| config.sandbox.into(),
        keep: |config, old| config.sandbox = old.sandbox,
    },
];

/// Returns a path, or an empty text where there is none.
fn optional(path: Option<&Path>) -> toml::Value {
    path.unwrap_or("".as_ref()).to_string_lossy().into_owned().into()
}

fn integer(number: usize) -> toml::Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
