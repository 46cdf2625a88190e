//! The databases that are followed on disk: opening them at the start, news of
//! their files, and their state on the page.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::Receiver;
use slog::{Logger, info, warn};

use super::Error;
use super::database::{DatabaseFile, Kind, Read, describe, log_opened};
use super::errand::PATIENCE;
use super::follower::{Follower, News, Resource as _};
use super::privileges::Privileges;
use super::start::Opened;
use super::supervisor::start_follower;
use crate::classifier::Sources;
use crate::collectors::exporter::DatabaseStatus;
use crate::config::Config;
use crate::geoip::{self, Cities, Countries, DatabaseOf, Networks};
use crate::logging::chain;
use crate::metrics::published::{Published, Publisher};

/// A database and the thread that follows its file.
pub(super) struct Followed<K: Kind> {
    follower: Follower<DatabaseFile<K>>,
    /// The part that the page shows.
    status: Publisher<DatabaseStatus>,
    names: Publisher<K::Names>,
    /// The fault that was logged last, so that each is logged once.
    fault: Option<String>,
    /// True if the file does not answer.
    is_stuck: bool,
}

/// All of them.
pub(super) struct Databases {
    pub(super) countries: Followed<Countries>,
    pub(super) networks: Followed<Networks>,
    pub(super) cities: Followed<Cities>,
}

impl Databases {
    /// Starts the threads of those that the configuration uses.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn start(
        log: &Logger,
        config: &Config,
        privileges: &Privileges,
    ) -> Result<Self, Error> {
        Ok(Self {
            countries: Followed::start(log, config, privileges)?,
            networks: Followed::start(log, config, privileges)?,
            cities: Followed::start(log, config, privileges)?,
        })
    }

    /// Returns the states that the page shows.
    pub(super) fn statuses(&self) -> Vec<Published<DatabaseStatus>> {
        vec![
            self.countries.status.reader(),
            self.networks.status.reader(),
            self.cities.status.reader(),
        ]
    }

    /// Returns the files that have not answered for long, each once.
    pub(super) fn complaints(&self) -> [Option<PathBuf>; 3] {
        [
            self.countries.follower.complaint(),
            self.networks.follower.complaint(),
            self.cities.follower.complaint(),
        ]
    }

    /// Notes files that do not answer, or that answer again.
    pub(super) fn look(&mut self, log: &Logger) {
        self.countries.look(log);
        self.networks.look(log);
        self.cities.look(log);
    }

    /// Shows the databases of the sources that are in use from now on.
    pub(super) fn show(&mut self, config: &Config, sources: &mut Sources) {
        self.countries.show(config, sources);
        self.networks.show(config, sources);
        self.cities.show(config, sources);
    }

    /// Shows that a file could not be opened for a reload.
    pub(super) fn show_failed(&mut self, label: &str) {
        self.countries.show_failed(label);
        self.networks.show_failed(label);
        self.cities.show_failed(label);
    }
}

impl<K: Kind> Followed<K> {
    fn start(
        log: &Logger,
        config: &Config,
        privileges: &Privileges,
    ) -> Result<Self, Error> {
        let follower = match K::file(config) {
            Some(_) => start_follower(log, privileges, K::THREAD)?,
            None => Follower::new(log, K::THREAD),
        };
        let status = DatabaseStatus {
            database: K::LABEL,
            is_wanted: false,
            is_loaded: false,
            open: None,
        };
        Ok(Self {
            follower,
            status: Publisher::new(status),
            names: Publisher::new(K::Names::default()),
            fault: None,
            is_stuck: false,
        })
    }

    /// Returns the names of the database in use.
    pub(super) fn names(&self) -> Published<K::Names> {
        self.names.reader()
    }

    /// Opens the database that the configuration names, if it names one.
    /// Returns whether there is something to wait for.
    pub(super) fn open(&mut self, config: &Config) -> bool {
        let Some(path) = K::file(config) else { return false };
        let file = DatabaseFile::new(path);
        self.follower.open(file, path, config.geoip_db_watch);
        true
    }

    /// Returns the thread, to wait for the first news.
    pub(super) fn follower(&self) -> &Follower<DatabaseFile<K>> {
        &self.follower
    }

