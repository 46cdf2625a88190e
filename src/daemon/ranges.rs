//! The named ranges, whose files are followed on disk.

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use slog::{Logger, info, warn};

use super::Error;
use super::errand::PATIENCE;
use super::follower::{Files, Follower, News, Resource};
use super::privileges::Privileges;
use super::supervisor::start_follower;
use crate::classifier::{Rules, Sources};
use crate::collectors::exporter::DatabaseStatus;
use crate::config::Config;
use crate::files::Place;
use crate::metrics::published::{Published, Publisher};
use crate::ranges::{
    LoadedRanges, RangeNames, RangeSources, RangeTable, RangesError,
};

/// The value of the label `database`.
const LABEL: &str = "ranges";

/// The ranges of a configuration, with the numbers of their names.
#[derive(Clone)]
pub(super) struct Ranges {
    sources: RangeSources,
    names: RangeNames,
}

impl Resource for Ranges {
    type Content = LoadedRanges;
    type Error = RangesError;

    fn open(&self, place: &Place) -> Result<LoadedRanges, RangesError> {
        self.sources.load(&self.names, place)
    }

    fn files_of(ranges: &LoadedRanges) -> Files {
        ranges.files.clone()
    }

    fn may_pass(error: &RangesError) -> bool {
        error.may_pass
    }

    fn panicked(&self) -> RangesError {
        RangesError::of_exporter()
    }
}

impl Ranges {
    /// Returns the ranges of a configuration.
    pub(super) fn of(config: &Config, names: &RangeNames) -> Self {
        let sources = RangeSources {
            definitions: config.range.clone(),
            files: config.range_files.clone(),
        };
        Self { sources, names: names.clone() }
    }

    fn files(&self) -> Files {
        let files = self.sources.files.iter();
        files.map(|file| (file.path.clone(), None)).collect()
    }
}

/// The ranges, and the thread that follows their files.
pub(super) struct FollowedRanges {
    follower: Follower<Ranges>,
    /// The part that the page shows.
    status: Publisher<DatabaseStatus>,
    names: RangeNames,
    /// The fault that was logged last, so that each is logged once.
    fault: Option<String>,
    is_stuck: bool,
}

