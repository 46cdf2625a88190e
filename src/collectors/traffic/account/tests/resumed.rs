//! An account that goes on from a saved state.

use super::*;

/// With the same maps, totals are read on. Credits that an earlier process had
/// no time to save are nobody's.
#[test]
fn an_account_goes_on_with_the_marks_of_the_same_maps() {
    let mut account = named(&[(1, "eth0"), (2, "eth1")]);
    receive(&mut account, 1, "US", volume(1, 5));
    account.observe_totals(&[
        total(1, V4, volume(3, 30)),
        total(1, Family::NonIp, volume(1, 60)),
        total(2, V4, volume(0, 0)),
    ]);
    let saved = account.snapshot();
    let marks = account.marks();
    let mut account = Accounted::resume(saved.clone());
    account.totals = TotalsTracker::resume(marks.clone());
    for marks in marks {
        account.name_interface(marks.interface, &marks.name);
    }
    assert_eq!(account.snapshot(), saved);

    // Meanwhile 100 bytes of one flow and 7 of another passed. Those of the
    // other one were credited by a process that was killed.
    account.name_interface(InterfaceId(1), &"eth0".into());
    receive(&mut account, 1, "DE", volume(1, 100));
    receive(&mut account, 2, "AT", volume(1, 9));
    account.observe_totals(&[
        total(1, V4, volume(5, 137)),
        total(1, Family::NonIp, volume(2, 100)),
        total(2, V4, volume(1, 9)),
    ]);
    let after = account.snapshot();
    assert_eq!(received(&after, "eth0", "US"), Some(volume(1, 5)));
    assert_eq!(received(&after, "eth0", "DE"), Some(volume(1, 100)));
    assert_eq!(received(&after, "eth1", "AT"), Some(volume(1, 9)));
    assert_eq!(unattributed(&after, "eth0"), volume(3, 32));
    let non_ip = interface(&after, "eth0").non_ip(Direction::Received);
    assert_eq!(non_ip, volume(2, 100));
    assert_eq!(after.packets, saved.packets + 4);
}

#[test]
fn an_account_goes_on_from_a_snapshot() {
    let mut account = named(&[(1, "eth0"), (2, "eth1")]);
    for (code, bytes) in [("US", 5), ("DE", 7), ("", 9)] {
        receive(&mut account, 1, code, volume(1, bytes));
    }
    account.observe_totals(&[
        total(1, V4, volume(5, 30)),
        total(1, Family::NonIp, volume(1, 60)),
    ]);
    let before = account.snapshot();

    let mut account = Accounted::resume(before.clone());
    let after = account.snapshot();
    assert_eq!(after.packets, before.packets);
    // Nothing was counted on the other one.
    assert_eq!(*after.interfaces[0], *interface(&before, "eth0"));
    assert_eq!(after.interfaces.len(), 1);

    // Another number, and the kernel counts from zero.
    account.name_interface(InterfaceId(0), &"eth0".into());
    receive(&mut account, 0, "DE", volume(1, 100));
    receive(&mut account, 0, "AT", volume(1, 200));
    account.observe_totals(&[
        total(0, V4, volume(3, 310)),
        total(0, Family::NonIp, volume(1, 1_000)),
    ]);
    let after = account.snapshot();
    for (code, bytes) in [("US", 5), ("DE", 107), ("AT", 200), ("", 9)] {
        let found = received(&after, "eth0", code).unwrap();
        assert_eq!(found.bytes, bytes, "{code}");
    }
    assert_eq!(unattributed(&after, "eth0"), volume(3, 19));
    let non_ip = interface(&after, "eth0").non_ip(Direction::Received);
    assert_eq!(non_ip, volume(2, 1_060));
    assert_eq!(after.packets, before.packets + 4);
    let countries = &interface(&after, "eth0").countries;
    assert!(countries.is_sorted_by_key(|traffic| traffic.country));
}
