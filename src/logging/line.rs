//! Turns a record into one line of the log.

use std::fmt::Write as _;
use std::io;

use slog::{Drain as _, FnValue, Level, OwnedKVList, PushFnValue, Record, o};
use slog_term::{FullFormat, PlainDecorator, RecordDecorator};
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::config::LogFormat;
use crate::deceptive::is_deceptive;

/// RFC 3339. The fraction always has six digits, so that lines stay aligned and
/// sort as text.
const TIMESTAMP: StaticFormatDescription = format_description!(
    "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
);

/// Returns a record as one line with a line feed. If `with_priority` is true,
/// it begins with the priority that the journal reads, sd-daemon(3).
///
/// # Errors
/// If a value cannot be written as text.
pub(super) fn line(
    record: &Record,
    values: &OwnedKVList,
    format: LogFormat,
    with_priority: bool,
) -> io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    match format {
        LogFormat::Text => write_text(&mut raw, record, values)?,
        LogFormat::Json => write_json(&mut raw, record, values)?,
    }
    let mut line = match with_priority {
        true => priority(record.level()).to_owned(),
        false => String::new(),
    };
    escape(String::from_utf8_lossy(&raw).trim_end(), format, &mut line);
    line.push('\n');
    Ok(line.into_bytes())
}

fn write_text(
    to: &mut Vec<u8>,
    record: &Record,
    values: &OwnedKVList,
) -> io::Result<()> {
    let text = FullFormat::new(PlainDecorator::new(to))
        .use_custom_header_print(
            |_, mut to: &mut dyn RecordDecorator, record, _| {
                let to = &mut to;
                let level = word(record.level()).to_ascii_uppercase();
                io::Write::write_fmt(
                    to,
                    format_args!("{} {level} {}", now(), record.msg()),
                )?;
                Ok(true)
            },
        )
        .use_original_order()
        .build();
    text.log(record, values)
}

fn write_json(
    to: &mut Vec<u8>,
    record: &Record,
    values: &OwnedKVList,
) -> io::Result<()> {
    let json = slog_json::Json::new(to)
        .add_key_value(o!(
            "ts" => FnValue(|_: &Record| now()),
            "level" => FnValue(|record: &Record| word(record.level())),
            "msg" => PushFnValue(|record: &Record, to| to.emit(record.msg())),
        ))
        .build();
    json.log(record, values)
}

/// Returns a point in time, in seconds since 1970, as a date.
pub(super) fn date(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{seconds} seconds after 1970"))
}

fn now() -> String {
    // This cannot fail: the time has every part that the format needs.
    OffsetDateTime::now_utc().format(TIMESTAMP).unwrap_or_default()
}

/// Returns the name of a level, the same as in the setting `log_level`. The
/// reason why the exporter ended is critical.
fn word(level: Level) -> &'static str {
    match level {
        Level::Critical => "critical",
        Level::Error => "error",
        Level::Warning => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

/// Returns the prefix of a line with this level: the numbers of syslog(3).
pub(super) fn priority(level: Level) -> &'static str {
    match level {
        Level::Critical => "<2>",
        Level::Error => "<3>",
        Level::Warning => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
}

/// Appends a text with every control character as an escape. Names come from
/// outside: a line feed in a name would forge a line, and an escape sequence
/// would control the reader's terminal.
pub(super) fn escape(text: &str, format: LogFormat, to: &mut String) {
    for character in text.chars() {
        if !is_deceptive(character) {
            to.push(character);
            continue;
        }
        match format {
            LogFormat::Text => to.extend(character.escape_default()),
            // All of them have four digits. The JSON writer has escaped those
            // below the space.
            LogFormat::Json => {
                // Writing to a string cannot fail.
                let _ = write!(to, "\\u{:04x}", u32::from(character));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use slog::{Logger, record_static};

    use super::*;

    /// Returns the line of a record with a name that tries to be several lines.
    fn logged(level: Level, format: LogFormat, priority: bool) -> String {
        let name = "eth0\n2026-01-01 INFO stopped\u{1b}[2J\u{9b}\u{202e}\u{7f}";
        let location = record_static!(level, "");
        let arguments = format_args!("attached");
        let values = slog::b!("interface" => name, "count" => 3);
        let record = Record::new(&location, &arguments, values);
        let root = Logger::root(slog::Discard, o!("child" => true));
        let line = line(&record, root.list(), format, priority).unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_text_line_is_one_line_with_level_and_time_in_full() {
        let line = logged(Level::Error, LogFormat::Text, false);
        let (time, rest) = line.split_once(' ').unwrap();
        assert_eq!(time.len(), "2026-01-01T00:00:00.000000Z".len(), "{line}");
        assert!(time.ends_with('Z'), "{line}");
        assert_eq!(
            rest,
            "ERROR attached, child: true, interface: \
             eth0\\n2026-01-01 INFO \
             stopped\\u{1b}[2J\\u{9b}\\u{202e}\\u{7f}, count: 3\n"
        );
    }

    #[test]
    fn a_json_line_has_the_usual_words_and_the_name_as_it_is() {
        let line = logged(Level::Warning, LogFormat::Json, false);
        assert!(!line.trim_end().contains(char::is_control), "{line:?}");
        assert!(!line.contains('\u{202e}'), "{line:?}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["level"], "warn");
        assert_eq!(value["msg"], "attached");
        assert_eq!(value["count"], 3);
        let name = value["interface"].as_str().unwrap();
        assert!(name.ends_with("\u{1b}[2J\u{9b}\u{202e}\u{7f}"), "{name:?}");
        let time = value["ts"].as_str().unwrap();
        assert_eq!(time.len(), "2026-01-01T00:00:00.000000Z".len(), "{line}");
    }

    #[test]
    fn a_time_is_a_date() {
        assert_eq!(date(1_764_331_200), "2025-11-28T12:00:00Z");
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert!(date(u64::MAX).ends_with(" seconds after 1970"));
    }

    #[test]
    fn the_journal_is_told_the_priority_in_both_formats() {
        for (level, expected) in [
            (Level::Critical, "<2>"),
            (Level::Error, "<3>"),
            (Level::Warning, "<4>"),
            (Level::Info, "<6>"),
            (Level::Debug, "<7>"),
            (Level::Trace, "<7>"),
        ] {
            for format in [LogFormat::Text, LogFormat::Json] {
                let line = logged(level, format, true);
                assert_eq!(&line[..3], expected);
            }
        }
    }
}
