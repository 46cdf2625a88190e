//! The command line: arguments in, what to do out. Never prints or exits.
//!
//! The flags are those of `config::all`; their values are checked with the
//! other layers of the configuration, not here.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::config::{self, Flags, Kind};
use crate::release;

/// The name of the program.
const PROGRAM: &str = "geoip-exporter";

/// Flags that the ecosystem writes in its own way, by setting.
const ALIASES: [(&str, &str); 1] = [("web_config_file", "web.config.file")];

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// This text on standard output, and exit code 0: help or version.
    Print(String),
    /// Read the configuration and do this with it.
    Run(Cli),
}

/// A command line that is no call for help.
#[derive(Clone, Debug)]
pub struct Cli {
    /// What to do.
    pub action: Action,
    /// The highest layer of the configuration.
    pub flags: Flags,
}

/// What to do with the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Count and serve.
    Run,
    /// Check it and exit.
    CheckConfig,
    /// Print it and exit.
    PrintConfig,
    /// Remove what counts on without an exporter, and exit.
    RemovePins,
}

/// A wrong command line, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

/// Reads the arguments; the first is the name of the program.
///
/// # Errors
///
/// Returns what is wrong with them, for exit code `sysexits::USAGE`.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Outcome, UsageError> {
    let command = command();
    let arguments = normalise(&command, arguments);
    let dashes = arguments.iter().position(|argument| argument == "--");
    let behind = dashes.and_then(|at| arguments.get(at + 1)).cloned();
    match command.try_get_matches_from(arguments) {
        Ok(matches) => Ok(Outcome::Run(cli(&matches))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Outcome::Print(error.to_string()))
            }
            _ => Err(UsageError(
                behind_dashes(&error, behind.as_ref())
                    .unwrap_or_else(|| one_line(&error)),
            )),
        },
    }
}

fn cli(matches: &ArgMatches) -> Cli {
    let action = if matches.get_flag("check-config") {
        Action::CheckConfig
    } else if matches.get_flag("print-config") {
        Action::PrintConfig
    } else if matches.get_flag("remove-pins") {
        Action::RemovePins
    } else {
        Action::Run
    };
    let values = config::all()
        .filter(|setting| setting.has_flag())
        .filter_map(|setting| {
            let text = matches.get_one::<String>(setting.key)?;
            Some((setting, text.clone()))
        })
        .collect();
    let config_file = matches.get_one::<PathBuf>("config").cloned();
    Cli { action, flags: Flags { config_file, values } }
}

/// Returns the command: every flag with its help.
pub fn command() -> Command {
    let settings = config::all().filter(|s| s.has_flag()).map(|setting| {
        let default = setting.default_value();
        let default =
            default.as_str().map_or_else(|| default.to_string(), String::from);
        let help = format!(
            "{}; {} [default: {default}]",
            setting.summary, setting.expected
        );
        let argument = Arg::new(setting.key)
            .long(setting.flag())
            .value_name(setting.value_name)
            .help(help)
            .help_heading("Settings");
        let aliases = ALIASES.iter().filter(|(key, _)| *key == setting.key);
        let argument = argument.aliases(aliases.map(|(_, alias)| *alias));
        match setting.kind {
            // As in Go, the flag alone switches on.
            Kind::Switch => argument
                .num_args(0..=1)
                .default_missing_value("true")
                .value_parser(value_parser!(String)),
            Kind::Text | Kind::Number | Kind::Table => argument,
        }
    });
    Command::new(PROGRAM)
        .version(format!(
            "{} (revision {})",
            release::VERSION,
            release::REVISION
        ))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .override_usage("geoip-exporter [FLAG [VALUE]]...")
        .args_override_self(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        // The same text on every terminal, so that a test can compare it.
        .term_width(80)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Configuration file, instead of the default one"),
        )
        .arg(
            Arg::new("check-config")
                .long("check-config")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["print-config", "remove-pins"])
                .help("Check the configuration on this machine and exit"),
        )
        .arg(
            Arg::new("print-config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .conflicts_with("remove-pins")
                .help("Print the configuration with its sources and exit"),
        )
        .arg(
            Arg::new("remove-pins")
                .long("remove-pins")
                .action(ArgAction::SetTrue)
                .help("Remove the pinned programs and maps and exit"),
        )
        .arg(
            Arg::new("help")
                .long("help")
                .short('h')
                .action(ArgAction::Help)
                .help("Print this help and exit"),
        )
        .arg(
            Arg::new("version")
                .long("version")
                .short('V')
                .action(ArgAction::Version)
                .help("Print the version and exit"),
        )
        .args(settings)
        .after_help(AFTER_HELP)
}

