//! Whether a connection can make room for another one.

use std::time::Instant;

use super::{Connection, Phase};
use crate::http::step::Rank;

impl Connection {
    /// Returns how far the connection can be spared.
    pub(in crate::http) fn rank(&self, now: Instant) -> Rank {
        let is_poor = self.is_poor();
        let has_all = matches!(self.phase, Phase::Lingering { .. });
        // The client waits for its turn.
        if self.is_queued && !has_all && !is_poor {
            return Rank::Ours;
        }
        let waited = now.saturating_duration_since(self.moved);
        self.phase.rank(waited, self.was_heard, is_poor)
    }

    /// Returns whether the client trickles its first words, or may be gone.
    fn is_poor(&self) -> bool {
        self.has_ended || (self.trickles && !self.was_heard)
    }

    /// Returns whether it deserves a turn that it does not wait for yet: the
    /// client has gone on, and that was not seen.
    pub(in crate::http) fn has_unseen_input(&self) -> bool {
        let reads = matches!(
            self.phase,
            Phase::Shaking { is_ours: false } | Phase::Receiving | Phase::Idle
        );
        !self.is_queued && !self.is_poor() && reads && self.stream.has_input()
    }

    /// Returns whether something of a request is under way.
    pub(in crate::http) fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Answering(_) | Phase::Replying { .. })
    }
}
