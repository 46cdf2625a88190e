//! Waits for events and carries out the decisions of the lifecycle.
//!
//! Runs on the main thread.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select, tick};
use slog::{Logger, info, warn};

use super::database::{DatabaseFile, describe, log_opened};
use super::errand::{LATE, PATIENCE};
use super::follower::{Follower, News, Resource};
use super::lifecycle::{Action, Event, Lifecycle};
use super::notify::ServiceManager;
use super::patience::{Patience, Progress, STOP_PATIENCE};
use super::privileges::Privileges;
use super::reload::Reloads;
use super::slices::Commit;
use super::web::WebConfig;
use super::{Error, Layers, succeeded_now};
use crate::classifier::Sources;
use crate::collectors::exporter::{self, DatabaseStatus, LastReload};
use crate::config::Config;
use crate::geoip::{self, Database};
use crate::http;
use crate::logging::{LogControl, chain};
use crate::metrics::published::Publisher;
use crate::poller::Control;
use crate::sandbox::Duty;

/// The interval at which the supervisor looks for work that takes too long.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The supervisor's publications, which collectors and pages read.
pub(super) struct Publications {
    pub(super) config: Publisher<Config>,
    pub(super) last_reload: Publisher<LastReload>,
    pub(super) database: Publisher<DatabaseStatus>,
}

impl Publications {
    pub(super) fn new(config: Config, database: Option<&Database>) -> Self {
        Self {
            config: Publisher::new(config),
            last_reload: Publisher::new(succeeded_now()),
            database: Publisher::new(DatabaseStatus {
                database: "country",
                is_loaded: database.is_some(),
                open: database.map(describe),
            }),
        }
    }

    /// Returns the configuration in force.
    pub(super) fn config(&self) -> Arc<Config> {
        self.config.reader().get()
    }

    /// Returns whether a database is in use.
    pub(super) fn has_database(&self) -> bool {
        self.database.reader().get().open.is_some()
    }

    /// Shows whether the newest attempt to open the database was successful.
    pub(super) fn show_loaded(&mut self, is_loaded: bool) {
        let status = DatabaseStatus::clone(&self.database.reader().get());
        self.database.publish(DatabaseStatus { is_loaded, ..status });
    }

    /// Shows the database in use, or that there is none.
    pub(super) fn show_database(&mut self, open: Option<exporter::Database>) {
        let database = self.database.reader().get().database;
        let is_loaded = open.is_some();
        self.database.publish(DatabaseStatus { database, is_loaded, open });
    }
}

/// Keeps the workers running: dropping a part ends its worker.
pub(super) struct Controls {
    pub(super) poller: Sender<Control>,
    /// The part of each slice in a reload.
    pub(super) commits: Vec<Commit>,
    pub(super) server: http::Handle,
}

/// The resources that are followed on disk.
pub(super) struct Followers {
    pub(super) database: Follower<DatabaseFile>,
    pub(super) web: Follower<WebConfig>,
}

impl Followers {
    /// Starts their threads.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn start(
        log: &Logger,
        privileges: &Privileges,
    ) -> Result<Self, Error> {
        Ok(Self {
            database: start_follower(log, privileges, "database")?,
            web: start_follower(log, privileges, "web-config")?,
        })
    }

    /// Opens the database that the configuration names.
    pub(super) fn open_database(&mut self, config: &Config) {
        let file = DatabaseFile(config.geoip_db.clone());
        self.database.open(file, &config.geoip_db, config.geoip_db_watch);
    }
}

fn start_follower<R: Resource>(
    log: &Logger,
    privileges: &Privileges,
    name: &str,
) -> Result<Follower<R>, Error> {
    privileges
        .starting(Duty::Read, |prepare| Follower::start(log, name, prepare))
        .map_err(Error::Thread)
}

pub(super) struct Supervisor {
    pub(super) log: Logger,
    pub(super) log_control: LogControl,
    pub(super) manager: ServiceManager,
    pub(super) layers: Layers,
    pub(super) published: Publications,
    /// The progress of the poller.
    pub(super) progress: Progress,
    /// None once the workers were told to end.
    pub(super) controls: Option<Controls>,
    pub(super) followers: Followers,
    /// The newest content of the files that the poller was told of.
    pub(super) sources: Sources,
    /// The faults that were logged last, so that each is logged once.
    pub(super) faults: Faults,
    pub(super) reloads: Reloads,
}

/// The faults that were logged last, by resource.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) database: Option<String>,
    /// True if the file of the database does not answer.
    pub(super) is_database_stuck: bool,
    pub(super) web: Option<String>,
}

