//! How much is done for one client before it is another's turn.

use std::time::{Duration, Instant};

/// Bytes read and written in one turn.
const BYTES: usize = 64 * 1024;

/// The time of one turn.
const TIME: Duration = Duration::from_millis(1);

/// What a step costs at least, however few bytes it moves.
const LEAST: usize = 1024;

/// What is left of a turn.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
    until: Instant,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { bytes: BYTES, until: Instant::now() + TIME }
    }

    /// Returns how many bytes may still be moved.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes off what a step has cost.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes.max(LEAST));
    }

    pub(super) fn is_spent(&self) -> bool {
        self.bytes == 0 || Instant::now() >= self.until
    }
}
