//! The slices: each is one subject that the exporter exports.
//!
//! A slice gathers its parts in one [`Slice`]: the account that the poller
//! feeds, the collectors of its metric families, its pages, its thread, and its
//! part of a reload. The daemon goes over the list that [`all`] returns and
//! knows no slice by name. To add a slice, add a folder for its account and its
//! families to [`collectors`](crate::collectors), and here a function and a
//! line in [`all`].

mod api;
mod history;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, bounded};
use slog::Logger;

use super::histories::Histories;
use super::host::KeepFollowing;
use super::lifecycle::Event;
use super::save_first::SaveFirst;
use super::worker::Worker;
use super::{BUILD, follow, hosts, web};
use crate::accounting::{AtEdges, PollStatistics, Timestamp};
use crate::classifier;
use crate::collectors::connections::{
    self, ConnectionsAccount, ConnectionsCollector,
};
use crate::collectors::countries::CountriesCollector;
use crate::collectors::exporter::{
    CertificateCollector, CollectorStatus, DatabaseStatus, ExporterCollector,
    LastReload, Process,
};
use crate::collectors::host::{self, HostAccount, HostCollector};
use crate::collectors::interfaces::{self, InterfacesCollector};
use crate::collectors::moments::Readers;
use crate::collectors::networks::{self, NetworksAccount, NetworksCollector};
use crate::collectors::ranges::{self, RangesAccount, RangesCollector};
use crate::collectors::services::{self, ServicesAccount, ServicesCollector};
use crate::collectors::traffic::{Snapshot, TrafficAccount, TrafficCollector};
use crate::collectors::unknown::UnknownAccount;
use crate::config::Config;
use crate::connections::Watcher;
use crate::geoip::{CountryNames, NetworkNames};
use crate::history::Saved;
use crate::http::pages::api::EventLog;
use crate::http::pages::{Assets, Healthy, Index, Ready, Reload};
use crate::http::{self, Page};
use crate::kernel::{FollowInterfaces, InterfaceEvent, OpenConnections};
use crate::metrics::Collect;
use crate::metrics::published::{
    Feed, Gather, Published, Publisher, Sink, Together,
};
use crate::ranges::RangeNames;
use crate::sandbox::Duty;

/// The parts of a slice. Each slice has those that it needs.
#[derive(Default)]
pub(super) struct Slice {
    /// The account that the poller feeds.
    pub(super) sink: Option<Box<dyn Sink>>,
    /// The reader of the snapshots of other slices' accounts.
    pub(super) gatherer: Option<Box<dyn Gather>>,
    /// The metric families, in the order of the metrics page.
    pub(super) collectors: Vec<Box<dyn Collect>>,
    /// The pages beside the metrics page.
    pub(super) pages: Vec<Box<dyn Page>>,
    /// The thread of the slice. If it ends, the daemon ends.
    pub(super) worker: Option<Worker>,
    /// The slice's part of a reload.
    pub(super) commit: Option<Commit>,
}

/// Puts a new configuration in force. It cannot fail: a reload finds all
/// faults before it commits anything. The daemon drops the closure when it
/// stops, which ends the slice's worker.
pub(super) type Commit = Box<dyn FnMut(&Config)>;

/// The publications and channels that several slices use.
pub(super) struct Sources {
    /// The time of the start.
    pub(super) started: Timestamp,
    pub(super) log: Logger,
    /// The last records of the log.
    pub(super) event_log: EventLog,
    pub(super) config: Published<Config>,
    pub(super) config_hash: Published<String>,
    pub(super) last_reload: Published<LastReload>,
    pub(super) databases: Vec<Published<DatabaseStatus>>,
    pub(super) country_names: Published<CountryNames>,
    pub(super) network_names: Published<NetworkNames>,
    pub(super) range_names: RangeNames,
    /// The content of the files that origins come from.
    pub(super) origins: Published<classifier::Sources>,
    /// Lets all snapshots that scrapes may see change at one moment.
    pub(super) together: Together,
    /// The newest snapshot of the traffic that scrapes may see.
    pub(super) traffic: Published<Snapshot>,
    /// The newest statistics of the poller that scrapes may see.
    pub(super) polls: Published<PollStatistics>,
    /// The statistics of the newest poll.
    pub(super) newest_polls: Published<PollStatistics>,
    /// True if the shown counters are saved; none if they are never saved.
    pub(super) is_saved: Option<Published<bool>>,
    /// Saves the counters; none if they are never saved.
    pub(super) save_first: Option<SaveFirst>,
    /// Ends after the last save.
    pub(super) last_save: Option<Receiver<Infallible>>,
    pub(super) interfaces: Published<interfaces::Snapshot>,
    pub(super) counted_once: Published<interfaces::OnceSnapshot>,
    pub(super) certificate_expiry: http::CertificateExpiry,
    /// Events for the supervisor.
    pub(super) events: Sender<Event>,
    /// Threads that count hold a copy: once all are dropped, the counters are
    /// saved for the last time.
    pub(super) counting: Sender<Infallible>,
}

