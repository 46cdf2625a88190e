//! Daemons that are killed at a chosen moment, on a machine whose maps outlive
//! them.

use std::path::Path;

use tempfile::TempDir;

use super::fake::FakeHost;
use super::running::{Running, with_database};

fn lines(state: &Path) -> String {
    format!("state_directory = {state:?}\npin_directory = \"\"\n")
}

fn machine(state: &Path) -> FakeHost {
    FakeHost::new(&[(2, "eth0"), (3, "eth1")])
        .keeping(state.join("counters.state"))
}

/// Ends a daemon as a kill at this moment would, and starts the next one.
fn kill(daemon: Running, state: &Path) -> Running {
    let host = daemon.host.again();
    host.kill_after(0);
    host.list();
    host.await_kill();
    daemon.stop();
    host.forget_since_kill();
    Running::start(host.again(), &with_database(&lines(state)))
}

fn received(daemon: &Running) -> f64 {
    let scrape = daemon.settled();
    scrape.sum("geoip_bytes_received_total")
        + scrape.sum("geoip_unattributed_bytes_received_total")
}

/// Its first poll never goes well.
#[test]
fn a_kill_before_the_first_good_poll_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    let daemon = Running::start(machine(state), &with_database(&lines(state)));
    daemon.host.receive(2, "192.0.2.7", 1_000);
    assert_eq!(received(&daemon), 1_000.0);
    let host = daemon.host.again();
    daemon.stop();
    host.receive(2, "192.0.2.7", 20);
    host.kernel().failures.reads = true;
    let mut daemon =
        Running::start(host.clone(), &with_database(&lines(state)));
    for _ in 0..3 {
        // A scrape has the state saved.
        daemon.scrape();
        host.settle();
        daemon = kill(daemon, state);
    }
    daemon.host.kernel().failures.reads = false;
    assert_eq!(received(&daemon), 1_020.0);
    daemon.stop();
}

/// Nobody has scraped it, and no poll came to its end.
#[test]
fn a_kill_at_the_first_start_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    let host = machine(state);
    host.kernel().failures.reads = true;
    let daemon = Running::start(host.clone(), &with_database(&lines(state)));
    host.receive(2, "192.0.2.7", 300);
    let daemon = kill(daemon, state);
    daemon.host.kernel().failures.reads = false;
    assert_eq!(received(&daemon), 300.0);
    daemon.stop();
}

/// The maps forget its totals.
#[test]
fn a_number_is_given_free_once_its_last_totals_are_saved() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    let mut daemon =
        Running::start(machine(state), &with_database(&lines(state)));
    daemon.settled();
    for round in 1..6 {
        daemon.host.receive(2, "192.0.2.7", 1_000);
        daemon.host.remove(2);
        daemon.host.wait_until("its number is free", |kernel| {
            kernel.numbers_in_use() == 1
        });
        daemon = kill(daemon, state);
        assert_eq!(received(&daemon), 1_000.0 * f64::from(round));
        daemon.host.add(2, "eth0");
        daemon.host.wait_until("it is counted", |k| k.is_counted(2));
    }
    daemon.stop();
}
