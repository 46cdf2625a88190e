//! What the poller works by.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::config::{Config, Interfaces};

/// The settings that the poller works by and that can change while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The time between two polls.
    pub poll_interval: Duration,
    /// How many flows one system call reads.
    pub flow_batch_size: NonZeroU32,
    /// Which interfaces are counted.
    pub interfaces: Interfaces,
    /// How many database records are kept decoded.
    pub geoip_cache_size: NonZeroUsize,
    /// The time for which interfaces that are gone keep their series; none:
    /// until a restart.
    pub absent_retention: Option<Duration>,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            poll_interval: config.poll_interval,
            flow_batch_size: config.flow_batch_size,
            interfaces: config.interfaces.clone(),
            geoip_cache_size: config.geoip_cache_size,
            absent_retention: config.absent_interface_retention,
        }
    }
}
