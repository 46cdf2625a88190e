//! A country database file, read into memory and checked once.
//!
//! The file is never mapped: truncating a mapped file kills its readers with
//! SIGBUS. It is checked as a whole when it is opened, which takes some
//! tens of milliseconds, so that a lookup later has nothing left to fail at.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use maxminddb::{MaxMindDbError, Reader};
use thiserror::Error;

use super::Country;
use super::cache::RecordCache;
use super::format;
use super::record::{Content, Record, is_type_of_owners};
use super::tree::{self, Layout};
use crate::files::{self, Identity, Unread};

/// The largest file that is read: 512 MiB. Country databases have 3 to 30
/// MiB, the largest city databases some 200.
pub const MAX_DATABASE_BYTES: u64 = 512 << 20;

/// The time in which every distinct record must be decoded, and the time added
/// for each. Those of a country database take less than a millisecond, of a
/// city database a microsecond or two each. A file of 4 MB can be made whose
/// records take minutes: half a millisecond each whenever one is asked for, and
/// more of them than the cache holds. So looking up any new flows takes less
/// than this time and 20 µs for each.
const MAX_RECORDS_TIME: Duration = Duration::from_secs(5);
const MAX_RECORD_TIME: Duration = Duration::from_micros(20);

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
    fn is_unreadable(&self) -> bool {
        matches!(self, Self::NotADatabase { .. } | Self::Damaged { .. })
    }

    /// Returns whether there is no file.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Open { cause, .. }
            if cause.kind() == io::ErrorKind::NotFound)
    }
}

/// A country database that was found sound.
pub struct Database {
    path: PathBuf,
    identity: Option<Identity>,
    reader: Reader<Vec<u8>>,
}

impl Database {
    /// Reads and checks the database at `path`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is no sound country database. The error is
    /// one line that names the file and the fault.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (bytes, identity) = read_file(path)?;
        let mut database = Self::from_bytes(path, bytes)?;
        database.identity = Some(identity);
        Ok(database)
    }

    /// Checks the bytes of a database; `path` is only its name in messages.
    ///
    /// # Errors
    ///
    /// If they are no sound country database.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Err(Error::Empty { path: path.into() });
        }
        check(path, &bytes).map_err(|error| {
            match (error.is_unreadable(), format::recognise(path, &bytes)) {
                (true, Some(what)) => {
                    Error::OtherFormat { path: path.into(), what }
                }
                _ => error,
            }
        })?;
        let reader = Reader::from_source(bytes)
            .map_err(|error| not_a_database(path, &error))?;
        Ok(Self { path: path.into(), identity: None, reader })
    }

    /// Returns the country of `address`, `UNKNOWN` if there is no record or no
    /// country.
    #[must_use]
    pub fn country(&self, address: IpAddr) -> Country {
        self.country_by_record(address, None)
    }

    /// As [`Database::country`], from `cache` if it knows the record.
    ///
    /// The only caller of the reader's `lookup` with this reader: called from
    /// one place it is inlined, and the results of a lookup besides the offset
    /// are never made. That saves a third of a short walk.
    pub(super) fn country_by_record(
        &self,
        address: IpAddr,
        cache: Option<&mut RecordCache>,
    ) -> Country {
        // An IPv6 address in a database of IPv4 only is an error here.
        let Ok(found) = self.reader.lookup(address) else {
            return Country::UNKNOWN;
        };
        let Some(offset) = found.offset() else {
            return Country::UNKNOWN;
        };
        // Decoding fails only for a record past those that were checked.
        let decode = || match found.decode::<Record>() {
            Ok(Some(record)) => record.country,
            Ok(None) | Err(_) => Country::UNKNOWN,
        };
        match cache {
            Some(cache) => cache.country(offset, decode),
            None => decode(),
        }
    }

    /// Returns the path it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the identity of the file, `None` for a database made of bytes.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Returns the type that the database states, such as `GeoLite2-Country`.
    #[must_use]
    pub fn database_type(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// Returns the build time of the database, in seconds since the epoch.
    #[must_use]
    pub fn build_epoch(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// Returns 4 if it has IPv4 addresses only, else 6.
    #[must_use]
    pub fn ip_version(&self) -> u16 {
        self.reader.metadata().ip_version
    }
}

/// Reads a regular file of reasonable size.
fn read_file(path: &Path) -> Result<(Vec<u8>, Identity), Error> {
    let content = files::read(path, MAX_DATABASE_BYTES);
    let content = content.map_err(|fault| match fault {
        Unread::Open(cause) => Error::Open { path: path.into(), cause },
        Unread::Kind(kind) => Error::NotAFile { path: path.into(), kind },
        Unread::TooLarge => Error::TooLarge { path: path.into() },
        Unread::Read(cause) => Error::Read { path: path.into(), cause },
    })?;
    if content.has_changed {
        return Err(Error::Changed { path: path.into() });
    }
    Ok((content.bytes, content.identity))
}

/// Checks a database as a whole.
fn check(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let reader = Reader::from_source(bytes)
        .map_err(|error| not_a_database(path, &error))?;
    let metadata = reader.metadata();
    let layout = Layout {
        node_count: metadata.node_count,
        record_bits: metadata.record_size,
        address_bits: if metadata.ip_version == 4 { 32 } else { 128 },
    };
    let content =
        decode_all(&reader, bytes, layout, MAX_RECORDS_TIME).map_err(
            |Unsound(reason)| Error::Damaged { path: path.into(), reason },
        )?;
    let (path, database_type) = (path.into(), metadata.database_type.clone());
    if !content.has_country() {
        return Err(Error::NoCountry { path, database_type });
    }
    if content.is_of_owners() || is_type_of_owners(&database_type) {
        return Err(Error::Owners { path, database_type });
    }
    Ok(())
}

/// The reason why a database is damaged.
struct Unsound(String);

impl From<tree::Damage> for Unsound {
    fn from(damage: tree::Damage) -> Self {
        Self(damage.to_string())
    }
}

/// Decodes every distinct record, within `time` and the time for each, and
/// returns their subjects.
fn decode_all(
    reader: &Reader<&[u8]>,
    bytes: &[u8],
    layout: Layout,
    mut time: Duration,
) -> Result<Content, Unsound> {
    let mut content = Content::default();
    let began = Instant::now();
    tree::visit_records(bytes, layout, |address| {
        time += MAX_RECORD_TIME;
        // One record takes no longer than the decoder's own bounds allow.
        if began.elapsed() > time {
            return Err(Unsound("its records take too long to read".into()));
        }
        let record = reader
            .lookup(address)
            .and_then(|found| found.decode::<Record>())
            .map_err(|error| Unsound(error.to_string()))?;
        content.add(record.unwrap_or_default().content);
        Ok(())
    })?;
    Ok(content)
}

fn not_a_database(path: &Path, error: &MaxMindDbError) -> Error {
    // The reader's own text starts with the same again.
    let reason = error.to_string();
    let reason = reason.strip_prefix("invalid database: ").unwrap_or(&reason);
    Error::NotADatabase { path: path.into(), reason: reason.into() }
}

/// Returns the system's error text without the number behind it.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.into(),
        None => text,
    }
}
