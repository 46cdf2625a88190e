//! Runs geoip-exporter.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crossbeam_channel::unbounded;
use geoip_exporter::cli::{self, Action, Cli, Outcome};
use geoip_exporter::config::LogLevel;
use geoip_exporter::daemon::{self, Error, Layers, ThisHost};
use geoip_exporter::logging::complain;
use geoip_exporter::{config, logging, sysexits};

fn main() -> ExitCode {
    if let Err(error) = daemon::reset_signals() {
        // It goes on: only a parent with a mask of its own notices.
        complain(LogLevel::Warn, &format!("cannot reset signals: {error}"));
    }
    let cli = match cli::parse(std::env::args_os()) {
        Ok(Outcome::Run(cli)) => cli,
        Ok(Outcome::Print(text)) => return print(&text),
        Err(error) => {
            complain(LogLevel::Error, &error.to_string());
            return sysexits::USAGE.into();
        }
    };
    match run(cli) {
        Ok(text) => print(&text),
        Err(error) => {
            if !error.is_logged() {
                complain(LogLevel::Error, &logging::chain(&error));
            }
            error.exit_code().into()
        }
    }
}

/// Does what was asked for and returns what to print.
fn run(Cli { action, flags }: Cli) -> Result<String, Error> {
    let environment = std::env::vars_os().collect();
    let layers = Layers { flags, environment, ..Layers::default() };
    if action == Action::Run {
        let host = ThisHost::new().map_err(Error::Signals)?;
        return daemon::run(layers, &host, unbounded()).map(|()| String::new());
    }
    let loaded = layers.load().map_err(Error::Config)?;
    for warning in daemon::warnings(&loaded, action == Action::CheckConfig)? {
        complain(LogLevel::Warn, &format!("warning: {warning}"));
    }
    match action {
        Action::PrintConfig => Ok(config::print_config(&loaded)),
        Action::RemovePins => daemon::remove_pins(&loaded.config),
        _ => Ok(String::new()),
    }
}

fn print(text: &str) -> ExitCode {
    let written = io::stdout().write_all(text.as_bytes());
    written.map_or(sysexits::IOERR, |()| sysexits::OK).into()
}
