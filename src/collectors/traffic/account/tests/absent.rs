//! Interfaces that are gone: the time for which they have series, and the names
//! that are remembered.

use std::time::Duration;

use super::*;
use crate::collectors::books::{
    MOST_ABSENT, MOST_REMEMBERED, OfInterface as _,
};

const HOUR: Duration = Duration::from_secs(3600);

/// A time in seconds of these tests, which begin at 100,000.
fn at(second: u64) -> Timestamp {
    Timestamp::from_millis((100_000 + second) * 1_000)
}

fn end(second: u64, absent_retention: Option<Duration>) -> PollEnd {
    let at = at(second);
    let uptime = Duration::from_secs(second);
    PollEnd { at, uptime, absent_retention }
}

fn started() -> Accounted {
    Accounted::default().starting(at(0))
}

/// An interface comes, receives and goes.
fn pass(account: &mut Accounted, id: u32, name: &str, bytes: u64) {
    account.name_interface(InterfaceId(id), &name.into());
    receive(account, id, "DE", volume(1, bytes));
    account.observe_totals(&[total(id, V4, volume(2, bytes + 1))]);
    account.forget_interface(InterfaceId(id));
}

fn remembered(account: &mut Accounted) -> Vec<String> {
    let snapshot = account.snapshot();
    snapshot.remembered.iter().map(|i| i.name.to_string()).collect()
}

#[test]
fn series_go_when_their_interface_has_been_gone_for_long_enough() {
    let mut account = started();
    account.name_interface(InterfaceId(0), &"eth0".into());
    pass(&mut account, 1, "wg0", 100);
    // Its time begins with the poll that found its last bytes.
    account.end_poll(end(50, Some(HOUR)));
    assert!(interface(&account.snapshot(), "wg0").is_absent);
    assert!(!interface(&account.snapshot(), "eth0").is_absent);
    account.end_poll(end(3_650, Some(HOUR)));
    assert_eq!(names(&mut account), ["eth0", "wg0"]);
    account.end_poll(end(3_651, Some(HOUR)));
    assert_eq!(names(&mut account), ["eth0"]);
    assert_eq!(remembered(&mut account), ["wg0"]);
}

#[test]
fn a_name_that_returns_goes_on_from_its_true_value() {
    for seconds in [10, 4_000] {
        let mut account = started();
        pass(&mut account, 1, "wg0", 100);
        account.end_poll(end(0, Some(HOUR)));
        account.end_poll(end(seconds, Some(HOUR)));
        account.name_interface(InterfaceId(7), &"wg0".into());
        receive(&mut account, 7, "DE", volume(1, 30));
        account.observe_totals(&[total(7, V4, volume(2, 35))]);
        // It keeps its series for as long as it stays.
        account.end_poll(end(seconds + 9_000, Some(HOUR)));
        let snapshot = account.snapshot();
        let found = received(&snapshot, "wg0", "DE");
        assert_eq!(found, Some(volume(2, 130)), "after {seconds} s");
        assert_eq!(unattributed(&snapshot, "wg0"), volume(2, 6));
        assert!(!interface(&snapshot, "wg0").is_absent);
        assert_eq!(interface(&snapshot, "wg0").created, Some(at(0)));
        assert_eq!(snapshot.remembered.len(), 0);
        assert_eq!(snapshot.packets, 4);
    }
}

#[test]
fn another_retention_holds_from_the_next_poll_on() {
    let mut account = started();
    pass(&mut account, 1, "wg0", 100);
    account.end_poll(end(1, None));
    account.end_poll(end(1_000_000, None));
    assert_eq!(names(&mut account), ["wg0"]);
    account.end_poll(end(1_000_001, Some(HOUR)));
    assert_eq!(remembered(&mut account), ["wg0"]);
}

#[test]
fn without_a_limit_series_stay_until_a_restart() {
    let mut account = started();
    pass(&mut account, 1, "wg0", 100);
    account.name_interface(InterfaceId(2), &"eth0".into());
    receive(&mut account, 2, "DE", volume(1, 7));
    account.end_poll(end(1, None));
    let saved = account.snapshot();

    let mut account = Accounted::resume(saved).starting(at(500));
    account.name_interface(InterfaceId(0), &"eth0".into());
    account.end_poll(end(501, None));
    assert_eq!(names(&mut account), ["eth0"]);
    assert_eq!(remembered(&mut account), ["wg0"]);
    account.name_interface(InterfaceId(1), &"wg0".into());
    assert_eq!(
        received(&account.snapshot(), "wg0", "DE"),
        Some(volume(1, 100))
    );
}

