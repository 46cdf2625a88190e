//! From where a later poller can go on.

use super::Poller;
use super::attachments::Kept;
use crate::accounting::{CountingMarks, PollCounters, PollStatistics};
use crate::kernel::{Adopted, Attach};

/// The poller's knowledge at the end of a poll, when the accounts were
/// published.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// Its place among the checkpoints of this process, from 1.
    pub number: u64,
    /// The poller's statistics.
    pub polls: PollStatistics,
    /// The part of them from before the maps were made.
    pub earlier: PollCounters,
    /// The marks up to which the maps were read, if the maps are kept.
    pub counting: Option<CountingMarks>,
    /// Whether something waits until this is saved.
    pub is_urgent: bool,
}

/// Saves what a later poller has to know. Called on the poller's thread.
pub trait Keep: Send {
    /// Takes a checkpoint, and does not wait until it is saved.
    fn keep(&mut self, checkpoint: Checkpoint);

    /// Returns the newest checkpoint that is saved, or that cannot be.
    fn newest_kept(&self) -> u64;
}

/// The maps that a poller counts in, if they are kept, and the point from
/// which it continues.
#[derive(Clone, Debug, Default)]
pub struct Resumed {
    /// The attachments of an earlier poller.
    pub adopted: Vec<Adopted>,
    /// The marks up to which the maps were read: at zero if they are new.
    pub marks: CountingMarks,
    /// See [`Checkpoint::earlier`].
    pub earlier: PollCounters,
}

impl<A: Attach, R> Poller<A, R> {
    /// Returns which checkpoints are saved. A number may not be given free
    /// before its last totals are, as the maps forget them then.
    pub(super) fn kept(&self) -> Kept {
        let keep = self.publishers.keep.as_ref();
        match keep.filter(|_| self.marks.is_some()) {
            // Without a free number, the next interface would not be counted.
            Some(keep) if self.attacher.has_number() => {
                Kept { newest: keep.newest_kept(), next: self.checkpoints + 1 }
            }
            _ => Kept::EVERYTHING,
        }
    }

    /// Hands over what a later poller has to know.
    pub(super) fn keep(&mut self) {
        if let Some(keep) = &mut self.publishers.keep {
            self.checkpoints += 1;
            keep.keep(Checkpoint {
                number: self.checkpoints,
                polls: self.statistics,
                earlier: self.earlier,
                counting: self.marks.clone(),
                // By the first poll, a long time without an exporter has got
                // its countries.
                is_urgent: self.attachments.wait_to_be_kept()
                    || self.statistics.polls == 1,
            });
        }
    }
}