    /// Takes the outcome of opening the database at the start. Without one the
    /// daemon counts all the same.
    pub(super) fn take_first(
        &mut self,
        log: &Logger,
        config: &Config,
        opened: Option<Opened<DatabaseFile<K>>>,
        sources: &mut Sources,
    ) {
        match opened {
            Some(Ok(database)) => {
                log_opened(log, &database);
                *K::place(sources) = Some(Arc::new(database));
            }
            // It has been logged that the file does not answer.
            None => {}
            Some(Err(error)) => {
                let fault = chain(&error);
                let until = match config.geoip_db_watch {
                    true => "it can be opened",
                    false => "a reload",
                };
                warn!(log, "no GeoIP database: {} is UNKNOWN", K::ANSWERS;
                    "until" => until, "error" => &fault);
                self.fault = Some(fault);
            }
        }
        self.show(config, sources);
    }

    /// Returns the channel of news, for [`Followed::take`].
    pub(super) fn news(&self) -> &Receiver<News<DatabaseFile<K>>> {
        self.follower.news()
    }

    /// Takes a database that was opened after a change of its file. Returns
    /// whether the sources have changed.
    pub(super) fn take(
        &mut self,
        log: &Logger,
        news: Option<News<DatabaseFile<K>>>,
        sources: &mut Sources,
    ) -> bool {
        let Some(news) = news.and_then(|news| self.follower.accept(news))
        else {
            return false;
        };
        self.is_stuck = false;
        match news {
            Err(fault) => {
                self.miss(log, &fault);
                false
            }
            Ok(database) => {
                self.fault = None;
                log_opened(log, &database);
                *K::place(sources) = Some(Arc::new(database));
                true
            }
        }
    }

    /// Follows the file of a new configuration from now on, and logs the database
    /// or that it is missing.
    pub(super) fn commit(
        &mut self,
        log: &Logger,
        config: &Config,
        Read { database, missing }: Read<K>,
        sources: &mut Sources,
    ) {
        self.fault = None;
        self.is_stuck = false;
        if let Some(fault) = missing {
            warn!(log, "{} stays UNKNOWN", K::ANSWERS;
                "error" => chain(&fault));
        }
        let path = K::file(config).unwrap_or(Path::new(""));
        let files = match &database {
            Some(database) => {
                log_opened(log, database);
                DatabaseFile::files_of(database)
            }
            None => vec![(path.to_owned(), None)],
        };
        let is_followed = config.geoip_db_watch && K::file(config).is_some();
        self.follower.follow(DatabaseFile::new(path), files, is_followed);
        *K::place(sources) = database;
    }

    fn look(&mut self, log: &Logger) {
        match self.follower.stuck_at() {
            Some(path) => {
                self.is_stuck = true;
                let seconds = PATIENCE.as_secs();
                self.miss(log, &geoip::Error::Slow { path, seconds });
            }
            None if std::mem::take(&mut self.is_stuck) => {
                info!(log, "the file of the GeoIP database answers again";
                    "database" => K::LABEL);
                self.fault = None;
                let is_loaded = self.is_in_use();
                self.show_loaded(is_loaded);
            }
            None => {}
        }
    }

    /// Continues with the last good database, if any, and logs the fault once.
    fn miss(&mut self, log: &Logger, fault: &geoip::Error) {
        self.show_loaded(false);
        let fault = Some(chain(fault));
        if self.fault == fault {
            return;
        }
        if self.is_in_use() {
            warn!(log, "cannot open the GeoIP database; the last good one \
                 stays in use";
                "database" => K::LABEL, "error" => fault.as_deref());
        } else {
            warn!(log, "cannot open the GeoIP database; {} stays UNKNOWN",
                K::ANSWERS;
                "database" => K::LABEL, "error" => fault.as_deref());
        }
        self.fault = fault;
    }

    /// Returns whether a database is in use.
    pub(super) fn is_in_use(&self) -> bool {
        self.status.reader().get().open.is_some()
    }

    /// Shows whether the newest attempt to open the database was successful.
    fn show_loaded(&mut self, is_loaded: bool) {
        let status = DatabaseStatus::clone(&self.status.reader().get());
        self.status.publish(DatabaseStatus { is_loaded, ..status });
    }

    fn show_failed(&mut self, label: &str) {
        if label == K::LABEL {
            self.show_loaded(false);
        }
    }

    /// Shows the database in use, or that there is none.
    fn show(&mut self, config: &Config, sources: &mut Sources) {
        let open: Option<&Arc<DatabaseOf<K>>> = K::place(sources).as_ref();
        self.status.publish(DatabaseStatus {
            database: K::LABEL,
            is_wanted: K::file(config).is_some(),
            is_loaded: open.is_some(),
            open: open.map(|database| describe(database)),
        });
        let names = open.map(|database| Arc::clone(database.names()));
        self.names.publish_shared(names.unwrap_or_default());
    }
}
