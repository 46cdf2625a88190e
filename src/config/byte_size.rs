//! Numbers of bytes with units, such as `1MiB` or `20 TB`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;

use figment::value::Value;

use super::values::{Fault, found};

/// The units and their bytes, the largest first.
const UNITS: [(&str, u64); 11] = [
    ("PiB", 1 << 50),
    ("PB", 1_000_000_000_000_000),
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// The most digits behind a point.
const MOST_DECIMALS: usize = 9;

/// Reads a number of bytes within `limits`.
pub(super) fn byte_size(
    value: &Value,
    limits: RangeInclusive<u64>,
) -> Result<u64, Fault> {
    let without_unit = |number: &str| {
        Fault::Because(format!(
            "{} has no unit: write \"{number}MiB\" or \"{number}B\"",
            found(value)
        ))
    };
    let text = match value {
        Value::String(_, text) => text.trim(),
        Value::Num(_, number) => {
            return Err(match number.to_i128() {
                Some(whole) if whole >= 0 => without_unit(&whole.to_string()),
                _ => Fault::NotExpected,
            });
        }
        _ => return Err(Fault::NotExpected),
    };
    let is_of_number = |char: char| char.is_ascii_digit() || char == '.';
    let end = text.find(|char| !is_of_number(char)).unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim_start());
    if unit.is_empty() && !number.is_empty() {
        return Err(without_unit(number));
    }
    let Some(unit) = bytes_of(unit) else {
        return Err(unit_fault(value, number, unit));
    };
    product(number, unit)
        .filter(|bytes| limits.contains(bytes))
        .ok_or(Fault::NotExpected)
}

/// Writes a number of bytes with the largest unit in which it is whole.
pub(super) fn byte_size_text(bytes: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| {
        bytes >= *unit && bytes.is_multiple_of(*unit)
    };
    let (name, unit) = UNITS.iter().find(fits).unwrap_or(&("B", 1));
    format!("{}{name}", bytes / unit)
}

fn bytes_of(unit: &str) -> Option<u64> {
    let unit = if unit == "KB" { "kB" } else { unit };
    let found = UNITS.iter().find(|(name, _)| *name == unit);
    found.map(|(_, bytes)| *bytes)
}

/// Returns the fault of a unit that is none, with the one that may be meant.
fn unit_fault(value: &Value, number: &str, unit: &str) -> Fault {
    let lower = unit.to_ascii_lowercase();
    let is_meant = |(name, _): &&(&str, u64)| {
        let name = name.to_ascii_lowercase();
        // Such as "M" and "Mi".
        name == lower || name.strip_suffix('b') == Some(&*lower)
    };
    match UNITS.iter().find(is_meant) {
        Some((name, _)) if !number.is_empty() => Fault::Because(format!(
            "{} has no unit of bytes: write \"{number}{name}\"",
            found(value)
        )),
        _ => Fault::NotExpected,
    }
}

/// Returns the product of a decimal number and a unit, without the part of a
/// byte.
fn product(number: &str, unit: u64) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if decimals.len() > MOST_DECIMALS
        || (whole.is_empty() && decimals.is_empty())
    {
        return None;
    }
    let digits = format!("{whole}{decimals}").parse::<u128>().ok()?;
    let scale = 10_u128.pow(u32::try_from(decimals.len()).ok()?);
    let bytes = digits.checked_mul(unit.into())? / scale;
    u64::try_from(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: RangeInclusive<u64> = 0..=u64::MAX;

    #[test]
    fn numbers_with_units_are_read() {
        for (text, bytes) in [
            ("1MiB", 1 << 20),
            (" 20 TiB ", 20 << 40),
            ("1.5kB", 1_500),
            ("1.5KB", 1_500),
            (".5GiB", 1 << 29),
            ("0B", 0),
            ("7.9B", 7),
            ("2PB", 2_000_000_000_000_000),
        ] {
            assert_eq!(byte_size(&text.into(), ALL), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn the_fault_says_what_to_write() {
        let because = |text: &str| Err(Fault::Because(text.into()));
        for (value, expected) in [
            (
                Value::from("5"),
                because("\"5\" has no unit: write \"5MiB\" or \"5B\""),
            ),
            (
                Value::from(5),
                because("5 has no unit: write \"5MiB\" or \"5B\""),
            ),
            (
                Value::from("1Mb"),
                because("\"1Mb\" has no unit of bytes: write \"1MB\""),
            ),
            (
                Value::from("2 mi"),
                because("\"2 mi\" has no unit of bytes: write \"2MiB\""),
            ),
            (Value::from(""), Err(Fault::NotExpected)),
            (Value::from("MiB"), Err(Fault::NotExpected)),
            (Value::from("-1MiB"), Err(Fault::NotExpected)),
            (Value::from("1.2.3MiB"), Err(Fault::NotExpected)),
            (Value::from("1e3MiB"), Err(Fault::NotExpected)),
            (Value::from("99999PiB"), Err(Fault::NotExpected)),
            (Value::from(true), Err(Fault::NotExpected)),
        ] {
            assert_eq!(byte_size(&value, ALL), expected, "{value:?}");
        }
        assert_eq!(byte_size(&"1B".into(), 2..=3), Err(Fault::NotExpected));
    }

    proptest! {
        #[test]
        fn a_written_size_is_read_again(
            bytes in prop_oneof![any::<u64>(), (0_u64..50).prop_map(|it| 1 << it)]
        ) {
            let text = byte_size_text(bytes);
            prop_assert_eq!(byte_size(&text.as_str().into(), ALL), Ok(bytes));
        }
    }
}
