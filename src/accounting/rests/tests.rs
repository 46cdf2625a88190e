use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::accounting::IpVersion;

const ID: InterfaceId = InterfaceId(1);
const V4: Family = Family::Ip(IpVersion::V4);

fn volume(packets: u64, bytes: u64) -> Volume {
    Volume { packets, bytes }
}

fn key(interface: InterfaceId) -> FlowKey {
    FlowKey {
        interface,
        direction: Direction::Received,
        ip_version: IpVersion::V4,
        class: 0,
        remote: [0; 16],
    }
}

fn observe(
    tracker: &mut TotalsTracker,
    interface: InterfaceId,
    family: Family,
    volume: Volume,
) -> Vec<(Volume, Volume)> {
    let direction = Direction::Received;
    let total = InterfaceTotal { interface, direction, family, volume };
    let mut rests = Vec::new();
    tracker.observe(&[total], &mut rests);
    rests.iter().map(|rest| (rest.volume, rest.unattributed)).collect()
}

#[test]
fn a_total_that_did_not_grow_gives_no_rest() {
    let mut tracker = TotalsTracker::default();
    assert_eq!(observe(&mut tracker, ID, V4, volume(0, 0)), []);
    tracker.credit(&key(ID), volume(1, 10));
    let grown = observe(&mut tracker, ID, V4, volume(3, 30));
    assert_eq!(grown, [(volume(3, 30), volume(2, 20))]);
    assert_eq!(observe(&mut tracker, ID, V4, volume(3, 30)), []);
}

/// The bytes that were credited too early are not credited again, by an account
/// that did not see the first credit either.
#[test]
fn credits_ahead_of_the_total_are_no_rest_later() {
    let mut tracker = TotalsTracker::default();
    tracker.credit(&key(ID), volume(5, 50));
    let grown = observe(&mut tracker, ID, V4, volume(2, 20));
    assert_eq!(grown, [(volume(2, 20), volume(0, 0))]);
    let grown = observe(&mut tracker, ID, V4, volume(6, 61));
    assert_eq!(grown, [(volume(4, 41), volume(1, 11))]);
}

#[test]
fn packets_that_are_not_ip_are_never_unattributed() {
    let mut tracker = TotalsTracker::default();
    let grown = observe(&mut tracker, ID, Family::NonIp, volume(2, 84));
    assert_eq!(grown, [(volume(2, 84), volume(0, 0))]);
}

#[test]
fn a_number_that_is_given_out_again_begins_at_zero() {
    let mut tracker = TotalsTracker::default();
    tracker.credit(&key(ID), volume(9, 90));
    observe(&mut tracker, ID, V4, volume(9, 90));
    tracker.forget_interface(ID);
    assert_eq!(tracker.marks(), []);
    let grown = observe(&mut tracker, ID, V4, volume(1, 7));
    assert_eq!(grown, [(volume(1, 7), volume(1, 7))]);
    assert_eq!(&*tracker.marks()[0].name, UNNAMED);
}

#[test]
fn a_tracker_goes_on_from_marks() {
    let mut tracker = TotalsTracker::default();
    tracker.name_interface(ID, &"eth0".into());
    tracker.credit(&key(ID), volume(1, 10));
    observe(&mut tracker, ID, V4, volume(3, 30));
    let marks = tracker.marks();
    assert_eq!(&*marks[0].name, "eth0");
    let mut tracker = TotalsTracker::resume(marks.clone());
    assert_eq!(tracker.marks(), marks);
    tracker.credit(&key(ID), volume(1, 5));
    let grown = observe(&mut tracker, ID, V4, volume(5, 45));
    assert_eq!(grown, [(volume(2, 15), volume(1, 10))]);
}

proptest! {
    /// At every poll, all credits and all unattributed bytes together are at
    /// least the total, and once the credits have caught up they are equal.
    #[test]
    fn credits_and_rests_are_the_total(
        polls in proptest::collection::vec(
            (0..3_u32, 0..1000_u64, 0..1000_u64, 0..1000_u64),
            0..60,
        )
    ) {
        let mut tracker = TotalsTracker::default();
        let (mut wire, mut booked) = (BTreeMap::new(), BTreeMap::new());
        let mut late = BTreeMap::<u32, u64>::new();
        for (id, found, lost, ahead) in polls {
            let interface = InterfaceId(id);
            let total: &mut u64 = wire.entry(id).or_default();
            // Bytes that an earlier poll credited are in the total by now.
            *total += found + lost + late.insert(id, ahead).unwrap_or(0);
            tracker.credit(&key(interface), volume(0, found + ahead));
            let sum: &mut u64 = booked.entry(id).or_default();
            *sum += found + ahead;
            let seen = observe(&mut tracker, interface, V4, volume(0, *total));
            for (_, unattributed) in seen {
                *sum += unattributed.bytes;
            }
            prop_assert!(*sum >= *total);
        }
        for (id, ahead) in late {
            let total = wire[&id] + ahead;
            let seen =
                observe(&mut tracker, InterfaceId(id), V4, volume(0, total));
            let rest: u64 = seen.iter().map(|(_, rest)| rest.bytes).sum();
            prop_assert_eq!(booked[&id] + rest, total);
        }
    }
}
