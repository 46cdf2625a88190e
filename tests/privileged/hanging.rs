//! Disks that do not answer: they hold up neither counting nor signals, and
//! one warning names the file.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::faults::{Call, Fault};
use crate::harness::fixtures::data;
use crate::harness::lab::{Lab, WAN};
use crate::harness::log_line::LogLine;
use crate::harness::sys::Signal;
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_until};

const OPEN: Call = Call::any(libc::SYS_openat);
const STATUS: Call = Call::any(libc::SYS_statx);

/// How long the first SIGTERM may take.
const LONGEST_STOP: Duration = Duration::from_secs(10);

fn setup(lab: &Lab, fault: &Fault) -> Setup {
    Setup::new(&lab.machine).set("interfaces", WAN).with_fault(fault)
}

/// Waits for the warning that names a file.
fn await_warning(daemon: &mut Daemon, file: &Path) {
    daemon.await_log("the warning", 0, |line| {
        line.message() == "a file does not answer; waiting for it"
            && line.get("file") == file.to_str().map(String::from)
    });
}

/// Ends it by one SIGTERM.
fn stop(daemon: &mut Daemon) {
    let began = Instant::now();
    daemon.signal(Signal::Terminate);
    let status = daemon.wait(LONGEST_STOP);
    assert!(status.success(), "{status} after {:?}", began.elapsed());
}

#[test]
fn a_database_that_does_not_answer_at_the_start_is_taken_once_it_does() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("country.mmdb");
    fs::copy(data("country-maxmind.mmdb"), &file).unwrap();
    let fault = Fault::of(OPEN).on_path(1, &file);
    fault.hang();
    let setup = setup(&lab, &fault).set("geoip_db", file.to_str().unwrap());
    let mut daemon = setup.start();
    await_warning(&mut daemon, &file);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    daemon.await_scrape("packets", |scrape| {
        match scrape.sum("geoip_packets_sent_total", &[("country", "UNKNOWN")])
        {
            0 => Err("none".into()),
            _ => Ok(()),
        }
    });
    fault.mend();
    daemon.await_log("the database", 0, |line| {
        line.message() == "opened the GeoIP database"
    });
    stop(&mut daemon);
}

#[test]
fn nothing_that_hangs_at_the_start_keeps_the_first_signal_from_ending_it() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("web.yml"), "basic_auth_users: {}\n").unwrap();
    fs::copy(data("country-maxmind.mmdb"), path("country.mmdb")).unwrap();
    fs::create_dir(path("state")).unwrap();
    fs::write(path("state/counters.state"), "").unwrap();
    for (setting, value, file, call) in [
        ("geoip_db", path("country.mmdb"), path("country.mmdb"), OPEN),
        ("geoip_db", path("country.mmdb"), path("country.mmdb"), STATUS),
        ("web_config_file", path("web.yml"), path("web.yml"), OPEN),
        ("state_directory", path("state"), path("state"), OPEN),
    ] {
        let fault = Fault::of(call).on_path(1, &file);
        fault.hang();
        let setup = setup(&lab, &fault).set(setting, value.to_str().unwrap());
        let mut daemon = setup.spawn();
        fault.await_failures(1);
        await_warning(&mut daemon, &value);
        daemon.signal(Signal::Terminate);
        let status = daemon.wait(LONGEST_STOP);
        // At once, where nothing was begun.
        assert!(matches!(status.code(), Some(0 | 143)), "{status}");
    }
}

#[test]
fn a_look_at_a_file_that_hangs_holds_up_neither_reloads_nor_the_end() {
    let lab = Lab::new();
    let file = data("country-maxmind.mmdb");
    let fault = Fault::of(STATUS).on_path(1, &file);
    let mut daemon = setup(&lab, &fault).start();
    fault.hang();
    fault.await_failures(1);
    daemon.reload();
    daemon.reload();
    await_warning(&mut daemon, &file);
    daemon.await_polls();
    stop(&mut daemon);
}

#[test]
fn a_reload_whose_file_hangs_holds_up_nothing_and_fails() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    fs::write(&file, "basic_auth_users: {}\n").unwrap();
    let fault = Fault::of(OPEN).on_path(1, &file);
    let setup = setup(&lab, &fault);
    let mut daemon =
        setup.set("web_config_file", file.to_str().unwrap()).start();
    fault.hang();
    daemon.signal(Signal::Hangup);
    fault.await_failures(1);
    await_warning(&mut daemon, &file);
    daemon.await_polls();
    // The second fails at once: one thread waits for the disk, not two.
    daemon.await_log("the failure", 0, is_refusal);
    let position = daemon.log_position();
    daemon.signal(Signal::Hangup);
    daemon.await_log("the failure", position, is_refusal);
    fault.mend();
    // Until the thread that hung has ended.
    await_until(PATIENCE, "a reload", || {
        let position = daemon.log_position();
        daemon.signal(Signal::Hangup);
        let end = daemon.await_log("its end", position, |line| {
            line.message() == "reloaded" || is_refusal(line)
        });
        match end.message() == "reloaded" {
            true => Ok(()),
            false => Err(end.text()),
        }
    });
    stop(&mut daemon);
}

fn is_refusal(line: &LogLine) -> bool {
    line.message() == "not reloaded; everything stays as it was"
}

/// The counters of the last poll are lost then, and it says so by its status.
#[test]
fn a_state_that_does_not_answer_lets_the_first_signal_end_it() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("counters.state.new");
    let fault = Fault::of(Call::any(libc::SYS_rename)).on_path(0, &new);
    let setup = setup(&lab, &fault);
    let mut daemon =
        setup.set("state_directory", folder.path().to_str().unwrap()).start();
    fault.hang();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    daemon.signal(Signal::Terminate);
    let status = daemon.wait(LONGEST_STOP);
    assert!(fault.failures() > 0);
    assert_eq!(status.code(), Some(70));
    let said = daemon.log().iter().any(|line| {
        line.get("error").is_some_and(|e| e.contains("got no further"))
    });
    assert!(said);
}

/// There is no log yet, and its settings are not known.
#[test]
fn a_configuration_that_does_not_answer_is_named_and_waited_for() {
    let lab = Lab::new();
    let fault = Fault::of(OPEN);
    let setup = setup(&lab, &fault);
    let file = setup.path("geoip-exporter.toml");
    let fault = fault.on_path(1, &file);
    fault.hang();
    let mut daemon = setup.with_fault(&fault).spawn();
    daemon.await_text("does not answer; waiting for it");
    fault.mend();
    daemon.await_log("its start", 0, |line| line.message() == "ready");
    stop(&mut daemon);
}

/// The thread that takes signals.
#[test]
fn the_main_thread_touches_no_file_once_it_runs() {
    let lab = Lab::new();
    for call in [OPEN, STATUS] {
        let fault = Fault::of(call).of_main_thread();
        let mut daemon = setup(&lab, &fault).start();
        fault.hang();
        daemon.reload();
        daemon.await_polls();
        stop(&mut daemon);
        assert_eq!(fault.failures(), 0);
    }
}
