//! Puts everything together: the only module that knows every other.
//!
//! [`run`] is the start, in order; `supervisor` is what happens then;
//! `lifecycle` decides it.

mod asked;
mod check;
mod continuity;
mod database;
mod errand;
mod error;
mod follow;
mod follower;
mod host;
pub mod lifecycle;
mod notify;
mod patience;
mod privileges;
mod reload;
mod save_first;
mod signals;
mod sockets;
mod start;
mod state;
mod supervisor;
mod web;
mod worker;

use std::convert::Infallible;
use std::ffi::OsString;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};
use slog::{Logger, crit, info, warn};

use crate::accounting::{PollStatistics, Timestamp};
use crate::collectors::exporter::{
    CertificateCollector, ExporterCollector, LastReload, Process,
};
use crate::collectors::interfaces::{self, InterfacesCollector};
use crate::collectors::traffic::{Snapshot, TrafficAccount, TrafficCollector};
use crate::config::{self, Config, Flags, ListenAddress, Paths};
use crate::files::Place;
use crate::http::pages::{Fresh, Healthy, Index, Metrics, Ready, Reload};
use crate::http::{self, Routes};
use crate::kernel::{self, Hook, Probe, ProbeSettings, Room};
use crate::logging::{self, LogControl};
use crate::metrics::Registry;
use crate::metrics::published::{Feed, Publisher, Sink};
use crate::poller::{self, Poller};
use crate::release::Build;
use crate::sandbox::Duty;
pub use check::report;
pub use continuity::remove_pins;
use errand::Errand;
pub use error::Error;
use follower::Resource as _;
pub use host::{Host, KeepFollowing, ThisHost};
pub use kernel::reset_signals;
use lifecycle::{Event, Lifecycle};
use notify::ServiceManager;
use patience::Progress;
use privileges::{Privileges, binding};
use reload::Reloads;
use start::{Ended, Start};
use state::Shown;
use supervisor::{Faults, Followers, State, Supervisor};
use web::WebConfig;
use worker::{HTTP, INTERFACES, POLLER, STATE, Spawner, start_workers};

/// What the exporter says it is.
const BUILD: Build = Build::THIS;

/// Where the layers of the configuration come from, at the start and at every
/// reload.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The command line.
    pub flags: Flags,
    /// The environment of the process.
    pub environment: Vec<(OsString, OsString)>,
    /// Where files are looked for.
    pub paths: Paths,
}

impl Layers {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(&self) -> Result<config::Loaded, config::Error> {
        config::load(&self.flags, &self.environment, &self.paths)
    }

    /// The same, and `place` shows at which file it is.
    ///
    /// # Errors
    /// As [`Layers::load`].
    fn load_at(&self, place: &Place) -> Result<config::Loaded, config::Error> {
        config::load_at(&self.flags, &self.environment, &self.paths, place)
    }
}

/// Both ends of the channel on which everything reports to the supervisor.
pub type EventChannel = (Sender<Event>, Receiver<Event>);

/// Runs the daemon until it is told to stop, or fails.
///
/// All that can fail at the start fails here, before the service manager
/// hears that it is done.
///
/// # Errors
/// What is wrong, and never a half-working daemon. It has been logged where
/// there was a log: see [`Error::is_logged`].
pub fn run<H: Host>(
    layers: Layers,
    host: &H,
    events: EventChannel,
) -> Result<(), Error> {
    let loaded = start::load(&layers, host)?;
    let config = &loaded.config;
    let (log, log_control) = host.open_log(config.log_level, config.log_format);
    let result = match run_logged(
        layers,
        loaded,
        host,
        events,
        &log,
        log_control.clone(),
    ) {
        Err(Ended::Asked) => {
            info!(log, "stopped");
            Ok(())
        }
        Err(Ended::Failed(error)) => Err(error),
        Ok(()) => Ok(()),
    };
    if let Err(error) = &result
        && error.is_logged()
    {
        crit!(log, "failed"; "error" => logging::chain(error));
    }
    log_control.flush();
    result
}

