//! The thread that writes the history.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, after, never, select};
use slog::{Logger, info, warn};

use super::file::{File, OpenError, When, is_damage, set_aside};
use super::items::Counters;
use super::moment::until_full_minute;
use crate::collectors::{networks, ranges, services, traffic};
use crate::config::Config;
use crate::geoip::NetworkNames;
use crate::metrics::published::{Published, Together};

/// A question about the file, answered on the thread that writes it: the threads
/// that talk to clients read no files.
pub type Ask = Box<dyn FnOnce(&Path) + Send>;

/// Writes the growth of the saved counters once a minute.
pub struct Recorder {
    /// The log.
    pub log: Logger,
    /// The path of the file.
    pub path: PathBuf,
    /// The configuration in force.
    pub config: Published<Config>,
    /// Saves the newest counters, if that is soon done.
    pub save: Box<dyn Fn() + Send>,
    /// Is true if the counters that can be seen are saved.
    pub is_saved: Published<bool>,
    /// The counters that are saved.
    pub saved: Saved,
    /// The names of networks.
    pub network_names: Published<NetworkNames>,
    /// Questions about the file.
    pub asked: Receiver<Ask>,
}

/// The counters that are saved.
#[derive(Clone, Debug)]
pub struct Saved {
    /// By interface and country.
    pub traffic: Published<traffic::Snapshot>,
    /// By network.
    pub networks: Published<networks::Snapshot>,
    /// By range.
    pub ranges: Published<ranges::Snapshot>,
    /// By service.
    pub services: Published<services::Snapshot>,
    /// Keeps them from changing while they are read.
    pub together: Together,
}

impl Saved {
    /// Returns the newest of them.
    #[must_use]
    pub fn get(&self) -> Counters {
        self.together.look(|| Counters {
            traffic: self.traffic.get(),
            networks: self.networks.get(),
            ranges: self.ranges.get(),
            services: self.services.get(),
        })
    }
}

/// The state of the thread between two writes.
struct Running {
    recorder: Recorder,
    /// The file and its place on the disk, once it could be opened.
    file: Option<(File, (u64, u64))>,
    /// The counters to which a new file is the continuation; none while the
    /// history is turned off.
    since: Option<Counters>,
    /// The last fault, so that it is said once.
    fault: Option<String>,
}

/// The reason why nothing was written.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{0}")]
    Write(#[from] rusqlite::Error),
}

impl Recorder {
    /// Writes once a minute, and whenever it is woken, until `last_save` ends:
    /// then it writes what was saved at last. `first` are the counters with which
    /// this process started.
    pub fn run(
        self,
        first: Counters,
        woken: &Receiver<()>,
        last_save: &Receiver<Infallible>,
    ) {
        let mut woken = woken.clone();
        let mut asked = self.asked.clone();
        let since = self.config.get().history.then_some(first);
        let (file, fault) = (None, None);
        let mut running = Running { recorder: self, file, since, fault };
        let mut due = after(Duration::ZERO);
        loop {
            select! {
                recv(last_save) -> _ => break,
                recv(due) -> _ => {
                    running.record(true);
                    let left = until_full_minute(now());
                    due = after(Duration::from_secs(left));
                }
                recv(woken) -> wake => match wake {
                    Ok(()) => running.record(true),
                    // The exporter stops: the last save is near.
                    Err(_) => woken = never(),
                },
                recv(asked) -> ask => match ask {
                    Ok(ask) => ask(&running.recorder.path),
                    Err(_) => asked = never(),
                },
            }
        }
        running.record(false);
    }
}

impl Running {
    /// Writes, unless the history is off or nothing is saved.
    fn record(&mut self, saves: bool) {
        let config = self.recorder.config.get();
        if !config.history {
            (self.file, self.since) = (None, None);
            return;
        }
        if saves {
            (self.recorder.save)();
        }
        let counters = self.recorder.saved.get();
        // After the counters: while they cannot be saved, this is false before
        // they are shown.
        if !*self.recorder.is_saved.get() {
            return;
        }
        let now = now();
        let written = self.write(&counters, &config, now);
        if written.is_ok() {
            self.since = Some(counters);
        }
        self.tell(written.err());
    }

    fn write(
        &mut self,
        counters: &Counters,
        config: &Config,
        now: i64,
    ) -> Result<(), Fault> {
        let path = self.recorder.path.clone();
        let is_there = |(_, place): &(File, _)| place_of(&path) == Some(*place);
        if !self.file.as_ref().is_some_and(is_there) {
            self.file = None;
            let since = self.since.get_or_insert_with(|| counters.clone());
            let opened = match File::open(&path, since, now) {
                Err(OpenError::Damaged(fault)) => {
                    self.set_aside(&fault, now)?;
                    let since = self.since.as_ref().unwrap_or(counters);
                    File::open(&path, since, now)?
                }
                opened => opened?,
            };
            let place = place_of(&path).unwrap_or_default();
            self.file = Some((opened, place));
        }
        let Some((file, _)) = &mut self.file else { return Ok(()) };
        let names = self.recorder.network_names.get();
        let zone = &config.history_timezone;
        let when = When { now, zone, network_names: &names };
        file.write(counters, when).map_err(|error| {
            if is_damage(&error) {
                // The next write sets it aside, after a whole check.
                self.file = None;
            }
            error.into()
        })
    }

    fn set_aside(&self, fault: &str, now: i64) -> Result<(), OpenError> {
        let path = &self.recorder.path;
        let aside = set_aside(path, now)?;
        warn!(self.recorder.log, "the history cannot be used; it begins anew";
            "file" => %path.display(), "error" => fault,
            "renamed_to" => %aside.display());
        Ok(())
    }

    /// Logs a change of the outcome.
    fn tell(&mut self, fault: Option<Fault>) {
        let log = &self.recorder.log;
        let Some(fault) = fault else {
            if self.fault.take().is_some() {
                info!(log, "writing the history again");
            }
            return;
        };
        let fault = fault.to_string();
        if self.fault.as_ref() != Some(&fault) {
            warn!(log, "cannot write the history; trying again every minute";
                "file" => %self.recorder.path.display(), "error" => &fault);
            self.fault = Some(fault);
        }
    }
}

/// Returns the device and the number of a file: another one may take its place.
fn place_of(path: &Path) -> Option<(u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}
