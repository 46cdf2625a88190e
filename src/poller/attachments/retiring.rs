//! The end of an attachment: its flows are removed, its last totals are saved,
//! and its number is free again.

use super::Attachments;
use crate::accounting::{FlowKey, FlowTracker};
use crate::kernel::{Attach, ReadCounts};
use crate::poller::accounts::Accounts;
use crate::poller::giving_up::give_up;

/// The checkpoints that are saved.
#[derive(Clone, Copy, Debug)]
pub(in crate::poller) struct SavedCheckpoints {
    /// The number of the newest one.
    pub(in crate::poller) newest: u64,
    /// The number of the current poll.
    pub(in crate::poller) next: u64,
}

impl SavedCheckpoints {
    /// Nothing waits for a checkpoint.
    pub(in crate::poller) const ALL: Self = Self { newest: u64::MAX, next: 0 };
}

impl Attachments {
    /// Returns whether numbers are to be given free once they are saved.
    pub(in crate::poller) fn wait_to_be_saved(&self) -> bool {
        !self.drained.is_empty()
    }

    /// Ends the attachments that were detached before the last poll. If
    /// flows of it are in the table, that takes until the next poll; and its
    /// number is given free once its last totals are saved.
    pub(in crate::poller) fn retire<N: Copy + Default>(
        &mut self,
        attacher: &mut impl Attach,
        reader: &mut impl ReadCounts,
        tracker: &mut FlowTracker<N>,
        accounts: &mut Accounts,
        saved: SavedCheckpoints,
    ) {
        self.drain(reader, tracker, saved);
        self.drained.retain(|&interface, in_checkpoint| {
            if *in_checkpoint > saved.newest {
                return true;
            }
            accounts.forget_interface(interface);
            attacher.release(interface);
            false
        });
    }

    /// Removes the flows of the detached interfaces.
    fn drain<N: Copy + Default>(
        &mut self,
        reader: &mut impl ReadCounts,
        tracker: &mut FlowTracker<N>,
        saved: SavedCheckpoints,
    ) {
        if self.retiring.is_empty() {
            return;
        }
        let retiring = &self.retiring;
        let is_given_up = |key: &FlowKey| retiring.contains(&key.interface);
        if !give_up(&self.log, reader, tracker, is_given_up) {
            return;
        }
        let retired = std::mem::take(&mut self.retiring);
        self.drained.extend(retired.into_iter().map(|id| (id, saved.next)));
    }
}
