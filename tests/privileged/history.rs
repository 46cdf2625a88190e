//! The history of a daemon in its sandbox, which is killed under traffic: each
//! byte is in it once.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use geoip_exporter::history::{By, Reader, Resolution};
use tempfile::TempDir;

use crate::harness::daemon::Setup;
use crate::harness::exposition::Scrape;
use crate::harness::flood::{Offered, frames_from};
use crate::harness::lab::{Lab, WAN};
use crate::harness::sys::Signal;
use crate::harness::wait::PATIENCE;

fn setup(lab: &Lab, state: &Path) -> Setup {
    Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("state_directory", state.to_str().unwrap())
        .set("pin_directory", "")
}

fn received(state: &Path) -> u64 {
    let reader = Reader::open(&state.join("history.db")).unwrap();
    let all = (0, i64::MAX);
    let rows =
        reader.totals(Resolution::Month, By::Interface, all, None).unwrap();
    rows.iter().map(|row| row.amounts.bytes[0]).sum()
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
    let counted = shown(&daemon.scrape());
    assert!(counted > 0);
    let log = daemon.log();
    daemon.signal(Signal::Terminate);
    assert!(daemon.wait(PATIENCE).success());
    assert_eq!(received(state), counted);
    let faults: Vec<_> =
        log.iter().filter(|line| line.message().contains("history")).collect();
    assert_eq!(faults.len(), 0, "{faults:?}");
    let names = fs::read_dir(state).unwrap();
    let mut names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["counters.state", "history.db"]);
}
