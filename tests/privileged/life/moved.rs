//! Devices that leave for another network namespace, and come back.

use super::lost::flood;
use super::*;
use crate::harness::link::move_link;

#[test]
fn a_device_counts_only_while_it_is_here() {
    let lab = Lab::new();
    let away = Netns::new();
    let mut daemon = start(&lab.machine, "any");
    let mut traffic = Traffic::new(&lab);
    for _ in 0..3 {
        traffic.exchange();
        let position = daemon.log_position();
        move_link(&lab.machine, WAN, &away);
        await_log(&mut daemon, position, "detached", WAN);
        await_states(&daemon, &[]);
        let mut unseen = Traffic::between(&away, WAN, &lab.world, PEER);
        unseen.exchange();
        unseen.exchange();
        move_link(&away, WAN, &lab.machine);
        await_log(&mut daemon, position, "attached", WAN);
        await_states(&daemon, &[(WAN, UP)]);
        traffic.reconnect(&lab);
    }
    traffic.exchange();
    assert_books(&poll(&daemon), traffic.booked());
}

/// It comes back before the exporter looks: it never was detached, and is
/// still what is attached.
#[test]
fn a_device_that_was_away_between_two_looks_counts_on() {
    let lab = Lab::new();
    let away = Netns::new();
    let daemon = start(&lab.machine, "any");
    let mut traffic = Traffic::new(&lab);
    for _ in 0..3 {
        traffic.exchange();
        daemon.at_once(|| {
            move_link(&lab.machine, WAN, &away);
            move_link(&away, WAN, &lab.machine);
        });
        // Once this is answered, what happened before was looked at.
        daemon.reload();
        traffic.reconnect(&lab);
        traffic.exchange();
    }
    assert_books(&poll(&daemon), traffic.booked());
}

/// Its programs live on in the other namespace, and another device here has
/// its number: only the kernel's list of what is attached here tells.
#[test]
fn a_device_that_left_its_number_to_another_is_told_from_it() {
    for lose_events in [false, true] {
        let lab = Lab::new();
        let away = Netns::new();
        let mut daemon = start(&lab.machine, "any");
        let mut before = Traffic::new(&lab);
        before.exchange();
        let index = index_of(&lab.machine, WAN);
        let position = daemon.log_position();
        daemon.at_once(|| {
            lab.machine.ip(&format!("link set wan0 netns {}", away.path()));
            assert_eq!(index_of(&away, WAN), index);
            lab.machine.ip_batch(&add(&lab, "lan0", index, "host0"));
            set_both_up(&lab, "lan0", "host0");
            if lose_events {
                flood(&lab.machine);
            }
        });
        await_log(&mut daemon, position, "attached", "lan0");
        set_up(&away, WAN);
        let mut after = open(&lab, "lan0", "host0");
        Traffic::between(&away, WAN, &lab.world, PEER).exchange();
        after.exchange();
        assert_kernel_agrees(&lab, "lan0", &after);
        assert_books(&poll(&daemon), &sum(&[&before, &after]));
    }
}

/// The number that the device gets elsewhere is that of a counted one here,
/// under which its programs would count what it does there.
#[test]
fn what_a_device_does_elsewhere_is_not_counted_for_its_namesake_in_number() {
    let lab = Lab::unplugged();
    // The first number that the kernel gives out there, behind loopback's.
    let number = 2;
    lab.machine.ip_batch(&add(&lab, "lan0", number, "host0"));
    set_both_up(&lab, "lan0", "host0");
    let mut daemon = start(&lab.machine, "any");
    let mut lan = open(&lab, "lan0", "host0");
    let mut booked = Vec::new();
    for _ in 0..5 {
        let away = Netns::new();
        // Takes its own number away from it there.
        away.ip("link add taken index 50 type ifb");
        let position = daemon.log_position();
        lab.machine.ip_batch(&add(&lab, WAN, 50, PEER));
        set_both_up(&lab, WAN, PEER);
        await_log(&mut daemon, position, "attached", WAN);
        let mut wan = Traffic::new(&lab);
        wan.exchange();
        booked.push(wan);
        move_link(&lab.machine, WAN, &away);
        await_log(&mut daemon, position, "detached", WAN);
        Traffic::between(&away, WAN, &lab.world, PEER).exchange();
        assert_eq!(index_of(&away, WAN), number);
        lan.exchange();
        away.ip("link del wan0");
    }
    assert_kernel_agrees(&lab, "lan0", &lan);
    booked.push(lan);
    let all: Vec<&Traffic> = booked.iter().collect();
    assert_books(&poll(&daemon), &sum(&all));
}
