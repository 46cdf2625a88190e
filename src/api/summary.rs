//! `/api/v1/summary`: the exporter and the machine at a glance.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

use super::{Counted, Envelope, Quota, Volume};

/// The answer. The page takes no parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The beginning of every answer.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// The version of the exporter.
    pub version: String,
    /// The revision of the sources it was built from.
    pub revision: String,
    /// The name of the machine; null if it is unknown.
    pub hostname: Option<String>,
    /// The seconds from the start of the exporter to the poll.
    pub uptime_seconds: f64,
    /// The seconds between two polls.
    pub poll_interval_seconds: f64,
    /// True once every interface is attached and was polled.
    pub is_ready: bool,
    /// The time since which the counters count, in seconds since 1970; null if
    /// it is unknown.
    pub counting_since: Option<f64>,
    /// The traffic that `whole` adds up.
    pub counted: Counted,
    /// All traffic.
    pub whole: Volume,
    /// The part of it whose country is not known because its flow left the
    /// kernel's map before a poll.
    pub unattributed: Volume,
    /// Open TCP connections; null if connections are not counted.
    pub connections_open: Option<u64>,
    /// Interfaces that are counted now.
    pub interfaces: u64,
    /// Countries with traffic.
    pub countries: u64,
    /// Networks whose counters are kept; null if networks are not counted.
    pub networks: Option<u64>,
    /// Remote hosts that are kept; null if hosts are not counted.
    pub hosts: Option<u64>,
    /// The databases and other files that the exporter follows.
    pub databases: Vec<Database>,
    /// The last reload.
    pub last_reload: LastReload,
    /// True if the shown counters are saved; null without `state_directory`.
    pub state_saved: Option<bool>,
    /// The quota; null without one.
    pub quota: Option<Quota>,
    /// The subjects that are on.
    pub slices: Slices,
}

/// A file that the exporter follows on disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// Its subject, as in the metrics: `country`, `asn`, `ranges`, `web_config`.
    pub database: String,
    /// True if the newest attempt to read it was successful.
    pub is_loaded: bool,
    /// The file in use, which may be an older one; null without one.
    pub path: Option<String>,
    /// The type that a database states, such as `GeoLite2-Country`.
    pub database_type: Option<String>,
    /// The build time that it states, in seconds since 1970.
    pub built: Option<f64>,
}

/// The last reload. The start counts as a successful one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastReload {
    /// True if the newest attempt was successful.
    pub is_successful: bool,
    /// The time of the newest successful one, in seconds since 1970.
    pub succeeded_at: f64,
}

/// The subjects that are on. Pages of subjects that are off answer 404.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[expect(clippy::struct_excessive_bools, reason = "one for each subject")]
#[serde(default)]
pub struct Slices {
    /// The whole machine counted once (`host`).
    pub host: bool,
    /// Networks (`networks`).
    pub networks: bool,
    /// Named ranges (`range`, `range_files`).
    pub ranges: bool,
    /// Services (`service`).
    pub services: bool,
    /// TCP connections (`connections`).
    pub connections: bool,
    /// Remote hosts (`remote_hosts`).
    pub remote_hosts: bool,
    /// The history (`history`).
    pub history: bool,
    /// A quota (`quota`).
    pub quota: bool,
    /// The largest unknown prefixes (`unknown_prefixes`).
    pub unknown_prefixes: bool,
}
