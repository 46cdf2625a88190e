//! Counters of connections after a restart.

use std::os::unix::fs::chown;

use tempfile::TempDir;

use super::{
    Gauges, OPEN, await_gauges, await_tallies, await_visits, gauges, setup,
    start, tallies,
};
use crate::harness::connections::{Asking, CountryLab, Tallies};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::sys::Signal;
use crate::harness::wait::PATIENCE;
use crate::harness::watch::during;

/// Nobody's user and group.
const NOBODY: u32 = 65_534;

fn with_state(lab: &CountryLab, state: &TempDir) -> Setup {
    chown(state.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    setup(lab).set("state_directory", state.path().to_str().unwrap())
}

fn end(mut daemon: Daemon, signal: Signal) {
    daemon.signal(signal);
    let status = daemon.wait(PATIENCE);
    assert_eq!(status.success(), signal == Signal::Terminate, "{status}");
}

#[test]
fn counters_go_on_after_a_stop_and_after_a_kill() {
    let (lab, state) = (CountryLab::new(), TempDir::new().unwrap());
    let mut expected = Tallies::default();
    // They stay open over all restarts.
    let open = lab.open(Asking::World, 0, 100);
    let mut of_open = Gauges::new();
    for connection in &open {
        let key = [connection.code(), "inbound", "other"].map(str::to_owned);
        *of_open.entry(key.into()).or_default() += 1;
    }
    for (seed, signal) in
        (1..).zip([Signal::Terminate, Signal::Kill, Signal::Terminate])
    {
        let daemon = start(with_state(&lab, &state));
        await_tallies(&daemon, &expected);
        await_gauges(&daemon, &of_open);
        expected += lab.make_short(2_000, seed);
        await_tallies(&daemon, &expected);
        await_gauges(&daemon, &of_open);
        end(daemon, signal);
        // Nobody counts these.
        lab.make_short(1_000, 10 + seed);
    }
    let daemon = start(with_state(&lab, &state));
    await_gauges(&daemon, &of_open);
    await_visits(&daemon, 1);
    assert_eq!(tallies(&daemon.scrape()), expected);
    drop(open);
    daemon.await_sum(OPEN, &[], 0);
    assert_eq!(tallies(&daemon.scrape()).sum().opened, expected.sum().opened);
}

/// The last interval before a stop counts without a scrape.
#[test]
fn connections_before_a_stop_are_saved() {
    let (lab, state) = (CountryLab::new(), TempDir::new().unwrap());
    let setup = with_state(&lab, &state).set("connections_interval", "1h");
    let daemon = start(setup);
    let expected = lab.make_short(3_000, 1);
    end(daemon, Signal::Terminate);
    let daemon = start(with_state(&lab, &state));
    await_tallies(&daemon, &expected);
    assert_eq!(gauges(&daemon.scrape()), Gauges::new());
}

#[test]
fn nothing_counts_twice_when_restarted_under_load() {
    let (lab, state) = (CountryLab::new(), TempDir::new().unwrap());
    let (counted, offered) = during(
        |stop| {
            let mut offered = Tallies::default();
            let mut seed = 100;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                offered += lab.make_short(200, seed);
                seed += 1;
            }
            offered
        },
        || {
            let mut shown = Tallies::default();
            for signal in [Signal::Terminate, Signal::Kill].repeat(3) {
                let daemon = start(with_state(&lab, &state));
                let first = tallies(&daemon.scrape());
                assert_not_less(&first, &shown);
                shown = daemon.await_scrape("more is counted", |scrape| {
                    let now = tallies(scrape);
                    assert_not_less(&now, &first);
                    match now.sum().opened > first.sum().opened {
                        true => Ok(now),
                        false => Err(format!("{now:?}")),
                    }
                });
                end(daemon, signal);
            }
            shown
        },
    );
    assert_not_less(&offered, &counted);
    let daemon = start(with_state(&lab, &state));
    await_gauges(&daemon, &Gauges::new());
    await_visits(&daemon, 1);
    let last = tallies(&daemon.scrape());
    assert_not_less(&last, &counted);
    assert_not_less(&offered, &last);
}

/// Panics where a number of `later` is below that of `earlier`.
pub(super) fn assert_not_less(later: &Tallies, earlier: &Tallies) {
    for (key, &before) in &earlier.0 {
        let now = later.0.get(key).copied().unwrap_or_default();
        assert!(
            now.opened >= before.opened
                && now.failed >= before.failed
                && now.closed >= before.closed,
            "{key:?}: {now:?} after {before:?}"
        );
    }
}
