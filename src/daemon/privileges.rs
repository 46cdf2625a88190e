//! Gives up the privileges that the daemon was started with and no longer
//! needs.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crossbeam_channel::bounded;
use slog::{Logger, info, warn};

use crate::config::{Config, ListenAddress};
use crate::kernel::{Attach, Hook, Rights};
use crate::logging::chain;
use crate::sandbox::{Duty, Error, Files, Sandbox};

/// Ports below it are for those with CAP_NET_BIND_SERVICE.
const FIRST_FREE_PORT: u16 = 1024;

/// The directories that systemd made for the daemon, each variable with
/// absolute paths and colons between them.
const DIRECTORIES: [&str; 2] = ["STATE_DIRECTORY", "RUNTIME_DIRECTORY"];

/// Gives up privileges, thread by thread. Clones do the same. A privilege that
/// cannot be given up is logged, and the exporter counts all the same.
#[derive(Clone)]
pub(super) struct Privileges {
    log: Logger,
    sandbox: Sandbox,
    files: Files,
}

impl Privileges {
    /// Restricts files for this thread and all it will start. To be called
    /// before there is any other.
    pub(super) fn restrict(
        log: &Logger,
        sandbox: Sandbox,
        environment: &[(OsString, OsString)],
        listens_at: &[ListenAddress],
        kept_in: &[&Path],
    ) -> Self {
        let writable = writable(environment, listens_at, kept_in);
        let ports = ports(listens_at);
        let files = match sandbox.restrict_files(&writable, &ports) {
            Ok(files) => files,
            Err(error) => {
                warn!(log, "keeping a privilege"; "error" => chain(&error));
                Files::TurnedOff
            }
        };
        Self { log: log.clone(), sandbox, files }
    }

    fn warn(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            warn!(self.log, "keeping a privilege"; "error" => chain(&error));
        }
    }

    /// Restricts the calling thread to the privileges of a duty, for good.
    pub(super) fn take_up(&self, duty: Duty) {
        self.warn(self.sandbox.take_up(duty));
    }

    /// Calls `start` with a closure that the new thread must call first. Waits
    /// until the thread has only the privileges of its duty.
    ///
    /// # Errors
    /// Those of `start`.
    pub(super) fn starting<T>(
        &self,
        duty: Duty,
        start: impl FnOnce(Box<dyn FnOnce() + Send>) -> io::Result<T>,
    ) -> io::Result<T> {
        let privileges = self.clone();
        let (preparing, prepared) = bounded::<Infallible>(0);
        let started = start(Box::new(move || {
            privileges.take_up(duty);
            drop(preparing);
        }))?;
        // Nothing is ever sent: its end is dropped, also where nothing starts.
        let _ = prepared.recv();
        Ok(started)
    }

    /// Returns the duty of the poller's thread on this kernel: before Linux
    /// 5.19, and where unprivileged users have no eBPF, only CAP_BPF reads
    /// maps.
    pub(super) fn counting(&self, attacher: &impl Attach) -> Duty {
        let least = Duty::Count { needs_bpf: false };
        if !self.sandbox.is_on() {
            return least;
        }
        match self.sandbox.try_duty(least, || attacher.may_use_maps()) {
            Ok(true) => least,
            Ok(false) => Duty::Count { needs_bpf: true },
            Err(error) => {
                self.warn(Err(error));
                least
            }
        }
    }

    /// Tells the kernel side that capabilities are given up from now on.
    pub(super) fn begin_giving_up(&self, rights: &Rights) {
        if self.sandbox.is_on() {
            rights.give_up();
        }
    }

    /// Takes the last capability from the poller's thread, which calls this.
    pub(super) fn give_up_the_rest(&self) {
        if self.sandbox.is_on() {
            self.warn(self.sandbox.give_up_capabilities());
        }
    }

    /// Logs the privileges that are left. To be called once, after every thread
    /// has been restricted.
    pub(super) fn report(&self) {
        let files = self.files.to_string();
        match self.sandbox.report() {
            Ok(report) => info!(self.log, "privileges";
                "kept" => report.kept,
                "no_new_privs" => report.no_new_privileges,
                "system_calls" => report.system_calls,
                "files" => files),
            Err(error) => warn!(self.log, "privileges";
                "kept" => "could not be read",
                "error" => chain(&error),
                "files" => files),
        }
    }
}

