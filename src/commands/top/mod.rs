//! `geoip-exporter top`: a view of the running exporter in the terminal.
//!
//! `state` is the core: events change it, and `view` draws it. Both are pure.
//! Threads turn keys, answers of the exporter, names of hosts and programs into
//! events. Without a terminal, or with `--once`, `--duration` or `--json`, a
//! table is printed instead. If no exporter runs, the view of root starts one
//! that counts as long as the view is open.

mod asker;
#[cfg(test)]
mod fixture;
mod folder;
mod hosts;
mod own;
mod page;
mod printed;
mod programs;
mod remarks;
mod resolver;
mod shell;
mod state;
mod table;
mod terminal;
mod timed;
mod trend;
mod units;
mod view;

use std::io::{self, IsTerminal as _};

use super::Done;
use super::client::{Client, ClientError};
use crate::api::{Answer as _, Summary};
use crate::cli::{Arguments, TopArguments};
use crate::config::{Config, LogLevel};
use crate::daemon::{Error, Layers};
use crate::logging::complain;
use own::Own;
pub use own::end_with;
use table::{Sort, Tab};
use units::Unit;
pub use view::KEYS;

/// Shows the traffic until the user quits, or prints it.
///
/// # Errors
/// If the configuration that names the daemon is wrong.
pub(super) fn run(
    arguments: &Arguments,
    layers: &Layers,
) -> Result<Done, Error> {
    let config = match arguments.client.url {
        Some(_) => Config::default(),
        None => layers.load().map_err(Error::Config)?.config,
    };
    Ok(show(arguments, layers, &config).unwrap_or_else(|fault| {
        complain(LogLevel::Error, &fault.to_string());
        Done { text: String::new(), status: fault.exit_code() }
    }))
}

/// Why there is no view.
#[derive(Debug, thiserror::Error)]
enum Fault {
    /// The exporter does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No exporter runs.
    #[error(
        "{0}; start geoip-exporter, name one by --url, or run top as root, \
         which then counts by itself"
    )]
    Absent(ClientError),
    /// The exporter that this program started does not run.
    #[error("cannot count: {0}")]
    Own(String),
    /// The terminal cannot be used.
    #[error("cannot use the terminal: {0}")]
    Terminal(io::Error),
}

impl Fault {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Client(fault) | Self::Absent(fault) => fault.exit_code(),
            Self::Own(_) => crate::sysexits::UNAVAILABLE,
            Self::Terminal(_) => crate::sysexits::IOERR,
        }
    }
}

fn show(
    arguments: &Arguments,
    layers: &Layers,
    config: &Config,
) -> Result<Done, Fault> {
    let mut client = Client::new(&arguments.client, config)?;
    let mut own = None;
    match client.get_again::<Summary>(Summary::PATH) {
        Ok(_) => {}
        Err(fault) if fault.is_absent() && arguments.client.url.is_none() => {
            if !rustix::process::geteuid().is_root() {
                return Err(Fault::Absent(fault));
            }
            let started = Own::start(layers, config).map_err(Fault::Own)?;
            client = started.client()?;
            own = Some(started);
        }
        Err(fault) => return Err(fault.into()),
    }
    let asked = &arguments.top;
    let done = if let Some(duration) = asked.duration {
        timed::run(&mut client, asked, arguments.json, duration)?
    } else if asked.once || arguments.json {
        printed::once(&mut client, asked, arguments.json, own.is_some())?
    } else if let Some(reason) = no_terminal() {
        let text = format!("{reason}: printing once, as with --once");
        complain(LogLevel::Info, &text);
        printed::once(&mut client, asked, false, own.is_some())?
    } else {
        shell::run(client, asked, own.is_some()).map_err(Fault::Terminal)?;
        Done::default()
    };
    drop(own);
    Ok(done)
}

/// Returns the reason why this terminal cannot show a view.
fn no_terminal() -> Option<&'static str> {
    if !io::stdout().is_terminal() {
        return Some("standard output is no terminal");
    }
    match std::env::var("TERM") {
        Ok(name) if name == "dumb" => Some("the terminal is dumb"),
        Ok(name) if !name.is_empty() => None,
        _ => Some("TERM is not set"),
    }
}

/// Returns the table that a name asks for.
fn tab(asked: &TopArguments) -> Tab {
    let mut all = Tab::ALL.into_iter();
    all.find(|tab| tab.name() == asked.view).unwrap_or_default()
}

fn sort(asked: &TopArguments) -> Sort {
    let mut all = [Sort::Rate, Sort::Total, Sort::Name].into_iter();
    all.find(|sort| sort.name() == asked.sort).unwrap_or_default()
}

fn unit(asked: &TopArguments) -> Unit {
    if asked.bytes { Unit::Bytes } else { Unit::Bits }
}
