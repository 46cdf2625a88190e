//! How much of the machine clients may take, and for how long.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::time::Duration;

/// The bounds of the web server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time. Each takes a file descriptor and some
    /// memory; with one more, the client that has most loses one.
    pub connections: usize,
    /// Threads that answer and make TLS handshakes.
    pub workers: usize,
    /// The time from the first moment of a connection, or the first byte of
    /// another request on it, to the end of that request; a TLS handshake is
    /// part of it.
    pub request_timeout: Duration,
    /// The time a connection is kept between two requests: longer than the
    /// usual time between two scrapes.
    pub idle_timeout: Duration,
    /// The time in which a client that takes nothing of its answer is cut off.
    pub answer_timeout: Duration,
    /// Bytes of answers that clients have yet to take. With more, the client
    /// that has stood still for longest is cut off.
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
