//! Settings of the web server.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::optional;
use crate::config::setting::{Effect, Kind, Setting};
use crate::config::{listen, values};

pub(super) const SERVING: &[Setting] = &[
    Setting {
        key: "listen_address",
        kind: Kind::Text,
        value_name: "ADDRESSES",
        summary: "Addresses and sockets that serve the metrics",
        details: "IPv6 addresses are written in brackets: [::1]:9100. An \
            empty address, as in :9100, means every address of the machine, \
            IPv6 and IPv4. Names of hosts are looked up in /etc/hosts, names \
            of ports in /etc/services, at the start and at a reload, and \
            never over the network. A host stands for its first IPv4 \
            address, or for its first IPv6 address if it has no other. Port \
            0 lets the kernel choose a free port, which the log names. A \
            path such as unix:/run/geoip-exporter/metrics.sock is a socket \
            to which its owner and group can connect (mode 0660). If a dead \
            process left a socket there, it is replaced. Sockets that the \
            service manager opened (LISTEN_FDS) replace this setting.",
        expected: "an address and port, the path of a socket behind unix:, \
            or a comma list of them (in TOML also an array)",
        example: "\"127.0.0.1:9100\"",
        effect: Effect::Restart,
        read: |config, value| {
            config.listen_address = listen::addresses(value)?;
            Ok(())
        },
        write: |config| listen::value(&config.listen_address),
        copy: |config, old| {
            config.listen_address = old.listen_address.clone();
        },
    },
    Setting {
        key: "web_config_file",
        kind: Kind::Text,
        value_name: "FILE",
        summary: "File with TLS certificates and users",
        details: "The file is YAML, in the format that the exporters of \
            Prometheus share: tls_server_config, http_server_config and \
            basic_auth_users. A relative path in it begins at its directory. \
            The exporter reads it again at a reload, and when the file, a \
            certificate or a key changes on disk. The flag that other \
            exporters call web.config.file is accepted too. Empty: the \
            exporter answers every client, without encryption.",
        expected: "the path of a YAML file, or empty",
        example: "\"/etc/geoip-exporter-web.yml\"",
        effect: Effect::Live,
        read: |config, value| {
            config.web_config_file = match value.as_str() {
                Some("") => None,
                _ => Some(values::file(value)?.into()),
            };
            Ok(())
        },
        write: |config| optional(config.web_config_file.as_deref()),
        copy: |config, old| {
            config.web_config_file = old.web_config_file.clone();
        },
    },
    Setting {
        key: "enable_reload",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Let POST /-/reload read everything again",
        details: "It does the same as SIGHUP. It answers 200 once the new \
            configuration is in force, or 500 with the fault. Every client \
            that can scrape can then reload.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.enable_reload = values::switch(value)?;
            Ok(())
        },
        write: |config| config.enable_reload.into(),
        copy: |config, old| config.enable_reload = old.enable_reload,
    },
    Setting {
        key: "metrics_path",
        kind: Kind::Text,
        value_name: "PATH",
        summary: "Path of the metrics page",
        details: "The pages under /-/ are reserved. With / the metrics take \
            the place of the landing page.",
        expected: "a path that begins with a slash",
        example: "\"/metrics\"",
        effect: Effect::Live,
        read: |config, value| {
            config.metrics_path = values::metrics_path(value)?;
            Ok(())
        },
        write: |config| config.metrics_path.clone().into(),
        copy: |config, old| config.metrics_path = old.metrics_path.clone(),
    },
    Setting {
        key: "web",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Serve the live map and the interface for programs",
        details: "The page at / is a live map. The pages under /api/v1/ have \
            the counters as JSON, with rates over the last polls; docs/api.md \
            describes them. The command top reads them. With false they \
            answer 404, / is a list of pages and interfaces, and polls cost \
            as much as without this setting.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.web = values::switch(value)?;
            Ok(())
        },
        write: |config| config.web.into(),
        copy: |config, old| config.web = old.web,
    },
];
