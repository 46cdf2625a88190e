//! Names that wander from device to device.

use super::*;
use crate::harness::link::{await_ready, rename};

#[test]
fn any_counts_on_under_the_new_name_and_the_old_totals_stay() {
    let lab = Lab::new();
    let mut daemon = start(&lab.machine, "any");
    let mut traffic = Traffic::new(&lab);
    for name in ["lan0", WAN, "lan1"] {
        let old = traffic.name().to_owned();
        // Not polled before the name changes: it is the old one's all the
        // same.
        traffic.exchange();
        let position = daemon.log_position();
        rename(&lab.machine, &old, name);
        await_log(&mut daemon, position, "renamed", name);
        await_states(&daemon, &[(name, UP)]);
        traffic.rename(name);
        traffic.exchange();
        assert_kernel_agrees(&lab, name, &traffic);
    }
    assert_books(&poll(&daemon), traffic.booked());
    assert!(daemon.log().iter().all(|line| line.message() != "detached"));
}

#[test]
fn a_list_leaves_a_renamed_device_and_takes_one_that_gets_a_listed_name() {
    let lab = Lab::new();
    let mut daemon = start(&lab.machine, "wan0, lan0");
    await_states(&daemon, &[("lan0", NOT_FOUND), (WAN, UP)]);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    let position = daemon.log_position();
    rename(&lab.machine, WAN, "other");
    await_log(&mut daemon, position, "detached", WAN);
    await_states(&daemon, &[("lan0", NOT_FOUND), (WAN, NOT_FOUND)]);
    // Counted for nobody.
    Traffic::between(&lab.machine, "other", &lab.world, PEER).exchange();
    rename(&lab.machine, "other", "lan0");
    await_log(&mut daemon, position, "attached", "lan0");
    await_states(&daemon, &[("lan0", UP), (WAN, NOT_FOUND)]);
    traffic.rename("lan0");
    traffic.exchange();
    // From one listed name to another it is only renamed.
    rename(&lab.machine, "lan0", WAN);
    await_log(&mut daemon, position, "renamed", WAN);
    traffic.rename(WAN);
    traffic.exchange();
    assert_books(&poll(&daemon), traffic.booked());
}

/// Exchanges the names of two devices in one go.
fn swap(lab: &Lab, a: &str, b: &str) {
    let machine = &lab.machine;
    machine.ip_batch(&format!(
        "link set {a} down\nlink set {b} down\nlink set {a} name swap\n\
         link set {b} name {a}\nlink set swap name {b}\n"
    ));
    set_up(machine, a);
    set_up(machine, b);
    // They send nothing for as long as these were down, and a moment more.
    await_ready(&lab.world, PEER);
    await_ready(&lab.world, "host0");
}

fn swapped(interfaces: &str) {
    let lab = Lab::new();
    connect(&lab.machine, "lan0", &lab.world, "host0");
    let mut daemon = start(&lab.machine, interfaces);
    let mut a = Traffic::new(&lab);
    let mut b = open(&lab, "lan0", "host0");
    for round in 0..4 {
        a.exchange();
        b.exchange();
        b.exchange();
        let position = daemon.log_position();
        swap(&lab, WAN, "lan0");
        let (name, other) = (b.name().to_owned(), a.name().to_owned());
        a.rename(&name);
        b.rename(&other);
        // Steps between may be seen or not; this comes at the end.
        for name in [WAN, "lan0"] {
            let what = format!("{name} in round {round}");
            daemon.await_log(&what, position, |line| {
                matches!(line.message().as_str(), "renamed" | "attached")
                    && line.get("interface").as_deref() == Some(name)
            });
        }
    }
    a.exchange();
    b.exchange();
    assert_books(&poll(&daemon), &sum(&[&a, &b]));
    await_states(&daemon, &[("lan0", UP), (WAN, UP)]);
}

#[test]
fn two_devices_that_swap_their_names_swap_their_series_too() {
    swapped("any");
    swapped("wan0,lan0");
}
