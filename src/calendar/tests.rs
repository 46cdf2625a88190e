use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap_or_else(|| panic!("no zone {name}"))
}

/// Returns the seconds since 1970 of a time in UTC.
fn utc(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

#[test]
fn the_hour_that_comes_twice_is_two_hours_of_one_day() {
    let berlin = zone("Europe/Berlin");
    let hours = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
        .map(|at| berlin.periods(utc(at)));
    assert_eq!(hours.map(|of| of.day), [20_261_025; 2]);
    assert_eq!(hours[1].hour - hours[0].hour, 3600);
    let clocks = hours.map(|of| berlin.clock(of.hour));
    assert_eq!(clocks, ["2026-10-25 02:00 +02:00", "2026-10-25 02:00 +01:00"]);
}

#[test]
fn days_have_as_many_hours_as_the_clock_shows() {
    let berlin = zone("Europe/Berlin");
    for (day, hours) in [
        (date(2026, 3, 28), 24),
        (date(2026, 3, 29), 23),
        (date(2026, 10, 25), 25),
    ] {
        let begin = berlin.begin_of(day);
        let end = berlin.begin_of(day.tomorrow().unwrap());
        assert_eq!(end - begin, hours * 3600, "{day}");
        assert_eq!(berlin.periods(begin).day, number(day));
        assert_eq!(berlin.periods(end - 1).day, number(day));
    }
}

#[test]
fn zones_with_half_hours_have_their_own_hours() {
    let india = zone("Asia/Kolkata");
    let at = utc("2026-11-29T18:29:59Z");
    assert_eq!(india.periods(at).day, 20_261_129);
    assert_eq!(india.periods(at + 1).day, 20_261_130);
    assert_eq!(india.periods(at + 1).hour, at + 1);
    assert_eq!(india.periods(at).month, 202_611);
}

#[test]
fn a_quota_begins_at_the_last_day_of_a_short_month() {
    let utc_zone = Zone::default();
    for (at, first, next) in [
        ("2026-01-31T00:00:00Z", 20_260_131, "2026-02-28T00:00:00Z"),
        ("2026-02-27T23:59:59Z", 20_260_131, "2026-02-28T00:00:00Z"),
        ("2026-02-28T00:00:00Z", 20_260_228, "2026-03-31T00:00:00Z"),
        ("2028-02-28T12:00:00Z", 20_280_131, "2028-02-29T00:00:00Z"),
        ("2026-04-30T12:00:00Z", 20_260_430, "2026-05-31T00:00:00Z"),
        ("2026-12-31T12:00:00Z", 20_261_231, "2027-01-31T00:00:00Z"),
    ] {
        let found = cycle(&utc_zone, utc(at), 31);
        assert_eq!(found.first_day, first, "{at}");
        assert_eq!(found.end, utc(next), "{at}");
    }
}

#[test]
fn unknown_zones_are_none_and_numbers_of_days_are_read() {
    assert_eq!(Zone::named("Mars/Olympus"), None);
    assert_eq!(day_of(20_261_129), Some(date(2026, 11, 29)));
    assert_eq!(day_of(20_261_131), None);
    assert_eq!(day_of(0), None);
}

proptest! {
    #[test]
    fn every_moment_lies_in_its_cycle(
        at in 0_i64..4_000_000_000, reset_day in 1_u8..=31,
        name in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia",
            "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca",
        ])
    ) {
        let zone = zone(name);
        let found = cycle(&zone, at, reset_day);
        prop_assert!(found.begin <= at && at < found.end, "{found:?}");
        // The next month begins where this one ends.
        let next = cycle(&zone, found.end, reset_day);
        prop_assert_eq!(next.begin, found.end);
        let days = (found.end - found.begin) / 86_400;
        prop_assert!((27..=31).contains(&days), "{} days", days);
        let periods = zone.periods(at);
        prop_assert!(periods.hour <= at && at < periods.hour + 3600);
        prop_assert!(number(zone.date(at)) >= found.first_day);
    }
}