const AFTER_HELP: &str = "\
Every setting is also a key in a TOML file (poll_interval) and an environment
variable (GEOIP_EXPORTER_POLL_INTERVAL). Later layers override earlier ones:
  1. the defaults
  2. /etc/geoip-exporter.toml, or the file --config names
  3. /etc/geoip-exporter.d/*.toml, in name order
  4. the environment
  5. the flags
SIGHUP reads them all again. See geoip-exporter(8), geoip-exporter.toml(5).";

/// Brings arguments into the form that clap reads.
///
/// A long flag with a single dash, as Go programs take it, gets its second
/// one. A value such as `-2s` is joined to its flag, so that it is refused as
/// a value and not as a flag nobody knows.
fn normalise(
    command: &Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let flags: HashSet<&str> =
        command.get_arguments().filter_map(Arg::get_long).collect();
    let is_flag = |name: &str| {
        flags.contains(name) || ALIASES.iter().any(|(_, alias)| *alias == name)
    };
    let mut normal: Vec<OsString> = Vec::new();
    for (index, argument) in arguments.into_iter().enumerate() {
        let text = argument.to_str().unwrap_or_default();
        let name = |text: &'_ str| {
            let name = text.trim_start_matches('-');
            let name = name.split('=').next().unwrap_or(name);
            text.starts_with('-') && is_flag(name)
        };
        let after_flag = normal
            .last()
            .and_then(|last| last.to_str())
            .is_some_and(|last| index > 1 && name(last) && !last.contains('='));
        let mut chars = text.chars();
        let negative = chars.next() == Some('-')
            && chars.next().is_some_and(|char| char.is_ascii_digit());
        if negative && after_flag {
            if let Some(last) = normal.last_mut() {
                last.push("=");
                last.push(text);
            }
        } else if index > 0 && !text.starts_with("--") && name(text) {
            normal.push(format!("-{text}").into());
        } else {
            normal.push(argument);
        }
    }
    normal
}

/// Says that a flag stands where none is read, if that is what is wrong.
fn behind_dashes(
    error: &clap::Error,
    behind: Option<&OsString>,
) -> Option<String> {
    let behind = behind?.to_str().filter(|text| text.starts_with('-'))?;
    let flag = behind.split('=').next().unwrap_or(behind);
    let unknown = error.get(ContextKind::InvalidArg)?;
    let is_it = *unknown == ContextValue::String(behind.to_owned());
    is_it.then(|| {
        format!("{flag}: stands behind --, where no flag is read: leave out --")
    })
}

/// Says what is wrong in one line: the argument, then the remedy.
fn one_line(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    // clap shows a flag with its value's name: "--config <FILE>".
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    let flag = argument.split([' ', '=']).next().unwrap_or(argument);
    match error.kind() {
        ErrorKind::UnknownArgument if !flag.starts_with('-') => format!(
            "{argument:?}: unexpected argument, settings are given as flags \
             such as --interfaces eth0"
        ),
        ErrorKind::UnknownArgument => {
            let command = command();
            let flags: Vec<String> = command
                .get_arguments()
                .filter_map(Arg::get_long)
                .map(|flag| format!("--{flag}"))
                .collect();
            let flags = flags.iter().map(String::as_str);
            match config::nearest(flag, flags) {
                Some(near) => {
                    format!("{flag}: unknown flag, did you mean {near}?")
                }
                None => format!("{flag}: unknown flag, --help lists them all"),
            }
        }
        ErrorKind::ArgumentConflict => {
            let other = context(ContextKind::PriorArg).unwrap_or_default();
            format!("{flag} and {other} cannot be used together")
        }
        ErrorKind::TooManyValues => format!("{flag}: takes no value"),
        ErrorKind::InvalidUtf8 => {
            "an argument is not UTF-8 text, see --help".into()
        }
        ErrorKind::InvalidValue => {
            let example = config::all()
                .find(|setting| flag == format!("--{}", setting.flag()))
                .map_or("FILE", |setting| setting.example.trim_matches('"'));
            format!("{flag}: needs a value, such as {flag} {example}")
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").into()
        }
    }
}

#[cfg(test)]
mod tests;
