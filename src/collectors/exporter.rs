//! The exporter about itself: its build, settings, database, reloads and
//! polls.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::traffic;
use crate::accounting::PollStatistics;
use crate::metrics::family::{Description, sample};
use crate::metrics::published::Published;
use crate::metrics::{Collect, Emit};
use crate::release::Build;

/// The settings in force that are exported; published by the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many flows the kernel keeps between two polls.
    pub map_max_entries: u32,
    /// The time between two polls.
    pub poll_interval: Duration,
    /// How many flows one system call reads.
    pub flow_batch_size: u32,
}

/// How re-reading the configuration went; published by the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReload {
    /// Whether the newest attempt went well; the start counts as one.
    pub successful: bool,
    /// When the newest successful one was.
    pub success_time: SystemTime,
}

/// The open database; published by whoever opens one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its file.
    pub path: PathBuf,
    /// What it says it is, such as `GeoLite2-Country`.
    pub database_type: String,
    /// When it says it was built, in seconds since 1970.
    pub build_timestamp_seconds: u64,
}

/// Exports the newest of all that.
#[derive(Debug)]
pub struct ExporterCollector {
    /// Which program this is.
    pub build: Build,
    /// The settings in force.
    pub settings: Published<Settings>,
    /// The newest reload.
    pub last_reload: Published<LastReload>,
    /// The open database, if there is one.
    pub database: Published<Option<Database>>,
    /// Whether the newest attempt to open one was successful.
    pub database_loaded: Published<bool>,
    /// Whether what is shown was saved, where the state is kept.
    pub is_saved: Option<Published<bool>>,
    /// The newest poll.
    pub polls: Published<PollStatistics>,
    /// The traffic, for the number of packets.
    pub traffic: Published<traffic::Snapshot>,
}

impl Collect for ExporterCollector {
    fn version(&self) -> u64 {
        // All of them are named, so that none is forgotten.
        let Self {
            build: _,
            settings,
            last_reload,
            database,
            database_loaded,
            is_saved,
            polls,
            traffic,
        } = self;
        let is_saved = is_saved.as_ref().map_or(0, Published::version);
        settings.version()
            + last_reload.version()
            + database.version()
            + database_loaded.version()
            + is_saved
            + polls.version()
            + traffic.version()
    }

    fn collect(&self, emit: Emit<'_>) {
        let mut build = BUILD_INFO.gauge();
        build.push([self.build.version, self.build.revision], 1.0);
        emit(&build.build());
        collect_settings(&self.settings.get(), emit);
        collect_last_reload(&self.last_reload.get(), emit);
        let loaded = *self.database_loaded.get();
        emit(&DATABASE_LOADED.gauge_of(u8::from(loaded).into()));
        if let Some(database) = &*self.database.get() {
            collect_database(database, emit);
        }
        if let Some(is_saved) = &self.is_saved {
            emit(&STATE_SAVED.gauge_of(u8::from(*is_saved.get()).into()));
        }
        let traffic = self.traffic.get();
        emit(&PACKETS.counter_of(sample(traffic.packets), traffic.created));
        collect_polls(&self.polls.get(), emit);
    }
}

fn collect_settings(settings: &Settings, emit: Emit<'_>) {
    emit(&MAP_MAX_ENTRIES.gauge_of(settings.map_max_entries.into()));
    emit(&POLL_INTERVAL.gauge_of(settings.poll_interval.as_secs_f64()));
    emit(&FLOW_BATCH_SIZE.gauge_of(settings.flow_batch_size.into()));
}

fn collect_last_reload(reload: &LastReload, emit: Emit<'_>) {
    emit(&RELOAD_SUCCESSFUL.gauge_of(u8::from(reload.successful).into()));
    let since_1970 =
        reload.success_time.duration_since(UNIX_EPOCH).unwrap_or_default();
    emit(&RELOAD_SUCCESS_TIMESTAMP.gauge_of(since_1970.as_secs_f64()));
}

fn collect_database(database: &Database, emit: Emit<'_>) {
    let mut info = DATABASE_INFO.gauge();
    let path = database.path.to_string_lossy();
    info.push([&path, &database.database_type], 1.0);
    emit(&info.build());
    let built = sample(database.build_timestamp_seconds);
    emit(&DATABASE_BUILD_TIMESTAMP.gauge_of(built));
}

