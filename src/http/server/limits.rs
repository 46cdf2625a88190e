//! Bounds on the resources that clients can take.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::time::Duration;

/// The bounds of the web server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time. Each takes a file descriptor and some
    /// memory. If there are more, the client with the most loses one.
    pub connections: usize,
    /// Threads that answer and make TLS handshakes.
    pub workers: usize,
    /// The time for a request, with the TLS handshake before the first one. It
    /// begins with the connection, or with the first byte of a later request.
    pub request_timeout: Duration,
    /// The time between two requests on a connection. It is longer than the
    /// usual time between two scrapes.
    pub idle_timeout: Duration,
    /// The time after which a client that takes nothing of its answer is cut
    /// off.
    pub answer_timeout: Duration,
    /// Bytes of answers that clients have yet to take. If there are more, late
    /// clients are cut off. An answer that clients share counts once.
    pub unsent_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            workers: 4,
            request_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(150),
            answer_timeout: Duration::from_secs(30),
            unsent_bytes: 64 * 1024 * 1024,
        }
    }
}
