//! Reads a setting's value: numbers, durations, addresses, names.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::{Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use figment::value::{Num, Value};
use fundu::{
    CustomDurationParser, CustomTimeUnit, Delimiter, SaturatingInto, TimeUnit,
};

use super::{Interfaces, LogFormat, LogLevel};

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not what the setting expects: the setting says what that is.
    NotExpected,
    /// This is.
    Because(String),
    /// These, inside a table or list: place (such as `[1].prefix`) and text.
    Inside(Vec<(String, String)>),
}

/// Reads text.
pub(super) fn text(value: &Value) -> Result<&str, Fault> {
    value.as_str().ok_or(Fault::NotExpected)
}

/// Reads `true` or `false`.
pub(super) fn switch(value: &Value) -> Result<bool, Fault> {
    match value {
        Value::String(_, text) if text == "true" || text == "false" => {
            Err(Fault::Because(format!(
                "\"{text}\" is text: write {text}, without quotes"
            )))
        }
        value => value.to_bool().ok_or(Fault::NotExpected),
    }
}

/// Reads a whole number within `limits`.
pub(super) fn number<T>(
    value: &Value,
    limits: RangeInclusive<T>,
) -> Result<T, Fault>
where
    T: TryFrom<i128> + PartialOrd,
{
    if let Value::String(_, text) = value
        && text.parse::<i64>().is_ok()
    {
        return Err(Fault::Because(format!(
            "\"{text}\" is text: write {text}, without quotes"
        )));
    }
    let number = match value {
        Value::Num(_, Num::F32(_) | Num::F64(_)) => None,
        Value::Num(_, num) => num
            .to_i128()
            .or_else(|| num.to_u128().and_then(|big| i128::try_from(big).ok())),
        _ => None,
    };
    number
        .and_then(|number| T::try_from(number).ok())
        .filter(|number| limits.contains(number))
        .ok_or(Fault::NotExpected)
}

/// Reads a whole number within `limits`, which begin above zero.
pub(super) fn nonzero(
    value: &Value,
    limits: RangeInclusive<u32>,
) -> Result<NonZeroU32, Fault> {
    NonZeroU32::new(number(value, limits)?).ok_or(Fault::NotExpected)
}

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

/// Reads an address and port; `:9100` means every address, as in Go.
pub(super) fn address(value: &Value) -> Result<SocketAddr, Fault> {
    let text = text(value)?;
    if let Some(port) = text.strip_prefix(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(port) = port.parse()
    {
        return Ok((Ipv6Addr::UNSPECIFIED, port).into());
    }
    text.parse().map_err(|_| Fault::NotExpected)
}

/// Reads `any`, a comma list or a list of interface names.
pub(super) fn interfaces(value: &Value) -> Result<Interfaces, Fault> {
    let parts: Vec<&str> = match value {
        Value::String(_, text) => vec![text],
        Value::Array(_, items) => items
            .iter()
            .map(|item| item.as_str().ok_or(Fault::NotExpected))
            .collect::<Result<_, _>>()?,
        _ => return Err(Fault::NotExpected),
    };
    let mut names: Vec<&str> = Vec::new();
    for name in parts.iter().flat_map(|part| part.split(',')).map(str::trim) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    let faults: Vec<String> =
        names.iter().filter_map(|name| name_fault(name)).collect();
    if !faults.is_empty() {
        return Err(Fault::Because(faults.join("; ")));
    }
    match names[..] {
        [] => Err(Fault::Because(format!(
            "{} names no interface: name one, such as \"eth0\", or \"any\"",
            found(value)
        ))),
        ["any"] => Ok(Interfaces::Any),
        _ if names.contains(&"any") => Err(Fault::Because(format!(
            "{} has \"any\" beside other names: \"any\" stands alone",
            found(value)
        ))),
        _ => {
            Ok(Interfaces::Named(names.into_iter().map(String::from).collect()))
        }
    }
}

/// Says why the kernel could never have an interface of this name.
fn name_fault(name: &str) -> Option<String> {
    // IFNAMSIZ is 16 with the closing zero; the other rules are those of
    // dev_valid_name() in net/core/dev.c.
    const LONGEST: usize = 15;
    let why = if name.len() > LONGEST {
        "has more than 15 bytes"
    } else if name == "." || name == ".." {
        "is a directory"
    } else if name.contains(['/', ':']) {
        "has a slash or colon"
    } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        "has white space"
    } else {
        return None;
    };
    Some(format!(
        "{} is not an interface name, such as \"eth0\": it {why}",
        quoted(name)
    ))
}

