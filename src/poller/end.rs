//! The end of a poller.

use slog::info;

use super::Poller;
use crate::kernel::{Adopt, Attach, Classify, ReadCounts};

impl<A: Attach + Adopt + Classify, R: ReadCounts> Poller<A, R> {
    /// Polls a last time and detaches, unless counting goes on.
    pub(super) fn end(mut self) {
        self.poll();
        self.save_checkpoint();
        let count = self.attachments.len();
        match self.attacher.incarnation() {
            Some(_) => info!(self.log, "counting goes on without the exporter";
                "interfaces" => count),
            None => {
                info!(self.log, "detaching"; "interfaces" => count);
                let overseer = &mut self.publishers.overseer;
                let tell = |left| overseer.detaches(left);
                self.attachments.detach_all(&mut self.attacher, tell);
            }
        }
    }
}