fn run_logged<H: Host>(
    layers: Layers,
    loaded: config::Loaded,
    host: &H,
    events: EventChannel,
    log: &Logger,
    log_control: LogControl,
) -> Result<(), Ended> {
    kernel::keep_memory_small();
    let config = loaded.config;
    info!(log, "starting"; "version" => BUILD.version,
        "revision" => BUILD.revision, "config" => file_list(&loaded.files));
    for warning in &loaded.warnings {
        warn!(log, "configuration"; "warning" => %warning);
    }
    web::log_left_out(log, &loaded.left_out);

    let manager =
        ServiceManager::of(&layers.environment).unwrap_or_else(|error| {
            warn!(log, "cannot reach the service manager at NOTIFY_SOCKET";
                "error" => %error);
            ServiceManager::default()
        });
    manager.status("starting");

    let given = host.take_sockets();
    let listen_address = web::own_addresses(log, &config, &given);
    let mut start = Start::new(log, &events);
    let wanted = config.clone();
    let made = Errand::start("directories", move |place| {
        continuity::make_directories(&wanted, place)
    });
    let made = start.wait_before_log(made, &log_control)?;
    // No other thread until files are restricted, as each inherits it.
    let privileges = Privileges::restrict(
        log,
        host.sandbox(&config),
        &layers.environment,
        &listen_address,
        &continuity::directories(&config),
    );
    privileges
        .starting(Duty::Log, |prepare| log_control.start(prepare))
        .and_then(|()| {
            let events = events.0.clone();
            privileges.starting(Duty::Forward, |prepare| {
                host.forward_signals(events, prepare)
            })
        })
        .map_err(Error::Thread)?;

    let mut followers = Followers::start(log, &privileges)?;
    let web = WebConfig(config.web_config_file.clone());
    let reading = web.clone();
    let read = Errand::start("web-config", move |at| reading.open(at));
    let read = start.wait(read)??;
    read.log_warnings(log);
    followers.web.follow(web, WebConfig::files_of(&read), true);
    let addresses = listen_address.clone();
    let own = privileges.clone();
    let bound = Errand::start("listen", move |place| {
        own.take_up(binding(&addresses));
        let sockets = addresses.iter().filter_map(ListenAddress::path);
        sockets.for_each(|path| place.enter(path));
        match given.is_empty() {
            true => http::Server::bind(&addresses),
            false => http::Server::take(given),
        }
    });
    let server = start.wait(bound)??.log_to(log.clone()).secure(read.security);
    let (own, wanted) = (log.clone(), config.clone());
    let taken = Errand::start("state", move |place| {
        state::take_over(&own, &wanted, place, made.state)
    });
    let (mut store, mut left) = start.wait(taken)?;
    let keep = continuity::keep(log, &config, store.as_ref(), &left, made.pins);
    // Opened while the programs are loaded: checking a large database takes as
    // long, and neither needs the other.
    let began = Instant::now();
    followers.open_database(&config);
    let mut probe = host.load(&probe_settings(&config), keep)?;
    let opened = start.wait_for_database(&followers.database, began)?;
    let (database, database_fault) = database::first(log, &config, opened);
    kernel::trim_memory();
    for notice in probe.take_notices() {
        warn!(log, "notice about the eBPF programs"; "notice" => notice);
    }
    let counting = privileges.counting(&probe);
    log_loaded(log, probe.hook(), &probe.room());
    let adopted = probe.adopt()?;
    let has_new_maps = adopted.is_none();
    let incarnation = probe.incarnation();
    let resumed = continuity::resume(log, &mut left, adopted, incarnation);
    let (mut devices, keep_following) = host.follow_interfaces(&mut probe)?;
    keep_following.want_default_routes(config.interfaces.have_uplinks());
    let first_devices = devices.next()?.unwrap_or_default();

    if has_new_maps && resumed.is_some() {
        let saved = Errand::start("first-save", move |place| {
            state::save_first(store.as_ref(), &left, place);
            (store, left)
        });
        (store, left) = start.wait(saved)?;
    }
    let traffic = Snapshot::clone(&left.traffic);
    let now = Timestamp::from(SystemTime::now());
    let traffic = Feed::new(TrafficAccount::resume(traffic).starting(now));
    let polls = PollStatistics::resume(left.polls).starting(now);
    let statistics = Publisher::new(polls);
    let (shown, keep) =
        Shown::new(log, store, left, traffic.reader(), statistics.reader());
    let interfaces = Publisher::new(interfaces::Snapshot::new());
    let published = State::new(&config, database.as_deref());

    let mut registry = Registry::new();
    registry.register(TrafficCollector::new(
        shown.traffic.clone(),
        published.at_zero.reader(),
    ));
    registry.register(InterfacesCollector::new(interfaces.reader()));
    registry.register(ExporterCollector {
        build: BUILD,
        settings: published.settings.reader(),
        last_reload: published.last_reload.reader(),
        database: published.database.reader(),
        database_loaded: published.database_loaded.reader(),
        is_saved: shown.is_saved,
        polls: shown.polls,
        traffic: shown.traffic,
    });
    let expiry = server.certificate_expiry();
    registry.register(CertificateCollector { expiry });
    registry.register(Process::default());
    let metrics_path = published.metrics_path.reader();
    let routes = Routes::new(metrics_path.clone())
        .with(Fresh {
            page: Metrics { path: metrics_path.clone(), registry },
            refresh: shown.save_first,
        })
        .with(Healthy)
        .with(Ready { polls: statistics.reader() })
        .with(Reload {
            is_enabled: published.enable_reload.reader(),
            reload: Mutex::new(web::reload_over(events.0.clone())),
        })
        .with(Index {
            build: BUILD,
            metrics_path,
            interfaces: interfaces.reader(),
            links: Vec::new(),
        });

    let (settling, settled) = bounded::<Infallible>(0);
    let progress = Progress::default();
    let overseer = manager.overseer(progress.clone(), {
        let (log, privileges) = (log.clone(), privileges.clone());
        let fixed = privileges::fixed_interfaces(&config, probe.hook());
        move |count| {
            info!(log, "ready"; "interfaces" => count);
            if fixed == Some(count) {
                privileges.give_up_the_rest();
            }
            // Until the main thread, the last one, has given up its own.
            let _ = settled.recv();
            privileges.report();
        }
    });
    let poller = Poller::new(
        log.clone(),
        poller::Settings::from(&config),
        probe,
        database,
        vec![Box::new(traffic) as Box<dyn Sink>],
        poller::Publishers { statistics, interfaces, overseer, keep },
        poller::Start { devices: first_devices, resumed },
    )?;

    privileges.begin_giving_up();
    let addresses = server.addresses().to_vec();
    let mut workers = vec![POLLER, INTERFACES, HTTP];
    workers.extend(shown.keeper.as_ref().map(|_| STATE));
    let spawner =
        Spawner { events: events.0.clone(), privileges: privileges.clone() };
    let controls = start_workers(
        &spawner,
        log.clone(),
        (counting, poller, shown.keeper),
        (devices, keep_following),
        (server, routes),
    )
    .map_err(Error::Thread)?;
    privileges.take_up(Duty::Supervise);
    drop(settling);
    for address in &addresses {
        info!(log, "listening"; "address" => %address,
            "metrics_path" => &config.metrics_path);
    }

    start.end();
    let lifecycle = Lifecycle::new(workers);
    Supervisor {
        log: log.clone(),
        log_control,
        manager,
        layers,
        config,
        published,
        progress,
        controls: Some(controls),
        followers,
        faults: Faults { database: database_fault, ..Faults::default() },
        reloads: Reloads::default(),
    }
    .run(lifecycle, &events.1)?;
    Ok(())
}

fn probe_settings(config: &Config) -> ProbeSettings {
    ProbeSettings {
        map_max_entries: config.map_max_entries,
        ipv4_prefix_length: config.ipv4_prefix_length,
        ipv6_prefix_length: config.ipv6_prefix_length,
    }
}

fn log_loaded(log: &Logger, hook: Hook, room: &Room) {
    if let Some(reason) = &room.without_table {
        warn!(log, "no flow table: each packet costs more";
            "reason" => reason);
    }
    info!(log, "loaded the eBPF programs";
        "attached_by" => hook.name(),
        "flow_table_entries" => room.table_entries,
        "flow_table_bytes" => room.table_bytes,
        "flow_map_entries" => room.map_entries);
}

fn file_list(files: &[std::path::PathBuf]) -> String {
    if files.is_empty() {
        return "defaults".into();
    }
    let files: Vec<_> = files.iter().map(|f| f.to_string_lossy()).collect();
    files.join(", ")
}

fn succeeded_now() -> LastReload {
    LastReload { successful: true, success_time: SystemTime::now() }
}
