//! The configuration: the settings, their values, sources and problems.
//!
//! `settings` is the one definition of every setting; flags, environment
//! variables, TOML keys and the documents are made from it. `load` reads the
//! layers, `resolve` merges and checks them, `plan` finds the changes of a
//! reload, `print` writes a configuration as TOML, `hash`
//! compares machines.
//!
//! Pure, all but `load`, and the name of a time zone, which is looked up in the
//! system's database: no I/O, clock, threads or logging.

mod byte_size;
mod connections;
mod counted_once;
mod countries;
mod duration;
mod elements;
mod error;
mod hash;
mod interfaces;
mod layer;
mod listen;
mod load;
mod names;
mod nearest;
mod number;
mod paths;
mod places;
mod plan;
mod print;
mod quota;
mod ranges;
mod resolve;
mod seen;
mod services;
mod setting;
mod settings;
mod syntax;
mod tables;
mod text;
mod values;

pub use connections::{ConnectionsScope, IgnoredConnections};
pub use counted_once::CountedOnce;
pub use countries::Countries;
pub use duration::read_duration;
pub use elements::{Element, ReadElements, Wrong};
pub use error::{Error, Problem, Source};
pub use hash::hash;
pub use interfaces::{Candidate, Interfaces, Rule};
pub use layer::Flags;
pub use listen::ListenAddress;
pub use load::{load, load_at};
pub use nearest::nearest;
pub use paths::{CONFIG_VARIABLE, Paths};
pub use plan::{Plan, plan};
pub use print::print_config;
pub use quota::QuotaDirection;
pub use resolve::Loaded;
pub use seen::{Seen, SeenFile, look};
pub use services::{MOST_SERVICES, Ports, Protocol, Service};
pub use setting::{Effect, Kind, Setting};
pub use settings::{all, find};
pub use text::utf8;

use std::net::Ipv4Addr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::calendar::Zone;
use crate::ranges::{Definition, SourceFile};

