//! Settings of the history.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use crate::calendar::Zone;
use crate::config::setting::{Effect, Kind, Setting};
use crate::config::values::{self, Fault};

pub(super) const HISTORY: &[Setting] = &[
    Setting {
        key: "history",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Keep the traffic by hour, day and month",
        details: "It is used only with state_directory. The exporter writes \
            the growth of the saved counters into history.db in this \
            directory, an SQLite file, once a minute: hours for 14 days, days \
            for 400 days, months for ever, by country and interface, and by \
            network, range and service where they are on. The file takes at \
            most some 20 MiB in a year. docs/history.md describes its \
            tables. With false nothing is written; the file stays.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.history = values::switch(value)?;
            Ok(())
        },
        write: |config| config.history.into(),
        copy: |config, old| config.history = old.history,
    },
    Setting {
        key: "history_timezone",
        kind: Kind::Text,
        value_name: "ZONE",
        summary: "Time zone of the days and months",
        details: "A name of the system's time zone database, in \
            /usr/share/zoneinfo. A change concerns traffic from then on: \
            earlier hours and days stay as they are. Empty: the zone of the \
            system, from the variable TZ or from /etc/localtime, or UTC if \
            neither can be read.",
        expected: "the name of a time zone, or empty",
        example: "\"Europe/Berlin\"",
        effect: Effect::Live,
        read: |config, value| {
            let name = values::text(value)?;
            config.history_timezone = zone(name)?;
            Ok(())
        },
        write: |config| config.history_timezone.name().into(),
        copy: |config, old| {
            config.history_timezone = old.history_timezone.clone();
        },
    },
];

fn zone(name: &str) -> Result<Zone, Fault> {
    Zone::named(name).ok_or_else(|| {
        Fault::Because(format!(
            "{name:?} is not in the system's time zone database; write a \
             name such as \"Europe/Berlin\" or \"UTC\""
        ))
    })
}
