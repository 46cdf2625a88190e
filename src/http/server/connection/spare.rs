//! Decides how easily a connection can make room for another one.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use super::{Connection, Phase};
use crate::http::server::budget::Budget;
use crate::http::server::reply::Body;
use crate::http::server::step::{Rank, Step};

/// The factor for the time that the server has waited for a client that has not
/// sent a whole request or greeting yet, or that may be gone.
const USELESS: u32 = 10;

impl Connection {
    /// Returns the rank of the connection among those that can be spared.
    pub(in crate::http::server) fn rank(&self, now: Instant) -> Rank {
        let is_poor = self.is_poor();
        let still = now.saturating_duration_since(self.moved);
        let waited = match &self.phase {
            // The client has its answer.
            Phase::Lingering { .. } => Duration::MAX,
            Phase::Replying { pace, .. } => match pace.delay(now) {
                Duration::ZERO => return Rank::Ours,
                delay => delay,
            },
            _ if is_poor => still,
            Phase::Shaking { is_ours: true } => {
                let was_heard = self.was_heard;
                return Rank::Handshake { was_heard, waited: still };
            }
            Phase::Answering(_) => return Rank::Ours,
            // The client waits for its turn.
            _ if self.is_queued => return Rank::Ours,
            _ => still,
        };
        let weight = if is_poor || !self.was_heard { USELESS } else { 1 };
        Rank::Theirs(Reverse(waited.saturating_mul(weight)))
    }

    /// Returns whether the client trickles its first words, or may be gone.
    fn is_poor(&self) -> bool {
        self.has_ended || (self.trickles && !self.was_heard)
    }

    /// Returns whether the client has gone on since the last turn, although no
    /// event has told so yet. Then the connection deserves a turn.
    pub(in crate::http::server) fn has_gone_on(
        &mut self,
        now: Instant,
    ) -> bool {
        match self.phase {
            Phase::Shaking { is_ours: false }
            | Phase::Receiving
            | Phase::Idle => {
                !self.is_queued && !self.is_poor() && self.stream.has_input()
            }
            // The kernel reports a socket ready only once a third of its
            // buffer is free. An attempt tells of any progress.
            Phase::Replying { .. } => {
                let step = self.reply(now, &mut Budget::new());
                matches!(step, Ok(None | Some(Step::Again)))
            }
            _ => false,
        }
    }

    /// Notes that the connection waits for a turn. Returns whether it did so
    /// before.
    pub(in crate::http::server) fn queue(&mut self, now: Instant) -> bool {
        if let Phase::Replying { pace, .. } = &mut self.phase {
            pace.wake(now);
        }
        std::mem::replace(&mut self.is_queued, true)
    }

    /// Notes that it is the connection's turn.
    pub(in crate::http::server) fn dequeue(&mut self) {
        self.is_queued = false;
    }

    /// Returns the body of which the client has yet to take a part.
    pub(in crate::http::server) fn unsent(&self) -> Option<&Body> {
        match &self.phase {
            Phase::Replying { reply, .. } => Some(&reply.body),
            _ => None,
        }
    }

    /// Returns whether something of a request is under way.
    pub(in crate::http::server) fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Answering(_) | Phase::Replying { .. })
    }
}
