//! The database of countries, as a resource that is followed on disk.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use slog::{Logger, info, warn};

use super::follower::{Files, Resource};
use super::start::Opened;
use crate::collectors::exporter;
use crate::config::Config;
use crate::files::Place;
use crate::geoip::{self, Database};
use crate::logging::{self, chain};

/// The file of a database.
#[derive(Clone, Debug)]
pub(super) struct DatabaseFile(pub(super) PathBuf);

impl Resource for DatabaseFile {
    type Content = Database;
    type Error = geoip::Error;

    fn open(&self, place: &Place) -> Result<Database, geoip::Error> {
        place.enter(&self.0);
        Database::open(&self.0)
    }

    fn files_of(database: &Database) -> Files {
        vec![(database.path().to_owned(), database.identity())]
    }

    fn may_pass(error: &geoip::Error) -> bool {
        error.may_pass()
    }

    fn panicked(&self) -> geoip::Error {
        let cause = io::Error::other("a fault of the exporter");
        geoip::Error::Open { path: self.0.clone(), cause }
    }
}

/// Logs how opening the database went at the start, and returns it, or why
/// there is none. Without one the daemon counts all the same.
pub(super) fn first(
    log: &Logger,
    config: &Config,
    opened: Option<Opened>,
) -> (Option<Arc<Database>>, Option<String>) {
    let fault = match opened {
        Some(Ok(database)) => {
            log_opened(log, &database);
            return (Some(Arc::new(database)), None);
        }
        // It has been logged that the file does not answer.
        None => return (None, None),
        Some(Err(error)) => chain(&error),
    };
    let until = match config.geoip_db_watch {
        true => "it can be opened",
        false => "a reload",
    };
    warn!(log, "no GeoIP database: every country is UNKNOWN";
        "until" => until, "error" => &fault);
    (None, Some(fault))
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