/// The source of the news of network devices, and the poller's end of it.
pub(super) struct Devices {
    pub(super) source: Box<dyn FollowInterfaces>,
    pub(super) keep_following: KeepFollowing,
    pub(super) poller: Sender<Vec<InterfaceEvent>>,
}

/// Returns every slice, in the order of the metrics page.
pub(super) fn all(
    sources: &Sources,
    histories: &mut Histories,
    account: Feed<TrafficAccount>,
    devices: Devices,
    opener: Box<dyn OpenConnections>,
) -> Vec<Slice> {
    let newest = &mut Readers::default();
    newest.traffic = account.reader();
    let (connections, status, of_connections) =
        connections(sources, histories, newest, opener);
    let (networks, of_networks) = networks(sources, histories, newest);
    let (ranges, of_ranges) = ranges(sources, histories, newest);
    let (services, of_services) = services(sources, histories, newest);
    let saved = Saved {
        traffic: sources.traffic.clone(),
        networks: of_networks,
        ranges: of_ranges,
        services: of_services,
        together: sources.together.clone(),
    };
    let (quota, of_quota) = history::quota(sources, histories);
    let (history, ask) = history::slice(sources, saved);
    let beside =
        api::Beside { connections: of_connections, quota: of_quota, ask };
    let mut slices = vec![
        traffic(sources, account),
        host(sources, histories, newest),
        quota,
        networks,
        hosts::slice(sources, histories, newest),
        ranges,
        unknown(sources, newest),
        countries(sources),
        services,
        connections,
        history,
        interfaces(sources, devices),
        exporter(sources, vec![status]),
        web_server(sources),
        process(),
    ];
    // Last, as it reads the snapshots of all others.
    slices.push(api::api(sources, histories, newest.clone(), beside));
    slices
}

fn traffic(sources: &Sources, account: Feed<TrafficAccount>) -> Slice {
    let (traffic, config) = (sources.traffic.clone(), sources.config.clone());
    Slice {
        sink: Some(Box::new(account)),
        collectors: vec![Box::new(TrafficCollector::new(traffic, config))],
        ..Slice::default()
    }
}

fn host(
    sources: &Sources,
    histories: &mut Histories,
    newest: &mut Readers,
) -> Slice {
    let mut saved: host::Snapshot = histories.take().unwrap_or_default();
    saved.labels = Arc::new(histories.labels.clone());
    let account = HostAccount::resume(saved).starting(sources.started);
    let feed = Feed::new(AtEdges::new(account));
    newest.host = feed.reader();
    let config = sources.config.clone();
    let collector = HostCollector::new(histories.shown(&feed), config);
    Slice {
        sink: Some(Box::new(feed)),
        collectors: vec![Box::new(collector)],
        ..Slice::default()
    }
}

fn services(
    sources: &Sources,
    histories: &mut Histories,
    newest: &mut Readers,
) -> (Slice, Published<services::Snapshot>) {
    let mut saved: services::Snapshot = histories.take().unwrap_or_default();
    saved.labels = Arc::new(histories.labels.clone());
    let account = ServicesAccount::resume(saved).starting(sources.started);
    let feed = Feed::new(AtEdges::new(account));
    newest.services = feed.reader();
    let shown = histories.shown(&feed);
    let config = sources.config.clone();
    let collector = ServicesCollector::new(shown.clone(), config);
    let slice = Slice {
        sink: Some(Box::new(feed)),
        collectors: vec![Box::new(collector)],
        ..Slice::default()
    };
    (slice, shown)
}

/// Returns the slice, the outcome of its last visit, and the snapshots that
/// scrapes may see.
fn connections(
    sources: &Sources,
    histories: &mut Histories,
    newest: &mut Readers,
    opener: Box<dyn OpenConnections>,
) -> (Slice, Published<CollectorStatus>, Published<connections::Snapshot>) {
    let mut saved: connections::Snapshot = histories.take().unwrap_or_default();
    saved.labels = Arc::new(histories.labels.clone());
    let mut account =
        ConnectionsAccount::resume(saved).starting(sources.started);
    let counters = Publisher::new(account.snapshot());
    newest.connections = counters.reader();
    let config = sources.config.clone();
    let shown = histories.shown_of(counters.reader());
    let collector = ConnectionsCollector::new(shown.clone(), config.clone());
    let status = Publisher::new(CollectorStatus::off("connections"));
    let shown_status = status.reader();
    let watcher = Watcher {
        log: sources.log.clone(),
        opener,
        config,
        sources: sources.origins.clone(),
        range_names: sources.range_names.clone(),
        account,
        counters,
        status,
    };
    let (wake, woken) = bounded(1);
    let counting = sources.counting.clone();
    let slice = Slice {
        collectors: vec![Box::new(collector)],
        worker: Some(Worker::new("connections", Duty::Watch, move || {
            watcher.run(&woken);
            // The last growth is published by now.
            drop(counting);
            Ok(())
        })),
        // A message that waits already says the same.
        commit: Some(Box::new(move |_| {
            let _ = wake.try_send(());
        })),
        ..Slice::default()
    };
    (slice, shown_status, shown)
}

