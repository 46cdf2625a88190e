//! The point from which a later poller can continue.
//!
//! A checkpoint is made only for a save that asks for one, as it has every flow
//! of the kernel's map in it. The poller answers between two polls: the maps,
//! the accounts and the statistics are then as the last poll left them.

use crossbeam_channel::{Receiver, never};

use super::Poller;
use super::attachments::SavedCheckpoints;
use crate::accounting::{
    AttachmentMarks, CountingMarks, PollCounters, PollStatistics,
};
use crate::kernel::{Adopt, Adopted, Attach, Classify};

/// The poller's knowledge at the end of a poll, when the accounts were
/// published.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// The number of the poll in this process, from 1.
    pub number: u64,
    /// The poller's statistics.
    pub polls: PollStatistics,
    /// The part of them from before the maps were made.
    pub earlier: PollCounters,
    /// The marks up to which the maps were read, if the maps are pinned.
    pub counting: Option<CountingMarks>,
    /// The marks up to which each interface was read, in the order of their
    /// numbers. A later process can use them with the same maps only.
    pub attachments: Vec<AttachmentMarks>,
}

/// The poller's end of the thread that saves. Its methods are called on the
/// poller's thread and do not wait.
pub trait Saver: Send {
    /// Returns the channel on which a save asks for a checkpoint.
    fn requests(&self) -> Receiver<()>;

    /// Hears that a poll has ended, and whether something waits until it is
    /// saved.
    fn poll_ended(&mut self, number: u64, is_urgent: bool);

    /// Takes a checkpoint of the last poll, together with the accounts.
    fn save(&mut self, checkpoint: Checkpoint);

    /// Returns the number of the newest checkpoint that is saved, or that
    /// cannot be saved.
    fn newest_saved(&self) -> u64;
}

/// The maps that a poller counts in, if they are pinned, and the point from
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

impl<A: Attach + Adopt + Classify, R> Poller<A, R> {
    /// Returns the channel on which a save asks for a checkpoint.
    pub(super) fn checkpoint_requests(&self) -> Receiver<()> {
        let saver = self.publishers.saver.as_ref();
        saver.map_or_else(never, |saver| saver.requests())
    }

    /// Returns the checkpoints that are saved. A number may not be given free
    /// before its last totals are saved, as the maps forget them then.
    pub(super) fn saved_checkpoints(&self) -> SavedCheckpoints {
        let saver = self.publishers.saver.as_ref();
        match saver.filter(|_| self.are_maps_pinned) {
            // Without a free number, the next interface would not be counted.
            Some(saver) if self.attacher.has_number() => SavedCheckpoints {
                newest: saver.newest_saved(),
                next: self.polls_ended + 1,
            },
            _ => SavedCheckpoints::ALL,
        }
    }

    /// Tells the thread that saves of the end of a poll.
    pub(super) fn tell_saver(&mut self) {
        self.polls_ended += 1;
        // The first poll counts the traffic of the time without an exporter,
        // which may have been long.
        let is_urgent =
            self.attachments.wait_to_be_saved() || self.statistics.polls == 1;
        if let Some(saver) = &mut self.publishers.saver {
            saver.poll_ended(self.polls_ended, is_urgent);
        }
    }

    /// Gives the thread that saves a checkpoint.
    pub(super) fn save_checkpoint(&mut self) {
        let counting = self.marks();
        // They are of no use without the marks of the maps.
        let attachments = counting.as_ref().map(|_| self.attachment_marks());
        if let Some(saver) = &mut self.publishers.saver {
            saver.save(Checkpoint {
                number: self.polls_ended,
                polls: self.statistics,
                earlier: self.earlier,
                counting,
                attachments: attachments.unwrap_or_default(),
            });
        }
    }

    fn attachment_marks(&self) -> Vec<AttachmentMarks> {
        let mut marks = self.accounts.marks();
        for one in &mut marks {
            one.is_edge = self.edges.contains(one.interface);
        }
        marks
    }

    /// Returns the marks of the last good poll, or of the process before.
    ///
    /// The incarnation may list an attachment that is newer than the poll. A
    /// later process finds no marks of it and reads it from the beginning.
    fn marks(&mut self) -> Option<CountingMarks> {
        if let Some(left) = &self.left {
            return Some(left.clone());
        }
        let incarnation = self.attacher.incarnation()?;
        Some(CountingMarks { incarnation, flows: self.tracker.marks() })
    }
}
