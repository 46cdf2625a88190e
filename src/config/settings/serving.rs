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
        summary: "Where the metrics are served",
        details: "IPv6 addresses are written in brackets: [::1]:9100. An \
            empty address, as in :9100, means every address of the machine, \
            IPv6 and IPv4. localhost and other names in /etc/hosts stand for \
            their first IPv4 address, or else their first IPv6 one, and the \
            names in /etc/services for ports: they are read at the start and \
            at a reload, and no name is looked up over the network. Port 0 lets the kernel choose a free port, which \
            the log names. A path such as unix:/run/geoip-exporter/metrics.sock \
            is a socket that its owner and group may connect to (mode 0660); \
            one that a dead process left there is replaced.",
        expected: "an address and port, the path of a socket behind unix:, \
            or a comma list of them (in TOML also an array)",
        example: "\"127.0.0.1:9100\"",
        effect: Effect::Restart,
        read: |config, value| {
            config.listen_address = listen::addresses(value)?;
            Ok(())
        },
        write: |config| listen::value(&config.listen_address),
        keep: |config, old| {
            config.listen_address = old.listen_address.clone();
        },
    },
    Setting {
        key: "web_config_file",
        kind: Kind::Text,
        value_name: "FILE",
        summary: "File with TLS and users",
        details: "The file is YAML, in the format that the exporters of \
            Prometheus share: tls_server_config, http_server_config and \
            basic_auth_users. A path in it begins at its directory. It is \
            read again at a reload, and with it the certificate and the key. \
            The name that other exporters give the flag, web.config.file, \
            is understood too. Empty: everybody who reaches the port is \
            answered, in the clear.",
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
        keep: |config, old| {
            config.web_config_file = old.web_config_file.clone();
        },
    },
    Setting {
        key: "enable_reload",
        kind: Kind::Switch,
        value_name: "BOOL",
        summary: "Let POST /-/reload read everything again",
        details: "It does what SIGHUP does, and answers 200 once that is in \
            force, or 500 with what is wrong. Whoever may scrape may then \
            reload.",
        expected: "true or false",
        example: "true",
        effect: Effect::Live,
        read: |config, value| {
            config.enable_reload = values::switch(value)?;
            Ok(())
        },
        write: |config| config.enable_reload.into(),
        keep: |config, old| config.enable_reload = old.enable_reload,
    },
    Setting {
        key: "metrics_path",
        kind: Kind::Text,
        value_name: "PATH",
        summary: "Path of the metrics page",
        details: "The pages under /-/ are taken. With / the metrics stand in \
            the place of the landing page.",
        expected: "a path that begins with a slash",
        example: "\"/metrics\"",
        effect: Effect::Live,
        read: |config, value| {
            config.metrics_path = values::metrics_path(value)?;
            Ok(())
        },
        write: |config| config.metrics_path.clone().into(),
        keep: |config, old| config.metrics_path = old.metrics_path.clone(),
    },
];