fn networks(
    sources: &Sources,
    histories: &mut Histories,
    newest: &mut Readers,
) -> (Slice, Published<networks::Snapshot>) {
    let account =
        NetworksAccount::resume(histories.take()).starting(sources.started);
    let feed = Feed::new(AtEdges::new(account));
    newest.networks = feed.reader();
    let (snapshot, names) =
        (histories.shown(&feed), sources.network_names.clone());
    let config = sources.config.clone();
    let shown = snapshot.clone();
    let collector = NetworksCollector { snapshot, names, config };
    let slice = Slice {
        sink: Some(Box::new(feed)),
        collectors: vec![Box::new(collector)],
        ..Slice::default()
    };
    (slice, shown)
}

fn ranges(
    sources: &Sources,
    histories: &mut Histories,
    newest: &mut Readers,
) -> (Slice, Published<ranges::Snapshot>) {
    let names = sources.range_names.clone();
    let account = match histories.take() {
        Some(saved) => RangesAccount::resume(names, saved),
        None => RangesAccount::new(names),
    };
    let feed = Feed::new(account.starting(sources.started));
    newest.ranges = feed.reader();
    let (shown, config) = (histories.shown(&feed), sources.config.clone());
    let collector = RangesCollector::new(shown.clone(), config);
    let slice = Slice {
        sink: Some(Box::new(feed)),
        collectors: vec![Box::new(collector)],
        ..Slice::default()
    };
    (slice, shown)
}

fn unknown(sources: &Sources, newest: &mut Readers) -> Slice {
    let feed = Feed::new(UnknownAccount::new(sources.started));
    newest.unknown = feed.reader();
    Slice { sink: Some(Box::new(feed)), ..Slice::default() }
}

fn countries(sources: &Sources) -> Slice {
    let collector = CountriesCollector {
        traffic: sources.traffic.clone(),
        names: sources.country_names.clone(),
        config: sources.config.clone(),
    };
    Slice { collectors: vec![Box::new(collector)], ..Slice::default() }
}

fn interfaces(sources: &Sources, devices: Devices) -> Slice {
    let Devices { mut source, keep_following, poller } = devices;
    let (log, states) = (sources.log.clone(), sources.interfaces.clone());
    let once = sources.counted_once.clone();
    let assets = Assets { config: sources.config.clone() };
    let index = Index {
        build: BUILD,
        config: sources.config.clone(),
        interfaces: states.clone(),
        counted_once: once.clone(),
        links: Vec::new(),
    };
    Slice {
        collectors: vec![Box::new(InterfacesCollector::new(states, once))],
        pages: vec![Box::new(index), Box::new(assets)],
        worker: Some(Worker::new("interfaces", Duty::Follow, move || {
            follow::follow(&log, source.as_mut(), &poller);
            Ok(())
        })),
        commit: Some(Box::new(move |config| {
            let are_wanted = config.looks_at_routes();
            keep_following.want_default_routes(are_wanted);
        })),
        ..Slice::default()
    }
}

fn exporter(
    sources: &Sources,
    optional: Vec<Published<CollectorStatus>>,
) -> Slice {
    let collector = ExporterCollector {
        build: BUILD,
        config: sources.config.clone(),
        config_hash: sources.config_hash.clone(),
        last_reload: sources.last_reload.clone(),
        databases: sources.databases.clone(),
        optional,
        is_saved: sources.is_saved.clone(),
        polls: sources.polls.clone(),
        traffic: sources.traffic.clone(),
    };
    Slice {
        collectors: vec![Box::new(collector)],
        pages: vec![
            Box::new(Healthy),
            Box::new(Ready { polls: sources.newest_polls.clone() }),
        ],
        ..Slice::default()
    }
}

fn web_server(sources: &Sources) -> Slice {
    let expiry = sources.certificate_expiry.clone();
    let expiry = move || expiry();
    let reload = Reload {
        config: sources.config.clone(),
        reload: Mutex::new(web::reload_over(sources.events.clone())),
    };
    Slice {
        collectors: vec![Box::new(CertificateCollector { expiry })],
        pages: vec![Box::new(reload)],
        ..Slice::default()
    }
}

fn process() -> Slice {
    Slice { collectors: vec![Box::new(Process::default())], ..Slice::default() }
}
