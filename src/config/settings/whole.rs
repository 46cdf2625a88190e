//! Settings of the counters of the whole machine.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use crate::config::setting::{Effect, Kind, Setting};
use crate::config::{counted_once, values};

pub(super) const WHOLE: &[Setting] = &[
    Setting {
        key: "host",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Count the traffic of the whole machine by country",
        details: "It adds geoip_host_bytes_received_total and the like, \
            which have no interface label. They count each packet once, \
            where it enters or leaves the machine: at the interfaces that \
            counted_once names. They keep the bytes of interfaces that are \
            gone. While this is false, nothing is counted and it costs \
            nothing; the counters stay in the state.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.host = values::switch(value)?;
            Ok(())
        },
        write: |config| config.host.into(),
        copy: |config, old| config.host = old.host,
    },
    Setting {
        key: "counted_once",
        kind: Kind::Text,
        value_name: "NAMES",
        summary: "Interfaces at which packets of the whole machine are counted",
        details: "Each packet that enters or leaves the machine has to pass \
            one of them, and only one. \"auto\" means the interfaces with \
            hardware or a virtual bus behind them, or, if there are none, as \
            in a container, those of the default routes. An interface that \
            stands on another of them is left out: a bridge over a port, a \
            VLAN, a bond, a tunnel, a macvlan. The exporter follows the \
            devices as they change, and the log and the page / name the \
            interfaces and the reasons. A list is taken as it is. It has the \
            same entries as interfaces. Only attached interfaces are \
            counted. The setting matters if host, networks or remote_hosts is \
            true or if there are services. Empty: \"auto\".",
        expected: "\"auto\" or a comma list of names, patterns and exclusions \
            (in TOML also an array)",
        example: "\"eth0,wg*\"",
        effect: Effect::Live,
        read: |config, value| {
            config.counted_once = counted_once::counted_once(value)?;
            Ok(())
        },
        write: |config| counted_once::value(&config.counted_once),
        copy: |config, old| config.counted_once = old.counted_once.clone(),
    },
];
