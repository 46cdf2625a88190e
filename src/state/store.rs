//! The file that the state is in: replaced as a whole, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::format::{LARGEST, encode_with};
use super::sections::Section;
use super::{Damage, Decoded, Fault, State, decode};
use crate::files::{self, Unclaimed, Unread};

/// The name of the file.
pub const NAME: &str = "counters.state";

/// The name of the file while it is written.
const NEW_NAME: &str = "counters.state.new";

/// A directory that belongs to this process for as long as this exists.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    /// The open directory, which is locked, and by which renames are synced.
    handle: File,
    /// Sections of other releases. They are saved as they were found.
    unknown: Vec<Section>,
}

/// The result of a save.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The number of flows that found no room in the file.
    pub left_out: usize,
}

/// The reason why a state is not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The next start would refuse it.
    #[error("the state has {0} bytes, and at most {LARGEST} are read")]
    Large(usize),
    /// The disk refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The reason why no state can be saved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such directory, or no right to use it.
    #[error("cannot use {0}")]
    Directory(PathBuf, #[source] io::Error),
    /// Two exporters would overwrite each other's counters.
    #[error("{0} is used by another process")]
    InUse(PathBuf),
    /// An unusable file must not be overwritten.
    #[error("cannot set {0} aside")]
    SetAside(PathBuf, #[source] io::Error),
}

/// The content of the directory.
#[derive(Debug)]
pub enum Found {
    /// Nothing yet.
    Nothing,
    /// The state of the last process.
    State {
        /// The sections that can be used.
        state: Box<State>,
        /// The sections that cannot.
        damage: Vec<Damage>,
        /// A copy of the file, if it is damaged.
        copy: Option<PathBuf>,
    },
    /// A file that is of no use, under this name from now on.
    SetAside {
        /// Its new name.
        path: PathBuf,
        /// The fault.
        reason: Reason,
    },
}

/// The fault of a file.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Its content.
    #[error(transparent)]
    Content(#[from] Fault),
    /// It is a directory, a pipe or the like.
    #[error("it is not a regular file")]
    NoFile,
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[from] io::Error),
    /// More than there could be.
    #[error("it is larger than {LARGEST} bytes")]
    Large,
}

impl Error {
    /// Returns the reason why a missing directory was not made: its file
    /// system may be read-only.
    #[must_use]
    pub fn or_made(self, made: io::Result<()>) -> Self {
        match self {
            Self::Directory(path, error) => {
                Self::Directory(path, files::or_made(error, made))
            }
            other => other,
        }
    }
}

impl Store {
    /// Makes a missing directory, for this user only. To be called
    /// while files may still be written anywhere.
    ///
    /// # Errors
    /// If the system refuses: its error, for [`Error::or_made`].
    pub fn make(directory: &Path) -> io::Result<()> {
        files::make_private(directory)
    }

    /// Looks at the state in a directory, and leaves all as it is.
    ///
    /// # Errors
    /// If a start could not use it.
    pub fn look(directory: &Path) -> Result<(), Reason> {
        read(&directory.join(NAME)).map(|_| ())
    }

    /// Opens a directory for this process alone.
    ///
    /// # Errors
    /// If it cannot be opened, or another process has it.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        match files::claim(directory) {
            Ok(handle) => Ok(Self {
                directory: directory.into(),
                handle,
                unknown: Vec::new(),
            }),
            Err(Unclaimed::Taken) => Err(Error::InUse(directory.into())),
            Err(Unclaimed::Failed(error)) => {
                Err(Error::Directory(directory.into(), error))
            }
        }
    }

    /// Returns the path of the state.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.join(NAME)
    }

    /// Reads the state. A file without any usable part is renamed and never
    /// read again; a file with damaged sections is copied.
    ///
    /// # Errors
    /// If it cannot be renamed either.
    pub fn load(&mut self) -> Result<Found, Error> {
        let reason = match read(&self.path()) {
            Ok(None) => return Ok(Found::Nothing),
            Ok(Some(Decoded { state, damage, unknown })) => {
                self.unknown = unknown;
                let state = Box::new(state);
                let copy = match damage.is_empty() {
                    true => None,
                    false => self.copy_aside(),
                };
                return Ok(Found::State { state, damage, copy });
            }
            Err(reason) => reason,
        };
        let path = self.path_aside();
        fs::rename(self.path(), &path)
            .map_err(|error| Error::SetAside(self.path(), error))?;
        Ok(Found::SetAside { path, reason })
    }

    /// Takes the sections that the state has no place for: those of slices, and
    /// those of other releases.
    pub fn take_sections(&mut self) -> Vec<Section> {
        std::mem::take(&mut self.unknown)
    }

    /// Keeps the sections that no slice took: every save writes them again.
    pub fn keep_sections(&mut self, sections: Vec<Section>) {
        self.unknown = sections;
    }

    /// Returns a new path for a damaged file.
    fn path_aside(&self) -> PathBuf {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.unwrap_or_default().as_secs();
        self.directory.join(format!("{NAME}.damaged-{seconds}"))
    }

    /// Gives a damaged file a second name, and returns it. The second name stays
    /// when the file is replaced.
    #[must_use]
    pub fn copy_aside(&self) -> Option<PathBuf> {
        let path = self.path_aside();
        let linked = fs::hard_link(self.path(), &path);
        // Some file systems have no links.
        let copied =
            linked.or_else(|_| fs::copy(self.path(), &path).map(|_| ()));
        copied.is_ok().then_some(path)
    }

    /// Removes the state, as far as that is possible.
    pub fn discard(&self) {
        let _ = fs::remove_file(self.path());
    }

    /// Replaces the state, on the disk when this returns.
    ///
    /// # Errors
    /// If that fails. The file that was there stays.
    pub fn save(&self, state: &State) -> Result<Saved, SaveError> {
        let encoded = encode_with(state, &self.unknown, LARGEST)
            .map_err(SaveError::Large)?;
        let new = self.directory.join(NEW_NAME);
        let saved = self.write(&new, &encoded.bytes);
        if saved.is_err() {
            // This file may fill the disk.
            let _ = fs::remove_file(&new);
        }
        Ok(saved.map(|()| Saved { left_out: encoded.left_out })?)
    }

    fn write(&self, new: &Path, bytes: &[u8]) -> io::Result<()> {
        match fs::remove_file(new) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error);
            }
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(new, self.path())?;
        self.handle.sync_all()
    }
}

/// Reads and decodes a file of state, if there is one.
fn read(path: &Path) -> Result<Option<Decoded>, Reason> {
    let bytes = match files::read(path, LARGEST as u64) {
        Ok(content) => content.bytes,
        Err(Unread::Open(error)) if error.kind() == ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(Unread::Open(error) | Unread::Read(error)) => {
            return Err(error.into());
        }
        Err(Unread::Kind(_)) => return Err(Reason::NoFile),
        Err(Unread::TooLarge) => return Err(Reason::Large),
    };
    Ok(Some(decode(&bytes)?))
}

#[cfg(test)]
mod tests;
