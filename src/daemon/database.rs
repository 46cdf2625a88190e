//! Opening the database, and saying so.
//!
//! Databases are read and checked on a thread of their own: a disk may not
//! answer, and signals are to be heard all the same.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded, never};
use slog::{Logger, info, warn};

use crate::collectors::exporter;
use crate::config::Config;
use crate::geoip::{self, Database, Watch};
use crate::logging;

/// How long a database may take before the daemon goes on without it. Most take
/// some tens of milliseconds, the largest seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How opening a database ended.
pub(super) type Opened = Result<Database, geoip::Error>;

/// A database that is being read and checked.
struct Opening {
    path: PathBuf,
    result: Receiver<Opened>,
    began: Instant,
    /// Whether it is to be used once it is there.
    is_wanted: bool,
}

/// Opens databases, one at a time: where a disk does not answer, that holds up
/// one thread, and not one more at each attempt.
pub(super) struct Opener {
    opening: Option<Opening>,
    patience: Duration,
}

impl Default for Opener {
    fn default() -> Self {
        Self { opening: None, patience: PATIENCE }
    }
}

impl Opener {
    /// Begins to open a database that is to be used once it is there.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn begin(&mut self, path: &Path) -> Result<(), geoip::Error> {
        let file = path.to_owned();
        self.begin_by(path, move || Database::open(&file))
    }

    fn begin_by(
        &mut self,
        path: &Path,
        open: impl FnOnce() -> Opened + Send + 'static,
    ) -> Result<(), geoip::Error> {
        let (tell, result) = bounded(1);
        thread::Builder::new()
            .name("database".into())
            .spawn(move || {
                // Nobody listens any more once the daemon has ended.
                let _ = tell.send(open());
            })
            .map_err(|cause| not_opened(path, cause))?;
        self.opening = Some(Opening {
            path: path.into(),
            result,
            began: Instant::now(),
            is_wanted: true,
        });
        Ok(())
    }

    /// Whether one is being opened.
    pub(super) fn is_busy(&self) -> bool {
        self.opening.is_some()
    }

    /// Returns what tells that it ended, for [`Opener::end`].
    pub(super) fn ends(&self) -> Receiver<Opened> {
        self.opening.as_ref().map_or_else(never, |one| one.result.clone())
    }

    /// Takes how it ended; `None` by a panic. Returns that where the database
    /// was to be used.
    pub(super) fn end(&mut self, result: Option<Opened>) -> Option<Opened> {
        let opening = self.opening.take().filter(|one| one.is_wanted)?;
        Some(result.unwrap_or_else(|| {
            let cause = io::Error::other("a fault of the exporter");
            Err(not_opened(&opening.path, cause))
        }))
    }

    /// Returns the complaint about one that is to be used and does not end.
    pub(super) fn complaint(&self) -> Option<geoip::Error> {
        let opening = self.opening.as_ref()?;
        let is_late = opening.began.elapsed() > self.patience;
        (opening.is_wanted && is_late).then(|| self.slow(&opening.path))
    }

    /// Opens a database and waits for it. One that was being opened is not to
    /// be used any more.
    ///
    /// # Errors
    /// See [`Database::open`]; and where either takes too long.
    pub(super) fn open(&mut self, path: &Path) -> Opened {
        // What it found is older.
        self.wait(path)?;
        self.begin(path)?;
        self.wait(path)?.unwrap_or_else(|| Err(self.slow(path)))
    }

    /// Waits for the one that is being opened.
    fn wait(&mut self, path: &Path) -> Result<Option<Opened>, geoip::Error> {
        let patience = self.patience;
        let Some(opening) = &mut self.opening else { return Ok(None) };
        match opening.result.recv_timeout(patience) {
            Err(RecvTimeoutError::Timeout) => {
                opening.is_wanted = false;
                Err(self.slow(path))
            }
            result => Ok(self.end(result.ok())),
        }
    }

    fn slow(&self, path: &Path) -> geoip::Error {
        let seconds = self.patience.as_secs();
        geoip::Error::Slow { path: path.into(), seconds }
    }
}

