//! Settings of the process: saved counters, pins, the log and the sandbox.
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
        summary: "Directory that keeps the counters for the next start",
        details: "The counters continue after a restart, and counting \
            continues in the meantime: see pin_directory. The exporter saves \
            the counters every 30 seconds, at the end, and before a scrape \
            shows them, so that after a restart no counter is below a \
            scraped value. It makes the directory if it is missing. Only one \
            exporter can use it. Empty: counters begin at zero, and nothing is written. The \
            unit for systemd sets it.",
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
        copy: |config, old| {
            config.state_directory = old.state_directory.clone();
        },
    },
    Setting {
        key: "pin_directory",
        kind: Kind::Text,
        value_name: "DIRECTORY",
        summary: "Directory of the maps and links that count while no \
            exporter runs",
        details: "It is used only with state_directory, from Linux 6.6 on. \
            The exporter pins its maps and links in this directory of bpffs, \
            and makes the directory if it is missing. Only one exporter can \
            use it. The programs continue to count when the exporter ends, \
            also after SIGKILL, and the next start continues from there. \
            --remove-pins removes the pinned programs and maps. Empty: \
            traffic that passes while no exporter runs is not counted.",
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
        copy: |config, old| {
            config.pin_directory = old.pin_directory.clone();
        },
    },
    Setting {
        key: "config_watch",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Reload when a configuration file changes",
        details: "The exporter looks at the configuration file and at those \
            of the directory every second, and reloads one second after the \
            last change. Links are followed, so that a ConfigMap of \
            Kubernetes needs no signal. If a file is wrong, nothing changes.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.config_watch = values::switch(value)?;
            Ok(())
        },
        write: |config| config.config_watch.into(),
        copy: |config, old| config.config_watch = old.config_watch,
    },
    Setting {
        key: "log_level",
        kind: Kind::Text,
        value_name: "LEVEL",
        summary: "Level of detail of the log",
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
        copy: |config, old| config.log_level = old.log_level,
    },
    Setting {
        key: "log_format",
        kind: Kind::Text,
        value_name: "FORMAT",
        summary: "Format of log lines",
        details: "text is for people. json writes one object on each line.",
        expected: "one of text and json",
        example: "\"text\"",
        effect: Effect::Live,
        read: |config, value| {
            config.log_format = values::log_format(value)?;
            Ok(())
        },
        write: |config| config.log_format.as_str().into(),
        copy: |config, old| config.log_format = old.log_format,
    },
    Setting {
        key: "sandbox",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Give up privileges that are not needed any more",
        details: "After its programs are loaded, the exporter keeps \
            CAP_NET_ADMIN on the thread that attaches to interfaces, as long \
            as new ones can appear. Each thread can make only the system \
            calls of its duty, and files can be written only in the \
            directories of the state, the pins and the sockets, and in those \
            that systemd names. Set it to false to find out whether a \
            restriction causes a fault.",
        expected: "true or false",
        example: "true",
        effect: Effect::Restart,
        read: |config, value| {
            config.sandbox = values::switch(value)?;
            Ok(())
        },
        write: |config| config.sandbox.into(),
        copy: |config, old| config.sandbox = old.sandbox,
    },
];
