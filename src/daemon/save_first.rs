//! Saves the counters before a scrape shows them.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use slog::{Logger, warn};

use super::state::PollNumbers;
use crate::http::pages::Refresh;

/// The time after which a scrape that waits for the disk gets status 503. Older
/// numbers would be wrong, and unsaved ones could be set back by the next start.
const SCRAPE_PATIENCE: Duration = Duration::from_secs(3);

/// Has the newest counters saved before they are shown. A clone does the same.
#[derive(Clone)]
pub(super) struct SaveFirst {
    pub(super) log: Logger,
    pub(super) file: PathBuf,
    pub(super) ask: Sender<Sender<Infallible>>,
    pub(super) numbers: PollNumbers,
    /// The number of the poll that is shown.
    pub(super) shown: Arc<AtomicU64>,
    pub(super) saving: Saving,
}

impl Refresh for SaveFirst {
    fn version(&self) -> u64 {
        self.numbers.ended()
    }

    fn refresh(&self) -> Result<(), String> {
        let version = self.numbers.ended();
        if self.shown.load(Ordering::Relaxed) == version {
            return Ok(());
        }
        let (done, saved) = bounded(0);
        let patience = SCRAPE_PATIENCE.saturating_sub(self.saving.lasts());
        if !patience.is_zero() {
            if self.ask.send(done).is_err() {
                return Ok(());
            }
            // Nothing is ever sent: the keeper drops its end.
            if saved.recv_timeout(patience)
                == Err(RecvTimeoutError::Disconnected)
            {
                self.shown.store(version, Ordering::Relaxed);
                return Ok(());
            }
        }
        let file = self.file.display();
        if !self.saving.is_told.swap(true, Ordering::SeqCst) {
            warn!(self.log, "the disk does not answer; scrapes get status 503";
                "file" => %file);
        }
        Err(format!("cannot save the counters: {file} does not answer"))
    }
}

/// The start of the save that is under way, if any. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Saving {
    since: Arc<Mutex<Option<Instant>>>,
    /// True if a warning was logged because it takes long.
    pub(super) is_told: Arc<AtomicBool>,
}

impl Saving {
    pub(super) fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    pub(super) fn lasts(&self) -> Duration {
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
