//! Starting, being refused, and ending.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use aya::programs::TcAttachType;

use crate::harness::daemon::Setup;
use crate::harness::lab::{Lab, WAN};
use crate::harness::netns::Netns;
use crate::harness::sys::Signal;
use crate::harness::tcx::attached;
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_equal, await_until};

const HOOKS: [TcAttachType; 2] = [TcAttachType::Ingress, TcAttachType::Egress];

fn programs(namespace: &Netns) -> usize {
    HOOKS.iter().map(|hook| attached(namespace, WAN, *hook).len()).sum()
}

#[test]
fn a_stop_is_clean_and_leaves_nothing_attached() {
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let lab = Lab::new();
        let mut daemon =
            Setup::new(&lab.machine).set("interfaces", WAN).start();
        assert_eq!(programs(&lab.machine), HOOKS.len());
        daemon.signal(signal);
        let status = daemon.wait(PATIENCE);
        assert_eq!(status.code(), Some(0), "{signal:?}: {status}");
        assert_eq!(programs(&lab.machine), 0, "{signal:?}");
    }
}

#[test]
fn a_killed_exporter_leaves_nothing_attached() {
    let lab = Lab::new();
    let mut daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    daemon.signal(Signal::Kill);
    assert!(!daemon.wait(PATIENCE).success());
    await_equal("attached programs", &0, || programs(&lab.machine));
}

#[test]
fn what_arrived_since_the_last_poll_is_polled_before_the_end() {
    let lab = Lab::new();
    let mut daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("poll_interval", "1h")
        .start();
    // The first poll is at once; the next would be in an hour.
    daemon.await_log("first poll", 0, |line| line.message() == "polled");
    Traffic::new(&lab).exchange();
    let position = daemon.log_position();
    daemon.signal(Signal::Terminate);
    assert!(daemon.wait(PATIENCE).success());
    daemon.await_log("last poll of 16 flows", position, |line| {
        line.message() == "polled" && line.get("flows").as_deref() == Some("16")
    });
}

#[test]
fn a_busy_port_is_named_with_what_to_do() {
    let lab = Lab::new();
    let holder =
        lab.machine.run(|| TcpListener::bind("127.0.0.1:9100")).unwrap();
    let (status, said) = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .arguments(&["--listen-address", "127.0.0.1:9100"])
        .start_refused();
    drop(holder);
    assert_eq!(status.code(), Some(69), "{said}");
    assert!(said.contains("127.0.0.1:9100"), "{said}");
    assert!(said.contains("--listen-address"), "{said}");
    // Every line is JSON where the log is, also the last.
    let last = said.lines().last().unwrap_or_default();
    let fields: serde_json::Value = serde_json::from_str(last).expect(last);
    assert_eq!(fields["msg"], "failed", "{said}");
}

/// The kernel ends the check of a program when a signal comes.
#[test]
fn signals_that_come_during_the_start_do_not_end_it() {
    let lab = Lab::new();
    let mut daemon = Setup::new(&lab.machine).set("interfaces", WAN).spawn();
    daemon.await_log("start", 0, |line| line.message() == "starting");
    while !daemon.log().iter().any(|line| line.message() == "listening") {
        assert!(daemon.is_running(), "a signal ended it");
        daemon.signal(Signal::Hangup);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    daemon.await_log("reload", 0, |line| line.message() == "reloaded");
    daemon.signal(Signal::Terminate);
    assert_eq!(daemon.wait(PATIENCE).code(), Some(0));
}

/// A parent's mask is inherited, across the start of a program too.
#[test]
fn signals_that_the_parent_blocked_arrive() {
    let lab = Lab::new();
    for blocked in ["TERM,HUP", "INT"] {
        let block = format!("--block-signal={blocked}");
        let setup = Setup::new(&lab.machine).set("interfaces", WAN);
        let mut daemon = setup.inside(&["env", &block]).start();
        daemon.reload();
        daemon.signal(match blocked {
            "INT" => Signal::Interrupt,
            _ => Signal::Terminate,
        });
        assert_eq!(daemon.wait(PATIENCE).code(), Some(0), "{blocked}");
    }
}

/// By default the kernel ends who writes beyond the limit.
#[test]
fn a_limit_of_file_sizes_is_a_write_that_fails() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let state = setup.path("state");
    std::fs::create_dir(&state).unwrap();
    let mut daemon = setup
        .set("state_directory", state.to_str().unwrap())
        .inside(&["prlimit", "--fsize=0"])
        .start();
    daemon.await_sum("geoip_state_saved", &[], 0);
    daemon.await_log("the cause", 0, |line| {
        line.message().starts_with("cannot save the counters")
            && line.text().contains("File too large")
    });
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    daemon.signal(Signal::Terminate);
    assert_eq!(daemon.wait(PATIENCE).code(), Some(0));
}

/// As systemd does it for a .socket unit.
#[test]
fn the_sockets_of_a_service_manager_are_used() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let path = setup.path("metrics.sock");
    let listen = format!("--listen={}", path.display());
    let mut daemon = setup
        .inside(&[
            "systemd-socket-activate",
            "--listen=127.0.0.1:9109",
            &listen,
            "--fdname=web.socket:unix.socket",
        ])
        .spawn();
    // It starts the exporter for the first client, who waits.
    let mut client = await_until(PATIENCE, "somebody listens", || {
        lab.machine.run(|| {
            TcpStream::connect("127.0.0.1:9109").map_err(|e| e.to_string())
        })
    });
    client.write_all(b"GET /-/healthy HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"GET /-/healthy HTTP/1.0\r\n\r\n").unwrap();
    client.read_to_string(&mut String::new()).unwrap();
    let line = daemon.await_log("whose sockets", 0, |line| {
        line.message().starts_with("the service manager listens")
    });
    let names = line.get("sockets").unwrap();
    assert_eq!(names, "web.socket, unix.socket");
    daemon.signal(Signal::Terminate);
    assert_eq!(daemon.wait(PATIENCE).code(), Some(0));
    assert!(path.exists());
}
