//! What code could do that was injected into a thread of the exporter: each
//! thread of a running one is made to try it.

mod attempts;

use std::collections::BTreeMap;
use std::fs;

use attempts::{ATTEMPTS, Attempt, Piece};

use crate::harness::bpffs::Bpffs;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::inject::Injected;
use crate::harness::lab::{Lab, WAN};
use crate::harness::sys::Signal;
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_until};
use crate::privileges::{NEEDED, as_nobody};

/// Returns the threads of the exporter by their names, once all are there.
fn threads(daemon: &Daemon) -> BTreeMap<String, u32> {
    let tasks = format!("/proc/{}/task", daemon.pid());
    await_until(PATIENCE, "threads of the exporter", || {
        let tasks = fs::read_dir(&tasks).unwrap().map(|task| {
            let path = task.unwrap().path();
            let name = fs::read_to_string(path.join("comm")).unwrap();
            let number = path.file_name().unwrap().to_str().unwrap();
            (name.trim().to_owned(), number.parse().unwrap())
        });
        let threads: BTreeMap<String, u32> = tasks.collect();
        match EXPECTED.iter().all(|name| threads.contains_key(*name)) {
            true => Ok(threads),
            false => Err(format!("{threads:?}")),
        }
    })
}

/// Those that are always there.
const EXPECTED: [&str; 12] = [
    "connections",
    "geoip-exporter",
    "http",
    "http-0",
    "http-1",
    "http-2",
    "http-3",
    "http-auth",
    "interfaces",
    "log",
    "poller",
    "signals",
];

/// Makes a thread try it. Returns how it ended.
fn attempt(injected: &mut Injected, attempt: &Attempt) -> Option<i32> {
    let own = u64::from(std::process::id());
    let arguments = attempt.arguments.map(|piece| match piece {
        Piece::Number(number) => number,
        Piece::Bytes(bytes) => injected.put(bytes),
        Piece::Another => own,
    });
    let result = injected.call(attempt.call, arguments);
    result.err().and_then(|error| error.raw_os_error())
}

/// Makes every thread try everything. Returns what was not refused.
fn got_through(daemon: &Daemon) -> Vec<String> {
    let mut got_through = Vec::new();
    for (name, thread) in threads(daemon) {
        let mut injected = Injected::into(daemon.pid(), thread);
        for one in ATTEMPTS.iter().copied().flatten() {
            if one.but_for.contains(&name.as_str()) {
                continue;
            }
            let errno = attempt(&mut injected, one);
            if errno != Some(libc::EPERM) && errno != Some(libc::ENOSYS) {
                let what = one.what;
                got_through.push(format!("{name}: {what}: {errno:?}"));
            }
        }
    }
    got_through
}

fn exchange_and_stop(daemon: &mut Daemon, lab: &Lab) {
    let mut traffic = Traffic::new(lab);
    traffic.exchange();
    traffic.await_booked(daemon);
    daemon.signal(Signal::Terminate);
    let status = daemon.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn no_thread_does_what_it_has_no_need_to_do() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine).set("interfaces", "any");
    let mut daemon = as_nobody(setup, NEEDED).start();
    assert_eq!(got_through(&daemon), [""; 0]);
    // Nor was it harmed.
    exchange_and_stop(&mut daemon, &lab);
}

#[test]
fn nor_where_root_started_it_and_more_is_kept() {
    let lab = Lab::new();
    let bpffs = Bpffs::new();
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let state = setup.path("state");
    let pins = bpffs.path("pins");
    let socket = setup.path("metrics.sock");
    let addresses =
        vec!["127.0.0.1:0".into(), format!("unix:{}", socket.display())];
    let mut daemon = setup
        .set("listen_address", addresses)
        .set("state_directory", state.to_str().unwrap())
        .set("pin_directory", pins.to_str().unwrap())
        .start();
    assert_eq!(got_through(&daemon), [""; 0]);
    assert!(socket.exists());
    exchange_and_stop(&mut daemon, &lab);
    // By a thread that may.
    assert!(!socket.exists());
}

/// What a client could make a page of is what it may see anyway.
#[test]
fn who_talks_to_clients_reads_no_file_but_of_its_own_process() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let daemon = setup.start();
    for (name, thread) in threads(&daemon) {
        if !name.starts_with("http") {
            continue;
        }
        let mut injected = Injected::into(daemon.pid(), thread);
        let mut open = |path: &[u8]| {
            let here = i64::from(libc::AT_FDCWD).cast_unsigned();
            let path = injected.put(path);
            let arguments = [here, path, 0, 0, 0, 0];
            let opened = injected.call(libc::SYS_openat, arguments);
            opened.err().and_then(|error| error.raw_os_error())
        };
        assert_eq!(open(b"/proc/self/limits\0"), None, "{name}");
        for path in [b"/etc/passwd\0".as_slice(), b"/proc/1/status\0"] {
            assert_eq!(open(path), Some(libc::EACCES), "{name}");
        }
    }
    let page = daemon.get("/metrics").unwrap().body;
    assert!(page.contains("\nprocess_open_fds "), "{page}");
}
