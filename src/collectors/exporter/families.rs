//! The metric families of the exporter itself: all names and help texts of this
//! slice.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use crate::accounting::KernelCounters;
use crate::metrics::family::Description;

/// Returns the families of the counters of the kernel side, with their values.
pub(super) fn of_kernel(
    counters: KernelCounters,
) -> impl Iterator<Item = (Description, u64)> {
    counters.shown().filter_map(|(counter, value)| {
        let (name, help) = counter.metric()?;
        Some((plain(name, help), value))
    })
}

const fn plain(name: &'static str, help: &'static str) -> Description {
    Description { name, help, labels: [] }
}

pub(super) const BUILD_INFO: Description<2> = Description {
    name: "geoip_build_info",
    help: "Version and revision of the exporter.",
    labels: ["version", "revision"],
};
/// A label and not a number: a number of 64 bits is rounded in a sample, and a
/// label stands in the answer of a query as `print-config` shows it.
pub(super) const CONFIG_INFO: Description<1> = Description {
    name: "geoip_config_info",
    help: "Hash of the settings in force that differ from their defaults.",
    labels: ["hash"],
};
pub(super) const MAP_MAX_ENTRIES: Description = plain(
    "geoip_config_map_max_entries",
    "Largest number of flows in the kernel's map (setting map_max_entries).",
);
pub(super) const POLL_INTERVAL: Description = plain(
    "geoip_config_poll_interval_seconds",
    "Time between two polls in seconds (setting poll_interval).",
);
pub(super) const FLOW_BATCH_SIZE: Description = plain(
    "geoip_config_flow_batch_size",
    "Flows read by one system call (setting flow_batch_size).",
);
pub(super) const RELOAD_SUCCESSFUL: Description = plain(
    "geoip_config_last_reload_successful",
    "Success of the last reload of the configuration: 1 yes, 0 no.",
);
pub(super) const RELOAD_SUCCESS_TIMESTAMP: Description = plain(
    "geoip_config_last_reload_success_timestamp_seconds",
    "Unix time of the last successful reload of the configuration in seconds.",
);
pub(super) const DATABASE_LOADED: Description<1> = Description {
    name: "geoip_database_last_load_successful",
    help: "Success of the last attempt to read the database: 1 yes, 0 no.",
    labels: ["database"],
};
pub(super) const DATABASE_INFO: Description<3> = Description {
    name: "geoip_database_info",
    help: "File and type of the open GeoIP database.",
    labels: ["database", "path", "type"],
};
pub(super) const DATABASE_BUILD_TIMESTAMP: Description<1> = Description {
    name: "geoip_database_build_timestamp_seconds",
    help: "Unix time of the build of the open GeoIP database in seconds.",
    labels: ["database"],
};
pub(super) const STATE_SAVED: Description = plain(
    "geoip_state_saved",
    "State of the counters on this page: 1 saved for the next start, 0 not.",
);
pub(super) const PACKETS: Description = plain(
    "geoip_ebpf_packets_total",
    "Packets counted by the eBPF programs on all interfaces.",
);
pub(super) const NEW_KEYS: Description = plain(
    "geoip_ebpf_new_keys_total",
    "New flows, including flows that were evicted and returned.",
);
pub(super) const EVICTIONS: Description = plain(
    "geoip_ebpf_evictions_total",
    "Flows evicted from the kernel's map to make room for others.",
);
pub(super) const MAP_ENTRIES: Description =
    plain("geoip_ebpf_map_entries", "Flows in the kernel at the last poll.");
pub(super) const TABLE_BYTES: Description = plain(
    "geoip_ebpf_flow_table_bytes",
    "Memory of the flow table in bytes, 0 without a flow table.",
);
pub(super) const TABLE_MAX_ENTRIES: Description = plain(
    "geoip_ebpf_flow_table_max_entries",
    "Largest number of entries in the flow table on all CPUs.",
);
pub(super) const TABLE_ENTRIES: Description = plain(
    "geoip_ebpf_flow_table_entries",
    "Used entries of the flow table, one for each flow and CPU.",
);
pub(super) const TABLE_RECLAIMS: Description = plain(
    "geoip_ebpf_flow_table_reclaims_total",
    "Idle entries of the flow table that were freed.",
);
pub(super) const MINIMUM_EVICTION_AGE: Description = plain(
    "geoip_ebpf_minimum_eviction_age_seconds",
    "Shortest idle time of an evicted flow in seconds, +Inf before the first.",
);
pub(super) const MAP_READ_DURATION: Description = plain(
    "geoip_ebpf_map_read_duration_seconds",
    "Duration of reading the kernel's map in the last poll in seconds.",
);
pub(super) const POLL_DURATION: Description = plain(
    "geoip_poll_duration_seconds",
    "Duration of the last poll in seconds, from reading to publishing.",
);
pub(super) const POLL_FAILURES: Description = plain(
    "geoip_poll_failures_total",
    "Failed polls, whose traffic the next successful poll counts.",
);
/// The numbers of series, by family. A page ends with them.
pub const SERIES: Description<1> = Description {
    name: "geoip_series",
    help: "Series on this page of each metric family with labels.",
    labels: ["family"],
};
pub(super) const CERTIFICATE_EXPIRY: Description = Description {
    name: "geoip_tls_certificate_expiry_timestamp_seconds",
    help: "Unix time of the expiry of the served TLS certificate in seconds.",
    labels: [],
};
