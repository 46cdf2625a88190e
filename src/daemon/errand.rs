//! Errands: work that reads or writes files, each on a thread of its own.
//!
//! A disk may hang. The main thread, which takes signals, never waits for a
//! disk: it waits for the result of an errand and for events at the same time.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use crate::files::Place;

/// The time after which the log names a file that does not answer.
pub(super) const LATE: Duration = Duration::from_secs(5);

/// The time after which the daemon continues without a file. Most databases
/// take some tens of milliseconds, the largest take seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Work that a thread does. Its result is sent once; a panic sends nothing and
/// drops the channel.
pub(super) struct Errand<T> {
    place: Place,
    began: Instant,
    result: Receiver<T>,
}

impl<T: Send + 'static> Errand<T> {
    /// Starts the work on a thread of this name.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn start(
        name: &str,
        work: impl FnOnce(&Place) -> T + Send + 'static,
    ) -> io::Result<Self> {
        let (tell, result) = bounded(1);
        let place = Place::default();
        let own = place.clone();
        thread::Builder::new().name(name.into()).spawn(move || {
            let outcome = work(&own);
            own.leave();
            // The daemon may have ended or given up.
            let _ = tell.send(outcome);
        })?;
        Ok(Self { place, began: Instant::now(), result })
    }

    /// Returns the channel of the result.
    pub(super) fn result(&self) -> &Receiver<T> {
        &self.result
    }

    /// Returns the file that has not answered for [`LATE`], once for each time
    /// the work waits for one.
    pub(super) fn complaint(&self) -> Option<PathBuf> {
        self.place.complaint(LATE)
    }

    /// Returns whether the work takes longer than this.
    pub(super) fn is_longer_than(&self, patience: Duration) -> bool {
        self.began.elapsed() > patience
    }

    /// Returns the file that the work waits for, if any.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.place.stay().map(|(file, _)| file)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_errand_tells_its_result_and_where_it_is_meanwhile() {
        let (go_on, gone_on) = bounded::<()>(0);
        let (there, is_there) = bounded::<()>(0);
        let errand = Errand::start("errand", move |place| {
            place.enter(Path::new("/a"));
            drop(there);
            let _ = gone_on.recv();
            7
        })
        .unwrap();
        let _ = is_there.recv();
        assert_eq!(errand.file(), Some("/a".into()));
        assert_eq!(errand.complaint(), None, "not yet late");
        assert!(errand.is_longer_than(Duration::ZERO));
        assert!(!errand.is_longer_than(PATIENCE));
        drop(go_on);
        assert_eq!(errand.result().recv(), Ok(7));
        assert_eq!(errand.file(), None);
    }

    #[test]
    fn a_panic_is_an_end_without_a_result() {
        let errand: Errand<()> =
            Errand::start("errand", |_| panic!("on purpose")).unwrap();
        assert!(errand.result().recv().is_err());
    }
}
