//! The history of a daemon in its sandbox, which is killed under traffic: each
//! byte is in it once.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use geoip_exporter::history::{By, Reader, Resolution};
use tempfile::TempDir;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::{Scrape, whole};
use crate::harness::fixtures::data;
use crate::harness::flood::{Offered, frames_from};
use crate::harness::lab::{Lab, WAN};
use crate::harness::process::output_of;
use crate::harness::sys::Signal;
use crate::harness::traffic::Traffic;
use crate::harness::wait::PATIENCE;
use crate::ranges::ranges;
use crate::services::services;

fn setup(lab: &Lab, state: &Path) -> Setup {
    Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("counted_once", WAN)
        .set("networks", true)
        .set("asn_db", data("asn.mmdb").to_str().unwrap())
        .set(
            "service",
            services(&[("low", &["1-1023"]), ("all", &["1024-65535"])]),
        )
        .set(
            "range",
            ranges(&[
                ("home", &["198.18.0.1/32"]),
                ("near", &["198.18.0.0/25"]),
                ("far", &["198.18.0.128/25"]),
            ]),
        )
        .set("state_directory", state.to_str().unwrap())
        .set("pin_directory", "")
}

/// Received bytes by subject.
type Sheet = BTreeMap<String, u64>;

/// Returns the received bytes of the whole history: by interface, country, pair
/// of ranges and service, and of all networks together.
fn of_history(state: &Path) -> Sheet {
    let reader = Reader::open(&state.join("history.db")).unwrap();
    let mut sheet = Sheet::new();
    for (subject, by) in [
        ("interface", By::Interface),
        ("country", By::Country),
        ("range", By::Range),
        ("service", By::Service),
        ("networks", By::Network),
    ] {
        let all = (0, i64::MAX);
        for row in reader.totals(Resolution::Month, by, all, None).unwrap() {
            let labels = match by {
                By::Network => String::new(),
                _ => row.labels.join(" "),
            };
            let key = format!("{subject} {}", labels.trim_end());
            *sheet.entry(key).or_default() += row.amounts.bytes[0];
        }
    }
    sheet.retain(|_, bytes| *bytes > 0);
    sheet
}

/// Returns the same of the metrics.
fn of_metrics(scrape: &Scrape) -> Sheet {
    let mut sheet = Sheet::new();
    for (subject, family, labels) in [
        ("interface", "geoip_bytes", &["interface"][..]),
        ("interface", "geoip_unattributed_bytes", &["interface"]),
        ("interface", "geoip_non_ip_bytes", &["interface"]),
        ("country", "geoip_bytes", &["country"]),
        ("country unattributed", "geoip_unattributed_bytes", &[]),
        ("country non_ip", "geoip_non_ip_bytes", &[]),
        ("range", "geoip_range_bytes", &["source", "destination"]),
        ("range unattributed", "geoip_range_unattributed_bytes", &[]),
        ("service", "geoip_service_bytes", &["service"]),
        ("networks", "geoip_as_bytes", &[]),
        ("networks", "geoip_as_unattributed_bytes", &[]),
    ] {
        let name = format!("{family}_received_total");
        for (has, value) in scrape.matching(&name, &[]) {
            let labels: Vec<_> = labels.iter().map(|it| &*has[*it]).collect();
            let key = format!("{subject} {}", labels.join(" "));
            let key = match labels.is_empty() && subject != "networks" {
                true => subject.to_owned(),
                false => key,
            };
            *sheet.entry(key).or_default() += whole(value);
        }
    }
    sheet.retain(|_, bytes| *bytes > 0);
    sheet
}

fn shown(scrape: &Scrape) -> u64 {
    ["bytes", "unattributed_bytes", "non_ip_bytes"]
        .map(|what| scrape.sum(&format!("geoip_{what}_received_total"), &[]))
        .iter()
        .sum()
}

#[test]
fn the_history_has_each_byte_once_however_often_it_is_killed() {
    let (lab, folder) = (Lab::new(), TempDir::new().unwrap());
    let state = folder.path();
    let (offered, is_over) = (Offered::default(), AtomicBool::new(false));
    let frames = frames_from(0..200);
    let sender = lab.inbound();
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                offered.send(&sender, &frames);
            }
        });
        for kill in 0..12 {
            let mut daemon = setup(&lab, state).start();
            let before = shown(&daemon.scrape());
            daemon.await_scrape("more is counted", |scrape| {
                let now = shown(scrape);
                if now > before { Ok(()) } else { Err(now.to_string()) }
            });
            // The moment of the kill is what is tested.
            thread::sleep(Duration::from_millis(13 * kill));
            daemon.signal(Signal::Kill);
            daemon.wait(PATIENCE);
        }
        is_over.store(true, Ordering::SeqCst);
        sending.join().unwrap();
    });
    let mut daemon = setup(&lab, state).start();
    let scrape = daemon.scrape();
    let counted = of_metrics(&scrape);
    assert_eq!(counted["interface wan0"], shown(&scrape));
    for subject in ["country BR", "range far home", "service all", "networks "]
    {
        assert!(counted.contains_key(subject), "{subject}: {counted:#?}");
    }
    let log = daemon.log();
    daemon.signal(Signal::Terminate);
    assert!(daemon.wait(PATIENCE).success());
    assert_eq!(of_history(state), counted);
    let faults: Vec<_> =
        log.iter().filter(|line| line.message().contains("history")).collect();
    assert_eq!(faults.len(), 0, "{faults:?}");
    let names = fs::read_dir(state).unwrap();
    let mut names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["counters.state", "history.db"]);
}

/// A file system of its own, which is soon full.
struct Small(TempDir);

impl Small {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=512k", "none"]);
        output_of(mount.arg(folder.path()));
        Self(folder)
    }

    /// Takes all room that is left, and returns the file that has it.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("others");
        let mut file = fs::File::create(&path).unwrap();
        let full = loop {
            if let Err(error) = file.write_all(&[7; 512]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // The exporter may be ending still.
        let mut unmount = Command::new("umount");
        unmount.arg("-l").arg(self.0.path());
        assert!(unmount.status().is_ok_and(|it| it.success()));
    }
}

#[test]
fn a_full_disk_is_said_once_and_nothing_is_lost() {
    let (lab, disk) = (Lab::new(), Small::new());
    let state = disk.0.path();
    let mut daemon = setup(&lab, state).start();
    let mut traffic = Traffic::new(&lab);
    let mut exchange = |daemon: &Daemon, times| {
        for _ in 0..times {
            traffic.exchange();
            traffic.await_booked(daemon);
            // Each reload wakes the history.
            daemon.reload();
        }
    };
    exchange(&daemon, 1);
    let others = disk.fill();
    exchange(&daemon, 4);
    let failed = "cannot write the history; trying again every minute";
    let line = daemon
        .await_log("that the disk is full", 0, |it| it.message() == failed);
    let error = line.get("error").unwrap();
    assert_eq!(error, "database or disk is full");
    fs::remove_file(others).unwrap();
    exchange(&daemon, 2);
    daemon.await_log("that there is room", 0, |it| {
        it.message() == "writing the history again"
    });
    let counted = of_metrics(&daemon.scrape());
    let log = daemon.log();
    daemon.signal(Signal::Terminate);
    assert!(daemon.wait(PATIENCE).success());
    assert_eq!(of_history(state), counted);
    let said = log.iter().filter(|line| line.message() == failed);
    assert_eq!(said.count(), 1);
}
