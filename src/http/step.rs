//! What a connection is at: its phase, its request, what is to be done with it
//! next, and how far it can be spared.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::handshake::Handshake;
use super::head::Head;
use super::reply::Reply;

/// How many times as long a client seems to have waited that never sent a
/// whole request or greeting, or may be gone.
const USELESS: u32 = 10;

/// What a connection is doing.
#[derive(Debug)]
pub(super) enum Phase {
    /// TLS is being begun; a worker may be at it.
    Shaking { is_ours: bool },
    /// A request is arriving.
    Receiving,
    /// Kept for another request.
    Idle,
    /// A worker has the request.
    Answering(Arc<Request>),
    /// The reply goes out, and stands at this byte.
    Replying { reply: Reply, at: usize },
    /// Everything is said, but not heard.
    Lingering { bytes: usize },
}

impl Phase {
    /// Returns how far a connection can be spared on which the client has not
    /// gone on for so long; and whether it ever asked. A poor one trickles
    /// or may be gone.
    pub(super) fn rank(
        &self,
        waited: Duration,
        was_heard: bool,
        is_poor: bool,
    ) -> Rank {
        let weight = match self {
            // It has got all it asked for.
            Self::Lingering { .. } => u32::MAX,
            _ if is_poor => USELESS,
            Self::Shaking { is_ours: true } => return Rank::Handshake(waited),
            Self::Answering(_) => return Rank::Ours,
            _ if !was_heard => USELESS,
            _ => 1,
        };
        Rank::Theirs(Reverse(waited.saturating_mul(weight)))
    }
}

/// In which order connections make room for new ones: the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// It is for the client to go on, and it has not for so long.
    Theirs(Reverse<Duration>),
    /// A handshake has waited so long for a worker. They are done in order, so
    /// the newest one loses least.
    Handshake(Duration),
    /// It is about to get its answer, and stays.
    Ours,
}

/// A request for a worker.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: Head,
    pub(super) peer: Option<SocketAddr>,
    pub(super) is_tls: bool,
    /// Whether the client sends nothing more: it may be gone, or wait for the
    /// answer all the same.
    pub(super) has_ended: AtomicBool,
}

/// What to do with a connection.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing until its socket is ready.
    Wait,
    /// Give it another turn, after the others.
    Again,
    /// Have a worker go on with this.
    Shake(Weak<Handshake>),
    /// Have this answered.
    Ask(Arc<Request>),
    /// Drop it.
    Close,
}
