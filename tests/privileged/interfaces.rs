//! Interfaces that come, go and come back.

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::{connect, set_up};
use crate::harness::sys::pin_to_cpu;
use crate::harness::traffic::Traffic;

const UP: u64 = 0;
const DOWN: u64 = 1;
const NOT_FOUND: u64 = 2;

/// Waits for a status, and where there is an interface until it is counted:
/// it is seen before it is attached.
fn await_status(daemon: &Daemon, interface: &str, expected: u64) {
    let what = format!("the status of {interface}");
    daemon.await_scrape(&what, |scrape| {
        let value = |name| scrape.value(name, &[("interface", interface)]);
        let seen = ["geoip_interface_status", "geoip_interface_attached"];
        let seen = seen.map(value);
        let attached = u64::from(expected != NOT_FOUND);
        #[expect(clippy::cast_precision_loss, reason = "0, 1 or 2")]
        let wanted = [expected, attached].map(|it| Some(it as f64));
        if seen == wanted {
            Ok(())
        } else {
            Err(format!("{seen:?} instead of {wanted:?}"))
        }
    });
}

#[test]
fn a_missing_interface_is_waited_for() {
    let lab = Lab::unplugged();
    let daemon =
        Setup::new(&lab.machine).set("interfaces", " wan0 ,, wan0").start();
    await_status(&daemon, WAN, NOT_FOUND);
    connect(&lab.machine, WAN, &lab.world, PEER);
    await_status(&daemon, WAN, UP);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
}

#[test]
fn an_interface_made_anew_is_counted_on() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    let mut traffic = Traffic::new(&lab);
    for _ in 0..5 {
        traffic.exchange();
        // Gone at once: what was just counted is still read.
        lab.machine.ip("link del wan0");
        await_status(&daemon, WAN, NOT_FOUND);
        traffic.await_booked(&daemon);
        connect(&lab.machine, WAN, &lab.world, PEER);
        await_status(&daemon, WAN, UP);
        traffic.reconnect(&lab);
    }
    traffic.exchange();
    traffic.await_booked(&daemon);
}

/// Once the old one is forgotten, the new one counts as much as the old one had
/// until then, on the same CPU: a sum over both would not have changed.
#[test]
fn an_interface_that_counts_as_much_as_one_before_is_seen_to_count() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("poll_interval", "1s")
        .start();
    pin_to_cpu(0).unwrap();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    lab.machine.ip("link del wan0");
    await_status(&daemon, WAN, NOT_FOUND);
    connect(&lab.machine, WAN, &lab.world, PEER);
    await_status(&daemon, WAN, UP);
    traffic.reconnect(&lab);
    daemon.await_scrape(
        "nothing is left of the old one",
        |scrape| match scrape.value("geoip_ebpf_flow_table_entries", &[]) {
            Some(0.0) => Ok(()),
            entries => Err(format!("{entries:?}")),
        },
    );
    traffic.exchange();
    traffic.await_booked(&daemon);
}

#[test]
fn an_interface_that_is_down_is_shown_as_such() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    await_status(&daemon, WAN, UP);
    lab.machine.ip("link set wan0 down");
    await_status(&daemon, WAN, DOWN);
    set_up(&lab.machine, WAN);
    await_status(&daemon, WAN, UP);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
}

#[test]
fn any_means_every_interface_but_loopback_also_new_ones() {
    let lab = Lab::unplugged();
    connect(&lab.machine, "lan0", &lab.world, "host0");
    lab.machine.ip("link set lan0 down");
    let daemon = Setup::new(&lab.machine).set("interfaces", "any").start();
    await_status(&daemon, "lan0", DOWN);
    connect(&lab.machine, WAN, &lab.world, PEER);
    await_status(&daemon, WAN, UP);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    // The scrapes of the wait pass the loopback device, and count nowhere.
    traffic.await_booked(&daemon);
    assert_eq!(
        daemon.scrape().values_of("geoip_interface_status", "interface"),
        ["lan0", WAN]
    );
    lab.machine.ip("link del lan0");
    daemon.await_scrape("only wan0 is left", |scrape| {
        let seen = scrape.values_of("geoip_interface_status", "interface");
        if seen == [WAN] { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}

#[test]
fn loopback_is_counted_when_it_is_named() {
    let lab = Lab::unplugged();
    let daemon = Setup::new(&lab.machine).set("interfaces", "lo").start();
    await_status(&daemon, "lo", UP);
    // Every scrape is traffic on it, from nowhere: both ways the same.
    daemon.await_scrape("scrapes are counted", |scrape| {
        let labels = [("interface", "lo"), ("country", "UNKNOWN")];
        let received = scrape.sum("geoip_bytes_received_total", &labels);
        let sent = scrape.sum("geoip_bytes_sent_total", &labels);
        if received > 1_000 && sent > 1_000 {
            Ok(())
        } else {
            Err(format!("{received} received, {sent} sent"))
        }
    });
}
