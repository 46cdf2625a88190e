//! Waits for events and carries out the decisions of the lifecycle.
//!
//! Runs on the main thread.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select, tick};
use slog::{Logger, info, warn};

use super::config_files::FollowedConfig;
use super::database::DatabaseFile;
use super::errand::LATE;
use super::followed::Databases;
use super::follower::{Follower, News, Resource};
use super::lifecycle::{Action, Event, Lifecycle};
use super::notify::ServiceManager;
use super::patience::{Patience, Progress, STOP_PATIENCE};
use super::privileges::Privileges;
use super::ranges::{FollowedRanges, Ranges};
use super::reload::{Reloads, Trigger};
use super::slices::Commit;
use super::web::WebConfig;
use super::{Error, Layers, succeeded_now};
use crate::classifier::Sources;
use crate::collectors::exporter::{DatabaseStatus, LastReload};
use crate::config::{self, Config, Loaded};
use crate::geoip::{Cities, Countries, Networks};
use crate::http;
use crate::logging::LogControl;
use crate::metrics::published::Publisher;
use crate::poller::Control;
use crate::sandbox::Duty;

/// The interval at which the supervisor looks for work that takes too long.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The supervisor's publications, which collectors and pages read.
pub(super) struct Publications {
    pub(super) config: Publisher<Config>,
    /// Its hash, which takes long for many ranges and services.
    pub(super) config_hash: Publisher<String>,
    /// The content of the files that origins come from, as the poller is told.
    pub(super) sources: Publisher<Sources>,
    pub(super) last_reload: Publisher<LastReload>,
    /// The web configuration, which is followed on disk as databases are.
    pub(super) web: Publisher<DatabaseStatus>,
}

impl Publications {
    pub(super) fn new(config: Config, sources: Sources) -> Self {
        Self {
            sources: Publisher::new(sources),
            web: Publisher::new(web_status(&config, true)),
            config_hash: Publisher::new(config::hash(&config)),
            config: Publisher::new(config),
            last_reload: Publisher::new(succeeded_now()),
        }
    }

    /// Puts a configuration in force.
    pub(super) fn put_in_force(&mut self, config: Config) {
        self.config_hash.publish(config::hash(&config));
        self.config.publish(config);
    }

    /// Shows whether the newest attempt to read the web configuration was
    /// successful.
    pub(super) fn show_web(&mut self, is_loaded: bool) {
        let status = web_status(&self.config(), is_loaded);
        if *self.web.reader().get() != status {
            self.web.publish(status);
        }
    }

    /// Returns the configuration in force.
    pub(super) fn config(&self) -> Arc<Config> {
        self.config.reader().get()
    }
}

fn web_status(config: &Config, is_loaded: bool) -> DatabaseStatus {
    DatabaseStatus {
        database: "web_config",
        is_wanted: config.web_config_file.is_some(),
        is_loaded,
        open: None,
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
    pub(super) config: FollowedConfig,
    pub(super) databases: Databases,
    pub(super) ranges: FollowedRanges,
    pub(super) web: Follower<WebConfig>,
}

impl Followers {
    /// Starts their threads.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn start(
        log: &Logger,
        layers: &Layers,
        loaded: &Loaded,
        privileges: &Privileges,
    ) -> Result<Self, Error> {
        let config = &loaded.config;
        Ok(Self {
            config: FollowedConfig::start(log, layers, loaded, privileges)?,
            databases: Databases::start(log, config, privileges)?,
            ranges: FollowedRanges::start(log, config, privileges)?,
            web: start_follower(log, privileges, "web-config")?,
        })
    }
}

pub(super) fn start_follower<R: Resource>(
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
                recv(self.followers.config.news()) -> news => {
                    if self.followers.config.take(news.ok()) {
                        self.reload(Trigger::Changed);
                    }
                    continue;
                }
                recv(self.followers.databases.countries.news()) -> news => {
                    let news = news.ok();
                    self.take_countries(news);
                    continue;
                }
                recv(self.followers.databases.networks.news()) -> news => {
                    let news = news.ok();
                    self.take_networks(news);
                    continue;
                }
                recv(self.followers.databases.cities.news()) -> news => {
                    let news = news.ok();
                    self.take_cities(news);
                    continue;
                }
                recv(self.followers.ranges.news()) -> news => {
                    let news = news.ok();
                    self.take_ranges(news);
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
                Some(Action::Reload(asked)) => {
                    self.reload(Trigger::Asked(asked));
                }
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
        let [countries, networks, cities] =
            self.followers.databases.complaints();
        let ranges = self.followers.ranges.complaint();
        let web = self.followers.web.complaint();
        let config = self.followers.config.complaint();
        let late = [countries, networks, cities, ranges, web, config];
        for file in late.into_iter().flatten() {
            warn_late(&self.log, &file);
        }
        self.followers.databases.look(&self.log);
        self.followers.ranges.look(&self.log);
    }

    fn take_countries(&mut self, news: Option<News<DatabaseFile<Countries>>>) {
        let Self { log, followers, sources, .. } = self;
        if followers.databases.countries.take(log, news, sources) {
            self.use_sources();
        }
    }

    fn take_networks(&mut self, news: Option<News<DatabaseFile<Networks>>>) {
        let Self { log, followers, sources, .. } = self;
        if followers.databases.networks.take(log, news, sources) {
            self.use_sources();
        }
    }

    fn take_cities(&mut self, news: Option<News<DatabaseFile<Cities>>>) {
        let Self { log, followers, sources, .. } = self;
        if followers.databases.cities.take(log, news, sources) {
            self.use_sources();
        }
    }

    fn take_ranges(&mut self, news: Option<News<Ranges>>) {
        let Self { log, followers, sources, .. } = self;
        if followers.ranges.take(log, news, sources) {
            self.use_sources();
        }
    }

    /// Gives the poller the sources of origins anew.
    fn use_sources(&mut self) {
        let sources = self.sources.clone();
        self.published.sources.publish(sources.clone());
        let control = |done| Control::Sources { sources, done };
        self.tell_poller(control, None);
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
                self.published.show_web(true);
                // After it: the line means that new connections use it.
                info!(self.log, "read the web configuration again");
            }
            Some(Err(faults)) => {
                self.published.show_web(false);
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
