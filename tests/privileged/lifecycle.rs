//! Starting, being refused, and ending.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use aya::programs::TcAttachType;

use crate::harness::daemon::Setup;
use crate::harness::lab::{Lab, WAN};
use crate::harness::netns::Netns;
use crate::harness::sys::Signal;
use crate::harness::tcx::attached;
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_equal};

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
}

#[test]
fn missing_rights_are_named() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let (status, said) = as_nobody(setup, "-all").start_refused();
    assert_eq!(status.code(), Some(77), "{said}");
    for capability in ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"] {
        assert!(said.contains(capability), "{said}");
    }
    assert_eq!(programs(&lab.machine), 0);
}

#[test]
fn three_capabilities_are_enough_without_root() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let daemon = as_nobody(setup, "-all,+bpf,+net_admin,+perfmon").start();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    daemon.reload();
    traffic.exchange();
    traffic.await_booked(&daemon);
}

/// Runs the exporter as nobody with these capabilities, from a copy that
/// nobody may read wherever this repository lies.
pub(crate) fn as_nobody(setup: Setup, capabilities: &str) -> Setup {
    let directory = setup.path("");
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&directory, open).unwrap();
    let database = setup.path("country.mmdb");
    fs::copy(crate::harness::fixtures::data("country-maxmind.mmdb"), &database)
        .unwrap();
    let program = setup.path("geoip-exporter");
    fs::copy(env!("CARGO_BIN_EXE_geoip-exporter"), &program).unwrap();
    setup.set("geoip_db", database.to_str().unwrap()).program(&program).through(
        &[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            &format!("--inh-caps={capabilities}"),
            &format!("--ambient-caps={capabilities}"),
            // Cleared when the user changed; nobody else would end it.
            "--pdeathsig=KILL",
        ],
    )
}
