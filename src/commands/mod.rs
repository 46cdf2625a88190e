//! The commands beside the daemon, one file each.
//!
//! To add a command, add a file with a `run` function here, a line in [`run`],
//! and a variant with its name and help text to [`Command`]. A command returns
//! the text for standard output; warnings go to standard error.

mod check;
pub mod client;
mod health;
mod lookup;
mod plain;
mod remove_pins;
mod report;
mod top;

use crate::cli::{Arguments, Command};
use crate::config::{self, Config, LogLevel};
use crate::daemon::{Error, Layers};
use crate::kernel;
use crate::logging::complain;
use crate::sysexits;
pub use top::{KEYS, end_with};

/// The result of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The text for standard output.
    pub text: String,
    /// The exit status. If it is not zero, a line has been printed.
    pub status: u8,
}

impl From<String> for Done {
    fn from(text: String) -> Self {
        Self { text, status: sysexits::OK }
    }
}

/// Reads the configuration, runs the command and returns the text to print.
/// The daemon is not one of these commands; for it, this returns no text.
///
/// # Errors
/// If the configuration is wrong or the command fails.
pub fn run(
    command: Command,
    arguments: &Arguments,
    layers: &Layers,
) -> Result<Done, Error> {
    kernel::load_no_name_services();
    if command == Command::Top {
        return top::run(arguments, layers);
    }
    if command == Command::Report && arguments.client.url.is_some() {
        // The exporter there has a configuration of its own.
        return Ok(report::run(&Config::default(), arguments));
    }
    let loaded = layers.load().map_err(Error::Config)?;
    for warning in &loaded.warnings {
        complain(LogLevel::Warn, &format!("warning: {warning}"));
    }
    match command {
        Command::Check => check::run(&loaded).map(Done::from),
        Command::PrintConfig => {
            let hash = config::hash(&loaded.config);
            let text = config::print_config(&loaded);
            Ok(format!("# hash {hash}\n{text}").into())
        }
        Command::Lookup => Ok(lookup::run(&loaded, arguments)),
        Command::Report => Ok(report::run(&loaded.config, arguments)),
        Command::Health => Ok(health::run(&loaded.config, arguments)),
        Command::RemovePins => remove_pins::run(&loaded.config).map(Done::from),
        Command::Daemon | Command::Top => Ok(Done::default()),
    }
}
