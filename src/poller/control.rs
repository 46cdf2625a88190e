//! What the poller is told while it runs, and whom it tells.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::{Overseer, Resumed, Saver};
use crate::accounting::PollStatistics;
use crate::collectors::interfaces;
use crate::config::Config;
use crate::geoip::{CountryLabels, Database};
use crate::kernel::InterfaceEvent;
use crate::metrics::published::Publisher;

/// What the poller is told while it runs. Dropping the sender stops it.
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

/// What there is before the first poll.
pub struct Start {
    /// The devices.
    pub devices: Vec<InterfaceEvent>,
    /// The maps to count in and their marks, if the maps are kept.
    pub resumed: Option<Resumed>,
    /// The labels of the countries that were counted before.
    pub labels: Arc<CountryLabels>,
}

/// Where the poller publishes what is not an account.
pub struct Publishers {
    /// What it did, and what the kernel side said.
    pub statistics: Publisher<PollStatistics>,
    /// The state of the interfaces.
    pub interfaces: Publisher<interfaces::Snapshot>,
    /// Who is told that it gets on.
    pub overseer: Box<dyn Overseer>,
    /// The thread that saves, if the counters are saved.
    pub saver: Option<Box<dyn Saver>>,
}
