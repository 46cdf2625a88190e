//! The exporter about itself: its build, settings, database, reloads and
//! polls.
//!
//! Pure: no I/O, clock, threads or logging.

mod certificate;
mod families;
mod process;

pub use certificate::CertificateCollector;
pub use process::Process;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::traffic;
use crate::accounting::PollStatistics;
use crate::metrics::family::sample;
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
        let mut build = families::BUILD_INFO.gauge();
        build.push([self.build.version, self.build.revision], 1.0);
        emit(&build.build());
        collect_settings(&self.settings.get(), emit);
        collect_last_reload(&self.last_reload.get(), emit);
        let loaded = *self.database_loaded.get();
        emit(&families::DATABASE_LOADED.gauge_of(u8::from(loaded).into()));
        if let Some(database) = &*self.database.get() {
            collect_database(database, emit);
        }
        if let Some(is_saved) = &self.is_saved {
            emit(
                &families::STATE_SAVED
                    .gauge_of(u8::from(*is_saved.get()).into()),
            );
        }
        let traffic = self.traffic.get();
        emit(
            &families::PACKETS
                .counter_of(sample(traffic.packets), traffic.created),
        );
        collect_polls(&self.polls.get(), emit);
    }
}

fn collect_settings(settings: &Settings, emit: Emit<'_>) {
    emit(&families::MAP_MAX_ENTRIES.gauge_of(settings.map_max_entries.into()));
    emit(
        &families::POLL_INTERVAL.gauge_of(settings.poll_interval.as_secs_f64()),
    );
    emit(&families::FLOW_BATCH_SIZE.gauge_of(settings.flow_batch_size.into()));
}

fn collect_last_reload(reload: &LastReload, emit: Emit<'_>) {
    emit(
        &families::RELOAD_SUCCESSFUL
            .gauge_of(u8::from(reload.successful).into()),
    );
    let since_1970 =
        reload.success_time.duration_since(UNIX_EPOCH).unwrap_or_default();
    emit(
        &families::RELOAD_SUCCESS_TIMESTAMP.gauge_of(since_1970.as_secs_f64()),
    );
}

fn collect_database(database: &Database, emit: Emit<'_>) {
    let mut info = families::DATABASE_INFO.gauge();
    let path = database.path.to_string_lossy();
    info.push([&path, &database.database_type], 1.0);
    emit(&info.build());
    let built = sample(database.build_timestamp_seconds);
    emit(&families::DATABASE_BUILD_TIMESTAMP.gauge_of(built));
}

fn collect_polls(polls: &PollStatistics, emit: Emit<'_>) {
    let created = polls.created;
    emit(
        &families::LOOKUP_FAIL
            .counter_of(sample(polls.lookup_failures), created),
    );
    emit(
        &families::UPDATE_FAIL
            .counter_of(sample(polls.update_failures), created),
    );
    emit(&families::NEW_KEYS.counter_of(sample(polls.new_keys), created));
    emit(&families::EVICTIONS.counter_of(sample(polls.evictions), created));
    emit(&families::MAP_ENTRIES.gauge_of(sample(polls.map_entries)));
    let age = polls.minimum_eviction_age.map(|age| age.as_secs_f64());
    emit(
        &families::MINIMUM_EVICTION_AGE.gauge_of(age.unwrap_or(f64::INFINITY)),
    );
    let table = &polls.flow_table;
    emit(&families::TABLE_BYTES.gauge_of(sample(table.bytes)));
    emit(&families::TABLE_MAX_ENTRIES.gauge_of(sample(table.max_entries)));
    emit(&families::TABLE_ENTRIES.gauge_of(sample(table.entries)));
    emit(&families::TABLE_RECLAIMS.counter_of(sample(table.reclaims), created));
    emit(&families::MAP_PACKETS.counter_of(sample(polls.map_packets), created));
    emit(
        &families::MAP_READ_DURATION
            .gauge_of(polls.map_read_duration.as_secs_f64()),
    );
    emit(&families::POLL_DURATION.gauge_of(polls.poll_duration.as_secs_f64()));
    emit(
        &families::POLL_FAILURES
            .counter_of(sample(polls.poll_failures), created),
    );
}
