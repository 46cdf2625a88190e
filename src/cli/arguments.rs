//! The arguments that each command alone has.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use clap::{Arg, ArgAction};

use super::{client, report, top};

/// The names of the arguments of `lookup`.
pub(super) const ADDRESS: &str = "address";
pub(super) const JSON: &str = "json";

/// Returns the arguments of a command. Its flags have a heading of their own in
/// the help, which has the flags of all commands and the settings too.
pub(super) fn of(command: &str) -> Vec<Arg> {
    let under_heading = |argument: Arg| match argument.get_long() {
        Some(_) => argument.help_heading("Flags of this command"),
        None => argument,
    };
    all(command).into_iter().map(under_heading).collect()
}

fn all(command: &str) -> Vec<Arg> {
    let json =
        Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("Print JSON");
    let with_client = |mut all: Vec<Arg>| {
        all.push(json.clone());
        all.extend(client::arguments());
        all
    };
    match command {
        "lookup" => {
            let address = Arg::new(ADDRESS)
                .value_name("ADDRESS")
                .num_args(1..)
                .required(true)
                .help("IPv4 or IPv6 addresses");
            vec![address, json]
        }
        "top" => with_client(top::arguments()),
        "report" => with_client(report::arguments()),
        "health" => client::arguments(),
        _ => Vec::new(),
    }
}
