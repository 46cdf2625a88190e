//! Opening the database, and saying so.

use std::sync::Arc;

use slog::{Logger, info, warn};

use crate::collectors::exporter;
use crate::config::Config;
use crate::geoip::{self, Database, Watch};
use crate::logging;

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
        "build_timestamp" => database.build_epoch());
}

pub(super) fn describe(database: &Database) -> exporter::Database {
    exporter::Database {
        path: database.path().to_owned(),
        database_type: database.database_type().to_owned(),
        build_timestamp_seconds: database.build_epoch(),
    }
}
