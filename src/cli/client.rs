//! The flags of the commands that ask a running daemon.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::{Arg, ArgMatches, value_parser};

/// The flags that commands with a client share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientOptions {
    /// The address of the daemon, if it is not the one on this machine.
    pub url: Option<String>,
    /// The certificates to trust, instead of those of this machine.
    pub ca_file: Option<PathBuf>,
    /// The user of the basic authentication.
    pub user: Option<String>,
    /// The file with the password of this user.
    pub password_file: Option<PathBuf>,
}

const URL: &str = "url";
const CA_FILE: &str = "ca-file";
const USER: &str = "user";
const PASSWORD_FILE: &str = "password-file";

/// Returns the flags.
pub(super) fn arguments() -> Vec<Arg> {
    let flag = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value)
    };
    vec![
        flag(URL, "URL").help(
            "The exporter to ask: http://HOST:PORT, https://HOST:PORT or \
             unix:/PATH, instead of the one on this machine",
        ),
        flag(CA_FILE, "FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Certificates to trust, instead of those of this machine"),
        flag(USER, "NAME").help("User of the exporter's web_config_file"),
        flag(PASSWORD_FILE, "FILE")
            .value_parser(value_parser!(PathBuf))
            .requires(USER)
            .help("File with the password of the user"),
    ]
}

/// Returns their values.
pub(super) fn options(matches: &ArgMatches) -> ClientOptions {
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    ClientOptions {
        url: text(URL),
        ca_file: path(CA_FILE),
        user: text(USER),
        password_file: path(PASSWORD_FILE),
    }
}
