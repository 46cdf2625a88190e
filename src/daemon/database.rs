//! Databases as resources that are followed on disk, and their kinds.

use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slog::{Logger, info};

use super::follower::{Files, Resource};
use crate::classifier::Sources;
use crate::collectors::exporter;
use crate::config::Config;
use crate::files::Place;
use crate::geoip::{self, Cities, Countries, DatabaseOf, Networks, Subject};
use crate::logging;

/// A kind of databases, as the configuration names one of them.
pub(super) trait Kind: Subject + Copy + Send {
    /// The name of the thread that follows the file.
    const THREAD: &'static str;
    /// The answers that are all `UNKNOWN` without a database.
    const ANSWERS: &'static str;

    /// Returns the file, if the configuration uses one.
    fn file(config: &Config) -> Option<&Path>;

    /// Returns the place of the database in the sources of origins.
    fn place(sources: &mut Sources) -> &mut Option<Arc<DatabaseOf<Self>>>;
}

impl Kind for Countries {
    const THREAD: &'static str = "database";
    const ANSWERS: &'static str = "every country";

    fn file(config: &Config) -> Option<&Path> {
        Some(&config.geoip_db)
    }

    fn place(sources: &mut Sources) -> &mut Option<Arc<DatabaseOf<Self>>> {
        &mut sources.countries
    }
}

impl Kind for Networks {
    const THREAD: &'static str = "asn-database";
    const ANSWERS: &'static str = "every network";

    fn file(config: &Config) -> Option<&Path> {
        config.networks.then_some(&config.asn_db)
    }

    fn place(sources: &mut Sources) -> &mut Option<Arc<DatabaseOf<Self>>> {
        &mut sources.networks
    }
}

impl Kind for Cities {
    const THREAD: &'static str = "city-database";
    const ANSWERS: &'static str = "every city";

    fn file(config: &Config) -> Option<&Path> {
        let is_wanted = config.remote_hosts;
        config.city_db.as_deref().filter(|_| is_wanted)
    }

    fn place(sources: &mut Sources) -> &mut Option<Arc<DatabaseOf<Self>>> {
        &mut sources.cities
    }
}

/// The file of a database.
#[derive(Clone, Debug)]
pub(super) struct DatabaseFile<K> {
    path: PathBuf,
    kind: PhantomData<K>,
}

impl<K> DatabaseFile<K> {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.into(), kind: PhantomData }
    }
}

impl<K: Kind> Resource for DatabaseFile<K> {
    type Content = DatabaseOf<K>;
    type Error = geoip::Error;

    fn open(&self, place: &Place) -> Result<DatabaseOf<K>, geoip::Error> {
        place.enter(&self.path);
        DatabaseOf::open(&self.path)
    }

    fn files_of(database: &DatabaseOf<K>) -> Files {
        vec![(database.path().to_owned(), database.identity())]
    }

    fn may_pass(error: &geoip::Error) -> bool {
        error.may_pass()
    }

    fn panicked(&self) -> geoip::Error {
        let cause = io::Error::other("a fault of the exporter");
        geoip::Error::Open { path: self.path.clone(), cause }
    }
}

/// The outcome of opening a database for a reload.
pub(super) struct Read<K: Kind> {
    /// None if the configuration uses none, or if there is no file and no
    /// database was in use.
    pub(super) database: Option<Arc<DatabaseOf<K>>>,
    /// The reason why there is no file.
    pub(super) missing: Option<geoip::Error>,
}

/// Opens the database for a reload. While one is in use (`is_in_use`), a missing
/// file is a fault.
///
/// # Errors
/// The fault of the file.
pub(super) fn read<K: Kind>(
    config: &Config,
    is_in_use: bool,
    place: &Place,
) -> Result<Read<K>, geoip::Error> {
    let Some(path) = K::file(config) else {
        return Ok(Read { database: None, missing: None });
    };
    match DatabaseFile::<K>::new(path).open(place) {
        Ok(database) => {
            Ok(Read { database: Some(Arc::new(database)), missing: None })
        }
        Err(fault) if fault.is_not_found() && !is_in_use => {
            Ok(Read { database: None, missing: Some(fault) })
        }
        Err(fault) => Err(fault),
    }
}

pub(super) fn log_opened<K: Kind>(log: &Logger, database: &DatabaseOf<K>) {
    info!(log, "opened the GeoIP database";
        "database" => K::LABEL,
        "path" => %database.path().display(),
        "type" => database.database_type(),
        "built" => logging::date(database.build_epoch()));
}

pub(super) fn describe<K: Kind>(
    database: &DatabaseOf<K>,
) -> exporter::Database {
    exporter::Database {
        path: database.path().to_owned(),
        database_type: database.database_type().to_owned(),
        build_timestamp_seconds: database.build_epoch(),
    }
}
