use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::accounting::InterfaceId;
use crate::accounting::{
    Account as _, Direction, Family, PollEnd, Rest, Volume,
};
use crate::calendar::Zone;
use crate::collectors::section::SectionContent as _;
use crate::config::{Config, QuotaDirection};
use crate::geoip::CountryLabels;

/// 2026-01-01T00:00:00Z.
const YEAR: u64 = 1_767_225_600;
const DAY: u64 = 86_400;

fn config(reset_day: u8, direction: QuotaDirection) -> Config {
    Config {
        quota: Some(1_000_000),
        quota_reset_day: reset_day,
        quota_direction: direction,
        ..Config::default()
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn rest(direction: Direction, bytes: u64) -> Rest {
    let volume = Volume { packets: 1, bytes };
    Rest {
        interface: InterfaceId(0),
        direction,
        family: Family::NonIp,
        volume,
        unattributed: Volume::default(),
    }
}

fn poll(account: &mut QuotaAccount, [received, sent]: [u64; 2], now: u64) {
    account.credit_rests(&[
        rest(Direction::Received, received),
        rest(Direction::Sent, sent),
    ]);
    let (at, uptime) = (at(now), Duration::ZERO);
    account.end_poll(PollEnd { at, uptime, absent_retention: None });
}

fn begun(config: &Config, now: u64) -> QuotaAccount {
    let mut account =
        QuotaAccount::resume(Snapshot::default()).starting(at(now));
    account.configure(config);
    account
}

#[test]
fn each_direction_counts_as_configured() {
    use QuotaDirection::{Both, Larger, Received, Sent};

    for (direction, used) in
        [(Sent, 70), (Received, 500), (Both, 570), (Larger, 500)]
    {
        let config = config(1, direction);
        let mut account = begun(&config, YEAR);
        poll(&mut account, [500, 70], YEAR + 10);
        let usage = usage(&account.snapshot(), &config).unwrap();
        assert_eq!(usage.used, used);
        assert_eq!(usage.bytes, [500, 70]);
        assert_eq!(usage.reset, 1_769_904_000, "2026-02-01");
    }
}

#[test]
fn a_month_begins_anew_at_its_day_and_a_restart_changes_nothing() {
    let config = config(31, QuotaDirection::Both);
    let mut account = begun(&config, YEAR);
    // 60 days, up to the first of March.
    for day in 0..60 {
        poll(&mut account, [100, 1], YEAR + day * DAY + 60);
        let body = account.snapshot().encode();
        let labels = &mut CountryLabels::default();
        let saved = Snapshot::decode(&body, labels).unwrap();
        account = QuotaAccount::resume(saved).starting(at(YEAR + day * DAY));
        account.configure(&config);
    }
    let used = |reset_day| {
        let config = Config { quota_reset_day: reset_day, ..config.clone() };
        account_usage(&account_snapshot(&account), &config).used
    };
    // Since 28 February, the last day of a month without a 31st.
    assert_eq!(used(31), 2 * 101);
    assert_eq!(used(1), 101);
    assert_eq!(used(2), 28 * 101);
    assert_eq!(used(15), 15 * 101);
}

fn account_snapshot(account: &QuotaAccount) -> Snapshot {
    account.shown()
}

fn account_usage(snapshot: &Snapshot, config: &Config) -> Usage {
    usage(snapshot, config).unwrap()
}

#[test]
fn the_forecast_goes_on_from_the_counted_time() {
    let config = config(1, QuotaDirection::Both);
    // It was set on the eleventh, and 31 days make a month.
    let mut account = begun(&config, YEAR + 10 * DAY);
    poll(&mut account, [1000, 0], YEAR + 10 * DAY + 600);
    assert_eq!(account_usage(&account.shown(), &config).forecast, None);
    poll(&mut account, [9000, 0], YEAR + 11 * DAY);
    let found = account_usage(&account.shown(), &config);
    assert_eq!(found.forecast, Some(10_000 + 20 * 10_000));
    assert_eq!(found.counted_since, i64::try_from(YEAR + 10 * DAY).unwrap());
}

#[test]
fn a_quota_that_is_off_counts_nothing_and_begins_when_it_is_on() {
    let on = config(1, QuotaDirection::Both);
    let mut account = begun(&Config::default(), YEAR);
    assert!(!account.is_on());
    assert_eq!(usage(&account.snapshot(), &Config::default()), None);
    account.configure(&on);
    poll(&mut account, [5, 5], YEAR + 2 * DAY);
    let since = account_usage(&account.shown(), &on).counted_since;
    assert_eq!(since, i64::try_from(YEAR + 2 * DAY).unwrap());
}

proptest! {
    /// Bytes are used in the month of the clock, and none is lost or doubled by
    /// a clock that jumps within three months.
    #[test]
    fn a_clock_that_jumps_loses_no_byte(
        polls in prop::collection::vec((0_u64..1000, 0_u64..80), 1..60)
    ) {
        let config = config(1, QuotaDirection::Both);
        let mut account = begun(&config, YEAR);
        let mut sum = 0;
        for (bytes, day) in polls {
            poll(&mut account, [bytes, 0], YEAR + day * DAY);
            sum += bytes;
        }
        let snapshot = account.shown();
        prop_assert_eq!(snapshot.from_day(0), [sum, 0]);
        prop_assert!(snapshot.days.is_sorted_by(|(a, _), (b, _)| a < b));
    }
}

#[test]
fn days_are_those_of_the_zone() {
    let config = Config {
        history_timezone: Zone::named("Asia/Tokyo").unwrap(),
        ..config(1, QuotaDirection::Both)
    };
    let mut account = begun(&config, YEAR);
    poll(&mut account, [1, 0], YEAR + 15 * 3600 - 1);
    poll(&mut account, [2, 0], YEAR + 15 * 3600);
    let days = account.shown().days;
    assert_eq!(days, [(20_260_101, [1, 0]), (20_260_102, [2, 0])]);
}
