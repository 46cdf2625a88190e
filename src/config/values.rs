//! Reads a setting's value: text, numbers, addresses, paths, levels.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use figment::value::{Dict, Num, Value};

use super::{Config, LogFormat, LogLevel};

/// The fault of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The setting does not allow it; the setting's `expected` says more.
    NotExpected,
    /// The reason in this text.
    Because(String),
    /// Faults inside a table or list: place (such as `[1].prefix`) and text.
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
        Value::String(_, text) => Err(match meant_switch(text) {
            Some(meant) => Fault::Because(format!(
                "{} is not true or false: write {meant}",
                quoted(text)
            )),
            None => Fault::NotExpected,
        }),
        value => value.to_bool().ok_or(Fault::NotExpected),
    }
}

/// Returns the value that another word for `true` or `false` means.
pub(super) fn meant_switch(text: &str) -> Option<bool> {
    match &*text.to_ascii_lowercase() {
        "true" | "yes" | "on" | "y" | "t" | "enabled" => Some(true),
        "false" | "no" | "off" | "n" | "f" | "disabled" => Some(false),
        _ => None,
    }
}

/// Returns the texts of a list, or the text alone.
pub(super) fn texts(value: &Value) -> Result<Vec<&str>, Fault> {
    let items = match value {
        Value::String(_, text) => return Ok(vec![text]),
        Value::Array(_, items) => items,
        _ => return Err(Fault::NotExpected),
    };
    let faults: Vec<_> = items
        .iter()
        .enumerate()
        .filter(|(_, item)| item.as_str().is_none())
        .map(|(index, item)| {
            let text = format!("{} is not text in quotes", found(item));
            (format!("[{index}]"), text)
        })
        .collect();
    match faults.is_empty() {
        true => Ok(items.iter().filter_map(Value::as_str).collect()),
        false => Err(Fault::Inside(faults)),
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

/// Reads a whole number within `limits`, which begin above zero; zero means
/// `default`.
pub(super) fn size(
    value: &Value,
    limits: RangeInclusive<u32>,
    default: NonZeroU32,
) -> Result<NonZeroU32, Fault> {
    match number(value, 0..=0) {
        Ok(0_u32) => Ok(default),
        _ => nonzero(value, limits),
    }
}

/// Reads an address and port; `:9100` means every address, as in Go.
pub(super) fn address(text: &str) -> Result<SocketAddr, Fault> {
    if let Some(port) = text.strip_prefix(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(port) = port.parse()
    {
        return Ok((Ipv6Addr::UNSPECIFIED, port).into());
    }
    text.parse().map_err(|_| address_fault(text))
}

/// Returns the fault of an address and port.
pub(super) fn address_fault(text: &str) -> Fault {
    let shown = quoted(text);
    if let Some((scheme, rest)) = text.split_once("://") {
        return Fault::Because(scheme_fault(&shown, scheme, rest));
    }
    let bare = text.strip_prefix(':').unwrap_or(text);
    let port = text.rsplit_once(':').map_or(bare, |(_, port)| port);
    let is_number =
        !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && port.parse::<u16>().is_err() {
        return Fault::Because(format!(
            "{shown} has a port above 65535, the highest there is"
        ));
    }
    if is_number && port == text {
        return Fault::Because(format!(
            "{shown} is a port without an address: write \":{port}\" for \
             every address, or \"127.0.0.1:{port}\" for this machine only"
        ));
    }
    if let Some((before, _)) = text.split_once('/')
        && address(before).is_ok()
    {
        return Fault::Because(format!(
            "{shown} has a path: write \"{before}\"; the path is another \
             setting, metrics_path"
        ));
    }
    Fault::Because(if text.parse::<Ipv4Addr>().is_ok() {
        format!("{shown} has no port: write \"{text}:9100\"")
    } else if text.starts_with('[') || text.matches(':').count() > 1 {
        format!(
            "{shown} is not an address and port: an IPv6 address is written \
             in brackets, its port behind them, such as \"[::1]:9100\""
        )
    } else if text.starts_with(char::is_alphabetic) {
        format!(
            "{shown} is not an address and port, such as \"127.0.0.1:9100\": \
             it has a name that is not in /etc/hosts or /etc/services, and \
             names are not looked up over the network"
        )
    } else {
        return Fault::NotExpected;
    })
}

/// Proposes an address instead of a URL such as `http://…`.
fn scheme_fault(shown: &str, scheme: &str, rest: &str) -> String {
    let plain = rest.split('/').next().unwrap_or(rest);
    let plain = match address(plain) {
        Ok(_) => plain,
        Err(_) => "127.0.0.1:9100",
    };
    let tls = match scheme.eq_ignore_ascii_case("https") {
        true => "; web_config_file turns TLS on",
        false => "",
    };
    format!("{shown} is a URL, not an address and port: write \"{plain}\"{tls}")
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
    if path == "/-" || path.starts_with("/-/") {
        return because("belongs to the health pages under /-/");
    }
    // Clients change these before they send a request, so they could never
    // reach the page.
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
    let path = text(value)?;
    if path.starts_with('~') {
        let rest = path.split_once('/').map_or("", |(_, rest)| rest);
        return Err(Fault::Because(format!(
            "{} begins with ~, which only a shell replaces: write the whole \
             path, such as {}",
            quoted(path),
            quoted(&format!("/root/{rest}"))
        )));
    }
    let possible = !path.is_empty() && !path.contains('\0');
    possible.then_some(path).ok_or(Fault::NotExpected)
}

impl LogLevel {
    /// Every level, from the fewest lines to the most.
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

/// Reads a log level in upper or lower case. `warning` means `warn`, and an
/// empty text the default.
pub(super) fn log_level(value: &Value) -> Result<LogLevel, Fault> {
    let name = text(value)?.trim().to_ascii_lowercase();
    let name = match name.as_str() {
        "" => Config::default().log_level.as_str(),
        "warning" => "warn",
        name => name,
    };
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

/// Shows a number as it is written in a file.
pub(super) fn number_as_written(written: &str) -> String {
    // Digits and a few letters, which need no escapes.
    quoted(written).trim_matches('"').to_owned()
}

/// Returns whether a table stands for a date or time, as the toml crate
/// represents it.
pub(super) fn is_date(table: &Dict) -> bool {
    table.contains_key(DATE)
}

/// The only key of such a table.
const DATE: &str = "$__toml_private_datetime";

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

    #[test]
    fn a_port_alone_means_every_address() {
        let read = |text: &str| address(text).map(|a| a.to_string());
        assert_eq!(read(":9100"), Ok("[::]:9100".into()));
        assert_eq!(read("[::1]:9100"), Ok("[::1]:9100".into()));
        assert_eq!(read("127.0.0.1:0"), Ok("127.0.0.1:0".into()));
        for text in
            ["9100", ":", ":+1", ":65536", "localhost:9", "::1:9", "[::1"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_a_fault(text in ".*") {
            let value = Value::from(text.as_str());
            let _ = address(&text);
            let _ = metrics_path(&value);
            let _ = number(&value, 1u32..=9);
            prop_assert!(!found(&value).contains('\n'));
        }
    }
}
