//! Numbers as they are shown: rates, bytes, shares and spans of time.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// The unit of rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Unit {
    /// Decimal multiples of bits, as links are sold.
    #[default]
    Bits,
    /// Binary multiples of bytes, as totals are shown.
    Bytes,
}

/// The columns that the longest rate takes: `999.9 Mbit/s`.
pub(super) const RATE_WIDTH: u16 = 12;

/// The columns that the longest number of bytes takes: `1023.9 GiB`.
pub(super) const BYTES_WIDTH: u16 = 10;

/// The longest span of time that is shown: 99,999 days.
const LONGEST_SPAN: f64 = 99_999.0 * 86_400.0;

/// The largest part in percent that is shown.
const LARGEST_PERCENT: f64 = 99_999.0;

const DECIMAL: [&str; 6] = ["", "k", "M", "G", "T", "P"];
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// Writes a number with a multiple of its unit, and one digit behind the point
/// except for the unit itself.
fn scaled(mut number: f64, step: f64, names: &[&str], unit: &str) -> String {
    let mut names = names.iter();
    let mut name = names.next().copied().unwrap_or_default();
    if number.round() < step {
        let plain = if number > 0.0 { number.max(1.0) } else { 0.0 };
        return format!("{plain:.0} {name}{unit}");
    }
    for next in names {
        // 999.96 k would be shown as 1000.0 k.
        if number < step - 0.05 {
            break;
        }
        number /= step;
        name = next;
    }
    // A number beyond the largest multiple would not fit its column.
    let number = number.min(step - 0.1);
    format!("{number:.1} {name}{unit}")
}

/// Returns a rate of bytes per second. A dash means that there is no rate yet.
pub(super) fn rate(bytes: Option<f64>, unit: Unit) -> String {
    match (bytes, unit) {
        (None, _) => "-".into(),
        (Some(bytes), Unit::Bits) => {
            scaled(bytes * 8.0, 1000.0, &DECIMAL, "bit/s")
        }
        (Some(bytes), Unit::Bytes) => scaled(bytes, 1024.0, &BINARY, "B/s"),
    }
}

/// Returns a number of bytes.
pub(super) fn bytes(count: u64) -> String {
    scaled(lossy(count), 1024.0, &BINARY, "B")
}

/// Returns a number of things per second.
pub(super) fn per_second(count: Option<f64>) -> String {
    match count {
        None => "-".into(),
        Some(count) if count > 0.0 && count < 9.95 => format!("{count:.1}/s"),
        Some(count) => scaled(count, 1000.0, &DECIMAL, "/s").replace(' ', ""),
    }
}

/// Returns a number of things.
pub(super) fn count(count: u64) -> String {
    match count {
        0..100_000 => count.to_string(),
        _ => scaled(lossy(count), 1000.0, &DECIMAL, "").trim_end().into(),
    }
}

/// Returns a part of a whole in percent.
pub(super) fn percent(part: f64, whole: f64) -> String {
    match whole > 0.0 {
        true => {
            format!("{:.0} %", (part / whole * 100.0).min(LARGEST_PERCENT))
        }
        false => "-".into(),
    }
}

/// Returns a span of time in its two largest units.
pub(super) fn span(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, LONGEST_SPAN).round();
    let (minute, hour, day) = (60.0, 3600.0, 86_400.0);
    let two = |large: f64, name: &str, small: f64, other: &str| {
        let first = (seconds / large).floor();
        let second = ((seconds - first * large) / small).floor();
        format!("{first:.0} {name} {second:.0} {other}")
    };
    match seconds {
        s if s < minute => format!("{s:.0} s"),
        s if s < hour => two(minute, "min", 1.0, "s"),
        s if s < day => two(hour, "h", minute, "min"),
        _ => two(day, "d", hour, "h"),
    }
}

