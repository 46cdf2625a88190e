//! The command line: takes arguments, returns the command and the flags. Never
//! prints or exits.
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
use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::config::{self, Flags, Kind, Setting};
use crate::release;

/// The name of the program.
const PROGRAM: &str = "geoip-exporter";

/// Other names of flags that Prometheus' exporters share, by setting.
const ALIASES: [(&str, &str); 1] = [("web_config_file", "web.config.file")];

/// The request of a command line.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Print this text, the help or the version, and exit with 0.
    Print(String),
    /// Read the configuration and run this command.
    Run(Cli),
}

/// A command with its flags.
#[derive(Clone, Debug)]
pub struct Cli {
    /// The command.
    pub command: Command,
    /// The highest layer of the configuration.
    pub flags: Flags,
}

/// A command of the program. Each but the daemon has a file in `commands/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Count and serve until a signal ends it. This command has no name.
    Daemon,
    /// Check the configuration.
    Check,
    /// Print the configuration.
    PrintConfig,
    /// Remove the pinned programs and maps.
    RemovePins,
}

/// The commands with a name: the name, the older flag that does the same, and
/// the help text of both.
const NAMED: [(Command, &str, &str, &str); 3] = [
    (
        Command::Check,
        "check",
        "check-config",
        "Check the configuration on this machine and exit",
    ),
    (
        Command::PrintConfig,
        "print-config",
        "print-config",
        "Print the configuration with its sources and exit",
    ),
    (
        Command::RemovePins,
        "remove-pins",
        "remove-pins",
        "Remove the pinned programs and maps and exit",
    ),
];

/// A wrong command line, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

/// Reads the arguments; the first is the name of the program.
///
/// # Errors
///
/// Returns the fault of the arguments, for exit code `sysexits::USAGE`.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Outcome, UsageError> {
    let command = command();
    let arguments = normalise(&command, arguments);
    let dashes = arguments.iter().position(|argument| argument == "--");
    let behind = dashes.and_then(|at| arguments.get(at + 1)).cloned();
    match command.try_get_matches_from(arguments) {
        Ok(matches) => cli(&matches).map(Outcome::Run),
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

fn cli(matches: &ArgMatches) -> Result<Cli, UsageError> {
    let (name, matches) = match matches.subcommand() {
        Some((name, inner)) => {
            let mut flags = NAMED.iter().map(|(_, _, flag, _)| *flag);
            if let Some(flag) = flags.find(|flag| matches.get_flag(flag)) {
                return Err(together(name, &format!("--{flag}")));
            }
            (Some(name), inner)
        }
        None => (None, matches),
    };
    let asked = NAMED.iter().find(|(_, known, flag, _)| match name {
        Some(name) => name == *known,
        None => matches.get_flag(flag),
    });
    let command = asked.map_or(Command::Daemon, |(command, ..)| *command);
    let values = config::all()
        .filter(|setting| setting.has_flag())
        .filter_map(|setting| {
            let text = matches.get_one::<String>(setting.key)?;
            Some((setting, text.clone()))
        })
        .collect();
    let config_file = matches.get_one::<PathBuf>("config").cloned();
    Ok(Cli { command, flags: Flags { config_file, values } })
}

fn together(one: &str, other: &str) -> UsageError {
    UsageError(format!("{one} and {other} cannot be used together"))
}

/// Returns the flag of a setting.
fn flag_of(setting: &'static Setting) -> Arg {
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
        .help_heading("Settings")
        .global(true);
    let aliases = ALIASES.iter().filter(|(key, _)| *key == setting.key);
    let argument = argument.aliases(aliases.map(|(_, alias)| *alias));
    match setting.kind {
        // As in Go, the flag alone means true.
        Kind::Switch => argument
            .num_args(0..=1)
            .default_missing_value("true")
            .value_parser(value_parser!(String)),
        Kind::Text | Kind::Number | Kind::Table | Kind::Tables(_) => argument,
    }
}

/// Returns the program for clap: its commands, and every flag with its help.
pub fn command() -> clap::Command {
    let settings = config::all().filter(|s| s.has_flag()).map(flag_of);
    let flags = NAMED.iter().map(|(_, _, flag, help)| {
        let others = NAMED.iter().map(|(_, _, other, _)| *other);
        Arg::new(*flag)
            .long(*flag)
            .action(ArgAction::SetTrue)
            .conflicts_with_all(others.filter(|other| other != flag))
            .help(*help)
    });
    let commands = NAMED.iter().map(|(_, name, _, about)| {
        clap::Command::new(*name)
            .about(*about)
            .display_name(PROGRAM)
            .override_usage(format!("{PROGRAM} {name} [FLAG [VALUE]]..."))
    });
    clap::Command::new(PROGRAM)
        .version(format!(
            "{} (revision {})",
            release::VERSION,
            release::REVISION
        ))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .override_usage("geoip-exporter [COMMAND] [FLAG [VALUE]]...")
        .subcommands(commands)
        .propagate_version(true)
        .disable_help_subcommand(true)
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
                .help("Configuration file, instead of the default one")
                .global(true),
        )
        .args(flags)
        .arg(
            Arg::new("help")
                .long("help")
                .short('h')
                .action(ArgAction::Help)
                .global(true)
                .help("Print this help and exit"),
        )
        .arg(
            Arg::new("version")
                .long("version")
                .short('V')
                .action(ArgAction::Version)
                .global(true)
                .help("Print the version and exit"),
        )
        .args(settings)
        .after_help(AFTER_HELP)
}

const AFTER_HELP: &str = "\
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

/// Brings arguments into the form that clap reads.
///
/// A long flag with one dash, which Go programs accept, gets a second dash. A
/// value such as `-2s` is joined to its flag, so that it is refused as a value
/// and not as an unknown flag.
fn normalise(
    command: &clap::Command,
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

/// Returns the text for a flag after `--`, if that is the fault.
fn behind_dashes(
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
    NAMED.iter().any(|(_, _, known, _)| flag.strip_prefix("--") == Some(*known))
}

/// Returns the fault in one line: the argument, then the remedy.
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
