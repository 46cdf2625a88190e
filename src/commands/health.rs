//! `geoip-exporter health`: asks a running exporter whether it is ready. It is
//! the health check of a container that has no other program.

use super::Done;
use super::client::{Client, ClientError};
use crate::cli::Arguments;
use crate::config::{Config, LogLevel};
use crate::logging::complain;

/// Prints one line; if the exporter is not ready, on standard error.
pub(super) fn run(config: &Config, arguments: &Arguments) -> Done {
    match ask(config, arguments) {
        Ok(place) => format!("{place} is ready\n").into(),
        Err(error) => {
            complain(LogLevel::Error, &error.to_string());
            Done { text: String::new(), status: error.exit_code() }
        }
    }
}

fn ask(config: &Config, arguments: &Arguments) -> Result<String, ClientError> {
    let mut client = Client::new(&arguments.client, config)?;
    client.ready()?;
    Ok(client.place())
}
