//! The last step of a start: the slices are put together and the threads are
//! started.

use std::convert::Infallible;
use std::iter;
use std::sync::Arc;
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use slog::info;

use super::super::Error;
use super::super::histories::Histories;
use super::super::notify::ServiceManager;
use super::super::patience::Progress;
use super::super::privileges::{Privileges, fixed_interfaces};
use super::super::slices::{self, Commit, Devices, Slice, Sources};
use super::super::state::{Keeper, Shown};
use super::super::supervisor::{Controls, Followers, Publications};
use super::super::worker::{Spawner, Worker};
use super::{Counting, Ended, Start};
use crate::accounting::{PollStatistics, Timestamp};
use crate::collectors::exporter::SERIES;
use crate::collectors::interfaces;
use crate::collectors::traffic::{Snapshot, TrafficAccount};
use crate::config::ListenAddress;
use crate::geoip::CountryLabels;
use crate::http::pages::api::EventLog;
use crate::http::pages::{Fresh, Metrics, Refresh};
use crate::http::{self, Routes};
use crate::kernel::{Adopt, Attach, Classify, Hook, ReadCounts};
use crate::metrics::Registry;
use crate::metrics::published::{Feed, Gather, Published, Publisher, Sink};
use crate::poller::{self, Poller};
use crate::sandbox::Duty;
use crate::state::State;

/// The parts of the daemon that were made before anything runs.
#[derive(Clone, Copy)]
pub(in crate::daemon) struct Basis<'a> {
    pub(in crate::daemon) published: &'a Publications,
    pub(in crate::daemon) followers: &'a Followers,
    pub(in crate::daemon) manager: &'a ServiceManager,
    pub(in crate::daemon) privileges: &'a Privileges,
    /// The progress of the poller.
    pub(in crate::daemon) progress: &'a Progress,
    /// The last records of the log.
    pub(in crate::daemon) event_log: &'a EventLog,
}

/// The controls and the names of the workers, or the reason of a failure.
type Begun = Result<(Controls, Vec<&'static str>), Ended>;

/// The reading halves of what the poller publishes beside the accounts.
struct Readers {
    newest_polls: Published<PollStatistics>,
    interfaces: Published<interfaces::Snapshot>,
    counted_once: Published<interfaces::OnceSnapshot>,
}

impl Start<'_> {
    /// Puts the slices together, attaches to a first interface, and starts the
    /// threads.
    ///
    /// # Errors
    /// If the exporter is not permitted to attach, or the system has no thread
    /// left.
    pub(in crate::daemon) fn begin<
        A: Attach + Adopt + Classify + 'static,
        R: ReadCounts + 'static,
    >(
        &self,
        basis: Basis<'_>,
        counting: Counting<A, R>,
        server: http::Server,
    ) -> Begun {
        let Basis { published, manager, privileges, progress, .. } = basis;
        let Counting { attacher, reader, left, .. } = counting;
        let attachments = left.attachments.clone();
        let (account, statistics) = resume(&left);
        let newest = (account.reader(), statistics.reader());
        let labels = CountryLabels::clone(&left.traffic.labels);
        let mut store = counting.store;
        let mut histories = Histories::new(store.as_mut(), labels);
        let (mut shown, mut saver) = Shown::new(self.log, store, left, newest);
        if published.config().state_directory.is_some() {
            // A directory that cannot be used is not as good as none.
            let never = || Publisher::new(false).reader();
            shown.is_saved.get_or_insert_with(never);
        }
        let interfaces = Publisher::new(interfaces::Snapshot::new());
        let counted_once = Publisher::new(interfaces::OnceSnapshot::new());
        let readers = Readers {
            newest_polls: statistics.reader(),
            interfaces: interfaces.reader(),
            counted_once: counted_once.reader(),
        };
        let (polling, until_counted) = bounded::<Infallible>(0);
        let counting_ends = polling.clone();
        let sources =
            self.sources(basis, &shown, readers, &server, counting_ends);
        let (device_events, followed) = unbounded();
        let devices = Devices {
            source: counting.devices,
            keep_following: counting.keep_following,
            poller: device_events,
        };
        let slices = slices::all(
            &sources,
            &mut histories,
            account,
            devices,
            counting.connections,
        );
        let labels = Arc::new(std::mem::take(&mut histories.labels));
        if let (Some(keeper), Some(saver)) = (&mut shown.keeper, &mut saver) {
            keeper.save_slices(saver, histories);
        }
        let saver = saver.map(|saver| Box::new(saver) as Box<_>);
        let save_first = shown.save_first.map(|it| Arc::new(it) as Arc<_>);
        let mut parts = Parts::of(slices, &sources, save_first);

        let (settling, settled) = bounded::<Infallible>(0);
        let overseer = manager.overseer(
            progress.clone(),
            self.on_ready(privileges, published, attacher.hook(), settled),
        );
        let poller = Poller::new(
            self.log.clone(),
            published.config(),
            (attacher, reader),
            counting.sources,
            std::mem::take(&mut parts.sinks),
            poller::Publishers {
                statistics,
                interfaces,
                counted_once,
                together: sources.together.clone(),
                gatherers: std::mem::take(&mut parts.gatherers),
                overseer,
                saver,
            },
            poller::Start {
                devices: counting.first_devices,
                resumed: counting.resumed,
                attachments,
                labels,
            },
        )?;
        privileges.begin_giving_up(&counting.rights);

        let (control, controlled) = unbounded();
        let poll = Worker::new("poller", counting.duty, move || {
            poller.run(&controlled, &followed);
            // The last poll is published by now.
            drop(polling);
            Ok(())
        });
        let (handle, addresses) =
            (server.handle(), server.addresses().to_vec());
        let save = shown.keeper.map(|keeper| saving(keeper, until_counted));
        let serve = serving(server, parts.routes);
        let ours = parts.workers;
        let workers: Vec<_> =
            iter::once(poll).chain(save).chain(ours).chain([serve]).collect();
        let names = workers.iter().map(|worker| worker.name).collect();
        self.start(workers, privileges)?;
        drop(settling);
        self.log_addresses(&addresses, &published.config().metrics_path);
        let commits = parts.commits;
        Ok((Controls { poller: control, commits, server: handle }, names))
    }

    fn log_addresses(&self, addresses: &[ListenAddress], metrics_path: &str) {
        for address in addresses {
            info!(self.log, "listening"; "address" => %address,
                "metrics_path" => metrics_path);
        }
    }

    /// Gathers the publications that the slices use.
    fn sources(
        &self,
        Basis { published, followers, event_log, .. }: Basis<'_>,
        shown: &Shown,
        Readers { newest_polls, interfaces, counted_once }: Readers,
        server: &http::Server,
        counting: Sender<Infallible>,
    ) -> Sources {
        let Followers { databases, ranges, .. } = followers;
        let mut statuses = databases.statuses();
        statuses.extend([ranges.status(), published.web.reader()]);
        Sources {
            started: SystemTime::now().into(),
            log: self.log.clone(),
            event_log: event_log.clone(),
            config: published.config.reader(),
            config_hash: published.config_hash.reader(),
            last_reload: published.last_reload.reader(),
            databases: statuses,
            range_names: ranges.names().clone(),
            origins: published.sources.reader(),
            country_names: databases.countries.names(),
            network_names: databases.networks.names(),
            together: shown.together.clone(),
            traffic: shown.traffic.clone(),
            polls: shown.polls.clone(),
            newest_polls,
            is_saved: shown.is_saved.clone(),
            save_first: shown.save_first.clone(),
            last_save: shown.last_save.clone(),
            interfaces,
            counted_once,
            certificate_expiry: server.certificate_expiry(),
            events: self.events.0.clone(),
            counting,
        }
    }

    /// Starts the workers, and gives up all privileges that the supervisor
    /// does not need.
    fn start(
        &self,
        workers: Vec<Worker>,
        privileges: &Privileges,
    ) -> Result<(), Ended> {
        let events = self.events.0.clone();
        let spawner = Spawner { events, privileges: privileges.clone() };
        for worker in workers {
            spawner.spawn(worker).map_err(Error::Thread)?;
        }
        privileges.take_up(Duty::Supervise);
        Ok(())
    }

    /// Returns the function that the poller calls once all interfaces of the
    /// start are counted. `settled` ends when the main thread has given up its
    /// privileges.
    fn on_ready(
        &self,
        privileges: &Privileges,
        published: &Publications,
        hook: Hook,
        settled: Receiver<Infallible>,
    ) -> impl FnOnce(usize) + Send + 'static {
        let (log, privileges) = (self.log.clone(), privileges.clone());
        let fixed = fixed_interfaces(&published.config(), hook);
        move |count| {
            info!(log, "ready"; "interfaces" => count);
            if fixed == Some(count) {
                privileges.give_up_the_rest();
            }
            // The main thread is the last one.
            let _ = settled.recv();
            privileges.report();
        }
    }
}

