//! Settings that are lists of tables: named ranges and services. They stand in
//! files only, and each file adds to them.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use crate::config::setting::{Effect, Kind, Setting};
use crate::config::{elements, ranges, services, values};

/// The last group: in a file, keys behind a `[[range]]` belong to it.
pub(super) const LISTS: &[Setting] = &[
    Setting {
        key: "name_special_addresses",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Name special addresses in place of UNKNOWN",
        details: "Addresses of the special registries of IANA without a \
            country get one of the labels PRIVATE, SHARED, LOOPBACK, \
            LINK_LOCAL, MULTICAST, BROADCAST, DOCUMENTATION and RESERVED. \
            Addresses that carry an IPv4 address get its country: 6to4, \
            Teredo and the well-known prefix of NAT64.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.name_special_addresses = values::switch(value)?;
            Ok(())
        },
        write: |config| config.name_special_addresses.into(),
        copy: |config, old| {
            config.name_special_addresses = old.name_special_addresses;
        },
    },
    Setting {
        key: "unknown_prefixes",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Show the prefixes with the most bytes of UNKNOWN",
        details: "The page /api/v1/unknown has the 20 largest since the \
            start or the last change of a database or of ranges. The \
            exporter keeps 1,024 prefixes. With false the page has status \
            404.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.unknown_prefixes = values::switch(value)?;
            Ok(())
        },
        write: |config| config.unknown_prefixes.into(),
        copy: |config, old| config.unknown_prefixes = old.unknown_prefixes,
    },
    Setting {
        key: "range_files",
        kind: Kind::Tables(ranges::files),
        value_name: "FILES",
        summary: "Files of named ranges",
        details: "An entry is a path, or a table with the keys path, format, \
            name, field and local. The formats are \"ranges\" (a JSON list of \
            name, ipv4 and ipv6), \"list\" (a prefix a line, all with the \
            name), and \"aws\", \"google\", \"azure\" and \"oracle\" (the JSON that \
            these providers publish; field chooses the name). Without a format it \
            is found from the content. The files are read again when they \
            change. docs/ranges.md says more.",
        expected: "a list of paths and of tables with a path",
        example: "[\"/etc/ranges.json\", { path = \"/etc/blocked.txt\", name \
            = \"blocked\" }]",
        effect: Effect::Live,
        read: |config, value| {
            elements::read_alone(config, value, ranges::files)
        },
        write: ranges::files_value,
        copy: |config, old| config.range_files = old.range_files.clone(),
    },
    Setting {
        key: "range",
        kind: Kind::Tables(ranges::ranges),
        value_name: "TABLES",
        summary: "Named ranges of addresses",
        details: "Each [[range]] has a name and cidrs, a list of prefixes \
            and addresses of both IP versions. It can have a country (a code \
            or a label of your own) and an asn of its own. The narrowest \
            range that has a value gives it. With local = false the range is \
            not looked for among local and forwarded addresses. \
            docs/ranges.md says more.",
        expected: "a list of tables with name and cidrs",
        example: "[{ name = \"office\", cidrs = [\"198.51.100.0/24\"], \
            country = \"DE\" }]",
        effect: Effect::Live,
        read: |config, value| {
            elements::read_alone(config, value, ranges::ranges)
        },
        write: ranges::ranges_value,
        copy: |config, old| config.range = old.range.clone(),
    },
    Setting {
        key: "service",
        kind: Kind::Tables(services::services),
        value_name: "TABLES",
        summary: "Services of this machine, by their ports",
        details: "Each [[service]] has a name and ports: numbers and \
            intervals, each with /tcp or /udp behind it, or without for both. \
            A port of a protocol belongs to one service. At most 255. If the \
            exporter started without services, local ranges and narrow \
            ranges, the first one needs a restart.",
        expected: "a list of tables with name and ports",
        example: "[{ name = \"web\", ports = [\"80/tcp\", \"443\"] }]",
        effect: Effect::Live,
        read: |config, value| {
            elements::read_alone(config, value, services::services)
        },
        write: services::services_value,
        copy: |config, old| config.service = old.service.clone(),
    },
];
