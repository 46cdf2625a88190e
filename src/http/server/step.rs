//! What a connection is at: its phase, its request, what is to be done with it
//! next, and how far it can be spared.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::handshake::Handshake;
use super::head::Head;
use super::pace::Pace;
use super::reply::Reply;

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
    Answering(Arc<Pending>),
    /// The reply is being sent, and this byte is the next one.
    Replying { reply: Reply, at: usize, pace: Pace },
    /// Everything is said, but not heard.
    Lingering { bytes: usize },
}

impl Phase {
    /// Returns the phase in which a reply is sent.
    pub(super) fn replying(reply: Reply) -> Self {
        Self::Replying { reply, at: 0, pace: Pace::default() }
    }
}

/// In which order connections make room for new ones: the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The server has waited for the client, this much longer than it should.
    Theirs(Reverse<Duration>),
    /// A handshake has waited so long for a worker. They are done in order, so
    /// the newest one loses least.
    Handshake(Duration),
    /// The client waits for the server, or takes its answer fast enough. It
    /// stays.
    Ours,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) head: Head,
    pub(super) peer: Option<SocketAddr>,
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
    Ask(Arc<Pending>),
    /// Drop it.
    Close,
}