impl FollowedRanges {
    /// Starts the thread, if the configuration has ranges.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn start(
        log: &Logger,
        config: &Config,
        privileges: &Privileges,
    ) -> Result<Self, Error> {
        let names = RangeNames::default();
        let follower = match Ranges::of(config, &names).sources.is_empty() {
            true => Follower::new(log, LABEL),
            false => start_follower(log, privileges, LABEL)?,
        };
        let status = DatabaseStatus {
            database: LABEL,
            is_wanted: false,
            is_loaded: false,
            open: None,
        };
        Ok(Self {
            follower,
            status: Publisher::new(status),
            names,
            fault: None,
            is_stuck: false,
        })
    }

    /// Returns the state that the page shows.
    pub(super) fn status(&self) -> Published<DatabaseStatus> {
        self.status.reader()
    }

    /// Returns the names of all ranges.
    pub(super) fn names(&self) -> &RangeNames {
        &self.names
    }

    /// Returns the file that has not answered for long, once.
    pub(super) fn complaint(&self) -> Option<PathBuf> {
        self.follower.complaint()
    }

    /// Reads the ranges of the configuration at the start. Returns whether
    /// there is something to wait for.
    pub(super) fn open(&mut self, config: &Config) -> bool {
        let ranges = Ranges::of(config, &self.names);
        if ranges.sources.is_empty() {
            return false;
        }
        let files = ranges.files();
        self.follower.open_all(ranges, files, config.geoip_db_watch);
        true
    }

    /// Returns the thread, to wait for the first news.
    pub(super) fn follower(&self) -> &Follower<Ranges> {
        &self.follower
    }

    /// Takes the outcome of reading at the start. If a file is wrong, the
    /// daemon counts with the ranges of the configuration alone.
    pub(super) fn take_first(
        &mut self,
        log: &Logger,
        config: &Config,
        read: Option<Result<LoadedRanges, RangesError>>,
        sources: &mut Sources,
    ) {
        let is_loaded = matches!(read, Some(Ok(_)));
        let table = match read {
            Some(Ok(ranges)) => {
                log_loaded(log, &ranges.table);
                ranges.table
            }
            missing => {
                if let Some(Err(error)) = missing {
                    for fault in &error.faults.0 {
                        warn!(log, "cannot load the files of ranges; the \
                            ranges of the configuration alone are in use";
                            "error" => fault);
                    }
                    self.fault = Some(error.to_string());
                }
                let mut ranges = Ranges::of(config, &self.names);
                ranges.sources.files.clear();
                let loaded = ranges.open(&Place::default());
                loaded.map(|ranges| ranges.table).unwrap_or_default()
            }
        };
        warn_of_unknown(log, config, &table);
        sources.rules = rules(config, Arc::new(table));
        self.show(config, is_loaded);
    }

    /// Returns the channel of news, for [`FollowedRanges::take`].
    pub(super) fn news(&self) -> &Receiver<News<Ranges>> {
        self.follower.news()
    }

    /// Takes ranges that were read after a change of a file. Returns whether the
    /// sources have changed.
    pub(super) fn take(
        &mut self,
        log: &Logger,
        news: Option<News<Ranges>>,
        sources: &mut Sources,
    ) -> bool {
        let Some(news) = news.and_then(|news| self.follower.accept(news))
        else {
            return false;
        };
        self.is_stuck = false;
        match news {
            Ok(ranges) => {
                self.fault = None;
                log_loaded(log, &ranges.table);
                sources.rules.ranges = Arc::new(ranges.table);
                true
            }
            Err(error) => {
                self.miss(log, &error.faults.0);
                false
            }
        }
    }

    /// Follows the files of a new configuration from now on.
    pub(super) fn commit(
        &mut self,
        log: &Logger,
        config: &Config,
        loaded: LoadedRanges,
        sources: &mut Sources,
    ) {
        self.fault = None;
        self.is_stuck = false;
        let ranges = Ranges::of(config, &self.names);
        if !ranges.sources.is_empty() {
            log_loaded(log, &loaded.table);
        }
        warn_of_unknown(log, config, &loaded.table);
        let is_followed = config.geoip_db_watch && !loaded.files.is_empty();
        self.follower.follow(ranges, loaded.files, is_followed);
        sources.rules = rules(config, Arc::new(loaded.table));
    }

    /// Notes files that do not answer, or that answer again.
    pub(super) fn look(&mut self, log: &Logger) {
        match self.follower.stuck_at() {
            Some(path) => {
                self.is_stuck = true;
                let fault = format!(
                    "{} does not answer: reading it takes more than {} seconds",
                    path.display(),
                    PATIENCE.as_secs()
                );
                self.miss(log, &[fault]);
            }
            None if std::mem::take(&mut self.is_stuck) => {
                info!(log, "the file of ranges answers again");
                self.fault = None;
                self.show_loaded(true);
            }
            None => {}
        }
    }

    /// Shows that the ranges in use were loaded.
    pub(super) fn show_used(&mut self, config: &Config) {
        // A start without files stays one until they are read.
        let is_loaded = self.fault.is_none();
        self.show(config, is_loaded);
    }

    /// Shows that ranges could not be loaded for a reload.
    pub(super) fn show_failed(&mut self) {
        self.show_loaded(false);
    }

    /// Continues with the last good ranges, and logs the faults once.
    fn miss(&mut self, log: &Logger, faults: &[String]) {
        self.show_loaded(false);
        let all = Some(faults.join("; "));
        if self.fault == all {
            return;
        }
        for fault in faults {
            warn!(log, "cannot load the ranges; the last good ones stay in \
                use"; "error" => fault);
        }
        self.fault = all;
    }

    fn show_loaded(&mut self, is_loaded: bool) {
        let status = DatabaseStatus::clone(&self.status.reader().get());
        self.status.publish(DatabaseStatus { is_loaded, ..status });
    }

    fn show(&mut self, config: &Config, is_loaded: bool) {
        self.status.publish(DatabaseStatus {
            database: LABEL,
            is_wanted: !config.range.is_empty()
                || !config.range_files.is_empty(),
            is_loaded,
            open: None,
        });
    }
}

fn rules(config: &Config, ranges: Arc<RangeTable>) -> Rules {
    Rules {
        ranges,
        ipv4_length: config.ipv4_prefix_length,
        ipv6_length: config.ipv6_prefix_length,
        name_special: config.name_special_addresses,
    }
}

/// Warns of names in the configuration that no range has. They may come with a
/// later content of a file.
fn warn_of_unknown(log: &Logger, config: &Config, table: &RangeTable) {
    let ignored = &config.connections_ignore;
    for unknown in ignored.unknown(&table.names_in_use()) {
        let warning = format!("connections_ignore: {unknown}");
        warn!(log, "configuration"; "warning" => warning);
    }
}

fn log_loaded(log: &Logger, table: &RangeTable) {
    info!(log, "loaded the ranges"; "prefixes" => table.rules().len());
}
