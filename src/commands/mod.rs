//! The commands beside the daemon, one file each.
//!
//! To add a command, add a file with a `run` function here, a line in [`run`],
//! and a variant with its name and help text to [`Command`]. A command returns
//! the text for standard output; warnings go to standard error.

mod check;
mod remove_pins;

use crate::cli::Command;
use crate::config::{self, LogLevel};
use crate::daemon::{Error, Layers};
use crate::logging::complain;

/// Reads the configuration, runs the command and returns the text to print.
/// The daemon is not one of these commands; for it, this returns no text.
///
/// # Errors
/// If the configuration is wrong or the command fails.
pub fn run(command: Command, layers: &Layers) -> Result<String, Error> {
    let loaded = layers.load().map_err(Error::Config)?;
    for warning in &loaded.warnings {
        complain(LogLevel::Warn, &format!("warning: {warning}"));
    }
    match command {
        Command::Check => check::run(&loaded),
        Command::PrintConfig => Ok(config::print_config(&loaded)),
        Command::RemovePins => remove_pins::run(&loaded.config),
        Command::Daemon => Ok(String::new()),
    }
}
