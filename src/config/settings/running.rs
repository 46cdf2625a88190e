//! Settings of the process: what it keeps, what it logs, what it may do.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::optional;
use crate::config::setting::{Effect, Kind, Setting};
use crate::config::values;

pub(super) const RUNNING: &[Setting] = &[
    Setting {
        key: "state_directory",
        kind: Kind::Text,
        value_name: "DIRECTORY",
        summary: "Where counters are kept for the next start",
        details: "They go on there after a restart, and so does counting \
            meanwhile: see pin_directory. They are saved every 30 \
            seconds, at the end, and before a scrape shows them, so that no \
            restart sets them back behind a scrape. The directory is \
            made if it is missing, and belongs to one exporter. Empty: \
            counters begin at zero, and nothing is written. The unit for \
            systemd sets it.",
        expected: "the path of a directory, or empty",
        example: "\"/var/lib/geoip-exporter\"",
        effect: Effect::Restart,
        read: |config, value| {
            config.state_directory = match value.as_str() {
                Some("") => None,
                _ => Some(values::file(value)?.into()),
            };
            Ok(())
        },
        write: |config| optional(config.state_directory.as_deref()),
        keep: |config, old| {
            config.state_directory = old.state_directory.clone();
        },
    },
    Setting {
        key: "pin_directory",
        kind: Kind::Text,
        value_name: "DIRECTORY",
        summary: "Where counting goes on while no exporter runs",
        details: "Only with state_directory, and from Linux 6.6 on. The maps \
            and links are pinned in this directory, which is one of bpffs, \
            made if it is missing, and belongs to one exporter. They go on \
            counting when the exporter ends, however it ends, and the next \
            start goes on from there. --remove-pins ends that. Empty: \
            what passes while no exporter runs is not counted.",
        expected: "the path of a directory in bpffs, or empty",
        example: "\"/sys/fs/bpf/geoip-exporter\"",
        effect: Effect::Restart,
        read: |config, value| {
            config.pin_directory = match value.as_str() {
                Some("") => None,
                _ => Some(values::file(value)?.into()),
            };
            Ok(())
        },
        write: |config| optional(config.pin_directory.as_deref()),
        keep: |config, old| {
            config.pin_directory = old.pin_directory.clone();
        },
    },
    Setting {
        key: "log_level",
        kind: Kind::Text,
        value_name: "LEVEL",
        summary: "How much is logged",
        details: "Each level includes the ones before it. debug adds every \
            poll, trace every interface event. Empty: the default.",
        expected: "one of error, warn, info, debug and trace",
        example: "\"info\"",
        effect: Effect::Live,
        read: |config, value| {
            config.log_level = values::log_level(value)?;
            Ok(())
        },
        write: |config| config.log_level.as_str().into(),
        keep: |config, old| config.log_level = old.log_level,
    },
    Setting {
        key: "log_format",
        kind: Kind::Text,
        value_name: "FORMAT",
        summary: "How log lines are written",
        details: "text is for people, json writes one object a line.",
        expected: "one of text and json",
        example: "\"text\"",
        effect: Effect::Live,
        read: |config, value| {
            config.log_format = values::log_format(value)?;
            Ok(())
        },
        write: |config| config.log_format.as_str().into(),
        keep: |config, old| config.log_format = old.log_format,
    },
    Setting {
        key: "sandbox",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Give up privileges that are not needed any more",
        details: "Once the programs are loaded, the exporter keeps \
            CAP_NET_ADMIN on the thread that attaches to interfaces, as long \
            as some may appear, and no other capability; system calls that \
            it does not make fail, and it can write no file. false is for \
            finding out whether that is in the way of something.",
        expected: "true or false",
        example: "true",
        effect: Effect::Restart,
        read: |config, value| {
            config.sandbox = values::switch(value)?;
            Ok(())
        },
        write: |config| config.sandbox.into(),
        keep: |config, old| config.sandbox = old.sandbox,
    },
];
