//! Gives up the privileges that the exporter does not need once it counts:
//! capabilities, system calls, files.
//!
//! There are two steps. [`Sandbox::restrict_files`] runs on the main thread
//! before there is any other, and all threads inherit it. [`Sandbox::take_up`]
//! runs on each thread and leaves it only the capabilities and the system calls
//! of its [`Duty`]. The main thread does so last, because the threads it starts
//! need more.

mod allowed;
mod capabilities;
mod files;
mod report;
mod system_calls;

use std::io;
use std::path::PathBuf;

pub use capabilities::{names as capability_names, use_permitted};
pub use files::Files;
pub use report::Report;

/// The work of a thread, which decides the privileges that it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Opens the sockets that listen, and ends before clients are served. Keeps
    /// CAP_NET_BIND_SERVICE, if the process has it, for ports below 1024.
    Bind {
        /// True if a port is below 1024.
        is_low: bool,
    },
    /// Starts the threads that read the configuration. Keeps
    /// CAP_DAC_READ_SEARCH, if the process has it: if root started the
    /// exporter, these files may belong to any user.
    Supervise,
    /// Reads databases and certificates. Keeps the same capability.
    Read,
    /// Attaches to interfaces and lists the attached programs: CAP_NET_ADMIN.
    /// Reads maps: CAP_BPF too, if the kernel demands it for that.
    Count {
        /// Whether reading maps needs CAP_BPF.
        needs_bpf: bool,
    },
    /// Saves the state.
    Save,
    /// Writes the history.
    Record,
    /// Receives the kernel's news of network devices.
    Follow,
    /// Counts connections: CAP_BPF and CAP_PERFMON, because a reload may turn
    /// it on, which loads programs.
    Watch,
    /// Talks to clients, makes their pages, checks their passwords.
    Serve,
    /// Writes the log.
    Log,
    /// Turns signals into events.
    Forward,
}

/// Gives up privileges, if it is on. A copy does the same.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox {
    is_on: bool,
}

/// The reason why privileges could not be given up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The capabilities stay as they are.
    #[error("cannot give up capabilities")]
    Capabilities(#[source] io::Error),
    /// A later program could gain privileges.
    #[error("cannot set no_new_privs")]
    NoNewPrivileges(#[source] io::Error),
    /// Files are not restricted, though the kernel could.
    #[error("cannot restrict files with Landlock")]
    Files(#[source] Box<landlock::RulesetError>),
    /// System calls are not restricted, though the kernel could.
    #[error("cannot restrict system calls with seccomp")]
    SystemCalls(#[source] Box<seccompiler::Error>),
    /// The privileges of the threads are not known.
    #[error("cannot read /proc/self/task")]
    Report(#[source] io::Error),
}

impl Sandbox {
    /// Returns a sandbox that gives up everything, or nothing.
    #[must_use]
    pub fn new(is_on: bool) -> Self {
        Self { is_on }
    }

    /// Returns whether anything is given up.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Sets no_new_privs, and restricts the calling thread and all threads it
    /// will start: they write files only in `writable`, execute no program,
    /// connect to nothing by TCP and listen only at `ports`, as far as the
    /// kernel has Landlock.
    ///
    /// # Errors
    /// If the kernel can do it and refuses.
    pub fn restrict_files(
        &self,
        writable: &[PathBuf],
        ports: &[u16],
    ) -> Result<Files, Error> {
        if !self.is_on {
            return Ok(Files::TurnedOff);
        }
        rustix::thread::set_no_new_privs(true)
            .map_err(|error| Error::NoNewPrivileges(error.into()))?;
        files::restrict(writable, ports)
            .map_err(|error| Error::Files(Box::new(error)))
    }

    /// Takes from the calling thread, and all it will start, every capability
    /// and every system call but those of its duty. A thread that talks to
    /// clients reads no files but those of this process in `/proc`.
    ///
    /// # Errors
    /// If the kernel can do it and refuses. The later steps are done all the
    /// same; the first error is returned.
    pub fn take_up(&self, duty: Duty) -> Result<(), Error> {
        if !self.is_on {
            return Ok(());
        }
        let capabilities = self.keep_capabilities(duty);
        let files = match duty {
            Duty::Serve => files::restrict_to_own_process()
                .map_err(|error| Error::Files(Box::new(error))),
            _ => Ok(()),
        };
        let system_calls = match allowed::threads(duty) {
            Some(threads) => system_calls::restrict(threads)
                .map_err(|error| Error::SystemCalls(Box::new(error))),
            None => Ok(()),
        };
        capabilities.and(files).and(system_calls)
    }

    fn keep_capabilities(&self, duty: Duty) -> Result<(), Error> {
        capabilities::keep(capabilities::of(duty)).map_err(Error::Capabilities)
    }

    /// Takes from the calling thread every capability.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn give_up_capabilities(&self) -> Result<(), Error> {
        if !self.is_on {
            return Ok(());
        }
        capabilities::keep_none().map_err(Error::Capabilities)
    }

    /// Does `work` with only the capabilities of a duty in effect, then puts
    /// the others back into effect.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn try_duty<T>(
        &self,
        duty: Duty,
        work: impl FnOnce() -> T,
    ) -> Result<T, Error> {
        capabilities::with_effect(capabilities::of(duty), work)
            .map_err(Error::Capabilities)
    }

    /// Returns the restrictions that the kernel shows for every thread.
    ///
    /// # Errors
    /// If `/proc/self/task` cannot be read.
    pub fn report(&self) -> Result<Report, Error> {
        Report::read().map_err(Error::Report)
    }
}
