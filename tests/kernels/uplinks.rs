//! Uplinks where there is a device on a bus: a virtio card, which the script
//! puts into the guest.

use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::{connect, set_up};
use crate::harness::process::output_of;
use crate::harness::wait::{PATIENCE, await_until};

fn await_attached(daemon: &Daemon, interface: &str) {
    daemon.await_scrape(interface, |scrape| {
        let shown = scrape.values_of("geoip_interface_attached", "interface");
        let count = scrape.sum("geoip_interface_attached", &[]);
        match shown == [interface] && count == 1 {
            true => Ok(()),
            false => Err(format!("{shown:?}, {count} of them attached")),
        }
    });
}

/// Held by a test that has the card.
static CARD: Mutex<()> = Mutex::new(());

/// Returns the name of the card. Its bus is known in every namespace.
fn card() -> String {
    let mut command = Command::new("modprobe");
    output_of(command.args(["-a", "virtio_pci", "virtio_net"]));
    await_until(PATIENCE, "a card", || {
        let devices = fs::read_dir("/sys/class/net").expect("no sysfs");
        let mut devices =
            devices.map(|device| device.expect("no device").path());
        let card = devices.find(|path| path.join("device").exists());
        let card = card.ok_or("there is none")?;
        Ok(card
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned())
    })
}

/// Returns whether the kernel tells of buses over netlink: from 5.14 on.
fn tells_of_buses() -> bool {
    let release =
        fs::read_to_string("/proc/sys/kernel/osrelease").expect("no release");
    let mut numbers = release.split('.').map(|part| part.parse().unwrap_or(0));
    let version = [numbers.next(), numbers.next()].map(Option::unwrap);
    version >= [5, 14]
}

/// Returns the number of series of the page.
fn series(daemon: &Daemon) -> usize {
    daemon.scrape().samples().count()
}

#[test]
fn two_hundred_containers_make_no_series_by_default() {
    const CONTAINERS: u32 = 200;

    let _held = CARD.lock().unwrap_or_else(PoisonError::into_inner);
    let card = card();
    let lab = Lab::new();
    let mut command = Command::new("ip");
    let path = lab.machine.path();
    output_of(command.args(["link", "set", &card, "netns", &path]));
    let folder = TempDir::new().expect("cannot make a directory");
    let batch = folder.path().join("pods");
    let peers = lab.world.path();
    let line = |number| {
        format!(
            "link add pod{number} type veth peer in{number} netns {peers}\n"
        )
    };
    let lines: String = (0..CONTAINERS).map(line).collect();
    fs::write(&batch, lines).expect("cannot write a file");
    let mut command = lab.machine.command("ip");
    output_of(command.arg("-batch").arg(&batch));
    let mut daemon = Setup::new(&lab.machine).start();
    daemon.await_polls();
    let by_default = series(&daemon);
    daemon.configure("interfaces", "any");
    daemon.reload();
    daemon.await_scrape("every interface", |scrape| {
        match scrape.sum("geoip_interface_attached", &[]) {
            count if count > u64::from(CONTAINERS) => Ok(()),
            count => Err(format!("{count} attached")),
        }
    });
    let of_all = series(&daemon);
    let limits = match tells_of_buses() {
        true => 0..200,
        false => of_all..of_all + 1,
    };
    assert!(limits.contains(&by_default), "{by_default}, {of_all}");
    assert!(of_all > 1_600, "{of_all}");
    let mut command = lab.machine.command("ip");
    output_of(command.args(["link", "set", &card, "netns", "1"]));
}

#[test]
fn a_card_is_an_uplink_and_comes_before_every_default_route() {
    let _held = CARD.lock().unwrap_or_else(PoisonError::into_inner);
    let card = card();
    let seen = |card| match tells_of_buses() {
        true => card,
        false => WAN,
    };
    let lab = Lab::new();
    lab.machine.ip(&format!("addr add 198.51.100.1/24 dev {WAN}"));
    lab.machine.ip("route add default via 198.51.100.2");
    let daemon = Setup::new(&lab.machine).set("interfaces", "uplinks").start();
    await_attached(&daemon, WAN);
    let mut command = Command::new("ip");
    let path = lab.machine.path();
    output_of(command.args(["link", "set", &card, "netns", &path]));
    await_attached(&daemon, seen(&card));
    // It is one by what it is, not by its name or by being up.
    lab.machine.ip(&format!("link set {card} name wan1"));
    await_attached(&daemon, seen("wan1"));
    set_up(&lab.machine, "wan1");
    await_attached(&daemon, seen("wan1"));
    connect(&lab.machine, "lan0", &lab.world, "host0");
    await_attached(&daemon, seen("wan1"));
    lab.machine.ip("link set wan1 netns 1");
    await_attached(&daemon, WAN);
}