fn collect_polls(polls: &PollStatistics, emit: Emit<'_>) {
    let created = polls.created;
    emit(&LOOKUP_FAIL.counter_of(sample(polls.lookup_failures), created));
    emit(&UPDATE_FAIL.counter_of(sample(polls.update_failures), created));
    emit(&NEW_KEYS.counter_of(sample(polls.new_keys), created));
    emit(&EVICTIONS.counter_of(sample(polls.evictions), created));
    emit(&MAP_ENTRIES.gauge_of(sample(polls.map_entries)));
    let age = polls.minimum_eviction_age.map(|age| age.as_secs_f64());
    emit(&MINIMUM_EVICTION_AGE.gauge_of(age.unwrap_or(f64::INFINITY)));
    let table = &polls.flow_table;
    emit(&TABLE_BYTES.gauge_of(sample(table.bytes)));
    emit(&TABLE_MAX_ENTRIES.gauge_of(sample(table.max_entries)));
    emit(&TABLE_ENTRIES.gauge_of(sample(table.entries)));
    emit(&TABLE_RECLAIMS.counter_of(sample(table.reclaims), created));
    emit(&MAP_PACKETS.counter_of(sample(polls.map_packets), created));
    emit(&MAP_READ_DURATION.gauge_of(polls.map_read_duration.as_secs_f64()));
    emit(&POLL_DURATION.gauge_of(polls.poll_duration.as_secs_f64()));
    emit(&POLL_FAILURES.counter_of(sample(polls.poll_failures), created));
}

const fn plain(name: &'static str, help: &'static str) -> Description {
    Description { name, help, labels: [] }
}

const BUILD_INFO: Description<2> = Description {
    name: "geoip_build_info",
    help: "Version and revision of the exporter.",
    labels: ["version", "revision"],
};
const MAP_MAX_ENTRIES: Description = plain(
    "geoip_config_map_max_entries",
    "Flows the kernel's map has room for (setting map_max_entries).",
);
const POLL_INTERVAL: Description = plain(
    "geoip_config_poll_interval_seconds",
    "Time between two polls in seconds (setting poll_interval).",
);
const FLOW_BATCH_SIZE: Description = plain(
    "geoip_config_flow_batch_size",
    "Flows read by one system call (setting flow_batch_size).",
);
const RELOAD_SUCCESSFUL: Description = plain(
    "geoip_config_last_reload_successful",
    "Whether the last reload of the configuration was successful.",
);
const RELOAD_SUCCESS_TIMESTAMP: Description = plain(
    "geoip_config_last_reload_success_timestamp_seconds",
    "Unix time of the last successful reload of the configuration.",
);
const DATABASE_LOADED: Description = plain(
    "geoip_database_last_load_successful",
    "Whether the GeoIP database could be opened when it was last tried.",
);
const DATABASE_INFO: Description<2> = Description {
    name: "geoip_database_info",
    help: "File and type of the open GeoIP database.",
    labels: ["path", "type"],
};
const DATABASE_BUILD_TIMESTAMP: Description = plain(
    "geoip_database_build_timestamp_seconds",
    "Unix time at which the open GeoIP database was built.",
);
const STATE_SAVED: Description = plain(
    "geoip_state_saved",
    "Whether the counters shown here were saved for the next start.",
);
const PACKETS: Description = plain(
    "geoip_ebpf_packets_total",
    "Packets the eBPF programs counted on all interfaces.",
);
const LOOKUP_FAIL: Description = plain(
    "geoip_ebpf_lookup_fail_total",
    "Packets whose flow was neither found nor created.",
);
const UPDATE_FAIL: Description =
    plain("geoip_ebpf_update_fail_total", "Packets whose flow found no room.");
const NEW_KEYS: Description =
    plain("geoip_ebpf_new_keys_total", "Flows that began.");
const EVICTIONS: Description = plain(
    "geoip_ebpf_evictions_total",
    "Flows the kernel's map dropped to make room for others.",
);
const MAP_ENTRIES: Description =
    plain("geoip_ebpf_map_entries", "Flows in the kernel at the last poll.");
const TABLE_BYTES: Description = plain(
    "geoip_ebpf_flow_table_bytes",
    "Memory of the flow table in front of the kernel's map, 0 without one.",
);
const TABLE_MAX_ENTRIES: Description = plain(
    "geoip_ebpf_flow_table_max_entries",
    "Entries the flow table has room for, on all CPUs together.",
);
const TABLE_ENTRIES: Description = plain(
    "geoip_ebpf_flow_table_entries",
    "Entries of the flow table in use, one for each flow and CPU.",
);
const TABLE_RECLAIMS: Description = plain(
    "geoip_ebpf_flow_table_reclaims_total",
    "Entries of the flow table that were idle and were freed.",
);
const MAP_PACKETS: Description = plain(
    "geoip_ebpf_flow_map_packets_total",
    "Packets counted in the kernel's map, for want of room in the flow table.",
);
const MINIMUM_EVICTION_AGE: Description = plain(
    "geoip_ebpf_minimum_eviction_age_seconds",
    "Shortest idle time of a flow dropped to make room, +Inf until the first.",
);
const MAP_READ_DURATION: Description = plain(
    "geoip_ebpf_map_read_duration_seconds",
    "Time it took to read the kernel's map at the last poll.",
);
const POLL_DURATION: Description = plain(
    "geoip_poll_duration_seconds",
    "Time the last poll took, from reading to publishing.",
);
const POLL_FAILURES: Description = plain(
    "geoip_poll_failures_total",
    "Polls that failed; their traffic is counted by the next one.",
);
