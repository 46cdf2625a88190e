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
pub(super) const MAP_MAX_ENTRIES: Description = plain(
    "geoip_config_map_max_entries",
    "Flows the kernel's map has room for (setting map_max_entries).",
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
    "Whether the last reload of the configuration was successful.",
);
pub(super) const RELOAD_SUCCESS_TIMESTAMP: Description = plain(
    "geoip_config_last_reload_success_timestamp_seconds",
    "Unix time of the last successful reload of the configuration.",
);
pub(super) const DATABASE_LOADED: Description<1> = Description {
    name: "geoip_database_last_load_successful",
    help: "Whether the last attempt to open the database was successful.",
    labels: ["database"],
};
pub(super) const DATABASE_INFO: Description<2> = Description {
    name: "geoip_database_info",
    help: "File and type of the open GeoIP database.",
    labels: ["path", "type"],
};
pub(super) const DATABASE_BUILD_TIMESTAMP: Description = plain(
    "geoip_database_build_timestamp_seconds",
    "Unix time at which the open GeoIP database was built.",
);
pub(super) const STATE_SAVED: Description = plain(
    "geoip_state_saved",
    "Whether the counters shown here were saved for the next start.",
);
pub(super) const PACKETS: Description = plain(
    "geoip_ebpf_packets_total",
    "Packets the eBPF programs counted on all interfaces.",
);
pub(super) const NEW_KEYS: Description =
    plain("geoip_ebpf_new_keys_total", "Flows that began.");
pub(super) const EVICTIONS: Description = plain(
    "geoip_ebpf_evictions_total",
    "Flows the kernel's map dropped to make room for others.",
);
pub(super) const MAP_ENTRIES: Description =
    plain("geoip_ebpf_map_entries", "Flows in the kernel at the last poll.");
pub(super) const TABLE_BYTES: Description = plain(
    "geoip_ebpf_flow_table_bytes",
    "Memory of the flow table in front of the kernel's map, 0 without one.",
);
pub(super) const TABLE_MAX_ENTRIES: Description = plain(
    "geoip_ebpf_flow_table_max_entries",
    "Entries the flow table has room for, on all CPUs together.",
);
pub(super) const TABLE_ENTRIES: Description = plain(
    "geoip_ebpf_flow_table_entries",
    "Entries of the flow table in use, one for each flow and CPU.",
);
pub(super) const TABLE_RECLAIMS: Description = plain(
    "geoip_ebpf_flow_table_reclaims_total",
    "Entries of the flow table that were idle and were freed.",
);
pub(super) const MINIMUM_EVICTION_AGE: Description = plain(
    "geoip_ebpf_minimum_eviction_age_seconds",
    "Shortest idle time of a flow dropped to make room, +Inf until the first.",
);
pub(super) const MAP_READ_DURATION: Description = plain(
    "geoip_ebpf_map_read_duration_seconds",
    "Time it took to read the kernel's map at the last poll.",
);
pub(super) const POLL_DURATION: Description = plain(
    "geoip_poll_duration_seconds",
    "Time the last poll took, from reading to publishing.",
);
pub(super) const POLL_FAILURES: Description = plain(
    "geoip_poll_failures_total",
    "Polls that failed; their traffic is counted by the next one.",
);
pub(super) const CERTIFICATE_EXPIRY: Description = Description {
    name: "geoip_tls_certificate_expiry_timestamp_seconds",
    help: "Unix time at which the served TLS certificate expires.",
    labels: [],
};
