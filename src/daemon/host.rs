//! The machine that is counted on, as far as the daemon needs to know it.

use std::cell::Cell;
use std::ffi::OsString;
use std::io;

use crossbeam_channel::Sender;
use slog::Logger;

use super::lifecycle::Event;
use super::signals::Caught;
use super::{Error, sockets};
use crate::config::{Config, LogFormat, LogLevel};
use crate::http::GivenSocket;
use crate::kernel::{
    self, Adopt, Attach, Classify, FollowInterfaces, InterfaceMonitor,
    IpsecWatch, Keep, Loaded, OpenConnections, ProbeSettings, ReadCounts,
    SteerNews, TrafficAttacher, TrafficReader,
};
use crate::logging::{self, LogControl};
use crate::sandbox::Sandbox;

/// Keeps the interfaces followed until it is dropped.
pub type KeepFollowing = Box<dyn SteerNews>;

/// The machine to count on. No method has a default: a test says of everything
/// what its fake does.
pub trait Host {
    /// Attaches the programs.
    type Attacher: Attach + Adopt + Classify + 'static;
    /// Reads the counts.
    type Reader: ReadCounts + 'static;

    /// Loads the kernel side. With `keep`, it is pinned, or the pins are
    /// adopted.
    ///
    /// # Errors
    /// See [`kernel::load`].
    fn load(
        &self,
        settings: &ProbeSettings,
        keep: Option<Keep>,
    ) -> Result<Loaded<Self::Attacher, Self::Reader>, kernel::Error>;

    /// Returns a source of news of network devices, which ends once the second
    /// half is dropped. The source also tells the kernel side about IPsec.
    ///
    /// # Errors
    /// See [`InterfaceMonitor::open`].
    fn follow_interfaces(
        &self,
        ipsec: Option<IpsecWatch>,
    ) -> Result<(Box<dyn FollowInterfaces>, KeepFollowing), kernel::Error>;

    /// Returns the part that starts to count connections. It does nothing yet.
    fn connections(&self) -> Box<dyn OpenConnections>;

    /// Returns the sockets that the service manager opened for the exporter,
    /// once.
    fn take_sockets(&self) -> Vec<GivenSocket>;

    /// Turns signals into events from now on, on a thread that calls `prepare`
    /// first.
    ///
    /// # Errors
    /// If the system has no thread left.
    fn forward_signals(
        &self,
        events: Sender<Event>,
        prepare: Box<dyn FnOnce() + Send>,
    ) -> io::Result<()>;

    /// Returns the sandbox: one that restricts nothing if this process is more
    /// than the daemon.
    fn sandbox(&self, config: &Config) -> Sandbox;

    /// Opens the log.
    fn open_log(
        &self,
        level: LogLevel,
        format: LogFormat,
    ) -> (Logger, LogControl);
}

/// The machine this process runs on, and the process itself.
pub struct ThisHost {
    /// Until they are forwarded.
    signals: Cell<Option<Caught>>,
    /// Until they are taken.
    sockets: Cell<Vec<GivenSocket>>,
}

impl ThisHost {
    /// Catches signals from now on. To be called before the process opens
    /// anything, as sockets may have been opened for it.
    ///
    /// # Errors
    /// If the system refuses, or sockets are not there that this
    /// environment tells of.
    pub fn new(environment: &[(OsString, OsString)]) -> Result<Self, Error> {
        let sockets = sockets::take(environment).map_err(Error::Sockets)?;
        let signals = Caught::new().map_err(Error::Signals)?;
        Ok(Self {
            signals: Cell::new(Some(signals)),
            sockets: Cell::new(sockets),
        })
    }
}

impl Host for ThisHost {
    type Attacher = TrafficAttacher;
    type Reader = TrafficReader;

    fn load(
        &self,
        settings: &ProbeSettings,
        keep: Option<Keep>,
    ) -> Result<Loaded<TrafficAttacher, TrafficReader>, kernel::Error> {
        kernel::load(settings, keep)
    }

    fn follow_interfaces(
        &self,
        ipsec: Option<IpsecWatch>,
    ) -> Result<(Box<dyn FollowInterfaces>, KeepFollowing), kernel::Error> {
        let (monitor, orders) = InterfaceMonitor::open(ipsec)?;
        Ok((Box::new(monitor), Box::new(orders)))
    }

    fn connections(&self) -> Box<dyn OpenConnections> {
        Box::new(kernel::TcpConnections)
    }

    fn take_sockets(&self) -> Vec<GivenSocket> {
        self.sockets.take()
    }

    fn forward_signals(
        &self,
        events: Sender<Event>,
        prepare: Box<dyn FnOnce() + Send>,
    ) -> io::Result<()> {
        match self.signals.take() {
            Some(caught) => caught.forward(events, prepare),
            None => Ok(()),
        }
    }

    fn sandbox(&self, config: &Config) -> Sandbox {
        Sandbox::new(config.sandbox)
    }

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
