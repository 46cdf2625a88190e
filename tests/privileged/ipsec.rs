//! Signs of IPsec, from which on the programs look for decrypted packets. What
//! they do then is tested in guests: `tests/kernels/ipsec.rs`.

use std::process::Command;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::lab::{Lab, WAN};
use crate::harness::process::Background;

const FOUND: &str = "found IPsec: looking for decrypted packets";

fn start(lab: &Lab) -> Daemon {
    Setup::new(&lab.machine).set("interfaces", WAN).start()
}

fn await_found(daemon: &mut Daemon) {
    daemon.await_log("IPsec", 0, |line| line.message() == FOUND);
}

#[test]
fn a_policy_that_comes_later_is_a_sign_of_ipsec() {
    let lab = Lab::new();
    let mut daemon = start(&lab);
    daemon.await_polls();
    assert!(!daemon.log().iter().any(|line| line.message() == FOUND));
    lab.machine.ip("xfrm policy add src 192.0.2.1 dst 192.0.2.2 dir out tmpl \
         src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel");
    await_found(&mut daemon);
    // And for the next one from the start.
    await_found(&mut start(&lab));
}

#[test]
fn a_key_daemon_is_a_sign_of_ipsec_and_another_exporter_is_none() {
    let lab = Lab::new();
    let _other = start(&lab);
    let mut daemon = start(&lab);
    daemon.await_polls();
    assert!(!daemon.log().iter().any(|line| line.message() == FOUND));
    let mut monitor: Command = lab.machine.command("ip");
    monitor.args(["xfrm", "monitor"]);
    let _key_daemon = Background::start("ip xfrm monitor", &mut monitor);
    // It has its socket once it is there.
    crate::harness::wait::await_until(
        crate::harness::wait::PATIENCE,
        "a daemon that finds it",
        || {
            let mut daemon = start(&lab);
            daemon.await_polls();
            let is_found =
                daemon.log().iter().any(|line| line.message() == FOUND);
            is_found.then_some(()).ok_or_else(|| "not found".to_owned())
        },
    );
}
