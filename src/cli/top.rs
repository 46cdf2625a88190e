//! The flags of `top`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches};

use super::UsageError;
use crate::config;

/// The tables of `--view`, in the order of their keys.
pub const VIEWS: [&str; 7] = [
    "countries",
    "networks",
    "services",
    "ranges",
    "hosts",
    "interfaces",
    "connections",
];

/// The orders of `--sort`.
pub const SORTS: [&str; 3] = ["rate", "total", "name"];

/// The flags of `top` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopArguments {
    /// The time between two questions.
    pub interval: Duration,
    /// The time to count for a table of what happened meanwhile.
    pub duration: Option<Duration>,
    /// The first table, one of [`VIEWS`].
    pub view: String,
    /// The order of the rows, one of [`SORTS`].
    pub sort: String,
    /// The rows of a printed table.
    pub rows: Option<usize>,
    /// Is true if a table is printed once.
    pub once: bool,
    /// Is true if names of hosts are looked up.
    pub resolve: bool,
    /// Is true if rates are in bytes.
    pub bytes: bool,
    /// Is true if the mouse is left to the terminal.
    pub no_mouse: bool,
}

impl Default for TopArguments {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            duration: None,
            view: VIEWS[0].into(),
            sort: SORTS[0].into(),
            rows: None,
            once: false,
            resolve: false,
            bytes: false,
            no_mouse: false,
        }
    }
}

const INTERVAL: &str = "interval";
const DURATION: &str = "duration";
const VIEW: &str = "view";
const SORT: &str = "sort";
const ROWS: &str = "rows";
const ONCE: &str = "once";
const RESOLVE: &str = "resolve";
const BYTES: &str = "bytes";
const NO_MOUSE: &str = "no-mouse";

const INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3600);
const DURATIONS: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(31 * 24 * 3600);

/// Returns the flags.
pub(super) fn arguments() -> Vec<Arg> {
    let flag = |name: &'static str, value: &'static str| {
        Arg::new(name).long(name).value_name(value)
    };
    let switch = |name: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue)
    };
    vec![
        switch(ONCE)
            .conflicts_with(DURATION)
            .help("Print the table once, as without a terminal"),
        flag(DURATION, "DURATION").help(
            "Count for this time, such as 5m, print what happened, and exit",
        ),
        flag(VIEW, "TABLE").help(format!(
            "The first table: {} [default: countries]",
            list(&VIEWS)
        )),
        flag(SORT, "ORDER").help(format!(
            "The order of the rows: {} [default: rate]",
            list(&SORTS)
        )),
        flag(ROWS, "NUMBER")
            .help("Rows of a printed table [default: 25; all with --json]"),
        flag(INTERVAL, "DURATION")
            .help("Time between two questions, from 100ms [default: 1s]"),
        switch(RESOLVE).help("Look up the names of hosts"),
        switch(BYTES).help("Show rates in bytes instead of bits"),
        switch(NO_MOUSE).help("Leave the mouse to the terminal"),
    ]
}

fn list(names: &[&str]) -> String {
    names.join(", ")
}

/// Returns their values.
pub(super) fn options(
    matches: &ArgMatches,
) -> Result<TopArguments, UsageError> {
    let text = |name: &str| matches.get_one::<String>(name);
    let fault =
        |flag: &str, why: String| UsageError(format!("--{flag}: {why}"));
    let read = |name: &'static str, limits| {
        text(name)
            .map(|it| config::read_duration(it, limits))
            .transpose()
            .map_err(|why| fault(name, why))
    };
    let one_of = |name: &str, known: &[&str]| match text(name) {
        None => Ok(known[0].to_owned()),
        Some(word) if known.contains(&word.as_str()) => Ok(word.clone()),
        Some(word) => {
            let why = format!("{word:?} is none of {}", list(known));
            Err(fault(name, why))
        }
    };
    let rows = match text(ROWS).map(|it| (it, it.parse::<usize>())) {
        None => None,
        Some((_, Ok(rows @ 1..=100_000))) => Some(rows),
        Some((word, _)) => {
            let why = format!("{word:?} is not a number from 1 to 100000");
            return Err(fault(ROWS, why));
        }
    };
    let default = TopArguments::default();
    Ok(TopArguments {
        interval: read(INTERVAL, INTERVALS)?.unwrap_or(default.interval),
        duration: read(DURATION, DURATIONS)?,
        view: one_of(VIEW, &VIEWS)?,
        sort: one_of(SORT, &SORTS)?,
        rows,
        once: matches.get_flag(ONCE),
        resolve: matches.get_flag(RESOLVE),
        bytes: matches.get_flag(BYTES),
        no_mouse: matches.get_flag(NO_MOUSE),
    })
}
