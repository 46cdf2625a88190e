//! The messages to the running poller, and its publications.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::{Overseer, Resumed, Saver};
use crate::accounting::PollStatistics;
use crate::collectors::interfaces;
use crate::config::Config;
use crate::geoip::{CountryLabels, Database};
use crate::kernel::InterfaceEvent;
use crate::metrics::published::Publisher;

/// A message to the running poller. Dropping the sender stops the poller.
pub enum Control {
    /// Use this configuration and database from now on. The poller drops
    /// `done` once both are in use.
    Reload {
        /// The configuration.
        config: Arc<Config>,
        /// The database, if there is one.
        database: Option<Arc<Database>>,
        /// Kept until everything is applied.
        done: Sender<()>,
    },
    /// The database's file has changed; `done` is dropped once this one is in
    /// use.
    Database {
        /// The database that is there now.
        database: Arc<Database>,
        /// Kept until then.
        done: Sender<()>,
    },
}

/// The poller's knowledge before the first poll.
pub struct Start {
    /// The devices.
    pub devices: Vec<InterfaceEvent>,
    /// The maps to count in and their marks, if the maps are kept.
    pub resumed: Option<Resumed>,
    /// The labels of the countries that were counted before.
    pub labels: Arc<CountryLabels>,
}

/// The poller's publications besides the accounts.
pub struct Publishers {
    /// The statistics of the poller and the kernel side.
    pub statistics: Publisher<PollStatistics>,
    /// The state of the interfaces.
    pub interfaces: Publisher<interfaces::Snapshot>,
    /// The party that hears of its progress.
    pub overseer: Box<dyn Overseer>,
    /// The thread that saves, if the counters are saved.
    pub saver: Option<Box<dyn Saver>>,
}
