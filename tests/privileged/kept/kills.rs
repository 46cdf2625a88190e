//! Exporters that are killed at every moment of a start, under traffic:
//! nothing is lost, and nothing is counted twice.
//!
//! Each test kills `KILLS` exporters, 12 unless the environment says otherwise,
//! at moments spread over a start. With 500 and more there is one at every
//! millisecond of half a second.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use libc::EIO;

use super::{Kept, Over, end, shown};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::faults::{Call, Fault};
use crate::harness::fixtures::REMOTES;
use crate::harness::flood::{Offered, frames_from};
use crate::harness::http;
use crate::harness::lab::WAN;
use crate::harness::link::{Volume, connect};
use crate::harness::sys::Signal;
use crate::harness::traffic::Traffic;
use crate::harness::wait::PATIENCE;

const LOOKUP_BATCH: Call = Call::bpf(24);

/// A port that nobody else has in the test's namespace.
const ADDRESS: &str = "127.0.0.1:9184";

fn kills() -> u32 {
    let kills = std::env::var("KILLS").ok();
    kills.map_or(12, |kills| kills.parse().expect("KILLS is a number"))
}

/// Lets `kill` kill one exporter after another under traffic, each after
/// another time, and panics unless the last one shows all that was sent.
fn sweep(
    kept: &Kept,
    setup: impl Fn() -> Setup,
    mut kill: impl FnMut(Duration) -> Daemon,
    others: impl Fn() -> Volume,
) {
    let begin = Instant::now();
    end(setup().start(), Signal::Kill);
    let span = match kills() {
        500.. => Duration::from_millis(500),
        _ => begin.elapsed(),
    };
    let (offered, is_over) = (Offered::default(), AtomicBool::new(false));
    let frames = frames_from(0..200);
    let sender = kept.lab.inbound();
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
        for number in 0..kills() {
            let after = span * number / kills();
            let mut killed = kill(after);
            killed.signal(Signal::Kill);
            killed.wait(PATIENCE);
            let log = killed.log();
            let left_out = log
                .iter()
                .filter_map(|line| line.get("notice"))
                .find(|notice| notice.contains("left out"));
            assert_eq!(left_out, None, "kill {number}, after {after:?}");
        }
        drop(over);
        let sent = sending.join().unwrap() + others();
        let daemon = setup().start();
        daemon.await_polls();
        let now = shown(&daemon.scrape());
        assert_eq!(now.packets, sent.packets);
        assert_eq!(now.by_country + now.unattributed, sent.bytes);
    });
}

fn none() -> Volume {
    Volume::default()
}

/// The moment of the kill is what is tested.
fn after(delay: Duration, setup: Setup) -> Daemon {
    let daemon = setup.spawn();
    thread::sleep(delay);
    daemon
}

/// Scrapes as soon as that is possible, so that the state is saved.
fn scraped(kept: &Kept, delay: Duration, setup: Setup) -> Daemon {
    let daemon = setup.spawn();
    let until = Instant::now() + delay;
    thread::scope(|scope| {
        scope.spawn(|| {
            // Refused until it listens.
            while Instant::now() < until {
                let address = ADDRESS.parse().unwrap();
                let _ = http::get(&kept.lab.machine, address, "/metrics");
            }
        });
        thread::sleep(delay);
        daemon.signal(Signal::Kill);
    });
    daemon
}

#[test]
fn a_start_may_be_killed_at_any_time() {
    let kept = Kept::new();
    let setup = || kept.setup();
    sweep(&kept, setup, |delay| after(delay, setup()), none);
}

#[test]
fn a_start_without_a_table_may_be_killed_at_any_time() {
    let kept = Kept::new();
    let setup = || kept.setup().set("map_max_entries", 1_000);
    sweep(&kept, setup, |delay| after(delay, setup()), none);
}

#[test]
fn a_start_that_is_scraped_may_be_killed_at_any_time() {
    let kept = Kept::new();
    let setup = || kept.setup().set("listen_address", ADDRESS);
    let kill = |delay| scraped(&kept, delay, setup());
    sweep(&kept, setup, kill, none);
}

#[test]
fn a_start_whose_first_polls_fail_may_be_killed_at_any_time() {
    let kept = Kept::new();
    let fault = Fault::of(LOOKUP_BATCH);
    fault.fail(EIO);
    let setup = || kept.setup().set("listen_address", ADDRESS);
    let kill = |delay| scraped(&kept, delay, setup().with_fault(&fault));
    sweep(&kept, setup, kill, none);
}

/// Each write to the disk takes a part of the start.
#[test]
fn a_start_may_be_killed_in_its_first_saves() {
    let kept = Kept::new();
    let fault = Fault::of(Call::any(libc::SYS_fsync));
    fault.slow_down(Duration::from_millis(40));
    let kill = |delay| after(delay, kept.setup().with_fault(&fault));
    sweep(&kept, || kept.setup(), kill, none);
}

/// The maps forget the interface that the reload leaves out.
#[test]
fn an_exporter_may_be_killed_at_any_time_of_a_reload() {
    let kept = Kept::new();
    connect(&kept.lab.machine, "lan0", &kept.lab.world, "host0");
    let (machine, world) = (&kept.lab.machine, &kept.lab.world);
    let setup = || kept.setup().set("interfaces", "any");
    let mut lan = Traffic::between(machine, "lan0", world, "host0");
    let total = Cell::new(Volume::default());
    let reload_and_kill = |delay: Duration| {
        let mut daemon = setup().start();
        lan.receive(REMOTES[0], 3);
        total.set(lan.total("received"));
        daemon.configure("interfaces", WAN);
        daemon.signal(Signal::Hangup);
        thread::sleep(delay / 3);
        daemon
    };
    sweep(&kept, setup, reload_and_kill, || total.get());
}
