//! Waits for what happens and does about it what the lifecycle says.
//!
//! Runs on the main thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use slog::{Logger, debug, error, info, warn};

use super::database::{Opened, Opener, describe, log_opened};
use super::lifecycle::{Action, Event, Lifecycle};
use super::notify::ServiceManager;
use super::web::load_security;
use super::{Error, KeepFollowing, Layers, succeeded_now};
use crate::collectors::exporter::{self, LastReload, Settings};
use crate::config::{self, Config};
use crate::geoip::{self, Database, Identity, Watch};
use crate::http;
use crate::logging::{LogControl, chain};
use crate::metrics::published::Publisher;
use crate::poller::{self, Control};

/// How often the database's file is looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How long the workers have to end: a poll of a large map, an answer to a
/// slow client, and detaching, which takes the kernel some 25 ms an interface.
const STOP_PATIENCE: Duration = Duration::from_secs(120);

/// What the supervisor publishes for scrapes.
pub(super) struct State {
    pub(super) settings: Publisher<Settings>,
    pub(super) last_reload: Publisher<LastReload>,
    pub(super) database: Publisher<Option<exporter::Database>>,
    pub(super) database_loaded: Publisher<bool>,
    pub(super) metrics_path: Publisher<String>,
    pub(super) enable_reload: Publisher<bool>,
}

impl State {
    pub(super) fn new(config: &Config, database: Option<&Database>) -> Self {
        Self {
            settings: Publisher::new(exported(config)),
            last_reload: Publisher::new(succeeded_now()),
            database: Publisher::new(database.map(describe)),
            database_loaded: Publisher::new(database.is_some()),
            metrics_path: Publisher::new(config.metrics_path.clone()),
            enable_reload: Publisher::new(config.enable_reload),
        }
    }
}

fn exported(config: &Config) -> Settings {
    Settings {
        map_max_entries: config.map_max_entries.get(),
        poll_interval: config.poll_interval,
        flow_batch_size: config.flow_batch_size.get(),
    }
}

/// What keeps the workers running. Dropping a part ends its worker.
pub(super) struct Controls {
    pub(super) poller: Sender<Control>,
    #[expect(dead_code, reason = "is only there to be dropped")]
    pub(super) keep_following: KeepFollowing,
    pub(super) server: http::Handle,
}

pub(super) struct Supervisor {
    pub(super) log: Logger,
    pub(super) log_control: LogControl,
    pub(super) manager: ServiceManager,
    pub(super) layers: Layers,
    /// What is in force.
    pub(super) config: Config,
    pub(super) published: State,
    /// None once the workers were told to end.
    pub(super) controls: Option<Controls>,
    pub(super) watch: Watch,
    pub(super) opener: Opener,
    /// What was last said of a database that could not be opened, so that it
    /// is said once.
    pub(super) database_fault: Option<String>,
}

/// Why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error(transparent)]
    Config(config::Error),
    #[error(transparent)]
    WebConfig(http::WebConfigError),
    #[error(transparent)]
    Database(geoip::Error),
}

impl Supervisor {
    /// Supervises until everything has ended.
    pub(super) fn run(
        mut self,
        mut lifecycle: Lifecycle,
        events: &Receiver<Event>,
    ) -> Result<(), Error> {
        let mut deadline = None;
        loop {
            let event = select! {
                recv(events) -> event => match event {
                    Ok(event) => event,
                    Err(_) => return Ok(()),
                },
                recv(self.opener.ends()) -> result => {
                    self.end_opening(result.ok());
                    continue;
                }
                default(WATCH_INTERVAL) => {
                    if deadline.is_some_and(|at| Instant::now() > at) {
                        return Err(Error::Stuck(STOP_PATIENCE.as_secs()));
                    }
                    self.look_at_database();
                    continue;
                }
            };
            match lifecycle.on(event) {
                None => {}
                Some(Action::Reload(asked)) => {
                    let outcome = self.reload();
                    if let Some(asked) = asked {
                        asked.tell(outcome);
                    }
                }
                Some(Action::Stop) => {
                    info!(self.log, "stopping");
                    self.manager.stopping();
                    self.controls = None;
                    deadline = Some(Instant::now() + STOP_PATIENCE);
                }
                Some(Action::Exit) => {
                    info!(self.log, "stopped");
                    return Ok(());
                }
                Some(Action::Fail { name, reason }) => {
                    return Err(Error::Worker { name, reason });
                }
            }
        }
    }

    /// Re-reads everything and applies all of it, or nothing.
    fn reload(&mut self) -> Result<(), String> {
        info!(self.log, "reloading");
        self.manager.reloading();
        match self.try_reload() {
            Ok(changed) => {
                self.published.last_reload.publish(succeeded_now());
                info!(self.log, "reloaded"; "changed" => changed.join(", "));
                self.manager.ready("reloaded");
                Ok(())
            }
            Err(failure) => {
                match &failure {
                    ReloadError::Config(faults) => {
                        for problem in faults.problems() {
                            error!(self.log, "configuration";
                                "error" => %problem);
                        }
                    }
                    ReloadError::WebConfig(faults) => {
                        for line in faults.lines() {
                            error!(self.log, "web configuration";
                                "error" => line);
                        }
                    }
                    ReloadError::Database(fault) => {
                        error!(self.log, "database";
                            "error" => chain(fault));
                    }
                }
                error!(self.log, "not reloaded; everything stays as it was");
                let last = *self.published.last_reload.reader().get();
                self.published
                    .last_reload
                    .publish(LastReload { successful: false, ..last });
                self.manager.ready("the last reload failed: see the log");
                Err(chain(&failure))
            }
        }
    }

