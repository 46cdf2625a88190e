//! Scrapes show numbers that are saved, or none.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use slog::{Logger, warn};

use super::state::Ended;
use crate::http::pages::Refresh;
use crate::metrics::published::Published;

/// How long a scrape waits for the disk before it is refused. Older numbers
/// would be wrong, and newer ones could be set back by the next start.
const SCRAPE_PATIENCE: Duration = Duration::from_secs(3);

/// Has everything saved before it is shown.
pub(super) struct SaveFirst {
    pub(super) log: Logger,
    pub(super) file: PathBuf,
    pub(super) ask: Sender<Sender<Infallible>>,
    pub(super) ended: Published<Ended>,
    /// Which version of `ended` is shown.
    pub(super) shown: AtomicU64,
    pub(super) saving: Saving,
}

impl Refresh for SaveFirst {
    fn version(&self) -> u64 {
        self.ended.version()
    }

    fn refresh(&self) -> Result<(), String> {
        let version = self.ended.version();
        if self.shown.load(Ordering::Relaxed) == version {
            return Ok(());
        }
        let (done, saved) = bounded(0);
        let patience = SCRAPE_PATIENCE.saturating_sub(self.saving.lasts());
        if !patience.is_zero() {
            if self.ask.send(done).is_err() {
                return Ok(());
            }
            // Nothing is ever sent: its end is dropped.
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

/// Since when a save has been under way. A clone is the same.
#[derive(Clone, Default)]
pub(super) struct Saving {
    since: Arc<Mutex<Option<Instant>>>,
    /// Whether a warning said that it takes long.
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
