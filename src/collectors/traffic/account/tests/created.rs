//! The begin of series: a time at which they were still zero.

use std::time::{Duration, SystemTime};

use super::*;

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

fn end(second: u64) -> PollEnd {
    PollEnd {
        at: at(second),
        uptime: Duration::from_secs(second),
        absent_retention: Some(Duration::MAX),
    }
}

fn created(
    snapshot: &Snapshot,
    code: &str,
    direction: Direction,
) -> Option<Timestamp> {
    let mut countries = interface(snapshot, "eth0").countries.iter();
    let found = countries.find(|t| t.country == country(code)).unwrap();
    found.created.get(direction, IpVersion::V4)
}

#[test]
fn a_series_began_with_the_poll_before_its_first_packet() {
    use Direction::{Received, Sent};

    let mut account = Accounted::default().starting(at(100));
    account.name_interface(InterfaceId(1), &"eth0".into());
    receive(&mut account, 1, "DE", volume(1, 10));
    account.end_poll(end(102));
    receive(&mut account, 1, "DE", volume(1, 10));
    receive(&mut account, 1, "US", volume(1, 10));
    account.end_poll(end(104));
    let v4 = IpVersion::V4;
    credit(&mut account, 1, Sent, v4, "DE", volume(1, 10));
    account.end_poll(end(106));
    let snapshot = account.snapshot();
    assert_eq!(snapshot.created, Some(at(100)));
    assert_eq!(interface(&snapshot, "eth0").created, Some(at(100)));
    assert_eq!(created(&snapshot, "DE", Received), Some(at(100)));
    assert_eq!(created(&snapshot, "US", Received), Some(at(102)));
    assert_eq!(created(&snapshot, "DE", Sent), Some(at(104)));
    assert_eq!(created(&snapshot, "US", Sent), None);

    // A later start does not change it.
    let saved = snapshot.clone();
    let mut account = Accounted::resume(saved).starting(at(500));
    account.name_interface(InterfaceId(0), &"eth0".into());
    receive(&mut account, 0, "DE", volume(1, 10));
    receive(&mut account, 0, "FR", volume(1, 10));
    account.end_poll(end(502));
    let after = account.snapshot();
    assert_eq!(after.created, Some(at(100)));
    assert_eq!(interface(&after, "eth0").created, Some(at(100)));
    assert_eq!(created(&after, "DE", Received), Some(at(100)));
    assert_eq!(created(&after, "US", Received), Some(at(102)));
    assert_eq!(created(&after, "FR", Received), Some(at(500)));
}

#[test]
fn of_counters_that_began_at_an_unknown_time_none_is_made_up() {
    let mut account = Accounted::default();
    account.name_interface(InterfaceId(1), &"eth0".into());
    receive(&mut account, 1, "DE", volume(1, 10));
    account.observe_totals(&[total(1, V4, volume(1, 10))]);
    let old = account.snapshot();
    let mut account = Accounted::resume(old).starting(at(500));
    account.name_interface(InterfaceId(1), &"eth0".into());
    account.name_interface(InterfaceId(2), &"eth1".into());
    account.end_poll(end(502));
    let snapshot = account.snapshot();
    assert_eq!(snapshot.created, None);
    assert_eq!(interface(&snapshot, "eth0").created, None);
    assert_eq!(created(&snapshot, "DE", Direction::Received), None);
    assert_eq!(interface(&snapshot, "eth1").created, Some(at(500)));
}

#[test]
fn a_time_is_in_seconds_with_milliseconds() {
    assert_eq!(
        Timestamp::from_millis(1_764_334_593_123).seconds(),
        1_764_334_593.123
    );
    let first = Timestamp::from(SystemTime::UNIX_EPOCH);
    assert_eq!(first, Timestamp::from_millis(1));
}
