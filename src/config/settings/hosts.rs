//! Settings of remote hosts and of the database of their places.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use crate::config::setting::{Effect, Kind, Setting};
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
            machine. The exporter keeps 200,000 addresses, which take up to \
            60 MB; the traffic of those that it forgets is summed by country. \
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
