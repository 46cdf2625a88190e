//! The steps of a start, one file each, in the order in which they are taken.
//!
//! Here is the part that all steps share: waiting for work that reads files,
//! and hearing signals meanwhile.

mod begin;
mod confine;
mod count;
mod listen;

use std::io;
use std::time::{Duration, Instant};

use crossbeam_channel::{Select, select, tick};
use slog::{Logger, info};

pub(super) use begin::Basis;
pub(super) use confine::{Confined, service_manager};
pub(super) use count::Counting;

use super::errand::{Errand, LATE};
use super::follower::{Follower, Resource};
use super::lifecycle::Event;
use super::supervisor::warn_late;
use super::{Error, EventChannel, Host, Layers};
use crate::config::{self, Config};
use crate::logging::LogControl;

/// The interval at which the start looks for work that takes too long.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The reason why the start ended early.
pub(super) enum Ended {
    /// A signal asked it to stop.
    Asked,
    /// A fault.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Reads the configuration. Signals end the process meanwhile.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn load<H: Host>(
    layers: &Layers,
    host: &H,
) -> Result<config::Loaded, Error> {
    let own = layers.clone();
    let errand = Errand::start("config", move |place| own.load_at(place))
        .map_err(Error::Thread)?;
    let mut select = Select::new();
    select.recv(errand.result());
    if select.ready_timeout(LATE).is_err() {
        let default = Config::default();
        let (log, control) =
            host.open_log(default.log_level, default.log_format);
        if let Some(file) = errand.file() {
            warn_late(&log, &file);
        }
        control.write_waiting();
    }
    let reason = "it panicked".into();
    let panicked = |_| Error::Worker { name: "config", reason };
    errand.result().recv().map_err(panicked)?.map_err(Error::Config)
}

/// Waits at the start.
pub(super) struct Start<'a> {
    log: &'a Logger,
    log_control: &'a LogControl,
    events: &'a EventChannel,
    /// True if a reload was requested in the meantime.
    wants_reload: bool,
}

impl<'a> Start<'a> {
    pub(super) fn new(
        log: &'a Logger,
        log_control: &'a LogControl,
        events: &'a EventChannel,
    ) -> Self {
        Self { log, log_control, events, wants_reload: false }
    }

    /// Waits for an errand, for as long as it takes.
    ///
    /// # Errors
    /// If it was told to stop, or where the work panicked.
    pub(super) fn wait<T: Send + 'static>(
        &mut self,
        errand: io::Result<Errand<T>>,
    ) -> Result<T, Ended> {
        self.wait_and(errand, || ())
    }

    /// The same before the log has a thread that writes.
    ///
    /// # Errors
    /// As [`Start::wait`].
    pub(super) fn wait_before_log<T: Send + 'static>(
        &mut self,
        errand: io::Result<Errand<T>>,
    ) -> Result<T, Ended> {
        let control = self.log_control;
        self.wait_and(errand, || control.write_waiting())
    }

    fn wait_and<T: Send + 'static>(
        &mut self,
        errand: io::Result<Errand<T>>,
        after_warning: impl Fn(),
    ) -> Result<T, Ended> {
        let errand = errand.map_err(Error::Thread)?;
        let looks = tick(LOOK_INTERVAL);
        loop {
            select! {
                recv(errand.result()) -> result => {
                    let reason = "it panicked".into();
                    let panicked = Error::Worker { name: "start", reason };
                    return Ok(result.map_err(|_| panicked)?);
                }
                recv(&self.events.1) -> event => self.hear(event.ok())?,
                recv(looks) -> _ => {
                    if let Some(file) = errand.complaint() {
                        warn_late(self.log, &file);
                        after_warning();
                    }
                }
            }
        }
    }

    /// Waits for the first news of a resource, until it is late: the daemon
    /// counts without it, and takes it once it is there.
    ///
    /// # Errors
    /// If it was told to stop.
    pub(super) fn wait_for_news<R: Resource>(
        &mut self,
        follower: &Follower<R>,
        since: Instant,
    ) -> Result<Option<Opened<R>>, Ended> {
        loop {
            let left = LATE.saturating_sub(since.elapsed());
            select! {
                recv(follower.news()) -> news => {
                    return Ok(news.ok().and_then(|n| follower.accept(n)));
                }
                recv(&self.events.1) -> event => self.hear(event.ok())?,
                default(left) => {
                    if let Some(file) = follower.complaint() {
                        warn_late(self.log, &file);
                    }
                    return Ok(None);
                }
            }
        }
    }

    fn hear(&mut self, event: Option<Event>) -> Result<(), Ended> {
        match event {
            Some(Event::Terminate) => {
                info!(self.log, "stopping");
                Err(Ended::Asked)
            }
            // It may concern files that were read already.
            Some(Event::Hangup) => {
                self.wants_reload = true;
                Ok(())
            }
            // No thread that sends other events runs yet.
            _ => Ok(()),
        }
    }

    /// Starts the reload that was requested in the meantime, if any.
    pub(super) fn end(self) {
        if self.wants_reload {
            let _ = self.events.0.send(Event::Hangup);
        }
    }
}

/// The outcome of opening a resource.
pub(super) type Opened<R> =
    Result<<R as Resource>::Content, <R as Resource>::Error>;
