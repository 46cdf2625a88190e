//! Signs of IPsec, from which on the programs look for decrypted packets. What
//! they do then is tested in guests: `tests/kernels/ipsec.rs`.

use std::process::Command;

use aya::maps::{Array, Map, MapData};
use geoip_exporter::kernel::abi::HAS_IPSEC;

use crate::harness::bpffs::Bpffs;
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

/// Devices of every number that the array of the programs reaches.
#[test]
fn a_sign_of_ipsec_reaches_every_device_that_is_counted() {
    const INDEXES: [u32; 4] = [9, 32_767, 32_768, 65_535];
    let lab = Lab::new();
    for index in INDEXES {
        lab.machine.ip(&format!(
            "link add v{index} index {index} type veth peer name w{index}"
        ));
    }
    let bpffs = Bpffs::new();
    let pins = bpffs.path("pins");
    let names = INDEXES.map(|index| format!("v{index}"));
    let setup = Setup::new(&lab.machine).set("interfaces", names.to_vec());
    let state = setup.path("state");
    let mut daemon = setup
        .set("state_directory", state.to_str().unwrap())
        .set("pin_directory", pins.to_str().unwrap())
        .start();
    daemon.await_polls();
    lab.machine.ip("xfrm policy add src 192.0.2.1 dst 192.0.2.2 dir out tmpl \
         src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel");
    await_found(&mut daemon);
    let map = MapData::from_pin(pins.join("interfaces")).unwrap();
    let map: Array<_, u32> = Map::Array(map).try_into().unwrap();
    for index in INDEXES {
        let number = map.get(&index, 0).unwrap();
        assert_eq!(number & HAS_IPSEC, HAS_IPSEC, "{index}: {number:x}");
        assert_ne!(number & !HAS_IPSEC, 0, "{index} is not counted");
    }
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