/// Returns a span of time that may be short, such as a round trip.
pub(super) fn short_span(seconds: f64) -> String {
    match seconds {
        s if s < 0.000_999_5 => format!("{:.0} us", s * 1e6),
        s if s < 0.099_95 => format!("{:.1} ms", s * 1e3),
        s if s < 0.999_5 => format!("{:.0} ms", s * 1e3),
        s => format!("{:.1} s", s.min(LONGEST_SPAN)),
    }
}

/// Returns the nearest number that has a fraction: shown numbers have four
/// digits.
#[expect(clippy::cast_precision_loss, reason = "it is for a screen")]
pub(super) fn lossy(count: u64) -> f64 {
    count as f64
}

/// Returns a share of `cells`, rounded: between no and all cells.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is between zero and `cells`"
)]
pub(super) fn cells(share: f64, cells: u16) -> u16 {
    let most = f64::from(cells);
    match share.is_finite() {
        true => (share * most).round().clamp(0.0, most) as u16,
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_spans_have_the_unit_that_shows_them() {
        for (seconds, text) in [
            (0.0, "0 us"),
            (0.000_04, "40 us"),
            (0.000_999_6, "1.0 ms"),
            (0.012_34, "12.3 ms"),
            (0.099_96, "100 ms"),
            (0.2346, "235 ms"),
            (0.9996, "1.0 s"),
            (12.34, "12.3 s"),
        ] {
            assert_eq!(short_span(seconds), text);
        }
    }

    #[test]
    fn rates_are_as_wide_as_their_column_at_most() {
        for (bytes, bits, binary) in [
            (None, "-", "-"),
            (Some(0.0), "0 bit/s", "0 B/s"),
            (Some(0.01), "1 bit/s", "1 B/s"),
            (Some(124.9), "999 bit/s", "125 B/s"),
            (Some(125.0), "1.0 kbit/s", "125 B/s"),
            (Some(124_996.0), "1.0 Mbit/s", "122.1 KiB/s"),
            (Some(124_900.0), "999.2 kbit/s", "122.0 KiB/s"),
            (Some(1.25e9), "10.0 Gbit/s", "1.2 GiB/s"),
        ] {
            assert_eq!(rate(bytes, Unit::Bits), bits);
            assert_eq!(rate(bytes, Unit::Bytes), binary);
        }
        let mut bytes = 0.3;
        while bytes < 1e14 {
            for unit in [Unit::Bits, Unit::Bytes] {
                let text = rate(Some(bytes), unit);
                assert!(text.len() <= RATE_WIDTH.into(), "{text}");
            }
            bytes *= 1.003;
        }
    }

    #[test]
    fn absurd_numbers_have_few_digits() {
        for number in [1e22, 1e308, f64::INFINITY] {
            assert_eq!(rate(Some(number), Unit::Bits), "999.9 Pbit/s");
            assert_eq!(rate(Some(number), Unit::Bytes), "1023.9 EiB/s");
            assert_eq!(per_second(Some(number)), "999.9P/s");
            assert_eq!(percent(number, 1.0), "99999 %");
            assert!(short_span(number).len() < 16);
        }
    }

    #[test]
    fn bytes_have_binary_multiples() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (20 << 40, "20.0 TiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(count), text);
            assert!(text.len() <= BYTES_WIDTH.into());
        }
    }

    #[test]
    fn counts_and_spans_are_short() {
        assert_eq!(per_second(Some(0.25)), "0.2/s");
        assert_eq!(per_second(Some(12_345.0)), "12.3k/s");
        assert_eq!(per_second(Some(0.0)), "0/s");
        assert_eq!(count(99_999), "99999");
        assert_eq!(count(1_234_567), "1.2 M");
        assert_eq!(percent(1.0, 3.0), "33 %");
        assert_eq!(percent(0.0, 0.0), "-");
        for (seconds, text) in [
            (0.4, "0 s"),
            (61.0, "1 min 1 s"),
            (3600.0, "1 h 0 min"),
            (266_400.0, "3 d 2 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(span(1e308), "99999 d 0 h");
        assert_eq!(cells(f64::NAN, 7), 0);
        assert_eq!(cells(2.0, 7), 7);
        assert_eq!(cells(0.5, 8), 4);
    }
}
