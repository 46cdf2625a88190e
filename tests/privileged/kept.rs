//! Counting that goes on while no exporter runs, and the next one that goes on
//! from there.

mod features;
mod frozen;
mod growth;
mod kills;
mod refused;

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use aya::programs::TcAttachType;
use geoip_exporter::kernel::pinned_maps;
use geoip_exporter::state::decode;
use tempfile::TempDir;

use crate::harness::bpffs::Bpffs;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::flood::{Offered, frames_from};
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::{Volume, connect, rename, set_up};
use crate::harness::sys::Signal;
use crate::harness::tcx::attached;
use crate::harness::traffic::{Traffic, await_books};
use crate::harness::wait::{PATIENCE, await_until};
use crate::life::sum;
use crate::privileges::{NEEDED, as_nobody};

/// Nobody's user and group.
const NOBODY: u32 = 65_534;

/// Everything that outlives an exporter.
struct Kept {
    lab: Lab,
    state: TempDir,
    bpffs: Bpffs,
}

impl Kept {
    fn new() -> Self {
        let state = TempDir::new().unwrap();
        Self { lab: Lab::new(), state, bpffs: Bpffs::new() }
    }

    fn pins(&self) -> PathBuf {
        self.bpffs.path("pins")
    }

    fn setup(&self) -> Setup {
        Setup::new(&self.lab.machine)
            .set("interfaces", WAN)
            .set("state_directory", self.state.path().to_str().unwrap())
            .set("pin_directory", self.pins().to_str().unwrap())
    }

    /// Returns how many programs are on the hooks of an interface.
    fn programs(&self, interface: &str) -> usize {
        [TcAttachType::Ingress, TcAttachType::Egress]
            .map(|hook| attached(&self.lab.machine, interface, hook).len())
            .iter()
            .sum()
    }

    fn link_pins(&self) -> Vec<String> {
        let mut names = Bpffs::names(&self.pins());
        names.retain(|name| name.starts_with("link-"));
        names
    }
}

fn end(mut daemon: Daemon, signal: Signal) {
    daemon.signal(signal);
    let status = daemon.wait(PATIENCE);
    assert_eq!(status.success(), signal == Signal::Terminate, "{status}");
}

fn said(daemon: &mut Daemon, message: &str) -> bool {
    daemon.log().iter().any(|line| line.message() == message)
}

/// Every packet has its country, also what passes while nobody is there.
#[test]
fn what_passes_between_a_stop_and_a_start_is_counted() {
    let kept = Kept::new();
    let mut traffic = Traffic::new(&kept.lab);
    for round in 0..3 {
        let mut daemon = kept.setup().start();
        traffic.await_booked(&daemon);
        assert_eq!(said(&mut daemon, "adopted the pinned maps"), round > 0);
        assert_eq!(said(&mut daemon, "attached"), round == 0);
        traffic.exchange();
        end(daemon, Signal::Terminate);
        assert_eq!(kept.programs(WAN), 2);
        traffic.exchange();
    }
    traffic.await_booked(&kept.setup().start());
}

/// Where the map alone counts, too.
#[test]
fn what_passes_between_a_stop_and_a_start_is_counted_without_a_table() {
    let kept = Kept::new();
    let mut traffic = Traffic::new(&kept.lab);
    for signal in [Signal::Terminate, Signal::Kill, Signal::Terminate] {
        let daemon = kept.setup().set("map_max_entries", 1_000).start();
        traffic.await_booked(&daemon);
        traffic.exchange();
        end(daemon, signal);
        traffic.exchange();
    }
    let daemon = kept.setup().set("map_max_entries", 1_000).start();
    traffic.await_booked(&daemon);
}

/// What is shown, of what was received.
struct Shown {
    by_country: u64,
    unattributed: u64,
    packets: u64,
}

fn shown(scrape: &Scrape) -> Shown {
    Shown {
        by_country: scrape.sum("geoip_bytes_received_total", &[]),
        unattributed: scrape
            .sum("geoip_unattributed_bytes_received_total", &[]),
        packets: scrape.sum("geoip_ebpf_packets_total", &[]),
    }
}

