//! The configuration: what is set, where it comes from and what is wrong
//! with it.
//!
//! `settings` is the one definition of every setting; flags, environment
//! variables, TOML keys and the documents are made from it. `load` reads the
//! layers, `resolve` merges and checks them, `plan` says what a reload
//! changes, `print` writes a configuration as TOML.
//!
//! Pure, all but `load`: no I/O, clock, threads or logging.

mod countries;
mod duration;
mod error;
mod interfaces;
mod layer;
mod listen;
mod load;
mod names;
mod number;
mod places;
mod plan;
mod print;
mod resolve;
mod setting;
mod settings;
mod syntax;
mod text;
mod values;

pub use countries::Countries;
pub use error::{Error, Problem, Source};
pub use interfaces::{Candidate, Interfaces, Rule};
pub use layer::Flags;
pub use listen::ListenAddress;
pub use load::{CONFIG_VARIABLE, Paths, load, load_at};
pub use plan::{Plan, plan};
pub use print::print_config;
pub use resolve::Loaded;
pub use setting::{Effect, Kind, Setting, nearest};
pub use settings::{all, find};
pub use text::utf8;

use std::net::Ipv4Addr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Errors only.
    Error,
    /// And what needs attention.
    Warn,
    /// And what happens in ordinary operation.
    Info,
    /// And every poll.
    Debug,
    /// And every interface event.
    Trace,
}

/// How log lines are written.
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
    /// Which interfaces are counted.
    pub interfaces: Interfaces,
    /// The country database, an mmdb file.
    pub geoip_db: PathBuf,
    /// Whether a changed database file is loaded without a reload.
    pub geoip_db_watch: bool,
    /// How many database records are kept decoded.
    pub geoip_cache_size: NonZeroUsize,
    /// How many flows the kernel keeps between two polls.
    pub map_max_entries: NonZeroU32,
    /// The time between two polls.
    pub poll_interval: Duration,
    /// How many flows one system call reads.
    pub flow_batch_size: NonZeroU32,
    /// How many bits of an IPv4 address the kernel keeps, 8 to 32.
    pub ipv4_prefix_length: u8,
    /// How many bits of an IPv6 address the kernel keeps, 16 to 128.
    pub ipv6_prefix_length: u8,
    /// The countries whose series are there before their first packet.
    pub countries_at_zero: Countries,
    /// The time for which interfaces that are gone keep their series; none:
    /// until a restart.
    pub absent_interface_retention: Option<Duration>,
    /// Where metrics are served; at least one.
    pub listen_address: Vec<ListenAddress>,
    /// The file with TLS and users, in the format of Prometheus' exporters.
    pub web_config_file: Option<PathBuf>,
    /// Whether a request can have everything read again.
    pub enable_reload: bool,
    /// The path of the metrics page.
    pub metrics_path: String,
    /// Where counters are kept for the next start, if anywhere.
    pub state_directory: Option<PathBuf>,
    /// Where counting goes on while no exporter runs, a directory in bpffs, if
    /// counters are kept.
    pub pin_directory: Option<PathBuf>,
    /// How much is logged.
    pub log_level: LogLevel,
    /// How it is written.
    pub log_format: LogFormat,
    /// Whether privileges that are not needed are given up after the start.
    pub sandbox: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces: Interfaces::any(),
            geoip_db: "/usr/share/GeoIP/GeoLite2-Country.mmdb".into(),
            geoip_db_watch: true,
            geoip_cache_size: const { NonZeroUsize::new(65_536).unwrap() },
            map_max_entries: const { NonZeroU32::new(100_000).unwrap() },
            poll_interval: Duration::from_secs(2),
            flow_batch_size: const { NonZeroU32::new(10_000).unwrap() },
            ipv4_prefix_length: 24,
            ipv6_prefix_length: 48,
            countries_at_zero: Countries::None,
            absent_interface_retention: Some(Duration::from_secs(3600)),
            listen_address: vec![ListenAddress::Tcp(
                (Ipv4Addr::UNSPECIFIED, 9100).into(),
            )],
            web_config_file: None,
            enable_reload: false,
            metrics_path: "/metrics".into(),
            state_directory: None,
            pin_directory: Some("/sys/fs/bpf/geoip-exporter".into()),
            log_level: LogLevel::Info,
            log_format: LogFormat::Text,
            sandbox: true,
        }
    }
}
