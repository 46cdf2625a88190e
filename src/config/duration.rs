//! Durations as Go and systemd users write them.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;
use std::time::Duration;

use figment::value::Value;
use fundu::{
    CustomDurationParser, CustomTimeUnit, Delimiter, SaturatingInto, TimeUnit,
};

use super::values::{Fault, found};

/// The units of Go and systemd, up to hours.
const UNITS: [CustomTimeUnit<'static>; 6] = [
    CustomTimeUnit::with_default(TimeUnit::NanoSecond, &["ns", "nsec"]),
    CustomTimeUnit::with_default(
        TimeUnit::MicroSecond,
        &["us", "usec", "µs", "μs"],
    ),
    CustomTimeUnit::with_default(TimeUnit::MilliSecond, &["ms", "msec"]),
    CustomTimeUnit::with_default(
        TimeUnit::Second,
        &["s", "sec", "second", "seconds"],
    ),
    CustomTimeUnit::with_default(
        TimeUnit::Minute,
        &["m", "min", "minute", "minutes"],
    ),
    CustomTimeUnit::with_default(TimeUnit::Hour, &["h", "hr", "hour", "hours"]),
];

/// Reads a duration of a command line within `limits`, such as `5m`.
///
/// # Errors
/// The fault in words, with the value.
pub fn read_duration(
    text: &str,
    limits: RangeInclusive<Duration>,
) -> Result<Duration, String> {
    let value = Value::from(text);
    let (least, most) = (*limits.start(), *limits.end());
    duration(&value, limits).map_err(|fault| match fault {
        Fault::Because(why) => why,
        _ => format!(
            "{} is not a duration from {least:?} to {most:?}, such as 5s or 5m",
            found(&value)
        ),
    })
}

/// Reads a duration within `limits`, such as `2s`, `1.5s` or `1m30s`.
pub(super) fn duration(
    value: &Value,
    limits: RangeInclusive<Duration>,
) -> Result<Duration, Fault> {
    const BLANK: Delimiter = |byte| byte == b' ';
    let unit_missing = |number: &str| {
        Fault::Because(format!(
            "{} has no unit: write {}",
            found(value),
            with_units(number, &limits)
        ))
    };
    let text = match value {
        Value::String(_, text) => text.trim(),
        Value::Num(_, num) => {
            return Err(match num.to_i128() {
                Some(whole) if whole > 0 => unit_missing(&whole.to_string()),
                _ => Fault::NotExpected,
            });
        }
        _ => return Err(Fault::NotExpected),
    };
    if text.parse::<f64>().is_ok_and(|number| number > 0.0)
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Err(unit_missing(text));
    }
    let mut parser = CustomDurationParser::with_time_units(&UNITS);
    parser
        .parse_multiple(true, None)
        .set_inner_delimiter(BLANK)
        .set_outer_delimiter(BLANK)
        .allow_time_unit_delimiter(true)
        .disable_exponent(true)
        .disable_infinity(true);
    if !has_units(text) {
        return Err(Fault::NotExpected);
    }
    let parsed =
        parser.parse(&with_zeros(text)).map_err(|_| Fault::NotExpected)?;
    let duration: Duration = parsed.saturating_into();
    Some(duration)
        .filter(|duration| limits.contains(duration))
        .ok_or(Fault::NotExpected)
}

/// Returns a number with each unit that may be meant. Milliseconds are left out
/// if `limits` do not allow them.
fn with_units(number: &str, limits: &RangeInclusive<Duration>) -> String {
    let seconds = format!("\"{number}s\" for seconds");
    let millis = format!("{number}ms");
    match duration(&millis.as_str().into(), limits.clone()) {
        Ok(_) => format!("{seconds} or \"{millis}\" for milliseconds"),
        Err(_) => seconds,
    }
}

/// Returns whether each number has at most one point, and a unit behind it.
/// fundu takes a number without a unit as seconds, which would hide a
/// forgotten unit ("1m30", "1 30s"); Go refuses it.
fn has_units(text: &str) -> bool {
    let is_of_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = text.trim_start_matches(['+', '-']);
    while let Some(begin) = rest.find(is_of_number) {
        let number = &rest[begin..];
        let end = number.find(|c| !is_of_number(c)).unwrap_or(number.len());
        let unit = number[end..].trim_start_matches(' ');
        let points = number[..end].matches('.').count();
        if points > 1 || !unit.starts_with(char::is_alphabetic) {
            return false;
        }
        rest = unit;
    }
    true
}

