//! The file that a thread waits for.
//!
//! A disk may not answer: a hanging network file system, a frozen volume. The
//! thread that waits for it cannot log that, so another thread does.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The file that a thread waits for, and the time at which it began. A clone
/// shares the same place, for the thread that watches.
#[derive(Clone, Debug, Default)]
pub struct Place(Arc<Mutex<Option<Stay>>>);

#[derive(Debug)]
struct Stay {
    file: PathBuf,
    since: Instant,
    is_told: bool,
}

impl Place {
    /// Notes that the thread begins to use this file.
    pub fn enter(&self, file: &Path) {
        let (file, since) = (file.to_owned(), Instant::now());
        *self.lock() = Some(Stay { file, since, is_told: false });
    }

    /// Notes that the thread uses no file.
    pub fn leave(&self) {
        *self.lock() = None;
    }

    /// Returns the file if the thread has waited for it for this long. Returns
    /// it once for each call of [`Self::enter`].
    #[must_use]
    pub fn complaint(&self, patience: Duration) -> Option<PathBuf> {
        let mut stay = self.lock();
        let stay = stay.as_mut()?;
        let is_late = !stay.is_told && stay.since.elapsed() >= patience;
        stay.is_told |= is_late;
        is_late.then(|| stay.file.clone())
    }

    /// Returns the file that the thread waits for, and the time it has waited.
    #[must_use]
    pub fn stay(&self) -> Option<(PathBuf, Duration)> {
        let stay = self.lock();
        stay.as_ref().map(|stay| (stay.file.clone(), stay.since.elapsed()))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Stay>> {
        // Nothing in this file panics with the lock held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_complained_of_once_for_each_time_it_is_begun_with() {
        let (place, now) = (Place::default(), Duration::ZERO);
        assert_eq!(place.complaint(now), None);
        for _ in 0..2 {
            place.enter(Path::new("/a"));
            assert_eq!(place.complaint(Duration::from_secs(60)), None);
            assert_eq!(place.complaint(now), Some("/a".into()));
            assert_eq!(place.complaint(now), None);
        }
        assert_eq!(place.stay().unwrap().0, Path::new("/a"));
        place.leave();
        assert_eq!(place.complaint(now), None);
        assert_eq!(place.stay(), None);
    }
}
