//! Network namespaces without names: each lives for as long as somebody holds
//! it, so the kernel takes it down, and every interface in it, when its test
//! passes, panics or is killed. There is nothing to clean up.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::{Command, Stdio, id};
use std::sync::Arc;
use std::{io::Write, thread};

use super::overdue;
use super::process::output_of;
use super::sys;

/// Settings that silence a namespace: nothing is sent that no test sent, and
/// an IPv6 address can be used at once.
const QUIET: [(&str, &str); 6] = [
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/dad_transmits", "0"),
    ("ipv6/conf/default/router_solicitations", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
    // No link-local addresses, hence no multicast reports for them.
    ("ipv6/conf/default/addr_gen_mode", "1"),
    ("ipv6/conf/all/accept_dad", "0"),
];

/// A network namespace. A clone is the same namespace.
#[derive(Clone, Debug)]
pub(crate) struct Netns {
    handle: Arc<OwnedFd>,
}

impl Netns {
    /// Makes an empty, quiet namespace with its loopback up.
    pub(crate) fn new() -> Self {
        overdue::limit();
        let made = thread::spawn(|| {
            sys::unshare_network()
                .expect("cannot make a network namespace (run as root)");
            // Only `thread-self` is this thread's; `self` is the process's.
            let file = File::open("/proc/thread-self/ns/net")
                .expect("cannot open the namespace just made");
            Self { handle: Arc::new(file.into()) }
        });
        let namespace = made.join().unwrap_or_else(|p| resume_unwind(p));
        for (key, value) in QUIET {
            namespace.set(key, value);
        }
        namespace.ip("link set lo up");
        namespace
    }

    /// Runs `work` on a thread of its own inside the namespace. Sockets made
    /// there stay in the namespace wherever they are used later; a *process*
    /// started there dies with that thread: use [`Netns::command`].
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                sys::enter_network(self.handle.as_fd())
                    .expect("cannot enter a network namespace");
                work()
            });
            worker.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Returns a command that starts inside the namespace and is killed when
    /// the thread that starts it ends. It sees the machine's own `/sys`, in
    /// which the interfaces are not those of the namespace.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        sys::start_in(&mut command, Arc::clone(&self.handle));
        command
    }

    /// Runs `ip` with arguments separated by blanks and returns its output.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        output_of(self.command("ip").args(arguments.split_whitespace()))
    }

    /// Runs many `ip` commands, one a line, in one process.
    pub(crate) fn ip_batch(&self, lines: &str) {
        let mut command = self.command("ip");
        command.args(["-batch", "-"]).stdin(Stdio::piped());
        let mut child = command.spawn().expect("cannot start ip");
        let mut input = child.stdin.take().expect("its input is piped");
        input.write_all(lines.as_bytes()).expect("ip reads its input");
        drop(input);
        let status = child.wait().expect("ip is our child");
        assert!(status.success(), "ip -batch: {status} for\n{lines}");
    }

    /// Writes one value under `/proc/sys/net` of the namespace.
    pub(crate) fn set(&self, key: &str, value: &str) {
        let path = PathBuf::from("/proc/sys/net").join(key);
        let written = self.run(|| fs::write(&path, value));
        if let Err(error) = written {
            panic!("cannot write {value:?} to {}: {error}", path.display());
        }
    }

    /// Returns a path by which other programs name the namespace, such as
    /// `ip link set eth0 netns PATH`.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", id(), self.handle.as_raw_fd())
    }

    /// Returns the number by which `/proc/PID/ns/net` shows the namespace.
    pub(crate) fn inode(&self) -> u64 {
        fs::metadata(self.path()).expect("the namespace is open").ino()
    }
}
