//! A database file, read into memory and checked once.
//!
//! The file is never mapped: truncating a mapped file kills its readers with
//! SIGBUS. It is checked as a whole when it is opened, which takes some
//! tens of milliseconds, so that a lookup later has nothing left to fail at.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use maxminddb::{MaxMindDbError, Reader};

use super::cache::RecordCache;
use super::city::{CityRecord, Place};
use super::format;
use super::subject::{Cities, Countries, Networks, Subject};
use super::tree::{self, Layout};
use super::{Country, Error, Network};
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

/// A database of one subject that was found sound.
pub struct DatabaseOf<S: Subject> {
    path: PathBuf,
    identity: Option<Identity>,
    reader: Reader<Vec<u8>>,
    names: Arc<S::Names>,
}

/// A database of countries.
pub type Database = DatabaseOf<Countries>;

/// A database of cities.
pub type CityDatabase = DatabaseOf<Cities>;

/// A database of autonomous systems.
pub type NetworkDatabase = DatabaseOf<Networks>;

impl<S: Subject> DatabaseOf<S> {
    /// Reads and checks the database at `path`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is no sound database of the subject. The
    /// error is one line that names the file and the fault.
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
    /// If they are no sound database of the subject.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Err(Error::Empty { path: path.into() });
        }
        let names = check::<S>(path, &bytes).map_err(|error| {
            match (error.is_unreadable(), format::recognise(path, &bytes)) {
                (true, Some(what)) => {
                    Error::OtherFormat { path: path.into(), what }
                }
                _ => error,
            }
        })?;
        let reader = Reader::from_source(bytes)
            .map_err(|error| not_a_database(path, &error))?;
        Ok(Self {
            path: path.into(),
            identity: None,
            reader,
            names: Arc::new(names),
        })
    }

    /// Returns the answer for `address`, from `cache` if it knows the record:
    /// `UNKNOWN` if there is no record, or nothing about the subject in it.
    ///
    /// The only caller of the reader's `lookup` with this reader: called from
    /// one place it is inlined, and the results of a lookup besides the offset
    /// are never made. That saves a third of a short walk.
    pub(super) fn by_record(
        &self,
        address: IpAddr,
        cache: Option<&mut RecordCache<S::Answer>>,
    ) -> S::Answer {
        // An IPv6 address in a database of IPv4 only is an error here.
        let Ok(found) = self.reader.lookup(address) else {
            return S::Answer::default();
        };
        let Some(offset) = found.offset() else {
            return S::Answer::default();
        };
        // Decoding fails only for a record past those that were checked.
        let decode = || match found.decode::<S::Record<'_>>() {
            Ok(Some(record)) => S::answer(&record),
            Ok(None) | Err(_) => S::Answer::default(),
        };
        match cache {
            Some(cache) => cache.answer(offset, decode),
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

    /// Returns the names that the records have.
    #[must_use]
    pub fn names(&self) -> &Arc<S::Names> {
        &self.names
    }
}

impl Database {
    /// Returns the country of `address`, `UNKNOWN` if there is no record or no
    /// country.
    #[must_use]
    pub fn country(&self, address: IpAddr) -> Country {
        self.by_record(address, None)
    }
}

impl NetworkDatabase {
    /// Returns the network of `address`, `UNKNOWN` if there is no record or no
    /// number.
    #[must_use]
    pub fn network(&self, address: IpAddr) -> Network {
        self.by_record(address, None)
    }
}

impl CityDatabase {
    /// Returns the number of the record of `address`, if there is one. Addresses
    /// of the same record have the same place.
    #[must_use]
    pub fn record(&self, address: IpAddr) -> Option<usize> {
        self.reader.lookup(address).ok()?.offset()
    }

    /// Returns the place of `address`, with names in a language if they are
    /// there.
    #[must_use]
    pub fn place(&self, address: IpAddr, language: &str) -> Place {
        let found = self.reader.lookup(address);
        let record = found.and_then(|it| it.decode::<CityRecord<'_>>());
        match record {
            Ok(Some(record)) => record.place(language),
            Ok(None) | Err(_) => Place::default(),
        }
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

/// Checks a database as a whole, and returns the names in it.
fn check<S: Subject>(path: &Path, bytes: &[u8]) -> Result<S::Names, Error> {
    let reader = Reader::from_source(bytes)
        .map_err(|error| not_a_database(path, &error))?;
    let metadata = reader.metadata();
    let layout = Layout {
        node_count: metadata.node_count,
        record_bits: metadata.record_size,
        address_bits: if metadata.ip_version == 4 { 32 } else { 128 },
    };
    let findings =
        decode_all::<S>(&reader, bytes, layout, MAX_RECORDS_TIME).map_err(
            |Unsound(reason)| Error::Damaged { path: path.into(), reason },
        )?;
    S::judge(findings, path, &metadata.database_type)
}

/// The reason why a database is damaged.
struct Unsound(String);

impl From<tree::Damage> for Unsound {
    fn from(damage: tree::Damage) -> Self {
        Self(damage.to_string())
    }
}

/// Decodes every distinct record, within `time` and the time for each, and
/// returns what they have in common.
fn decode_all<S: Subject>(
    reader: &Reader<&[u8]>,
    bytes: &[u8],
    layout: Layout,
    mut time: Duration,
) -> Result<S::Findings, Unsound> {
    let mut findings = S::Findings::default();
    let began = Instant::now();
    tree::visit_records(bytes, layout, |address| {
        time += MAX_RECORD_TIME;
        // One record takes no longer than the decoder's own bounds allow.
        if began.elapsed() > time {
            return Err(Unsound("its records take too long to read".into()));
        }
        let found = reader
            .lookup(address)
            .map_err(|error| Unsound(error.to_string()))?;
        let record = found
            .decode::<S::Record<'_>>()
            .map_err(|error| Unsound(error.to_string()))?;
        if let Some(record) = record {
            S::gather(&mut findings, &record);
        }
        Ok(())
    })?;
    Ok(findings)
}

fn not_a_database(path: &Path, error: &MaxMindDbError) -> Error {
    // The reader's own text starts with the same again.
    let reason = error.to_string();
    let reason = reason.strip_prefix("invalid database: ").unwrap_or(&reason);
    Error::NotADatabase { path: path.into(), reason: reason.into() }
}