/// Returns the account and the statistics, which continue from the saved
/// counters.
fn resume(left: &State) -> (Feed<TrafficAccount>, Publisher<PollStatistics>) {
    let now = Timestamp::from(SystemTime::now());
    let traffic = Snapshot::clone(&left.traffic);
    let account = TrafficAccount::resume(traffic).starting(now);
    let polls = PollStatistics::resume(left.polls).starting(now);
    (Feed::new(account), Publisher::new(polls))
}

/// Returns the thread that saves the counters until all that count have ended.
fn saving(keeper: Keeper, until_counted: Receiver<Infallible>) -> Worker {
    Worker::new("state", Duty::Save, move || {
        keeper.run(&until_counted);
        Ok(())
    })
}

/// Returns the thread that answers clients.
fn serving(server: http::Server, routes: Routes) -> Worker {
    Worker::new("http", Duty::Serve, move || Ok(server.run(routes)?))
}

/// The parts of all slices, by the thread that takes them.
struct Parts {
    sinks: Vec<Box<dyn Sink>>,
    gatherers: Vec<Box<dyn Gather>>,
    routes: Routes,
    workers: Vec<Worker>,
    commits: Vec<Commit>,
}

impl Parts {
    fn of(
        slices: Vec<Slice>,
        sources: &Sources,
        save_first: Option<Arc<dyn Refresh>>,
    ) -> Self {
        let mut registry = Registry::of(sources.together.clone());
        registry.count_series(SERIES);
        let (mut sinks, mut pages) = (Vec::new(), Vec::new());
        let (mut workers, mut commits) = (Vec::new(), Vec::new());
        let mut gatherers = Vec::new();
        for slice in slices {
            sinks.extend(slice.sink);
            gatherers.extend(slice.gatherer);
            for collector in slice.collectors {
                registry.register_boxed(collector);
            }
            pages.extend(slice.pages);
            workers.extend(slice.worker);
            commits.extend(slice.commit);
        }
        let config = sources.config.clone();
        let page = Metrics { config: config.clone(), registry };
        // First, as metrics_path may be the path of another page.
        let metrics = Fresh { page, refresh: save_first };
        let routes = Routes::new(config).with(metrics);
        let routes = pages.into_iter().fold(routes, Routes::with_boxed);
        Self { sinks, gatherers, routes, workers, commits }
    }
}
