//! The flags of `report`.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use clap::{Arg, ArgAction, ArgMatches};

/// The flags of `report`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportArguments {
    /// The length of the periods, if one is chosen.
    pub length: Option<Length>,
    /// The first day, as it was written.
    pub since: Option<String>,
    /// The last day, as it was written.
    pub until: Option<String>,
    /// The subject, as it was written: one of [`SUBJECTS`].
    pub by: Option<String>,
    /// The only interface.
    pub interface: Option<String>,
    /// The largest number of rows of a table by subject, as it was written.
    pub limit: Option<String>,
    /// Is true if the command prints CSV.
    pub csv: bool,
    /// Is true if the table has bars.
    pub chart: bool,
}

/// A length of periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Months.
    Month,
}

/// The subjects of `--by`.
pub const SUBJECTS: [&str; 5] =
    ["country", "network", "interface", "range", "service"];

/// Returns the arguments.
pub(super) fn arguments() -> Vec<Arg> {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let value =
        |name: &'static str, value: &'static str, help: &'static str| {
            // A number that is refused is named as the value that it is.
            let flag = Arg::new(name).long(name).allow_negative_numbers(true);
            flag.value_name(value).help(help)
        };
    vec![
        switch("hour", "By hour; the last 24 unless --since says otherwise")
            .conflicts_with_all(["day", "month"]),
        switch("day", "By day; the last 30, or today with --by")
            .conflicts_with("month"),
        switch("month", "By month; the last 12, or this month with --by"),
        value(
            "since",
            "DAY",
            "First day: 2026-11-01, 2026-11, today, yesterday, or 7d for the \
             last 7 days",
        ),
        value("until", "DAY", "Last day, in the same forms"),
        value(
            "by",
            "SUBJECT",
            "One row for each country, network, interface, range or service",
        ),
        value("interface", "NAME", "Only the traffic of this interface"),
        value(
            "limit",
            "ROWS",
            "Most subjects with --by; one row more has the sum of the others \
             [default: 25; all with --csv]",
        )
        .conflicts_with("json"),
        switch("csv", "Print CSV, in bytes")
            .conflicts_with_all(["json", "chart"]),
        switch("chart", "Print bars beside the numbers").conflicts_with("json"),
    ]
}

/// Returns the values of the flags.
pub(super) fn options(matches: &ArgMatches) -> ReportArguments {
    let is_set = |name: &str| matches.get_flag(name);
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let length = [
        ("hour", Length::Hour),
        ("day", Length::Day),
        ("month", Length::Month),
    ];
    ReportArguments {
        length: length
            .into_iter()
            .find(|(name, _)| is_set(name))
            .map(|(_, length)| length),
        since: text("since"),
        until: text("until"),
        by: text("by"),
        interface: text("interface"),
        limit: text("limit"),
        csv: is_set("csv"),
        chart: is_set("chart"),
    }
}

/// Returns an example of the value of a flag.
pub(super) fn example(flag: &str) -> Option<&'static str> {
    match flag {
        "--since" | "--until" => Some("2026-11-01"),
        "--by" => Some("country"),
        "--interface" => Some("eth0"),
        "--limit" => Some("100"),
        _ => None,
    }
}