    /// Returns the settings that changed.
    fn try_reload(&mut self) -> Result<Vec<&'static str>, ReloadError> {
        let loaded = self.layers.load().map_err(ReloadError::Config)?;
        let plan = config::plan(&self.config, &loaded.config);
        let security = load_security(&self.log, &plan.config)
            .map_err(ReloadError::WebConfig)?;
        let opened = self.open_database(&plan.config);
        let is_there = matches!(opened, Ok(Some(_)));
        self.published.database_loaded.publish(is_there);
        let database = opened?;

        // From here on nothing can fail.
        for warning in &loaded.warnings {
            warn!(self.log, "configuration"; "warning" => %warning);
        }
        if let Some(warning) = plan.warning() {
            warn!(self.log, "configuration"; "warning" => warning);
        }
        self.watch.opened(database.as_ref().and_then(|d| d.identity()));
        self.database_fault = None;
        self.config = plan.config;
        self.log_control.set(self.config.log_level, self.config.log_format);
        self.published.settings.publish(exported(&self.config));
        self.published.metrics_path.publish(self.config.metrics_path.clone());
        self.published.enable_reload.publish(self.config.enable_reload);
        if let Some(controls) = &self.controls {
            controls.server.secure(security);
        }
        let shown = database.as_deref().map(describe);
        self.tell_poller(database);
        // Behind it: who sees it gets its countries.
        self.published.database.publish(shown);
        Ok(plan.changed)
    }

    /// Opens the database, where there is one or has been one.
    fn open_database(
        &mut self,
        config: &Config,
    ) -> Result<Option<Arc<Database>>, ReloadError> {
        match self.opener.open(&config.geoip_db) {
            Ok(database) => {
                log_opened(&self.log, &database);
                Ok(Some(Arc::new(database)))
            }
            Err(fault)
                if fault.is_not_found()
                    && self.published.database.reader().get().is_none() =>
            {
                warn!(self.log, "every country stays UNKNOWN";
                    "error" => chain(&fault));
                Ok(None)
            }
            Err(fault) => Err(ReloadError::Database(fault)),
        }
    }

    /// Hands the settings over, and waits until they are in force.
    fn tell_poller(&self, database: Option<Arc<Database>>) {
        let Some(controls) = &self.controls else { return };
        let (done, applied) = bounded(0);
        let settings = poller::Settings::from(&self.config);
        let control = Control::Reload { settings, database, done };
        if controls.poller.send(control).is_ok() {
            // Nothing is ever sent: the poller drops its end. Were it gone,
            // its end would be dropped with it, and its exit is an event.
            let _ = applied.recv();
        }
    }

    /// Hands a database over, and waits until it is in use.
    fn replace_database(&self, database: Arc<Database>) {
        let Some(controls) = &self.controls else { return };
        let (done, applied) = bounded(0);
        let control = Control::Database { database, done };
        if controls.poller.send(control).is_ok() {
            // As in `tell_poller`.
            let _ = applied.recv();
        }
    }

    /// Has the database opened anew where its file has changed.
    fn look_at_database(&mut self) {
        if let Some(fault) = self.opener.complaint() {
            self.miss_database(&fault);
        }
        if !self.config.geoip_db_watch || self.opener.is_busy() {
            return;
        }
        let path = &self.config.geoip_db;
        if self.watch.is_new(Identity::of(path)) {
            debug!(self.log, "opening the GeoIP database";
                "path" => %path.display());
            if let Err(fault) = self.opener.begin(path) {
                self.miss_database(&fault);
            }
        }
    }

    /// Takes a database that has been opened, unless a reload opened another.
    fn end_opening(&mut self, result: Option<Opened>) {
        match self.opener.end(result) {
            None => self.watch.try_again(),
            Some(Err(fault)) => self.miss_database(&fault),
            Some(Ok(database)) => {
                self.database_fault = None;
                log_opened(&self.log, &database);
                let shown = describe(&database);
                self.replace_database(Arc::new(database));
                // Behind it: who sees it gets its countries.
                self.published.database.publish(Some(shown));
                self.published.database_loaded.publish(true);
            }
        }
    }

    /// Goes on with the last good database, if any, and says so once.
    fn miss_database(&mut self, fault: &geoip::Error) {
        if fault.may_pass() {
            self.watch.try_again();
        }
        self.published.database_loaded.publish(false);
        let fault = Some(chain(fault));
        if self.database_fault == fault {
            return;
        }
        if self.published.database.reader().get().is_some() {
            warn!(self.log, "cannot open the GeoIP database; the last good \
                 one stays in use";
                "error" => fault.as_deref());
        } else {
            warn!(self.log, "cannot open the GeoIP database; every country \
                 stays UNKNOWN";
                "error" => fault.as_deref());
        }
        self.database_fault = fault;
    }
}
