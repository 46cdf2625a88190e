//! The phase of a connection, its request, its next step, and its rank among
//! connections that can make room for a new one.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::handshake::Handshake;
use super::head::Head;
use super::pace::Pace;
use super::reply::Reply;

/// The phase of a connection.
#[derive(Debug)]
pub(super) enum Phase {
    /// A TLS handshake. `is_ours` if a worker has it.
    Shaking { is_ours: bool },
    /// A request is arriving.
    Receiving,
    /// The client can send another request.
    Idle,
    /// The request waits for its answer.
    Answering(Arc<Pending>),
    /// The reply is being sent, and this byte is the next one.
    Replying { reply: Reply, at: usize, pace: Pace },
    /// The answer is complete. The client may still be sending.
    Lingering { bytes: usize },
}

impl Phase {
    /// Returns the phase in which a reply is sent.
    pub(super) fn replying(reply: Reply) -> Self {
        Self::Replying { reply, at: 0, pace: Pace::default() }
    }
}

/// The order in which connections make room for new ones: the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The client is late by this time.
    Theirs(Reverse<Duration>),
    /// A handshake waits for a worker. One whose greeting is known stays longer:
    /// most others are of clients that only send a part of one. Workers take
    /// them in order, so the newest one loses least.
    Handshake { was_heard: bool, waited: Duration },
    /// The client waits for the server, or takes its answer fast enough. It
    /// stays.
    Ours,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) head: Head,
    pub(super) peer: Option<SocketAddr>,
    /// True if the client sends nothing more. It may be gone, or still wait for
    /// the answer.
    pub(super) has_ended: AtomicBool,
}

/// The next step of a connection.
#[derive(Debug)]
pub(super) enum Step {
    /// Wait until its socket is ready.
    Wait,
    /// Give it another turn, after the others.
    Again,
    /// Give this handshake to a worker.
    Shake(Weak<Handshake>),
    /// Answer this request.
    Ask(Arc<Pending>),
    /// Close it.
    Close,
}
