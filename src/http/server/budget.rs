//! The bound of one turn of a connection.

use std::time::{Duration, Instant};

/// Bytes read and written in one turn.
const BYTES: usize = 64 * 1024;

/// The time of one turn.
const TIME: Duration = Duration::from_millis(1);

/// The least cost of a step, in bytes.
const LEAST: usize = 1024;

/// The rest of a turn.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
    until: Instant,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { bytes: BYTES, until: Instant::now() + TIME }
    }

    /// Returns the bytes that can still be moved.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Subtracts the cost of a step.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes.max(LEAST));
    }

    pub(super) fn is_spent(&self) -> bool {
        self.bytes == 0 || Instant::now() >= self.until
    }
}