impl Supervisor {
    /// Supervises until everything has ended.
    pub(super) fn run(
        mut self,
        mut lifecycle: Lifecycle,
        events: &Receiver<Event>,
    ) -> Result<(), Error> {
        let looks = tick(LOOK_INTERVAL);
        let mut patience: Option<Patience> = None;
        loop {
            let event = select! {
                recv(events) -> event => match event {
                    Ok(event) => event,
                    Err(_) => return Ok(()),
                },
                recv(self.reloads.read()) -> prepared => {
                    self.end_reading(prepared.ok());
                    continue;
                }
                recv(self.reloads.applied()) -> _ => {
                    self.end_applying();
                    continue;
                }
                recv(self.followers.database.news()) -> news => {
                    let news = news.ok();
                    self.take_database(news);
                    continue;
                }
                recv(self.followers.web.news()) -> news => {
                    let news = news.ok();
                    self.take_web(news);
                    continue;
                }
                recv(looks) -> _ => {
                    if patience.as_mut().is_some_and(|it| it.has_ended(Instant::now())) {
                        return Err(Error::Stuck(STOP_PATIENCE.as_secs()));
                    }
                    self.look();
                    continue;
                }
            };
            match lifecycle.on(event) {
                None => {}
                Some(Action::Reload(asked)) => self.reload(asked),
                Some(Action::Stop) => {
                    info!(self.log, "stopping");
                    self.manager.stopping();
                    self.controls = None;
                    // This tells the senders of requests that it stops.
                    self.reloads = Reloads::default();
                    let progress = self.progress.clone();
                    patience = Some(Patience::new(progress, Instant::now()));
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

    /// Warns of files that take too long.
    fn look(&mut self) {
        self.look_at_reload();
        let late = [
            self.followers.database.complaint(),
            self.followers.web.complaint(),
        ];
        for file in late.into_iter().flatten() {
            warn_late(&self.log, &file);
        }
        match self.followers.database.stuck_at() {
            Some(path) => {
                self.faults.is_database_stuck = true;
                let seconds = PATIENCE.as_secs();
                self.miss_database(&geoip::Error::Slow { path, seconds });
            }
            None if std::mem::take(&mut self.faults.is_database_stuck) => {
                info!(self.log, "the file of the GeoIP database answers again");
                self.faults.database = None;
                let is_there = self.published.has_database();
                self.published.show_loaded(is_there);
            }
            None => {}
        }
    }

    /// Takes a database that was opened after a change of its file.
    fn take_database(&mut self, news: Option<News<DatabaseFile>>) {
        let news = news.and_then(|news| self.followers.database.accept(news));
        if news.is_some() {
            self.faults.is_database_stuck = false;
        }
        match news {
            None => {}
            Some(Err(fault)) => self.miss_database(&fault),
            Some(Ok(database)) => {
                self.faults.database = None;
                log_opened(&self.log, &database);
                let shown = Some(describe(&database));
                self.sources.countries = Some(Arc::new(database));
                let sources = self.sources.clone();
                let control = |done| Control::Sources { sources, done };
                self.tell_poller(control, shown, None);
            }
        }
    }

    /// Continues with the last good database, if any, and logs the fault once.
    fn miss_database(&mut self, fault: &geoip::Error) {
        self.published.show_loaded(false);
        let fault = Some(chain(fault));
        if self.faults.database == fault {
            return;
        }
        if self.published.has_database() {
            warn!(self.log, "cannot open the GeoIP database; the last good \
                 one stays in use";
                "error" => fault.as_deref());
        } else {
            warn!(self.log, "cannot open the GeoIP database; every country \
                 stays UNKNOWN";
                "error" => fault.as_deref());
        }
        self.faults.database = fault;
    }

    /// Takes a web configuration that was read after a change of a file.
    fn take_web(&mut self, news: Option<News<WebConfig>>) {
        let news = news.and_then(|news| self.followers.web.accept(news));
        match news {
            None => {}
            Some(Ok(web)) => {
                self.faults.web = None;
                web.log_warnings(&self.log);
                if let Some(controls) = &self.controls {
                    controls.server.secure(web.security);
                }
                // After it: the line means that new connections use it.
                info!(self.log, "read the web configuration again");
            }
            Some(Err(faults)) => {
                let said = Some(faults.to_string());
                if self.faults.web == said {
                    return;
                }
                for line in faults.lines() {
                    warn!(self.log, "cannot read the web configuration; the \
                        last good one stays in use"; "error" => line);
                }
                self.faults.web = said;
            }
        }
    }
}

/// Warns of a file that does not answer.
pub(super) fn warn_late(log: &Logger, file: &Path) {
    warn!(log, "a file does not answer; waiting for it";
        "file" => %file.display(), "seconds" => LATE.as_secs());
}