/// The level of detail of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Errors only.
    Error,
    /// Also warnings.
    Warn,
    /// Also events of ordinary operation.
    Info,
    /// Also every poll.
    Debug,
    /// Also every interface event.
    Trace,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A configuration that passed every rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The choice of the interfaces to count.
    pub interfaces: Interfaces,
    /// The country database, an mmdb file.
    pub geoip_db: PathBuf,
    /// Is true if a change of a configuration file causes a reload.
    pub config_watch: bool,
    /// Is true if a changed database file is loaded without a reload.
    pub geoip_db_watch: bool,
    /// The number of database records that are kept decoded.
    pub geoip_cache_size: NonZeroUsize,
    /// The number of flows that the kernel keeps between two polls.
    pub map_max_entries: NonZeroU32,
    /// The time between two polls.
    pub poll_interval: Duration,
    /// The number of flows that one system call reads.
    pub flow_batch_size: NonZeroU32,
    /// The number of bits of an IPv4 address that the kernel keeps, 8 to 32.
    pub ipv4_prefix_length: u8,
    /// The number of bits of an IPv6 address that the kernel keeps, 16 to 128.
    pub ipv6_prefix_length: u8,
    /// The countries that have series before their first packet.
    pub countries_at_zero: Countries,
    /// The time for which interfaces that are gone keep their series; `None`
    /// keeps them until a restart.
    pub absent_interface_retention: Option<Duration>,
    /// Is true if the traffic of the whole machine is counted by country.
    pub host: bool,
    /// The interfaces at which the whole machine is counted.
    pub counted_once: CountedOnce,
    /// The addresses and sockets that serve the metrics; at least one.
    pub listen_address: Vec<ListenAddress>,
    /// The file with TLS and users, in the format of Prometheus' exporters.
    pub web_config_file: Option<PathBuf>,
    /// Is true if `POST /-/reload` is allowed.
    pub enable_reload: bool,
    /// The path of the metrics page.
    pub metrics_path: String,
    /// Is true if the interface for programs is served.
    pub web: bool,
    /// The directory that keeps the counters for the next start.
    pub state_directory: Option<PathBuf>,
    /// The directory in bpffs for maps and links that count while no exporter
    /// runs. It is used only with a state directory.
    pub pin_directory: Option<PathBuf>,
    /// Is true if the traffic is kept by hour, day and month. It is used only with
    /// a state directory.
    pub history: bool,
    /// The time zone of the days and months.
    pub history_timezone: Zone,
    /// The bytes that the machine may use in a month.
    pub quota: Option<u64>,
    /// The traffic that counts for the quota.
    pub quota_direction: QuotaDirection,
    /// The day at which the month of the quota begins, 1 to 31.
    pub quota_reset_day: u8,
    /// The level of detail of the log.
    pub log_level: LogLevel,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// Is true if the exporter gives up privileges after the start.
    pub sandbox: bool,
    /// Is true if bytes are counted by network.
    pub networks: bool,
    /// The database of networks, an mmdb file.
    pub asn_db: PathBuf,
    /// The number of networks with series of their own.
    pub networks_top: u32,
    /// Is true if the names of countries are shown.
    pub country_info: bool,
    /// Is true if special addresses have labels of their own.
    pub name_special_addresses: bool,
    /// Is true if the prefixes with the most bytes of `UNKNOWN` are shown.
    pub unknown_prefixes: bool,
    /// The files of named ranges.
    pub range_files: Vec<SourceFile>,
    /// The named ranges of the configuration itself.
    pub range: Vec<Definition>,
    /// The services of this machine.
    pub service: Vec<Service>,
    /// Is true if bytes are counted by remote address.
    pub remote_hosts: bool,
    /// The database of cities, an mmdb file; none without one.
    pub city_db: Option<PathBuf>,
    /// The language of the names of places, such as `en` or `pt-BR`.
    pub names_language: String,
    /// Is true if the largest remote addresses have series.
    pub remote_hosts_metrics: bool,
    /// The number of remote addresses with series of their own.
    pub remote_hosts_top: u32,
    /// The bytes from which on a remote address may have series.
    pub remote_hosts_threshold: u64,
    /// Is true if TCP connections are counted.
    pub connections: bool,
    /// The time between two visits of the open connections.
    pub connections_interval: Duration,
    /// The remote addresses whose connections are not counted.
    pub connections_ignore: IgnoredConnections,
    /// The network namespaces whose connections are counted.
    pub connections_scope: ConnectionsScope,
    /// The number of countries with round-trip times of their own.
    pub connections_countries: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces: Interfaces::default(),
            geoip_db: "/usr/share/GeoIP/GeoLite2-Country.mmdb".into(),
            config_watch: false,
            geoip_db_watch: true,
            geoip_cache_size: const { NonZeroUsize::new(65_536).unwrap() },
            map_max_entries: const { NonZeroU32::new(100_000).unwrap() },
            poll_interval: Duration::from_secs(2),
            flow_batch_size: const { NonZeroU32::new(10_000).unwrap() },
            ipv4_prefix_length: 24,
            ipv6_prefix_length: 48,
            countries_at_zero: Countries::None,
            absent_interface_retention: Some(Duration::from_secs(3600)),
            host: false,
            counted_once: CountedOnce::Auto,
            listen_address: vec![ListenAddress::Tcp(
                (Ipv4Addr::UNSPECIFIED, 9100).into(),
            )],
            web_config_file: None,
            enable_reload: false,
            metrics_path: "/metrics".into(),
            web: true,
            state_directory: None,
            pin_directory: Some("/sys/fs/bpf/geoip-exporter".into()),
            history: true,
            history_timezone: Zone::default(),
            quota: None,
            quota_direction: QuotaDirection::Both,
            quota_reset_day: 1,
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
            sandbox: true,
            networks: false,
            asn_db: "/usr/share/GeoIP/GeoLite2-ASN.mmdb".into(),
            networks_top: 200,
            country_info: false,
            name_special_addresses: false,
            unknown_prefixes: false,
            range_files: Vec::new(),
            range: Vec::new(),
            service: Vec::new(),
            remote_hosts: false,
            city_db: None,
            names_language: "en".into(),
            remote_hosts_metrics: false,
            remote_hosts_top: 100,
            remote_hosts_threshold: 1 << 20,
            connections: false,
            connections_interval: Duration::from_secs(10),
            connections_ignore: IgnoredConnections::default(),
            connections_scope: ConnectionsScope::Namespace,
            connections_countries: 64,
        }
    }
}

impl Config {
    /// Returns whether there are named ranges.
    #[must_use]
    pub fn has_ranges(&self) -> bool {
        !self.range.is_empty() || !self.range_files.is_empty()
    }

    /// Returns whether a slice counts the whole machine, so that the interfaces
    /// at which it is counted have to be known.
    #[must_use]
    pub fn counts_once(&self) -> bool {
        self.host
            || self.networks
            || self.remote_hosts
            || self.quota.is_some()
            || !self.service.is_empty()
    }

    /// Returns whether the exporter needs to know the default routes.
    #[must_use]
    pub fn looks_at_routes(&self) -> bool {
        self.interfaces.have_uplinks()
            || self.counts_once() && self.counted_once.looks_at_routes()
    }
}
