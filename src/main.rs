//! Runs geoip-exporter.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crossbeam_channel::unbounded;
use geoip_exporter::cli::{self, Cli, Command, Outcome};
use geoip_exporter::commands::Done;
use geoip_exporter::config::LogLevel;
use geoip_exporter::daemon::{self, Error, Layers, ThisHost};
use geoip_exporter::logging::complain;
use geoip_exporter::{commands, logging, sysexits};

fn main() -> ExitCode {
    if let Err(error) = daemon::prepare_process() {
        // Not fatal: this matters only if the parent took something away.
        complain(LogLevel::Warn, &format!("cannot prepare: {error}"));
    }
    let cli = match cli::parse(std::env::args_os()) {
        Ok(Outcome::Run(cli)) => cli,
        Ok(Outcome::Print(text)) => {
            return print(&text).err().unwrap_or(sysexits::OK.into());
        }
        Err(error) => return fail(sysexits::USAGE, &error.to_string()),
    };
    let has_log = cli.command == Command::Daemon;
    match run(cli) {
        Ok(Done { text, status }) => match print(&text) {
            Ok(()) => status.into(),
            Err(failed) => failed,
        },
        Err(error) if has_log && error.is_logged() => error.exit_code().into(),
        Err(error) => fail(error.exit_code(), &logging::chain(&error)),
    }
}

/// Runs the daemon or a command and returns the text to print.
fn run(Cli { command, arguments, flags }: Cli) -> Result<Done, Error> {
    let environment = std::env::vars_os().collect();
    let layers = Layers { flags, environment, ..Layers::default() };
    if command != Command::Daemon {
        return commands::run(command, &arguments, &layers);
    }
    commands::end_with(arguments.ends_with);
    let host = ThisHost::new(&layers.environment)?;
    daemon::run(layers, &host, unbounded()).map(|()| Done::default())
}

fn print(text: &str) -> Result<(), ExitCode> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| {
        let text = format!("cannot write to standard output: {error}");
        fail(sysexits::IOERR, &text)
    })
}

fn fail(status: u8, text: &str) -> ExitCode {
    complain(LogLevel::Error, text);
    status.into()
}
