//! Explains a wrong command line in one line.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ffi::OsString;

use clap::Arg;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{NAMED, command};
use crate::config;

/// The end of the help.
pub(super) const AFTER_HELP: &str = "\
Without a command, it counts and serves until a signal ends it.
Every setting is also a key in a TOML file (poll_interval) and an environment
variable (GEOIP_EXPORTER_POLL_INTERVAL). Later layers override earlier ones:
  1. the defaults
  2. /etc/geoip-exporter.toml, or the file --config names
  3. /etc/geoip-exporter.d/*.toml, in name order
  4. the environment
  5. the flags
At SIGHUP it reads all of them again.
See geoip-exporter(8) and geoip-exporter.toml(5).";

/// Returns the text for a flag after `--`, if that is the fault.
pub(super) fn behind_dashes(
    error: &clap::Error,
    behind: Option<&OsString>,
) -> Option<String> {
    let behind = behind?.to_str().filter(|text| text.starts_with('-'))?;
    let flag = behind.split('=').next().unwrap_or(behind);
    let unknown = error.get(ContextKind::InvalidArg)?;
    let is_it = *unknown == ContextValue::String(behind.to_owned());
    is_it.then(|| format!("{flag}: flags after -- are not read: leave out --"))
}

/// Returns the text for a word that is not a command.
fn unknown_word(word: &str) -> String {
    let names = NAMED.iter().map(|(_, name, ..)| *name);
    if names.clone().any(|name| name == word) {
        return format!(
            "{word:?}: a command comes first, only once, and not after --"
        );
    }
    match config::nearest(word, names) {
        Some(near) => {
            format!("{word:?}: unknown command, did you mean {near}?")
        }
        None => format!(
            "{word:?}: unexpected argument, settings are given as flags such \
             as --interfaces eth0"
        ),
    }
}

/// Returns whether the flag does the same as a command.
fn is_of_command(flag: &str) -> bool {
    let name = flag.strip_prefix("--");
    name.is_some() && NAMED.iter().any(|(_, _, known, _)| name == *known)
}

fn unknown_flag(flag: &str) -> String {
    let command = command();
    let flags: Vec<String> = command
        .get_arguments()
        .filter_map(Arg::get_long)
        .map(|flag| format!("--{flag}"))
        .collect();
    match config::nearest(flag, flags.iter().map(String::as_str)) {
        Some(near) => format!("{flag}: unknown flag, did you mean {near}?"),
        None => format!("{flag}: unknown flag, --help lists them all"),
    }
}

/// Returns the fault in one line: the argument, then the remedy.
pub(super) fn one_line(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    // clap shows a flag with its value's name: "--config <FILE>".
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    let flag = argument.split([' ', '=']).next().unwrap_or(argument);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = context(ContextKind::InvalidSubcommand);
            unknown_word(word.unwrap_or_default())
        }
        ErrorKind::UnknownArgument if !flag.starts_with('-') => {
            unknown_word(argument)
        }
        ErrorKind::UnknownArgument if is_of_command(flag) => {
            format!("{flag} cannot be used together with a command")
        }
        ErrorKind::UnknownArgument
            if let Some(setting) = config::all()
                .find(|setting| flag == format!("--{}", setting.flag())) =>
        {
            format!("{flag}: {}", setting.files_only())
        }
        ErrorKind::UnknownArgument => unknown_flag(flag),
        ErrorKind::ArgumentConflict => {
            let other = context(ContextKind::PriorArg).unwrap_or_default();
            let other = other.split(' ').next().unwrap_or_default();
            format!("{flag} and {other} cannot be used together")
        }
        ErrorKind::MissingRequiredArgument if flag.starts_with("--") => {
            format!("{flag} is missing, which the other flags need")
        }
        ErrorKind::MissingRequiredArgument => {
            "lookup needs an address: geoip-exporter lookup 198.51.100.7".into()
        }
        ErrorKind::TooManyValues => format!("{flag}: takes no value"),
        ErrorKind::InvalidUtf8 => {
            "an argument is not UTF-8 text, see --help".into()
        }
        ErrorKind::InvalidValue => {
            let example = config::all()
                .find(|setting| flag == format!("--{}", setting.flag()))
                .map(|setting| setting.example.trim_matches('"'))
                .or_else(|| super::report::example(flag))
                .unwrap_or("FILE");
            format!("{flag}: needs a value, such as {flag} {example}")
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").into()
        }
    }
}
