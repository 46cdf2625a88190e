//! `/api/v1/summary`: see [`api::Summary`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::pace::Pace;
use super::sums::{Choice, Sums};
use super::usage::quota;
use super::{Query, Refusal, View, envelope};
use crate::accounting::{PollStatistics, Timestamp};
use crate::api;
use crate::collectors::exporter::{DatabaseStatus, LastReload};
use crate::collectors::interfaces;
use crate::collectors::moments::Moment;
use crate::collectors::quota::Snapshot;
use crate::config::Config;
use crate::metrics::published::Published;
use crate::release::Build;

/// The exporter and the machine at a glance.
pub struct SummaryView {
    /// The version of the exporter.
    pub build: Build,
    /// The name of the machine, if known.
    pub hostname: Option<String>,
    /// The last reload.
    pub last_reload: Published<LastReload>,
    /// The databases.
    pub databases: Vec<Published<DatabaseStatus>>,
    /// The states of the interfaces.
    pub interfaces: Published<interfaces::Snapshot>,
    /// The statistics of the newest poll.
    pub polls: Published<PollStatistics>,
    /// The bytes of the last days.
    pub quota: Published<Snapshot>,
    /// True if the shown counters are saved; none if they are never saved.
    pub is_saved: Option<Published<bool>>,
    /// False if no history can be written.
    pub has_history: bool,
}

impl View for SummaryView {
    type Answer = api::Summary;

    fn version(&self) -> u64 {
        let databases = self.databases.iter().map(Published::version);
        self.last_reload.version()
            + databases.sum::<u64>()
            + self.interfaces.version()
            + self.polls.version()
            + self.quota.version()
            + self.is_saved.as_ref().map_or(0, Published::version)
    }

    fn answer(
        &self,
        moment: &Moment,
        config: &Config,
        _: &Query,
    ) -> Result<api::Summary, Refusal> {
        let counted = Choice::ALL.counted(config);
        let (now, earlier) = Sums::of(moment, counted, Choice::ALL);
        let pace = Pace::of(moment);
        let counts = &moment.counts;
        let interfaces = self.interfaces.get();
        let attached = interfaces.values().filter(|it| it.is_attached).count();
        let networks = counts.networks.networks.len();
        let since = match counted {
            api::Counted::Host => counts.host.created,
            _ => counts.traffic.created,
        };
        Ok(api::Summary {
            envelope: envelope(moment),
            version: self.build.version.into(),
            revision: self.build.revision.into(),
            hostname: self.hostname.clone(),
            uptime_seconds: moment.uptime.as_secs_f64(),
            poll_interval_seconds: config.poll_interval.as_secs_f64(),
            is_ready: self.polls.get().is_ready,
            counting_since: since.map(Timestamp::seconds),
            counted,
            whole: pace.volume(now.whole(), earlier.whole()),
            unattributed: pace.volume(now.unattributed, earlier.unattributed),
            connections_open: config.connections.then(|| open(moment)),
            interfaces: attached as u64,
            countries: now.countries.len() as u64,
            networks: config.networks.then_some(networks as u64),
            hosts: config.remote_hosts.then_some(counts.hosts.len() as u64),
            databases: self.databases(),
            last_reload: reload(*self.last_reload.get()),
            state_saved: self.is_saved.as_ref().map(|it| *it.get()),
            quota: quota(&self.quota.get(), config),
            slices: slices(config, self.has_history),
        })
    }
}

impl SummaryView {
    fn databases(&self) -> Vec<api::Database> {
        let statuses = self.databases.iter().map(Published::get);
        let wanted = statuses.filter(|status| status.is_wanted);
        wanted.map(|status| database(&status)).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 s are far away")]
fn database(status: &DatabaseStatus) -> api::Database {
    let open = status.open.as_ref();
    api::Database {
        database: status.database.into(),
        is_loaded: status.is_loaded,
        path: open.map(|it| it.path.to_string_lossy().into_owned()),
        database_type: open.map(|it| it.database_type.clone()),
        built: open.map(|it| it.build_timestamp_seconds as f64),
    }
}

fn reload(last: LastReload) -> api::LastReload {
    api::LastReload {
        is_successful: last.successful,
        succeeded_at: Timestamp::from(last.success_time).seconds(),
    }
}

/// Returns the subjects that are on.
fn slices(config: &Config, has_history: bool) -> api::Slices {
    api::Slices {
        host: config.host,
        networks: config.networks,
        ranges: config.has_ranges(),
        services: !config.service.is_empty(),
        connections: config.connections,
        remote_hosts: config.remote_hosts,
        history: config.history && has_history,
        quota: config.quota.is_some(),
        unknown_prefixes: config.unknown_prefixes,
    }
}

/// Returns the number of open connections.
pub(super) fn open(moment: &Moment) -> u64 {
    let connections = &moment.counts.connections;
    let countries = connections.countries.iter().map(|(_, one)| one);
    let all = countries.chain([&connections.other]);
    let open = all.flat_map(|one| &one.open);
    open.map(|one| u64::try_from(one.number).unwrap_or(0)).sum()
}