/// Puts a zero before a point that has a digit behind it and none before it.
/// fundu takes such a number only at the start of the text, Go everywhere.
fn with_zeros(text: &str) -> String {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut whole = String::with_capacity(text.len());
    for (at, char) in text.char_indices() {
        let begins = char == '.' && text[at + 1..].starts_with(is_digit);
        if begins && !whole.ends_with(is_digit) {
            whole.push('0');
        }
        whole.push(char);
    }
    whole
}

/// Writes a duration so that [`duration`] reads it back: `1m30s`.
pub(super) fn duration_text(duration: Duration) -> String {
    const UNITS: [(&str, u128); 6] = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let mut rest = duration.as_nanos();
    let mut text = String::new();
    for (unit, nanos) in UNITS {
        if rest >= nanos {
            text += &format!("{}{unit}", rest / nanos);
            rest %= nanos;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: RangeInclusive<Duration> =
        Duration::from_millis(10)..=Duration::from_secs(7200);

    fn millis(text: &str) -> Option<u128> {
        duration(&text.into(), LIMITS).ok().map(|found| found.as_millis())
    }

    #[test]
    fn durations_read_as_go_and_systemd_write_them() {
        for (text, expected) in [
            ("2s", 2_000),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("1.5s", 1_500),
            (".5s", 500),
            ("2min", 120_000),
            ("1h", 3_600_000),
            ("1min 30s", 90_000),
            ("2 seconds", 2_000),
            ("20000us", 20),
            ("20000µs", 20),
            ("0h0m5s", 5_000),
            ("+2s", 2_000),
            ("2.s", 2_000),
            ("1s1h", 3_601_000),
            ("1s1s", 2_000),
            ("1s.5s", 1_500),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "s",
            "2",
            "0s",
            "-2s",
            "+-2s",
            "2S",
            "2x",
            "1m30",
            "1e3s",
            "inf",
            "infinity",
            "9ms",
            "1ns",
            "121m",
            "2s,3s",
            ".s",
            "1s.s",
            "1..5s",
            "1.5.5s",
            "1 30s",
            "1.",
            "2h1ns",
            "2ss",
            "99999999999999999999999h",
            "٢s",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    #[test]
    fn a_forgotten_unit_is_named() {
        for value in [Value::from(2), Value::from("2")] {
            let Err(Fault::Because(text)) = duration(&value, LIMITS) else {
                panic!("{value:?} was accepted");
            };
            assert!(text.contains("has no unit: write \"2s\""), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_written_duration_reads_back(nanos in 10_000_000u64..=3_600_000_000_000) {
            let value = Duration::from_nanos(nanos);
            let text = duration_text(value);
            prop_assert_eq!(duration(&text.as_str().into(), LIMITS), Ok(value));
        }

        /// A number, with digits before or behind the point, and a unit, any
        /// number of times and in any order: `time.ParseDuration`.
        #[test]
        fn every_duration_of_go_reads_as_the_same(
            sign in "\\+?",
            parts in prop::collection::vec(
                ("[0-9]{1,4}(\\.[0-9]{0,6})?|\\.[0-9]{1,6}", 0..7_usize), 1..5
            )
        ) {
            const UNITS: [(&str, i128); 7] = [
                ("ns", 1),
                ("us", 1_000),
                ("µs", 1_000),
                ("μs", 1_000),
                ("ms", 1_000_000),
                ("s", 1_000_000_000),
                ("m", 60_000_000_000),
            ];
            let (mut text, mut expected) = (sign, 0);
            for (number, unit) in parts {
                let (name, nanos) = UNITS[unit];
                let (whole, rest) =
                    number.split_once('.').unwrap_or((&number, ""));
                let whole = whole.parse::<i128>().unwrap_or(0);
                let micro = format!("{rest:0<6}").parse::<i128>().unwrap();
                expected += whole * nanos + micro * nanos / 1_000_000;
                text += &format!("{number}{name}");
            }
            let expected = Duration::from_nanos(expected.try_into().unwrap());
            let read = duration(&text.as_str().into(), LIMITS);
            match LIMITS.contains(&expected) {
                true => {
                    let off = read.unwrap().abs_diff(expected);
                    // Fractions of a nanosecond may be cut off at each part
                    // or at the end.
                    prop_assert!(off.as_nanos() < 5, "{} {:?}", text, off);
                }
                false => prop_assert!(read.is_err(), "{}", text),
            }
        }

        #[test]
        fn any_text_is_a_duration_or_a_fault(
            text in prop_oneof![".*", "[-+0-9.e hms]{0,12}"]
        ) {
            if let Ok(duration) = duration(&text.as_str().into(), LIMITS) {
                prop_assert!(LIMITS.contains(&duration));
            }
        }
    }
}
