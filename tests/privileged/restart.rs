//! Counters that go on after a restart, whatever ended the exporter, where
//! counting itself does not.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::flood::{Offered, frames_from};
use crate::harness::lab::{Lab, WAN};
use crate::harness::process::output_of;
use crate::harness::sys::Signal;
use crate::harness::traffic::Traffic;
use crate::harness::wait::PATIENCE;
use crate::privileges::{NEEDED, as_nobody};

/// Nobody's user and group.
const NOBODY: u32 = 65_534;

fn setup(lab: &Lab, state: &TempDir) -> Setup {
    Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("state_directory", state.path().to_str().unwrap())
        .set("pin_directory", "")
}

fn end(mut daemon: Daemon, signal: Signal) {
    daemon.signal(signal);
    let status = daemon.wait(PATIENCE);
    assert_eq!(status.success(), signal == Signal::Terminate, "{status}");
}

/// To the byte: what a scrape showed was saved before.
#[test]
fn what_was_counted_is_there_after_a_stop_and_after_a_kill() {
    let (lab, state) = (Lab::new(), TempDir::new().unwrap());
    let mut traffic = Traffic::new(&lab);
    for signal in [Signal::Terminate, Signal::Kill, Signal::Terminate] {
        let daemon = setup(&lab, &state).start();
        traffic.await_booked(&daemon);
        traffic.exchange();
        traffic.await_booked(&daemon);
        end(daemon, signal);
    }
    let daemon = setup(&lab, &state).start();
    traffic.await_booked(&daemon);
}

/// Without a scrape either.
#[test]
fn what_a_stop_finds_is_saved() {
    let (lab, state) = (Lab::new(), TempDir::new().unwrap());
    let mut daemon = setup(&lab, &state).set("poll_interval", "1h").start();
    daemon.await_log("first poll", 0, |line| line.message() == "polled");
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    end(daemon, Signal::Terminate);
    traffic.await_booked(&setup(&lab, &state).start());
}

#[test]
fn nothing_counts_twice_when_restarted_under_traffic() {
    let (lab, state) = (Lab::new(), TempDir::new().unwrap());
    let (offered, is_over) = (Offered::default(), AtomicBool::new(false));
    let total = |scrape: &Scrape| {
        scrape.sum("geoip_bytes_received_total", &[])
            + scrape.sum("geoip_unattributed_bytes_received_total", &[])
    };
    let frames = frames_from(0..500);
    let sender = lab.inbound();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                offered.send(&sender, &frames);
            }
        });
        // Ends the sender when an assertion fails, too.
        let _over = Over(&is_over);
        let mut shown = 0;
        let mut counted = 0;
        for signal in [Signal::Terminate, Signal::Kill].repeat(3) {
            // What passes from here on is all that this one can count.
            let before = offered.bytes();
            let daemon = setup(&lab, &state).start();
            let first = total(&daemon.scrape());
            assert!(first >= shown, "{first} after {shown}, {signal:?}");
            shown = first;
            for _ in 0..20 {
                let next = total(&daemon.scrape());
                assert!(next >= shown, "{next} after {shown}");
                shown = next;
            }
            shown = daemon.await_scrape("more is counted", |scrape| {
                let now = total(scrape);
                if now > first { Ok(now) } else { Err(now.to_string()) }
            });
            end(daemon, signal);
            counted += offered.bytes() - before;
            assert!(shown <= counted, "{shown} of {counted}");
        }
    });
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn three_capabilities_and_a_directory_of_its_own_are_enough() {
    let unit = include_str!("../../etc/geoip-exporter.service");
    for line in [
        "StateDirectory=geoip-exporter",
        "Environment=GEOIP_EXPORTER_STATE_DIRECTORY=%S/geoip-exporter",
    ] {
        assert!(unit.lines().any(|found| found == line), "no {line}");
    }
    let (lab, state) = (Lab::new(), TempDir::new().unwrap());
    chown(state.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut traffic = Traffic::new(&lab);
    for signal in [Signal::Kill, Signal::Terminate] {
        let daemon = as_nobody(setup(&lab, &state), NEEDED).start();
        traffic.await_booked(&daemon);
        traffic.exchange();
        traffic.await_booked(&daemon);
        end(daemon, signal);
    }
    let names = fs::read_dir(state.path()).unwrap();
    let mut names: Vec<_> = names.map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["counters.state", "history.db"]);
}