/// Restarts under constant traffic by these signals, and returns what is shown
/// in the end and what was sent. Nothing ever goes back.
fn restart_under_traffic(kept: &Kept, signals: &[Signal]) -> (Shown, Volume) {
    let (offered, is_over) = (Offered::default(), AtomicBool::new(false));
    let frames = frames_from(0..500);
    let sender = kept.lab.inbound();
    let bytes = |now: &Shown| now.by_country + now.unattributed;
    // From its first packet on.
    let mut running = Some(kept.setup().start());
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut sent = Volume::default();
            while !is_over.load(Ordering::SeqCst) {
                sent = sent + offered.send(&sender, &frames);
            }
            sent
        });
        // Ends the sender when an assertion fails, too.
        let over = Over(&is_over);
        let mut before = 0;
        for &signal in signals {
            let daemon = running.take().unwrap();
            let first = bytes(&shown(&daemon.scrape()));
            assert!(first >= before, "{first} after {before}, {signal:?}");
            before = daemon.await_scrape("more is counted", |scrape| {
                let now = bytes(&shown(scrape));
                if now > first { Ok(now) } else { Err(now.to_string()) }
            });
            assert!(before <= offered.bytes());
            end(daemon, signal);
            running = Some(kept.setup().start());
        }
        drop(over);
        let sent = sending.join().unwrap();
        let daemon = running.take().unwrap();
        daemon.await_sum("geoip_ebpf_packets_total", &[], sent.packets);
        daemon.await_polls();
        (shown(&daemon.scrape()), sent)
    })
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn restarts_under_traffic_lose_nothing_and_count_nothing_twice() {
    let kept = Kept::new();
    let (now, sent) = restart_under_traffic(&kept, &[Signal::Terminate; 5]);
    assert_eq!(now.packets, sent.packets);
    assert_eq!((now.by_country, now.unattributed), (sent.bytes, 0));
}

/// But for the country of what was not saved.
#[test]
fn kills_under_traffic_lose_nothing_and_count_nothing_twice() {
    let kept = Kept::new();
    let signals = [Signal::Kill, Signal::Kill, Signal::Terminate].repeat(2);
    let (now, sent) = restart_under_traffic(&kept, &signals);
    assert_eq!(now.packets, sent.packets);
    assert_eq!(now.by_country + now.unattributed, sent.bytes);
}

#[test]
fn interfaces_that_change_while_nobody_is_there_are_found_as_they_are() {
    let kept = Kept::new();
    let (machine, world) = (&kept.lab.machine, &kept.lab.world);
    connect(machine, "lan0", world, "host0");
    connect(machine, "lan1", world, "host1");
    let setup = || kept.setup().set("interfaces", "any");
    let daemon = setup().start();
    let mut wan = Traffic::new(&kept.lab);
    let mut gone = Traffic::between(machine, "lan0", world, "host0");
    let mut renamed = Traffic::between(machine, "lan1", world, "host1");
    for one in [&mut wan, &mut gone, &mut renamed] {
        one.exchange();
    }
    end(daemon, Signal::Terminate);
    assert_eq!(kept.link_pins().len(), 6);
    for one in [&mut wan, &mut gone, &mut renamed] {
        one.exchange();
    }
    // One goes, one comes again, one gets another name, one is new.
    machine.ip("link del lan0");
    machine.ip("link del wan0");
    connect(machine, WAN, world, PEER);
    rename(machine, "lan1", "lan2");
    set_up(machine, "lan2");
    connect(machine, "lan3", world, "host3");
    wan.reconnect(&kept.lab);

    let daemon = setup().start();
    wan.exchange();
    renamed.rename("lan2");
    renamed.exchange();
    let mut new = Traffic::between(machine, "lan3", world, "host3");
    new.exchange();
    await_books(&daemon, &sum(&[&wan, &gone, &renamed, &new]));
    assert_eq!(kept.link_pins().len(), 6);
    end(daemon, Signal::Terminate);
    for interface in [WAN, "lan2", "lan3"] {
        assert_eq!(kept.programs(interface), 2, "{interface}");
    }
}

