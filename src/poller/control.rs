//! The messages to the running poller, and its publications.

use std::sync::Arc;

use crossbeam_channel::Sender;

use super::{Overseer, Resumed, Saver};
use crate::accounting::{AttachmentMarks, PollStatistics};
use crate::classifier::Sources;
use crate::collectors::interfaces;
use crate::config::Config;
use crate::geoip::CountryLabels;
use crate::kernel::InterfaceEvent;
use crate::metrics::published::{Gather, Publisher, Together};

/// A message to the running poller. Dropping the sender stops the poller.
pub enum Control {
    /// Use this configuration and these sources from now on. The poller drops
    /// `done` once both are in use.
    Reload {
        /// The configuration.
        config: Arc<Config>,
        /// The files that origins come from.
        sources: Sources,
        /// Kept until everything is applied.
        done: Sender<()>,
    },
    /// A file has changed; `done` is dropped once these sources are in use.
    Sources {
        /// The files that origins come from.
        sources: Sources,
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
    /// The marks up to which its interfaces were read.
    pub attachments: Vec<AttachmentMarks>,
    /// The labels of the countries that were counted before.
    pub labels: Arc<CountryLabels>,
}

/// The poller's publications besides the accounts.
pub struct Publishers {
    /// The statistics of the poller and the kernel side.
    pub statistics: Publisher<PollStatistics>,
    /// The state of the interfaces.
    pub interfaces: Publisher<interfaces::Snapshot>,
    /// The interfaces at which the whole machine is counted.
    pub counted_once: Publisher<interfaces::OnceSnapshot>,
    /// Lets the snapshots of all accounts change at one moment.
    pub together: Together,
    /// The readers of the snapshots of the accounts.
    pub gatherers: Vec<Box<dyn Gather>>,
    /// The party that hears of its progress.
    pub overseer: Box<dyn Overseer>,
    /// The thread that saves, if the counters are saved.
    pub saver: Option<Box<dyn Saver>>,
}
