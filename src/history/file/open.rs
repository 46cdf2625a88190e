//! Opens the file, and makes it if there is none.

#![forbid(unsafe_code)]

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::super::items::Counters;
use super::super::names::Names;
use super::super::schema::{APPLICATION, VERSION};
use super::File;
use crate::files;

/// The time for which a write waits for others that read the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// The reason why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is damaged, or no file of a history.
    #[error("{0}")]
    Damaged(String),
    /// A newer release wrote it.
    #[error(
        "its tables have version {0}, and this release knows up to version {VERSION}"
    )]
    Newer(i64),
    /// It is no regular file: its name, and its kind with the article.
    #[error("{0} is {1}, not a file")]
    Kind(String, &'static str),
    /// It cannot be made.
    #[error("{0}")]
    Make(#[from] io::Error),
    /// It cannot be read or written.
    #[error("{0}")]
    Database(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match is_damage(&error) {
            true => Self::Damaged(error.to_string()),
            false => Self::Database(error),
        }
    }
}

/// Returns whether an error means that the file is damaged.
#[must_use]
pub(in crate::history) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    ) || matches!(
        error,
        rusqlite::Error::SqliteFailure(_, Some(text))
            if text.starts_with("no such table")
                || text.starts_with("no such column")
    )
}

impl File {
    /// Opens a file. If it is missing or empty, makes its tables, and takes the
    /// counters at `first` for traffic from before the history.
    ///
    /// # Errors
    /// If it cannot be used.
    pub fn open(
        path: &Path,
        first: &Counters,
        now: i64,
    ) -> Result<Self, OpenError> {
        refuse_other_kinds(path)?;
        make(path)?;
        let connection = connect(path)?;
        let version: i64 =
            connection.query_row("PRAGMA user_version", [], |r| r.get(0))?;
        let application: i64 =
            connection.query_row("PRAGMA application_id", [], |r| r.get(0))?;
        let (written, names) = (None, Names::default());
        let mut file = Self { path: path.into(), connection, names, written };
        match (version, application) {
            (0, 0) if is_empty(&file.connection)? => file.begin(first, now)?,
            (VERSION, APPLICATION) => check(&file.connection)?,
            (newer, APPLICATION) if newer > VERSION => {
                return Err(OpenError::Newer(newer));
            }
            _ => {
                let text = "it is not a file of a history".into();
                return Err(OpenError::Damaged(text));
            }
        }
        Ok(file)
    }
}

/// Refuses a file that is not a regular file, or whose journal is none. SQLite
/// would wait for the other end of a FIFO without end.
pub(in crate::history) fn refuse_other_kinds(
    path: &Path,
) -> Result<(), OpenError> {
    for file in [path.to_owned(), with(path, "-journal"), with(path, "-wal")] {
        if let Some(kind) = files::kind_of_other(&file) {
            let name = file.file_name().unwrap_or_default();
            return Err(OpenError::Kind(name.display().to_string(), kind));
        }
    }
    Ok(())
}

/// Returns a path with something at its end.
fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Makes an empty file for this user alone. SQLite gives its journal the same
/// permissions.
fn make(path: &Path) -> io::Result<()> {
    let made =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Opens a connection that keeps its journal beside the file, only while it
/// writes. A log for writing ahead would need two more files, and readers would
/// need the right to write.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    // A crash of the system must not lose what scrapes have seen in a report.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection
        .pragma_update(None, "mmap_size", 0)
        .or_else(ignore_result_row)?;
    connection.pragma_update(None, "cache_size", -2048)?;
    Ok(connection)
}

/// A pragma that returns its new value is in force all the same.
fn ignore_result_row(error: rusqlite::Error) -> rusqlite::Result<()> {
    match error {
        rusqlite::Error::ExecuteReturnedResults => Ok(()),
        error => Err(error),
    }
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    let count = "SELECT count(*) FROM sqlite_schema";
    connection.query_row(count, [], |row| row.get::<_, i64>(0)).map(|n| n == 0)
}

fn check(connection: &Connection) -> Result<(), OpenError> {
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match &*found {
        "ok" => Ok(()),
        fault => Err(OpenError::Damaged(fault.replace('\n', " "))),
    }
}

/// Renames a damaged file, and its journal, which belongs to it. Returns the new
/// path.
///
/// # Errors
/// If the system refuses.
pub(in crate::history) fn set_aside(
    path: &Path,
    now: i64,
) -> io::Result<PathBuf> {
    let aside = with(path, &format!(".damaged-{now}"));
    fs::rename(path, &aside)?;
    match fs::rename(with(path, "-journal"), with(&aside, "-journal")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(aside),
    }
}
