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

/// The units of Go and systemd that a poll could be measured in.
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

/// Reads a duration within `limits`, such as `2s`, `1.5s` or `1m30s`.
pub(super) fn duration(
    value: &Value,
    limits: RangeInclusive<Duration>,
) -> Result<Duration, Fault> {
    const BLANK: Delimiter = |byte| byte == b' ';
    let unit_missing = |number: &str| {
        Fault::Because(format!(
            "{} has no unit: write \"{number}s\" for seconds or \
             \"{number}ms\" for milliseconds",
            found(value)
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
    // Without a unit fundu would take seconds, which Go does not and which
    // hides a forgotten unit ("1m30").
    if !text.ends_with(char::is_alphabetic) {
        return Err(Fault::NotExpected);
    }
    let parsed = parser.parse(text).map_err(|_| Fault::NotExpected)?;
    let duration: Duration = parsed.saturating_into();
    Some(duration)
        .filter(|duration| limits.contains(duration))
        .ok_or(Fault::NotExpected)
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
        Duration::from_millis(10)..=Duration::from_secs(3600);

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
            "61m",
            "2s,3s",
            "1h1ns",
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
