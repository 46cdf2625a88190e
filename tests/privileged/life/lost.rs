//! Events that came while the exporter could not look: many at once, and more
//! than the kernel keeps.

use super::*;
use crate::harness::daemon::Setup;
use crate::harness::log_line::LogLine;

/// More changes than the kernel keeps for a reader that does not read: some
/// 2 KiB each of 2 MiB.
pub(crate) fn flood(machine: &Netns) {
    machine.ip_batch(
        &"link set lo mtu 65000\nlink set lo mtu 65001\n".repeat(1_500),
    );
}

/// Starts an exporter that also tells what it hears of interfaces.
fn start_tracing(lab: &Lab, interfaces: &str) -> Daemon {
    Setup::new(&lab.machine)
        .set("interfaces", interfaces)
        .set("poll_interval", "1h")
        .set("log_level", "trace")
        .start()
}

/// Waits for a list of all devices: events were lost indeed.
fn await_list(daemon: &mut Daemon, from: usize) {
    daemon.await_log("list of all devices", from, |line| {
        line.get("event").is_some_and(|event| event.starts_with("Listed"))
    });
}

/// A device is deleted and made anew between two looks, with the same number
/// and the same name: its programs are gone and must be attached again.
#[test]
fn a_device_that_was_replaced_by_its_double_is_attached_again() {
    let lab = Lab::new();
    let mut daemon = start_tracing(&lab, WAN);
    let mut traffic = Traffic::new(&lab);
    for lose_events in [false, true] {
        for _ in 0..3 {
            traffic.exchange();
            let position = daemon.log_position();
            let again = add(&lab, WAN, index_of(&lab.machine, WAN), PEER);
            daemon.at_once(|| {
                lab.machine.ip_batch(&format!("link del wan0\n{again}"));
                set_both_up(&lab, WAN, PEER);
                if lose_events {
                    flood(&lab.machine);
                }
            });
            if lose_events {
                await_list(&mut daemon, position);
            }
            await_log(&mut daemon, position, "attached", WAN);
            traffic.reopen(open(&lab, WAN, PEER));
            traffic.exchange();
        }
    }
    assert_books(&poll(&daemon), traffic.booked());
}

/// What is left in the queue when the kernel begins to drop events is older
/// than all that was dropped: applied behind the list of devices, it would
/// bring the past back.
#[test]
fn events_from_before_a_loss_do_not_bring_the_past_back() {
    let lab = Lab::new();
    connect(&lab.machine, "gone0", &lab.world, "host0");
    let mut daemon = start_tracing(&lab, "any");
    let position = daemon.log_position();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    daemon.at_once(|| {
        // Kept in the queue.
        lab.machine.ip("link set gone0 down");
        lab.machine.ip_batch(
            "link set wan0 down\nlink set wan0 name past0\n\
             link add new0 type veth peer name new1\n",
        );
        flood(&lab.machine);
        // Lost.
        lab.machine.ip_batch(
            "link set past0 name lan0\nlink del gone0\nlink del new0\n",
        );
        set_up(&lab.machine, "lan0");
    });
    await_list(&mut daemon, position);
    await_log(&mut daemon, position, "renamed", "lan0");
    await_states(&daemon, &[("lan0", UP)]);
    traffic.rename("lan0");
    traffic.exchange();
    // This one is not lost: the queue was emptied.
    connect(&lab.machine, WAN, &lab.world, "peer1");
    await_log(&mut daemon, position, "attached", WAN);
    let mut wan = open(&lab, WAN, "peer1");
    wan.exchange();
    assert_books(&poll(&daemon), &sum(&[&traffic, &wan]));
    await_states(&daemon, &[("lan0", UP), (WAN, UP)]);
    let is_past = |line: &LogLine| {
        line.get("interface").is_some_and(|name| name == "past0")
    };
    assert!(!daemon.log().iter().any(is_past), "counted as past0");
}