fn not_opened(path: &Path, cause: io::Error) -> geoip::Error {
    geoip::Error::Open { path: path.into(), cause }
}

/// Opens the database, or returns why not, which has been logged. Without one
/// the daemon counts all the same.
pub(super) fn open_first(
    log: &Logger,
    config: &Config,
    watch: &mut Watch,
) -> (Option<Arc<Database>>, Option<String>) {
    // Before it is opened: a file that takes its place meanwhile is new.
    let identity = geoip::Identity::of(&config.geoip_db);
    match Database::open(&config.geoip_db) {
        Ok(database) => {
            watch.opened(database.identity());
            log_opened(log, &database);
            (Some(Arc::new(database)), None)
        }
        Err(error) => {
            let until = match config.geoip_db_watch {
                true => "it can be opened",
                false => "a reload",
            };
            if !error.may_pass() {
                watch.opened(identity);
            }
            let fault = logging::chain(&error);
            warn!(log, "no GeoIP database: every country is UNKNOWN";
                "until" => until, "error" => &fault);
            (None, Some(fault))
        }
    }
}

pub(super) fn log_opened(log: &Logger, database: &Database) {
    info!(log, "opened the GeoIP database";
        "path" => %database.path().display(),
        "type" => database.database_type(),
        "built" => logging::date(database.build_epoch()));
}

pub(super) fn describe(database: &Database) -> exporter::Database {
    exporter::Database {
        path: database.path().to_owned(),
        database_type: database.database_type().to_owned(),
        build_timestamp_seconds: database.build_epoch(),
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::Sender;

    use super::*;

    const FILE: &str = "/x.mmdb";

    /// Returns one that opens a database which is not there before the other
    /// half is dropped.
    fn stuck() -> (Opener, Sender<()>) {
        let mut opener = Opener { patience: Duration::ZERO, opening: None };
        let (release, released) = bounded(0);
        let open = move || {
            let _ = released.recv();
            Err(geoip::Error::Empty { path: FILE.into() })
        };
        opener.begin_by(Path::new(FILE), open).unwrap();
        (opener, release)
    }

    fn fault(opened: Option<Opened>) -> String {
        opened.unwrap().err().unwrap().to_string()
    }

    #[test]
    fn one_that_does_not_end_is_complained_of_and_used_once_it_does() {
        let (mut opener, release) = stuck();
        let complaint = opener.complaint().unwrap();
        assert!(complaint.may_pass());
        assert_eq!(
            complaint.to_string(),
            "cannot open GeoIP database \"/x.mmdb\": reading and checking it \
             takes more than 0 seconds"
        );
        drop(release);
        let result = opener.ends().recv().ok();
        let said = fault(opener.end(result));
        assert!(said.ends_with("the file is empty"), "{said}");
        assert!(!opener.is_busy());
        assert!(opener.complaint().is_none());
    }

    #[test]
    fn one_that_does_not_end_lets_others_fail_and_is_not_used_then() {
        let (mut opener, release) = stuck();
        let said = fault(Some(opener.open(Path::new("/y.mmdb"))));
        assert!(said.starts_with("cannot open GeoIP database \"/y.mmdb\""));
        assert!(opener.is_busy() && opener.complaint().is_none());
        drop(release);
        let result = opener.ends().recv().ok();
        assert!(opener.end(result).is_none());
        opener.patience = PATIENCE;
        let said = fault(Some(opener.open(Path::new("/nonexistent"))));
        assert!(said.contains("No such file"), "{said}");
    }

    #[test]
    fn a_panic_is_a_database_that_cannot_be_opened() {
        let mut opener = Opener::default();
        opener.begin_by(Path::new(FILE), || panic!("on purpose")).unwrap();
        let result = opener.ends().recv().ok();
        let said = fault(opener.end(result));
        assert!(said.ends_with("a fault of the exporter"), "{said}");
    }
}