/// The time begins anew, also of a name that was there at the last save and did
/// not come back.
#[test]
fn after_a_restart_series_stay_for_the_whole_time() {
    let mut account = started();
    pass(&mut account, 1, "wg0", 100);
    account.name_interface(InterfaceId(2), &"eth0".into());
    receive(&mut account, 2, "DE", volume(1, 7));
    account.end_poll(end(0, Some(HOUR)));
    let saved = account.snapshot();
    let mut account = Accounted::resume(saved).starting(at(3_000));
    account.end_poll(end(1, Some(HOUR)));
    account.end_poll(end(3_600, Some(HOUR)));
    assert_eq!(names(&mut account), ["eth0", "wg0"]);
    account.end_poll(end(3_601, Some(HOUR)));
    assert_eq!(names(&mut account), ["eth0"]);
    account.end_poll(end(3_602, Some(HOUR)));
    assert_eq!(remembered(&mut account), ["eth0", "wg0"]);
}

#[test]
fn a_jump_of_the_time_of_day_decides_nothing() {
    let mut account = started();
    pass(&mut account, 1, "wg0", 100);
    account.end_poll(end(1, Some(HOUR)));
    for second in [1_000_000, 0] {
        account.end_poll(PollEnd { at: at(second), ..end(2, Some(HOUR)) });
        assert_eq!(names(&mut account), ["wg0"]);
    }
}

/// As on a host that starts containers all day. The names with most traffic are
/// remembered; a forgotten name leaves nothing behind.
#[test]
fn twenty_thousand_names_take_no_more_room_than_some() {
    let mut account = started();
    for number in 0..20_000 {
        let name = format!("veth{number:05}");
        // Odd ones carry more.
        let bytes = 1_000 + number % 2 * 1_000_000 + number;
        pass(&mut account, 0, &name, bytes);
        // Six hundred of them within an hour, ten between two polls.
        if number % 10 == 9 {
            account.end_poll(end(number * 6, Some(HOUR)));
            assert!(account.books.count() <= 610);
        }
    }
    let snapshot = account.snapshot();
    assert_eq!(snapshot.interfaces.len(), 610);
    assert_eq!(snapshot.remembered.len(), MOST_REMEMBERED);
    let heavy = |i: &Arc<InterfaceTraffic>| i.bytes() > 1_000_000;
    assert!(snapshot.remembered.iter().all(heavy));
    assert!(snapshot.remembered.is_sorted_by_key(|i| Arc::clone(&i.name)));

    assert_eq!(snapshot.packets, 40_000);

    // A name that was forgotten begins at zero, and says when.
    account.name_interface(InterfaceId(3), &"veth00002".into());
    receive(&mut account, 3, "DE", volume(1, 30));
    account.end_poll(end(200_000, Some(HOUR)));
    let snapshot = account.snapshot();
    assert_eq!(received(&snapshot, "veth00002", "DE"), Some(volume(1, 30)));
    let last_poll = Some(at(19_999 * 6));
    assert_eq!(interface(&snapshot, "veth00002").created, last_poll);
}

/// Without a limit, too, and all at once.
#[test]
fn as_many_at_once_are_bounded_by_number() {
    let mut account = started();
    for number in 0..20_000 {
        pass(&mut account, 0, &format!("veth{number:05}"), 100 + number);
        if number % 1_000 == 999 {
            account.end_poll(end(number, None));
        }
    }
    let snapshot = account.snapshot();
    assert_eq!(snapshot.interfaces.len(), MOST_ABSENT);
    assert_eq!(snapshot.remembered.len(), MOST_REMEMBERED);
    // Those that went last have series.
    assert_eq!(&*snapshot.interfaces[4_095].name, "veth19999");
    assert_eq!(account.books.count(), MOST_ABSENT);
}

#[test]
fn interfaces_that_are_there_are_not_among_those_that_are_too_many() {
    let mut account = started();
    for number in 0..4_096 {
        let name = format!("eth{number}");
        account.name_interface(InterfaceId(number), &name.as_str().into());
        receive(&mut account, number, "DE", volume(1, 1));
    }
    for number in 0..5_000 {
        pass(&mut account, 5_000, &format!("veth{number}"), 100);
    }
    account.end_poll(end(1, Some(HOUR)));
    let names = names(&mut account);
    let there = names.iter().filter(|name| name.starts_with("eth"));
    assert_eq!((names.len(), there.count()), (4_096 + MOST_ABSENT, 4_096));
}

#[test]
fn an_interface_without_traffic_is_not_copied_again() {
    let mut account = started();
    for (id, name) in [(0, "eth0"), (1, "eth1")] {
        account.name_interface(InterfaceId(id), &name.into());
        receive(&mut account, id, "DE", volume(1, 100));
    }
    pass(&mut account, 2, "wg0", 100);
    account.end_poll(end(0, Some(HOUR)));
    let before = account.snapshot();
    receive(&mut account, 1, "DE", volume(1, 100));
    let totals = [total(0, V4, volume(1, 100)), total(1, V4, volume(2, 200))];
    account.observe_totals(&totals);
    account.end_poll(end(2, Some(HOUR)));
    let after = account.snapshot();
    let same = before.interfaces.iter().zip(&after.interfaces);
    let same: Vec<_> = same.map(|(a, b)| Arc::ptr_eq(a, b)).collect();
    assert_eq!(same, [true, false, true]);
    assert!(Arc::ptr_eq(&before.remembered, &after.remembered));
}