/// Returns the number of interfaces if the configuration names each of them and
/// attaching to them again needs no capability. A link to a TCX hook needs none,
/// a filter needs one.
pub(super) fn fixed_interfaces(config: &Config, hook: Hook) -> Option<usize> {
    match hook {
        Hook::Tcx => config.interfaces.fixed(),
        Hook::Clsact => None,
    }
}

/// Returns the duty of the thread that opens the sockets at these addresses.
pub(super) fn binding(addresses: &[ListenAddress]) -> Duty {
    let is_low = |port: &u16| (1..FIRST_FREE_PORT).contains(port);
    Duty::Bind { is_low: ports(addresses).iter().any(is_low) }
}

/// Returns the TCP ports among these addresses; zero lets the kernel choose.
fn ports(addresses: &[ListenAddress]) -> Vec<u16> {
    let port = |address: &ListenAddress| match address {
        ListenAddress::Tcp(address) => Some(address.port()),
        ListenAddress::Unix(_) => None,
    };
    addresses.iter().filter_map(port).collect()
}

/// Returns the directories in which the daemon may write: those that systemd
/// made for it, those of the sockets that it makes and removes, and those where
/// it keeps something.
fn writable(
    environment: &[(OsString, OsString)],
    listens_at: &[ListenAddress],
    kept_in: &[&Path],
) -> Vec<PathBuf> {
    let of_socket = |address: &ListenAddress| match address {
        ListenAddress::Tcp(_) => None,
        ListenAddress::Unix(path) => path.parent().map(Path::to_owned),
    };
    environment
        .iter()
        .filter(|(name, _)| DIRECTORIES.iter().any(|known| name == known))
        .flat_map(|(_, paths)| std::env::split_paths(paths))
        .filter(|path| path.is_absolute())
        .chain(listens_at.iter().filter_map(of_socket))
        .chain(kept_in.iter().map(|path| path.to_path_buf()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn the_directories_of_systemd_and_of_sockets_can_be_written() {
        let environment = [
            ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"),
            ("RUNTIME_DIRECTORY", "/run/a"),
            ("HOME", "/root"),
        ]
        .map(|(name, value)| (name.into(), value.into()));
        let addresses = [
            ListenAddress::Tcp(([127, 0, 0, 1], 9100).into()),
            ListenAddress::Unix("/run/b/metrics.sock".into()),
        ];
        let expected =
            ["/var/lib/a", "/var/lib/b", "/run/a", "/run/b", "/srv/c"];
        let expected = expected.map(PathBuf::from);
        let kept_in = [Path::new("/srv/c")];
        assert_eq!(writable(&environment, &addresses, &kept_in), expected);
    }

    /// A thread that still had its privileges would be in the report.
    #[test]
    fn a_thread_has_taken_up_its_duty_once_it_counts_as_started() {
        let log = Logger::root(slog::Discard, slog::o!());
        let privileges =
            Privileges::restrict(&log, Sandbox::new(false), &[], &[], &[]);
        for _ in 0..1000 {
            let is_done = Arc::new(AtomicBool::new(false));
            let done = Arc::clone(&is_done);
            let thread = privileges
                .starting(Duty::Follow, |prepare| {
                    thread::Builder::new().spawn(move || {
                        done.store(true, Ordering::SeqCst);
                        prepare();
                    })
                })
                .unwrap();
            assert!(is_done.load(Ordering::SeqCst));
            thread.join().unwrap();
        }
        // A thread that is not started is not waited for.
        privileges.starting(Duty::Follow, |_| Ok(())).unwrap();
    }

    #[test]
    fn only_low_ports_need_a_capability() {
        let tcp = |port| ListenAddress::Tcp(([0, 0, 0, 0], port).into());
        let of = |port| binding(&[tcp(9100), tcp(port)]);
        let unix = ListenAddress::Unix("/run/b/metrics.sock".into());
        let [low, free] = [true, false].map(|is_low| Duty::Bind { is_low });
        assert_eq!(binding(&[unix]), free);
        assert_eq!(of(80), low);
        assert_eq!(of(9100), free);
        assert_eq!(of(0), free, "one that the kernel chooses");
    }
}