/// Reads the path of the metrics page.
pub(super) fn metrics_path(value: &Value) -> Result<String, Fault> {
    let path = text(value)?;
    let because = |why: &str| {
        Err(Fault::Because(format!(
            "{} {why}; write a path such as \"/metrics\"",
            quoted(path)
        )))
    };
    if !path.starts_with('/') {
        return because("does not begin with a slash");
    }
    if path == "/" {
        return because("is the landing page");
    }
    if path == "/-" || path.starts_with("/-/") {
        return because("belongs to the health pages under /-/");
    }
    // A client changes these before it asks, so the page would never be found.
    if path.contains(['?', '#', '%', '\\'])
        || path.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return because("has white space or one of ? # % \\");
    }
    if path[1..].split('/').any(|part| matches!(part, "." | "..")) {
        return because("has \".\" or \"..\" as a part");
    }
    Ok(path.into())
}

/// Reads a path that is not empty.
pub(super) fn file(value: &Value) -> Result<&str, Fault> {
    text(value).and_then(|path| {
        let possible = !path.is_empty() && !path.contains('\0');
        possible.then_some(path).ok_or(Fault::NotExpected)
    })
}

impl LogLevel {
    /// Every level, from quiet to loud.
    pub const ALL: [Self; 5] =
        [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl LogFormat {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Text, Self::Json];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Reads a log level in upper or lower case; `warning` is `warn`.
pub(super) fn log_level(value: &Value) -> Result<LogLevel, Fault> {
    let name = text(value)?.to_ascii_lowercase();
    let name = if name == "warning" { "warn" } else { &name };
    LogLevel::ALL
        .into_iter()
        .find(|level| level.as_str() == name)
        .ok_or(Fault::NotExpected)
}

/// Reads a log format in upper or lower case.
pub(super) fn log_format(value: &Value) -> Result<LogFormat, Fault> {
    let name = text(value)?.to_ascii_lowercase();
    LogFormat::ALL
        .into_iter()
        .find(|format| format.as_str() == name)
        .ok_or(Fault::NotExpected)
}

/// Shows a value in one line, as TOML would write it.
pub(super) fn found(value: &Value) -> String {
    // What the toml crate hands over for a date or time.
    const DATE: &str = "$__toml_private_datetime";
    match value {
        Value::String(_, text) => quoted(text),
        Value::Char(_, char) => quoted(&char.to_string()),
        Value::Bool(_, bool) => bool.to_string(),
        Value::Num(_, Num::F32(float)) => format!("{float:?}"),
        Value::Num(_, Num::F64(float)) => format!("{float:?}"),
        Value::Num(_, num) => match (num.to_i128(), num.to_u128()) {
            (Some(number), _) => number.to_string(),
            (_, Some(number)) => number.to_string(),
            _ => "a number".into(),
        },
        Value::Empty(..) => "nothing".into(),
        Value::Dict(_, dict) => match dict.get(DATE).and_then(Value::as_str) {
            Some(date) => date.into(),
            None => "a table".into(),
        },
        Value::Array(_, items) if items.len() <= 8 => {
            let items: Vec<String> = items.iter().map(found).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Array(_, items) => format!("a list of {}", items.len()),
    }
}

/// Quotes text for a message of one line, and shortens it.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
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

    #[test]
    fn a_port_alone_means_every_address() {
        let read = |text: &str| address(&text.into()).map(|a| a.to_string());
        assert_eq!(read(":9100"), Ok("[::]:9100".into()));
        assert_eq!(read("[::1]:9100"), Ok("[::1]:9100".into()));
        assert_eq!(read("127.0.0.1:0"), Ok("127.0.0.1:0".into()));
        for text in ["9100", ":", ":+1", ":65536", "localhost:9", "::1:9"] {
            assert_eq!(read(text), Err(Fault::NotExpected), "{text}");
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
        fn any_text_is_a_value_or_a_fault(text in ".*") {
            let value = Value::from(text.as_str());
            let _ = duration(&value, LIMITS);
            let _ = address(&value);
            let _ = interfaces(&value);
            let _ = metrics_path(&value);
            let _ = number(&value, 1u32..=9);
            prop_assert!(!found(&value).contains('\n'));
        }
    }
}
