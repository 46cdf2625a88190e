//! The exporter about itself: its build, settings, database, reloads and
//! polls.
//!
//! Pure: no I/O, clock, threads or logging.

mod certificate;
mod families;
mod optional;
mod process;
mod section;

pub use certificate::CertificateCollector;
pub use families::SERIES;
pub use optional::CollectorStatus;
pub use process::Process;
pub use section::SavedPolls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::traffic;
use crate::accounting::PollStatistics;
use crate::config::Config;
use crate::metrics::family::sample;
use crate::metrics::published::Published;
use crate::metrics::{Collect, Emit, Families};
use crate::release::Build;

/// The result of the last reload; published by the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReload {
    /// True if the newest attempt went well; the start counts as one.
    pub successful: bool,
    /// The time of the newest successful one.
    pub success_time: SystemTime,
}

/// The state of a database that the exporter follows on disk; published by the
/// supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseStatus {
    /// Its label, such as `country`.
    pub database: &'static str,
    /// True if the configuration uses it; otherwise it has no series.
    pub is_wanted: bool,
    /// True if the newest attempt to open it was successful.
    pub is_loaded: bool,
    /// The database in use, which may be an older one.
    pub open: Option<Database>,
}

/// An open database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its file.
    pub path: PathBuf,
    /// The type that it states, such as `GeoLite2-Country`.
    pub database_type: String,
    /// The build time that it states, in seconds since 1970.
    pub build_timestamp_seconds: u64,
}

/// Exports the newest of all that.
#[derive(Debug)]
pub struct ExporterCollector {
    /// The build of this program.
    pub build: Build,
    /// The configuration in force.
    pub config: Published<Config>,
    /// The hash of the configuration in force.
    pub config_hash: Published<String>,
    /// The newest reload.
    pub last_reload: Published<LastReload>,
    /// The databases.
    pub databases: Vec<Published<DatabaseStatus>>,
    /// The optional collectors.
    pub optional: Vec<Published<CollectorStatus>>,
    /// True if the shown counters are saved; none if no state is kept.
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
            config,
            config_hash,
            last_reload,
            databases,
            optional,
            is_saved,
            polls,
            traffic,
        } = self;
        let databases: u64 = databases.iter().map(Published::version).sum();
        let optional: u64 = optional.iter().map(Published::version).sum();
        let is_saved = is_saved.as_ref().map_or(0, Published::version);
        config.version()
            + config_hash.version()
            + last_reload.version()
            + databases
            + optional
            + is_saved
            + polls.version()
            + traffic.version()
    }

    fn collect(&self) -> Families<'_> {
        let (config, config_hash) = (self.config.get(), self.config_hash.get());
        let reload = self.last_reload.get();
        let databases: Vec<_> =
            self.databases.iter().map(Published::get).collect();
        let optional: Vec<_> =
            self.optional.iter().map(Published::get).collect();
        let is_saved = self.is_saved.as_ref().map(Published::get);
        let (traffic, polls) = (self.traffic.get(), self.polls.get());
        Box::new(move |emit| {
            let mut build = families::BUILD_INFO.gauge();
            build.push([self.build.version, self.build.revision], 1.0);
            emit(&build.build());
            let mut hash = families::CONFIG_INFO.gauge();
            hash.push([config_hash.as_str()], 1.0);
            emit(&hash.build());
            collect_settings(&config, emit);
            collect_last_reload(&reload, emit);
            collect_databases(&databases, emit);
            optional::collect(&optional, emit);
            if let Some(is_saved) = is_saved {
                let is_saved = u8::from(*is_saved).into();
                emit(&families::STATE_SAVED.gauge_of(is_saved));
            }
            let packets = sample(traffic.packets);
            emit(&families::PACKETS.counter_of(packets, traffic.created));
            collect_polls(&polls, emit);
        })
    }
}

fn collect_settings(config: &Config, emit: Emit<'_>) {
    let entries = config.map_max_entries.get();
    emit(&families::MAP_MAX_ENTRIES.gauge_of(entries.into()));
    let interval = config.poll_interval.as_secs_f64();
    emit(&families::POLL_INTERVAL.gauge_of(interval));
    let flows = config.flow_batch_size.get();
    emit(&families::FLOW_BATCH_SIZE.gauge_of(flows.into()));
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

fn collect_databases(databases: &[Arc<DatabaseStatus>], emit: Emit<'_>) {
    let mut loaded = families::DATABASE_LOADED.gauge();
    let mut info = families::DATABASE_INFO.gauge();
    let mut built = families::DATABASE_BUILD_TIMESTAMP.gauge();
    for status in databases {
        let label = status.database;
        if !status.is_wanted {
            continue;
        }
        loaded.push([label], u8::from(status.is_loaded).into());
        if let Some(database) = &status.open {
            let path = database.path.to_string_lossy();
            info.push([label, &path, &database.database_type], 1.0);
            built.push([label], sample(database.build_timestamp_seconds));
        }
    }
    for family in [loaded.build(), info.build(), built.build()] {
        emit(&family);
    }
}

fn collect_polls(polls: &PollStatistics, emit: Emit<'_>) {
    let created = polls.created;
    for (family, value) in families::of_kernel(polls.kernel) {
        emit(&family.counter_of(sample(value), created));
    }
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
