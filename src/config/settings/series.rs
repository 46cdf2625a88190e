//! Settings of the series on the metrics page.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::ops::RangeInclusive;
use std::time::Duration;

use figment::value::Value;

use crate::config::setting::{Effect, Kind, Setting};
use crate::config::values::Fault;
use crate::config::{Countries, countries, duration};

/// Below a second a scrape would miss the last bytes.
const RETENTION: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(365 * 24 * 3600);

pub(super) const SERIES: &[Setting] = &[
    Setting {
        key: "countries_at_zero",
        kind: Kind::Text,
        value_name: "CODES",
        summary: "Countries that have series before their first packet",
        details: "Prometheus computes an increase from the second sample of \
            a series on. If a series begins with its first packets, the \
            increase misses them. These countries are shown at 0 for every \
            attached interface from the start. \"all\" makes 2,008 series \
            for each interface. A list is written with commas or, in a TOML \
            file, as an array. It can contain UNKNOWN.",
        expected: "\"none\", \"all\" or a comma list of ISO 3166-1 codes (in \
            TOML also an array)",
        example: "\"DE,US\"",
        effect: Effect::Live,
        read: |config, value| {
            config.countries_at_zero = countries::countries(value)?;
            Ok(())
        },
        write: |config| match &config.countries_at_zero {
            Countries::None => "none".into(),
            Countries::All => "all".into(),
            Countries::Listed(codes) => codes.clone().into(),
        },
        copy: |config, old| {
            config.countries_at_zero = old.countries_at_zero.clone();
        },
    },
    Setting {
        key: "absent_interface_retention",
        kind: Kind::Text,
        value_name: "DURATION",
        summary: "Time that the series of an absent interface stay on the \
            page",
        details: "After this time the page does not show them. The exporter \
            remembers the counters of the 1,000 such interfaces with the \
            most traffic, and continues them if the interface returns. At \
            most 4,096 absent interfaces have series; those that went first \
            lose their series first. Choose several scrape intervals. \"0\" \
            keeps the series until a restart.",
        expected: "a duration from 1s to 8760h, or \"0\"",
        example: "\"1h\"",
        effect: Effect::Live,
        read: |config, value| {
            config.absent_interface_retention = retention(value)?;
            Ok(())
        },
        write: |config| match config.absent_interface_retention {
            None => "0".into(),
            Some(retention) => duration::duration_text(retention).into(),
        },
        copy: |config, old| {
            config.absent_interface_retention = old.absent_interface_retention;
        },
    },
];

fn retention(value: &Value) -> Result<Option<Duration>, Fault> {
    let is_zero = match value {
        Value::String(_, text) => matches!(text.trim(), "0" | "0s"),
        Value::Num(_, number) => number.to_i128() == Some(0),
        _ => false,
    };
    match is_zero {
        true => Ok(None),
        false => duration::duration(value, RETENTION).map(Some),
    }
}
