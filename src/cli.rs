//! The command line: takes arguments, returns the command and the flags. Never
//! prints or exits.
//!
//! The flags are those of `config::all`; their values are checked with the
//! other layers of the configuration, not here.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod arguments;
mod client;
mod explain;
mod report;
mod top;

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::config::{self, Flags, Kind, Setting};
use crate::release;
use arguments::{ADDRESS, JSON};
pub use client::ClientOptions;
use explain::{AFTER_HELP, behind_dashes, one_line};
pub use report::{Length, ReportArguments, SUBJECTS};
pub use top::{SORTS, TopArguments, VIEWS};

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
    /// The words and flags of the command alone.
    pub arguments: Arguments,
    /// The highest layer of the configuration.
    pub flags: Flags,
}

/// The words and flags of a command alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The addresses to look up, as they were written.
    pub addresses: Vec<String>,
    /// Is true if the command prints JSON.
    pub json: bool,
    /// The daemon to ask.
    pub client: ClientOptions,
    /// The flags of `top`.
    pub top: Box<TopArguments>,
    /// The process whose end ends this one: the terminal view that started it.
    pub ends_with: Option<u32>,
    /// The flags of `report`.
    pub report: Box<ReportArguments>,
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
    /// Say where addresses belong.
    Lookup,
    /// Show the traffic in the terminal.
    Top,
    /// Print the traffic of hours, days and months.
    Report,
    /// Ask a running exporter whether it counts.
    Health,
    /// Remove the pinned programs and maps.
    RemovePins,
}

/// The commands with a name: the name, the older flag that does the same if
/// there is one, and the help text of both.
const NAMED: [(Command, &str, Option<&str>, &str); 7] = [
    (
        Command::Check,
        "check",
        Some("check-config"),
        "Check the configuration on this machine and exit",
    ),
    (
        Command::PrintConfig,
        "print-config",
        Some("print-config"),
        "Print the configuration with its sources and exit",
    ),
    (
        Command::Lookup,
        "lookup",
        None,
        "Say where addresses belong, and why: lookup [--json] ADDRESS...",
    ),
    (
        Command::Top,
        "top",
        None,
        "Show the traffic in the terminal; top --help lists its flags",
    ),
    (
        Command::Report,
        "report",
        None,
        "Print the traffic of days or months; report --help lists its flags",
    ),
    (
        Command::Health,
        "health",
        None,
        "Ask the running exporter whether it is ready, for health checks",
    ),
    (
        Command::RemovePins,
        "remove-pins",
        Some("remove-pins"),
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
            let mut flags = NAMED.iter().filter_map(|(_, _, flag, _)| *flag);
            if let Some(flag) = flags.find(|flag| matches.get_flag(flag)) {
                return Err(together(name, &format!("--{flag}")));
            }
            (Some(name), inner)
        }
        None => (None, matches),
    };
    let asked = NAMED.iter().find(|(_, known, flag, _)| match name {
        Some(name) => name == *known,
        None => flag.is_some_and(|flag| matches.get_flag(flag)),
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
    let mut arguments = Arguments::default();
    match command {
        Command::Lookup => {
            let words = matches.get_many::<String>(ADDRESS);
            arguments.addresses =
                words.into_iter().flatten().cloned().collect();
            arguments.json = matches.get_flag(JSON);
        }
        Command::Top => {
            arguments.json = matches.get_flag(JSON);
            arguments.client = client::options(matches);
            arguments.top = Box::new(top::options(matches)?);
        }
        Command::Report => {
            arguments.json = matches.get_flag(JSON);
            arguments.client = client::options(matches);
            arguments.report = report::options(matches).into();
        }
        Command::Health => arguments.client = client::options(matches),
        Command::Daemon => {
            arguments.ends_with = matches.get_one::<u32>(ENDS_WITH).copied();
        }
        _ => {}
    }
    Ok(Cli { command, arguments, flags: Flags { config_file, values } })
}

fn together(one: &str, other: &str) -> UsageError {
    UsageError(format!("{one} and {other} cannot be used together"))
}

/// Returns the flag of a setting.
fn flag_of(setting: &'static Setting) -> Arg {
    let default = setting.default_value();
    let default = match default.as_str() {
        Some("") => "empty".to_owned(),
        Some(text) => text.to_owned(),
        None => default.to_string(),
    };
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

/// The flag of a daemon that the terminal view starts. It is in no help.
const ENDS_WITH: &str = "ends-with-process";

/// Returns the program for clap: its commands, and every flag with its help.
pub fn command() -> clap::Command {
    let settings = config::all().filter(|s| s.has_flag()).map(flag_of);
    let flags = NAMED.iter().filter_map(|(_, _, flag, help)| {
        let flag = (*flag)?;
        let others = NAMED.iter().filter_map(|(_, _, other, _)| *other);
        let flag = Arg::new(flag)
            .long(flag)
            .action(ArgAction::SetTrue)
            .conflicts_with_all(others.filter(|other| *other != flag))
            .help(*help);
        Some(flag)
    });
    let commands = NAMED.iter().map(|(_, name, _, about)| {
        clap::Command::new(*name)
            .about(*about)
            .display_name(PROGRAM)
            .override_usage(format!("{PROGRAM} {name} [FLAG [VALUE]]..."))
            .args(arguments::of(name))
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
            Arg::new(ENDS_WITH)
                .long(ENDS_WITH)
                .value_parser(value_parser!(u32))
                .hide(true),
        )
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

#[cfg(test)]
mod tests;
