//! Telling the service manager how the daemon is, as sd_notify(3) describes
//! it: one datagram a message, to the socket that `NOTIFY_SOCKET` names.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::ClockId;

use super::patience::Progress;
use crate::poller::Overseer;

/// The extension of the time limit of a start or a stop after each step.
const EXTENSION: Duration = Duration::from_secs(60);

/// The least time between two requests for an extension.
const PACE: Duration = Duration::from_secs(5);

/// The service manager, if there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceManager {
    socket: Option<Arc<UnixDatagram>>,
    /// The time within which the poller must report progress. Otherwise the
    /// service manager kills the daemon.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// Returns the service manager that the environment names.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub(super) fn of(environment: &[(OsString, OsString)]) -> io::Result<Self> {
        let find = |name: &str| {
            environment
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.as_os_str())
        };
        let Some(address) = find("NOTIFY_SOCKET") else {
            return Ok(Self::default());
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address_of(address)?)?;
        // The daemon never waits for a service manager that does not read.
        socket.set_nonblocking(true)?;
        let number = |name| find(name)?.to_str()?.parse::<u64>().ok();
        let own = u64::from(std::process::id());
        // Meant for another process where it names one.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == own);
        let watchdog = number("WATCHDOG_USEC")
            .filter(|&microseconds| is_ours && microseconds > 0)
            .map(Duration::from_micros);
        Ok(Self { socket: Some(Arc::new(socket)), watchdog })
    }

    fn tell(&self, message: &str) {
        if let Some(socket) = &self.socket {
            // A lost message is no reason to end.
            let _ = socket.send(message.as_bytes());
        }
    }

    /// Sends a status text.
    pub(super) fn status(&self, text: &str) {
        self.tell(&format!("STATUS={text}"));
    }

    /// Reports that a reload begins; [`Self::ready`] ends it.
    pub(super) fn reloading(&self) {
        // Tells this reload from an earlier one, to systemd 253 and later.
        let now = rustix::time::clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    /// Reports that the daemon is ready, with a status text.
    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// Asks for more time for a step that makes progress.
    fn ask_for_time(&self) {
        let more = EXTENSION.as_micros();
        self.tell(&format!("EXTEND_TIMEOUT_USEC={more}"));
    }

    /// Reports that the daemon ends.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }

    /// Returns the overseer through which the poller reports its progress to
    /// the service manager and to the supervisor.
    pub(super) fn overseer(
        &self,
        progress: Progress,
        on_ready: impl FnOnce(usize) + Send + 'static,
    ) -> Box<dyn Overseer> {
        Box::new(PollerReports {
            manager: self.clone(),
            progress,
            last: None,
            is_stopping: false,
            on_ready: Some(Box::new(on_ready)),
        })
    }
}

/// Reads a path, or the name of an abstract socket behind an `@`.
fn address_of(text: &OsStr) -> io::Result<SocketAddr> {
    match text.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(text),
    }
}

/// The reports of the poller.
struct PollerReports {
    manager: ServiceManager,
    progress: Progress,
    /// When it last told that it gets on.
    last: Option<Instant>,
    /// True if it reported that it detaches.
    is_stopping: bool,
    /// Until it is ready.
    on_ready: Option<Box<dyn FnOnce(usize) + Send>>,
}

impl Overseer for PollerReports {
    fn interval(&self) -> Option<Duration> {
        // Twice in the time that is given, as sd_watchdog_enabled(3) advises.
        self.manager.socket.as_ref()?;
        self.manager.watchdog.map(|watchdog| watchdog / 2)
    }

    fn gets_on(&mut self) {
        self.progress.note();
        let pace = match (&self.on_ready, self.manager.watchdog) {
            (Some(_), _) => PACE,
            (None, Some(watchdog)) => watchdog / 4,
            (None, None) => return,
        };
        if self.last.is_some_and(|last| last.elapsed() < pace) {
            return;
        }
        self.last = Some(Instant::now());
        if self.on_ready.is_some() {
            self.manager.ask_for_time();
        }
        if self.manager.watchdog.is_some() {
            self.manager.tell("WATCHDOG=1");
        }
    }

    fn is_ready(&mut self, interfaces: usize) {
        if let Some(on_ready) = self.on_ready.take() {
            on_ready(interfaces);
            self.manager.ready(&format!("counting on {interfaces} interfaces"));
        }
    }

    fn detaches(&mut self, left: usize) {
        self.progress.note();
        // The first report is sent at once: earlier ones were of other kinds.
        let is_first = !std::mem::replace(&mut self.is_stopping, true);
        let is_soon = self.last.is_some_and(|last| last.elapsed() < PACE);
        if left == 0 || (is_soon && !is_first) {
            return;
        }
        self.last = Some(Instant::now());
        self.manager.ask_for_time();
        self.manager.status(&format!("detaching {left} more interfaces"));
        if self.manager.watchdog.is_some() {
            self.manager.tell("WATCHDOG=1");
        }
    }
}
