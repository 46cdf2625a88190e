//! Puts everything together: the only module that knows every other.
//!
//! [`run`] is the start, in order; `supervisor` is what happens then;
//! `lifecycle` decides it.

mod asked;
mod error;
pub mod lifecycle;
mod signals;
mod supervisor;
mod web;
mod worker;

use std::any::Any;
use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender, unbounded};
use slog::{Logger, info, warn};

use crate::collectors::exporter::{
    self, Build, ExporterCollector, LastReload, PollStatistics,
};
use crate::collectors::interfaces::{self, InterfacesCollector};
use crate::collectors::traffic::{TrafficAccount, TrafficCollector};
use crate::config::{self, Config, Flags, LogFormat, LogLevel, Paths};
use crate::geoip::{self, Database, Watch};
use crate::http::pages::{Healthy, Index, Metrics, Ready, Reload};
use crate::http::{self, Routes};
use crate::kernel::{
    self, FollowInterfaces, InterfaceEvent, InterfaceMonitor, Probe,
    ProbeSettings, Room, TrafficProbe,
};
use crate::logging::{self, LogControl};
use crate::metrics::published::{Feed, Publisher, Sink};
use crate::metrics::{Process, Registry};
use crate::poller::{self, Poller};
pub use error::Error;
use lifecycle::{Event, Lifecycle};
pub use signals::catch as catch_signals;
use supervisor::{Controls, State, Supervisor};
pub use web::warnings;

/// What the exporter says it is.
const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    revision: match option_env!("GEOIP_EXPORTER_REVISION") {
        Some(revision) => revision,
        None => "unknown",
    },
};

/// The names of the threads that must not end.
const POLLER: &str = "poller";
const INTERFACES: &str = "interfaces";
const HTTP: &str = "http";

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
}

/// What is kept as long as interfaces are to be followed.
pub type KeepFollowing = Box<dyn Any + Send>;

/// The machine to count on.
pub trait Host {
    /// Its kernel side.
    type Probe: Probe + 'static;

    /// Loads the kernel side.
    ///
    /// # Errors
    /// See [`TrafficProbe::load`].
    fn load(
        &self,
        settings: &ProbeSettings,
    ) -> Result<Self::Probe, kernel::Error>;

    /// Returns a source of news of network devices, which ends once the second
    /// half is dropped.
    ///
    /// # Errors
    /// See [`InterfaceMonitor::open`].
    fn follow_interfaces(
        &self,
    ) -> Result<(Box<dyn FollowInterfaces>, KeepFollowing), kernel::Error>;

    /// Opens the log: standard error, with every panic in it.
    fn open_log(
        &self,
        level: LogLevel,
        format: LogFormat,
    ) -> (Logger, LogControl) {
        let (log, control) = logging::to_stderr(level, format);
        logging::log_panics(&log);
        (log, control)
    }
}

/// The machine this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisHost;

impl Host for ThisHost {
    type Probe = TrafficProbe;

    fn load(
        &self,
        settings: &ProbeSettings,
    ) -> Result<TrafficProbe, kernel::Error> {
        TrafficProbe::load(settings)
    }

    fn follow_interfaces(
        &self,
    ) -> Result<(Box<dyn FollowInterfaces>, KeepFollowing), kernel::Error> {
        let (monitor, stopper) = InterfaceMonitor::open()?;
        Ok((Box::new(monitor), Box::new(stopper)))
    }
}

/// Both ends of the channel on which everything reports to the supervisor.
pub type EventChannel = (Sender<Event>, Receiver<Event>);

/// Runs the daemon until it is told to stop, or fails.
///
/// All that can fail at the start fails here, before anything is counted.
///
/// # Errors
/// What is wrong, and never a half-working daemon.
pub fn run<H: Host>(
    layers: Layers,
    host: &H,
    events: EventChannel,
) -> Result<(), Error> {
    let loaded = layers.load().map_err(Error::Config)?;
    let config = loaded.config;

    let (log, log_control) = host.open_log(config.log_level, config.log_format);
    info!(log, "starting"; "version" => BUILD.version,
        "revision" => BUILD.revision, "config" => file_list(&loaded.files));
    for warning in &loaded.warnings {
        warn!(log, "configuration"; "warning" => %warning);
    }

    let security = web::load_security(&log, &config)?;
    let server = http::Server::bind(&config.listen_address)?
        .log_to(log.clone())
        .secure(security);
    let mut watch = Watch::default();
    let (database, database_fault) =
        open_first_database(&log, &config, &mut watch);
    let mut probe = host.load(&probe_settings(&config))?;
    info!(log, "loaded the eBPF programs"; "attached_by" => probe.hook().name());
    log_room(&log, &probe.room());
    for notice in probe.take_notices() {
        warn!(log, "loaded the eBPF programs"; "notice" => notice);
    }
    let (mut devices, keep_following) = host.follow_interfaces()?;
    let first_devices = devices.next()?.unwrap_or_default();

    let traffic = Feed::new(TrafficAccount::new());
    let statistics = Publisher::new(PollStatistics::default());
    let interfaces = Publisher::new(interfaces::Snapshot::new());
    let published = State::new(&config, database.as_deref());

    let mut registry = Registry::new();
    registry.register(TrafficCollector::new(traffic.reader()));
    registry.register(InterfacesCollector::new(interfaces.reader()));
    registry.register(ExporterCollector {
        build: BUILD,
        settings: published.settings.reader(),
        last_reload: published.last_reload.reader(),
        database: published.database.reader(),
        polls: statistics.reader(),
        traffic: traffic.reader(),
    });
    registry.register(Process::default());
    let metrics_path = published.metrics_path.reader();
    let routes = Routes::new(metrics_path.clone())
        .with(Metrics { path: metrics_path.clone(), registry })
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

    let poller = Poller::new(
        log.clone(),
        poller::Settings::from(&config),
        probe,
        database,
        vec![Box::new(traffic) as Box<dyn Sink>],
        poller::Publishers { statistics, interfaces },
        first_devices,
    )?;

    let addresses = server.addresses().to_vec();
    let controls = start_workers(
        &events.0,
        log.clone(),
        poller,
        devices,
        keep_following,
        server,
        routes,
    )
    .map_err(Error::Thread)?;
    for address in &addresses {
        info!(log, "listening"; "address" => %address,
            "metrics_path" => &config.metrics_path);
    }

    let lifecycle = Lifecycle::new(vec![POLLER, INTERFACES, HTTP]);
    Supervisor {
        log,
        log_control,
        layers,
        config,
        published,
        controls: Some(controls),
        watch,
        database_fault,
    }
    .run(lifecycle, &events.1)
}

