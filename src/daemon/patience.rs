//! The time limit of a stop.
//!
//! Pure but for the counter: the time is an argument.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest time without progress in a stop: a poll of a large map takes less than a
/// second, and an answer to a slow client half of one. Detaching takes some
/// 35 ms an interface, and each is a step. The supervisor looks once a second,
/// so that the first SIGTERM ends the daemon within ten seconds.
pub(super) const STOP_PATIENCE: Duration = Duration::from_secs(7);

/// The number of steps that the poller has done. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Notes a step.
    pub(super) fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Watches the progress of a stop.
#[derive(Debug)]
pub(super) struct Patience {
    progress: Progress,
    /// The progress that was seen last, and when it was first.
    seen: u64,
    since: Instant,
}

impl Patience {
    /// Begins with a stop.
    pub(super) fn new(progress: Progress, now: Instant) -> Self {
        let seen = progress.count();
        Self { progress, seen, since: now }
    }

    /// Returns whether nothing was done for too long.
    pub(super) fn has_ended(&mut self, now: Instant) -> bool {
        let seen = self.progress.count();
        if seen != self.seen {
            self.seen = seen;
            self.since = now;
        }
        now.saturating_duration_since(self.since) > STOP_PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_that_gets_on_may_take_as_long_as_it_does() {
        let progress = Progress::default();
        let start = Instant::now();
        let almost = STOP_PATIENCE - Duration::from_secs(1);
        let mut now = start;
        let mut patience = Patience::new(progress.clone(), start);
        for _ in 1..60 {
            progress.note();
            now += almost;
            assert!(!patience.has_ended(now));
        }
        assert!(!patience.has_ended(now + STOP_PATIENCE));
        let later = now + STOP_PATIENCE + Duration::from_secs(1);
        assert!(patience.has_ended(later));
    }
}