#[test]
fn a_full_disk_is_said_once_and_counters_are_saved_when_there_is_room() {
    let (lab, state) = (Lab::new(), TempDir::new().unwrap());
    let path = state.path().to_str().unwrap();
    let full = format!(
        "mount --make-rprivate / && \
         mount -t tmpfs -o size=64k none {path} && \
         head -c 64K /dev/zero >{path}/others && exec \"$@\""
    );
    let mut daemon = setup(&lab, &state)
        .inside(&["unshare", "--mount", "sh", "-c", &full, "sh"])
        .start();
    let mut traffic = Traffic::new(&lab);
    for _ in 0..3 {
        traffic.exchange();
        traffic.await_booked(&daemon);
        daemon.await_sum("geoip_state_saved", &[], 0);
    }
    let said = daemon.log().into_iter();
    let said: Vec<_> = said
        .filter(|line| line.message().starts_with("cannot save the counters"))
        .collect();
    assert_eq!(said.len(), 1, "{said:?}");
    let error = said[0].get("error").unwrap();
    assert!(error.contains("No space left on device"), "{error}");

    let target = format!("--target={}", daemon.pid());
    let mut command = Command::new("nsenter");
    command.args([&target, "--mount", "rm", &format!("{path}/others")]);
    output_of(&mut command);
    daemon.await_sum("geoip_state_saved", &[], 1);
    traffic.await_booked(&daemon);
}

/// As a file system becomes after an error of its disk.
#[test]
fn a_disk_that_takes_nothing_is_said_once_and_counting_goes_on() {
    let (lab, state) = (Lab::new(), TempDir::new().unwrap());
    let path = state.path().to_str().unwrap();
    // Room for one file, not for another beside it.
    let small = format!(
        "mount --make-rprivate / && \
         mount -t tmpfs -o size=4k none {path} && exec \"$@\""
    );
    let mut daemon = setup(&lab, &state)
        .inside(&["unshare", "--mount", "sh", "-c", &small, "sh"])
        .start();
    let pid = format!("--target={}", daemon.pid());
    let remount = |options: &str| {
        let mut command = Command::new("nsenter");
        command.args([&pid, "--mount", "mount", "-o"]);
        output_of(command.args([&format!("remount,{options}"), path]));
    };
    let mut traffic = Traffic::new(&lab);
    let mut exchange = |daemon: &Daemon| {
        traffic.exchange();
        traffic.await_booked(daemon);
    };
    let failed = "cannot save the counters; trying again";
    let failures = |daemon: &mut Daemon| {
        let said = daemon.log().into_iter();
        said.filter(|line| line.message() == failed).collect::<Vec<_>>()
    };
    // The old one makes room for the new one.
    exchange(&daemon);
    exchange(&daemon);
    daemon.await_sum("geoip_state_saved", &[], 1);
    assert!(failures(&mut daemon).is_empty());

    remount("ro");
    for _ in 0..3 {
        exchange(&daemon);
        daemon.await_sum("geoip_state_saved", &[], 0);
    }
    let said = failures(&mut daemon);
    assert_eq!(said.len(), 1, "{said:?}");
    let error = said[0].get("error").unwrap();
    assert!(error.contains("Read-only file system"), "{error}");

    let position = daemon.log_position();
    remount("rw");
    exchange(&daemon);
    daemon.await_log("a save", position, |line| {
        line.message() == "saving the counters again"
    });
    daemon.await_sum("geoip_state_saved", &[], 1);
}

/// Also where files are restricted.
#[test]
fn what_is_no_file_is_set_aside_and_counters_are_saved() {
    for make in [&["mkfifo"][..], &["ln", "-s", "/nowhere"], &["mkdir"]] {
        let (lab, state) = (Lab::new(), TempDir::new().unwrap());
        let (program, arguments) = make.split_first().unwrap();
        let mut command = Command::new(program);
        let file = state.path().join("counters.state");
        output_of(command.args(arguments).arg(&file));
        let daemon = setup(&lab, &state).start();
        let mut traffic = Traffic::new(&lab);
        traffic.exchange();
        traffic.await_booked(&daemon);
        daemon.await_sum("geoip_state_saved", &[], 1);
        assert!(fs::symlink_metadata(&file).unwrap().is_file());
    }
}