/// Starts the threads. Each ends once its half of the result is dropped.
fn start_workers<P: Probe + 'static>(
    events: &Sender<Event>,
    log: Logger,
    poller: Poller<P>,
    mut devices: Box<dyn FollowInterfaces>,
    keep_following: KeepFollowing,
    server: http::Server,
    routes: Routes,
) -> std::io::Result<Controls> {
    let (control, controlled) = unbounded();
    let (device_events, followed) = unbounded();
    let server_handle = server.handle();
    worker::spawn(POLLER, events.clone(), move || {
        poller.run(&controlled, &followed);
        Ok(())
    })?;
    worker::spawn(INTERFACES, events.clone(), move || {
        follow(&log, devices.as_mut(), &device_events);
        Ok(())
    })?;
    worker::spawn(HTTP, events.clone(), move || Ok(server.run(routes)?))?;
    Ok(Controls { poller: control, keep_following, server: server_handle })
}

/// Passes the news of devices on to the poller, until either has enough. What
/// is counted already goes on being counted while there is no news.
fn follow(
    log: &Logger,
    devices: &mut dyn FollowInterfaces,
    poller: &Sender<Vec<InterfaceEvent>>,
) {
    let mut is_failing = false;
    loop {
        match devices.next() {
            Ok(Some(happened)) => {
                if std::mem::take(&mut is_failing) {
                    info!(log, "following interfaces again");
                }
                if poller.send(happened).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    warn!(log, "cannot follow interfaces; trying again";
                        "error" => logging::chain(&error));
                }
            }
        }
    }
}

fn probe_settings(config: &Config) -> ProbeSettings {
    ProbeSettings {
        map_max_entries: config.map_max_entries,
        ipv4_prefix_length: config.ipv4_prefix_length,
        ipv6_prefix_length: config.ipv6_prefix_length,
    }
}

fn log_room(log: &Logger, room: &Room) {
    if let Some(reason) = &room.without_table {
        warn!(log, "no flow table: each packet costs more";
            "reason" => reason);
    }
    info!(log, "loaded the eBPF programs";
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

/// Opens the database, or returns why not, which has been logged. Without one
/// the daemon counts all the same.
fn open_first_database(
    log: &Logger,
    config: &Config,
    watch: &mut Watch,
) -> (Option<Arc<Database>>, Option<String>) {
    // Before it is opened: a file that takes its place meanwhile is new.
    let identity = geoip::Identity::of(&config.geoip_db);
    match Database::open(&config.geoip_db) {
        Ok(database) => {
            watch.opened(database.identity());
            log_database(log, &database);
            (Some(Arc::new(database)), None)
        }
        Err(error) => {
            let until = match config.geoip_db_watch {
                true => "it can be opened",
                false => "a reload",
            };
            if !error.may_pass() {
                watch.opened(identity);
            }
            let fault = logging::chain(&error);
            warn!(log, "no GeoIP database: every country is UNKNOWN";
                "until" => until, "error" => &fault);
            (None, Some(fault))
        }
    }
}

fn log_database(log: &Logger, database: &Database) {
    info!(log, "opened the GeoIP database";
        "path" => %database.path().display(),
        "type" => database.database_type(),
        "build_timestamp" => database.build_epoch());
}

fn describe(database: &Database) -> exporter::Database {
    exporter::Database {
        path: database.path().to_owned(),
        database_type: database.database_type().to_owned(),
        build_timestamp_seconds: database.build_epoch(),
    }
}

fn succeeded_now() -> LastReload {
    LastReload { successful: true, success_time: SystemTime::now() }
}
