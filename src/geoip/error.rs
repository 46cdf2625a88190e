//! The reasons why a database is not used.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::MAX_DATABASE_BYTES;

/// The reason why a database was not opened. The text names the file.
#[derive(Debug, Error)]
pub enum Error {
    /// The file is not there or may not be read.
    #[error("cannot open GeoIP database {path:?}: {}", plain(.cause))]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// Reading the file failed half-way.
    #[error("cannot read GeoIP database {path:?}: {}", plain(.cause))]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// A directory, a device, a socket.
    #[error("cannot open GeoIP database {path:?}: it is {kind}, not a file")]
    NotAFile {
        /// Its path.
        path: PathBuf,
        /// Its kind, with the article.
        kind: &'static str,
    },
    /// A file of no bytes.
    #[error("cannot open GeoIP database {path:?}: the file is empty")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A file of more than [`MAX_DATABASE_BYTES`].
    #[error(
        "cannot open GeoIP database {path:?}: the file is larger than \
         {} MiB", MAX_DATABASE_BYTES >> 20
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Reading takes too long.
    #[error(
        "cannot open GeoIP database {path:?}: reading and checking it takes \
         more than {seconds} seconds"
    )]
    Slow {
        /// The file.
        path: PathBuf,
        /// The time after which reading was given up.
        seconds: u64,
    },
    /// The file was written to while it was read.
    #[error("cannot read GeoIP database {path:?}: it changed meanwhile")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a MaxMind database, or is cut short.
    #[error(
        "cannot use GeoIP database {path:?}: it is not a complete MaxMind \
         database (.mmdb) file: {reason}"
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// The missing part.
        reason: String,
    },
    /// The tree or a record cannot be followed.
    #[error("cannot use GeoIP database {path:?}: it is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage.
        reason: String,
    },
    /// A file of another format.
    #[error("cannot use GeoIP database {path:?}: it is {what}")]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// Its format, and the remedy.
        what: &'static str,
    },
    /// A database of networks' owners, with the countries of their offices.
    #[error(
        "cannot use GeoIP database {path:?}: it is of type {database_type:?}, \
         whose records say who owns a network, not where it is; use a \
         country or city database"
    )]
    Owners {
        /// The file.
        path: PathBuf,
        /// The type that the file states.
        database_type: String,
    },
    /// A database of something else: networks, anonymous proxies, domains.
    #[error(
        "cannot use GeoIP database {path:?}: it is of type {database_type:?} \
         and its records carry no country; use a country or city database"
    )]
    NoCountry {
        /// The file.
        path: PathBuf,
        /// The type that the file states.
        database_type: String,
    },
    /// A database without cities.
    #[error(
        "cannot use GeoIP database {path:?}: it is of type {database_type:?} \
         and its records carry no city; use a city database"
    )]
    NoCity {
        /// The file.
        path: PathBuf,
        /// The type that the file states.
        database_type: String,
    },
    /// A database without the numbers of autonomous systems.
    #[error(
        "cannot use GeoIP database {path:?}: it is of type {database_type:?} \
         and its records carry no number of an autonomous system; use an ASN \
         or ISP database"
    )]
    NoNetwork {
        /// The file.
        path: PathBuf,
        /// The type that the file states.
        database_type: String,
    },
}

impl Error {
    /// Returns whether the file is not at fault, and opening it again may work.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Open { .. } | Self::Read { .. } | Self::Slow { .. }
        )
    }

    /// Returns whether the bytes are not those of a sound database.
    pub(super) fn is_unreadable(&self) -> bool {
        matches!(self, Self::NotADatabase { .. } | Self::Damaged { .. })
    }

    /// Returns whether there is no file.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Open { cause, .. }
            if cause.kind() == io::ErrorKind::NotFound)
    }
}

/// Returns the system's error text without the number behind it.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.into(),
        None => text,
    }
}
