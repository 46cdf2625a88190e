//! What the service manager hears.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::fake::{FakeHost, PATIENCE};
use super::running::{Running, with_database, without_ticks};

/// A service manager that listens.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    _folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, path, _folder: folder }
    }

    fn start(&self, watchdog: &str, host: FakeHost, config: &str) -> Running {
        let environment = [
            ("NOTIFY_SOCKET", self.path.to_str().unwrap()),
            ("WATCHDOG_USEC", watchdog),
        ];
        Running::start_in(&environment, host, config)
    }

    /// Returns the next message, if one comes in time.
    fn next(&self) -> Option<String> {
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).ok()?;
        Some(String::from_utf8(message[..length].to_vec()).unwrap())
    }

    /// Returns the next message that says `what`; what comes before it must
    /// not say `never`.
    fn wait_for(&self, what: &str, never: &str) -> String {
        loop {
            let message = self.next().unwrap_or_else(|| panic!("no {what}"));
            if message.lines().any(|line| line.starts_with(what)) {
                return message;
            }
            assert!(!message.contains(never), "{message} before {what}");
        }
    }

    /// Throws away what has come.
    fn drain(&self) {
        self.socket.set_nonblocking(true).unwrap();
        while self.next().is_some() {}
        self.socket.set_nonblocking(false).unwrap();
    }
}

/// Attaching takes the kernel 25 ms an interface: hundreds of them must not
/// keep a health check waiting.
#[test]
fn the_pages_answer_while_interfaces_are_being_attached() {
    let host = FakeHost::new(&[(2, "eth0"), (3, "eth1"), (4, "eth2")]);
    host.kernel().failures.attach_limit = Some(2);
    let manager = Manager::new();
    let daemon = manager.start("0", host.clone(), &with_database(""));
    host.wait_until("two devices", |kernel| kernel.attachments.len() == 2);
    assert_eq!(daemon.get("/-/healthy").0, 200);
    assert_eq!(daemon.get("/-/ready").0, 503);
    host.log.wait_for(0, &["attached"]);
    assert!(!host.log.text().contains("INFO ready"), "{}", host.log.text());

    host.kernel().failures.attach_limit = None;
    host.wake();
    let message = manager.wait_for("READY=1", "READY");
    assert!(message.contains("STATUS=counting on 3 interfaces"), "{message}");
    host.log.wait_for(0, &["INFO ready, interfaces: 3"]);
    assert_eq!(daemon.get("/-/ready").0, 200);
    daemon.stop();
}

#[test]
fn a_long_start_asks_for_more_time() {
    let host = FakeHost::new(&[(2, "eth0")]);
    let manager = Manager::new();
    let daemon = manager.start("0", host, &with_database(""));
    manager.wait_for("EXTEND_TIMEOUT_USEC=60000000", "READY");
    daemon.stop();
}

/// Detaching thousands takes minutes, and the manager kills who takes long.
#[test]
fn a_stop_that_detaches_many_asks_for_more_time() {
    let devices = [(2, "eth0"), (3, "eth1"), (4, "eth2")];
    let manager = Manager::new();
    let daemon =
        manager.start("0", FakeHost::new(&devices), &with_database(""));
    manager.wait_for("READY=1", "STOPPING");
    daemon.terminate();
    manager.wait_for("STOPPING=1", "EXTEND");
    manager.wait_for("EXTEND_TIMEOUT_USEC=60000000", "READY");
    manager.wait_for("STATUS=detaching 2 more interfaces", "READY");
    daemon.end().unwrap();
}

#[test]
fn a_reload_and_the_end_are_told() {
    let manager = Manager::new();
    let host = FakeHost::new(&[(2, "eth0")]);
    let daemon = manager.start("0", host, &with_database(""));
    manager.wait_for("READY=1", "RELOADING");
    daemon.hang_up();
    let message = manager.wait_for("RELOADING=1", "READY");
    let time = message.lines().find_map(|l| l.strip_prefix("MONOTONIC_USEC="));
    assert!(time.unwrap().parse::<u64>().unwrap() > 0, "{message}");
    manager.wait_for("READY=1", "STOPPING");
    daemon.configure("colour = 1\n");
    daemon.hang_up();
    manager.wait_for("RELOADING=1", "READY");
    let message = manager.wait_for("READY=1", "STOPPING");
    assert!(message.contains("the last reload failed"), "{message}");
    daemon.terminate();
    manager.wait_for("STOPPING=1", "READY");
    daemon.end().unwrap();
}

#[test]
fn the_watchdog_is_fed_between_polls_that_are_far_apart() {
    let manager = Manager::new();
    let host = FakeHost::new(&[(2, "eth0")]);
    let daemon = manager.start("200000", host.clone(), &without_ticks(""));
    manager.wait_for("READY=1", "STOPPING");
    let reads = host.kernel().reads;
    for _ in 0..5 {
        manager.wait_for("WATCHDOG=1", "READY");
    }
    assert_eq!(host.kernel().reads, reads, "polls fed it");
    daemon.stop();
}

#[test]
fn the_watchdog_is_not_fed_while_the_poller_is_stuck() {
    let manager = Manager::new();
    let host = FakeHost::new(&[(2, "eth0")]);
    let daemon = manager.start("200000", host.clone(), &with_database(""));
    manager.wait_for("READY=1", "STOPPING");
    manager.wait_for("WATCHDOG=1", "STOPPING");
    host.kernel().failures.slow_reads = Duration::from_secs(3);
    let reads = host.kernel().reads;
    // The second read from now on is a slow one.
    host.wait_until("a read that hangs", |kernel| kernel.reads >= reads + 2);
    manager.drain();
    let short = Duration::from_secs(1);
    manager.socket.set_read_timeout(Some(short)).unwrap();
    assert_eq!(manager.next(), None, "told by whom?");
    // Everything else goes on.
    assert_eq!(daemon.get("/-/healthy").0, 200);

    host.kernel().failures.slow_reads = Duration::ZERO;
    manager.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    manager.wait_for("WATCHDOG=1", "STOPPING");
    daemon.stop();
}