/// It may have been with the same exporter, before its configuration changed.
#[test]
fn what_is_pinned_and_nobody_goes_on_with_is_warned_of() {
    let kept = Kept::new();
    end(kept.setup().start(), Signal::Terminate);
    let mut daemon = kept.setup().set("state_directory", "").start();
    let log = daemon.log();
    let warned = log.iter().any(|line| {
        line.message().contains("pinned programs of an earlier exporter")
            && line.get("pin_directory").as_deref() == kept.pins().to_str()
    });
    assert!(warned);
    let mut traffic = Traffic::new(&kept.lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    end(daemon, Signal::Terminate);
    assert_eq!(kept.programs(WAN), 2);
}

/// A kill may come before anybody scrapes.
#[test]
fn a_kill_soon_after_the_first_start_loses_nothing() {
    let kept = Kept::new();
    let mut traffic = Traffic::new(&kept.lab);
    let daemon = kept.setup().start();
    // Without a scrape, which would have it saved.
    let file = kept.state.path().join("counters.state");
    // Sooner than by the ordinary interval of 30 seconds.
    let limit = Duration::from_secs(20);
    await_until(limit, "the maps are in the state", || {
        let bytes = fs::read(&file).unwrap_or_default();
        match decode(&bytes).map(|decoded| decoded.state.counting) {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    traffic.exchange();
    end(daemon, Signal::Kill);
    traffic.exchange();
    let daemon = kept.setup().start();
    for direction in ["received", "sent"] {
        let wire = traffic.total(direction);
        daemon.await_scrape("all is in the totals", |scrape| {
            let of = |name: &str| {
                scrape.sum(&format!("geoip_{name}bytes_{direction}_total"), &[])
            };
            let seen = of("") + of("unattributed_");
            if seen == wire.bytes { Ok(()) } else { Err(format!("{seen}")) }
        });
    }
}

/// Without the option nothing outlives the exporter.
#[test]
fn nothing_is_pinned_without_a_state_directory() {
    let (lab, bpffs) = (Lab::new(), Bpffs::new());
    let pins = bpffs.path("pins");
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("pin_directory", pins.to_str().unwrap())
        .start();
    assert!(!pins.exists());
    end(daemon, Signal::Terminate);
}

#[test]
fn three_capabilities_and_directories_of_its_own_are_enough() {
    let kept = Kept::new();
    fs::create_dir(kept.pins()).unwrap();
    for path in [kept.state.path(), &kept.pins()] {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let mut traffic = Traffic::new(&kept.lab);
    for signal in [Signal::Kill, Signal::Terminate, Signal::Terminate] {
        let daemon = as_nobody(kept.setup(), NEEDED).start();
        traffic.await_booked(&daemon);
        traffic.exchange();
        traffic.await_booked(&daemon);
        end(daemon, signal);
        traffic.exchange();
    }
    traffic.await_booked(&as_nobody(kept.setup(), NEEDED).start());
}

fn remove_pins(directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_geoip-exporter"))
        .args(["--config", "/dev/null", "--remove-pins", "--pin-directory"])
        .arg(directory)
        .output()
        .unwrap()
}

#[test]
fn a_command_removes_the_pins_of_an_exporter_that_does_not_run() {
    let kept = Kept::new();
    let daemon = kept.setup().start();
    let refused = remove_pins(&kept.pins());
    assert_eq!(refused.status.code(), Some(69));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("is used by another exporter"), "{said}");
    assert_eq!(kept.programs(WAN), 2);
    end(daemon, Signal::Terminate);

    let done = remove_pins(&kept.pins());
    let said = String::from_utf8(done.stdout).unwrap();
    let pins = pinned_maps().count() + 2;
    assert!(said.starts_with(&format!("removed {pins} pins ")), "{said}");
    assert!(done.status.success());
    assert_eq!(kept.programs(WAN), 0);
    assert_eq!(Bpffs::names(&kept.pins()), [""; 0]);

    let none = remove_pins(&kept.bpffs.path("none"));
    let said = String::from_utf8(none.stdout).unwrap();
    assert!(said.contains("nothing is pinned"), "{said}");
    assert!(none.status.success());
}
