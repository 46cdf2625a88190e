//! Puts everything together: the only module that knows every other.
//!
//! [`run`] is the start, in order; `supervisor` is what happens then;
//! `lifecycle` decides it.

mod asked;
mod config_files;
mod continuity;
mod database;
mod errand;
mod error;
mod events;
mod follow;
mod followed;
mod follower;
#[allow(dead_code, reason = "slices with a section use it")]
mod histories;
mod host;
mod hosts;
pub mod lifecycle;
mod notify;
mod patience;
mod privileges;
mod ranges;
mod reload;
mod save_first;
mod signals;
mod slices;
mod sockets;
mod start;
mod state;
mod supervisor;
mod web;
mod worker;

use std::ffi::OsString;
use std::io;
use std::time::SystemTime;

use crossbeam_channel::{Receiver, Sender};
use slog::{Logger, crit, info, warn};

use crate::collectors::exporter::LastReload;
use crate::config::{self, Config, Flags, Paths};
use crate::files::Place;
use crate::http::pages::api::EventLog;
use crate::kernel::{self, ProbeSettings};
use crate::logging::{self, LogControl};
use crate::release::Build;
use crate::sandbox;
pub use error::Error;
pub use host::{Host, KeepFollowing, ThisHost};
use lifecycle::{Event, Lifecycle};
use patience::Progress;
use reload::Reloads;
use start::{Basis, Confined, Ended, Start};
use supervisor::{Faults, Followers, Publications, Supervisor};

/// The version and revision that the exporter shows.
const BUILD: Build = Build::THIS;

/// The sources of the configuration's layers, at the start and at every reload.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The command line.
    pub flags: Flags,
    /// The environment of the process.
    pub environment: Vec<(OsString, OsString)>,
    /// The paths of the files.
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

    /// As [`Layers::load`]; `place` shows the file that is being read.
    ///
    /// # Errors
    /// As [`Layers::load`].
    fn load_at(&self, place: &Place) -> Result<config::Loaded, config::Error> {
        config::load_at(&self.flags, &self.environment, &self.paths, place)
    }

    /// Looks at the files that [`Layers::load`] would read.
    fn look(&self, place: &Place) -> config::Seen {
        config::look(&self.flags, &self.environment, &self.paths, place)
    }
}

/// Unblocks signals and puts every permitted capability into effect.
///
/// # Errors
/// If the system refuses.
pub fn prepare_process() -> io::Result<()> {
    sandbox::use_permitted()?;
    kernel::reset_signals()
}

/// Both ends of the channel of events for the supervisor.
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
    let event_log = EventLog::default();
    let log = events::keep(&log, event_log.clone());
    let result = match run_logged(
        layers,
        loaded,
        host,
        events,
        (&log, event_log),
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

/// The start, in order, and then the supervision until the end.
fn run_logged<H: Host>(
    layers: Layers,
    loaded: config::Loaded,
    host: &H,
    events: EventChannel,
    (log, event_log): (&Logger, EventLog),
    log_control: LogControl,
) -> Result<(), Ended> {
    kernel::keep_memory_small();
    announce(log, &loaded);
    let config = &loaded.config;
    let manager = start::service_manager(log, &layers);

    let mut start = Start::new(log, &log_control, &events);
    let Confined { privileges, given, listen_address, made } =
        start.confine(host, &layers, config)?;
    let mut followers = Followers::start(log, &layers, &loaded, &privileges)?;
    let server = start.listen(
        config,
        &privileges,
        &mut followers,
        given,
        listen_address,
    )?;
    let counting =
        start.count(host, config, &privileges, &mut followers, made)?;

    let sources = counting.sources.clone();
    let published = Publications::new(loaded.config, sources.clone());
    let progress = Progress::default();
    let basis = Basis {
        published: &published,
        followers: &followers,
        manager: &manager,
        privileges: &privileges,
        progress: &progress,
        event_log: &event_log,
    };
    let (controls, workers) = start.begin(basis, counting, server)?;
    start.end();
    Supervisor {
        log: log.clone(),
        log_control,
        manager,
        layers,
        published,
        progress,
        controls: Some(controls),
        followers,
        sources,
        faults: Faults::default(),
        reloads: Reloads::default(),
    }
    .run(Lifecycle::new(workers), &events.1)?;
    Ok(())
}

/// Logs the version and the files of the configuration.
fn announce(log: &Logger, loaded: &config::Loaded) {
    info!(log, "starting"; "version" => BUILD.version,
        "revision" => BUILD.revision, "config" => file_list(&loaded.files));
    for warning in &loaded.warnings {
        warn!(log, "configuration"; "warning" => %warning);
    }
    web::log_left_out(log, &loaded.left_out);
}

fn probe_settings(config: &Config, has_classes: bool) -> ProbeSettings {
    ProbeSettings {
        map_max_entries: config.map_max_entries,
        ipv4_prefix_length: config.ipv4_prefix_length,
        ipv6_prefix_length: config.ipv6_prefix_length,
        has_classes,
    }
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
