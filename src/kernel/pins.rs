//! The directory in bpffs where maps and links are kept, so that they count on
//! while no exporter runs.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use aya::maps::MapData;

use super::abi::hook_name;
use super::errno::io_error;
use super::features::pinned_maps;
use super::sys;
use crate::accounting::{Direction, InterfaceId};
use crate::files::{self, Unclaimed};

/// BPF_FS_MAGIC of linux/magic.h.
const BPFFS: i64 = 0xCAFE_4A11;

const LINK: &str = "link-";

/// The reason why nothing can be pinned.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// There is no such directory, or no right to use it.
    #[error("cannot use {0}")]
    Directory(PathBuf, #[source] io::Error),
    /// The user may not remove pins.
    #[error(
        "cannot remove the pins in {0}, which only root and the exporter's \
         user can"
    )]
    NotTheirs(PathBuf, #[source] io::Error),
    /// The directory is not in bpffs, which alone keeps maps and links.
    #[error(
        "{0} is not in bpffs: mount it with mount -t bpf bpf /sys/fs/bpf, and \
         name a directory in it"
    )]
    NotBpffs(PathBuf),
    /// Another exporter uses it: both would count in the same maps.
    #[error("{0} is used by another exporter: let it be, or stop that one")]
    InUse(PathBuf),
    /// A file in it cannot be removed.
    #[error("cannot remove {0}")]
    Remove(PathBuf, #[source] io::Error),
}

impl Fault {
    /// Adds the reason why a missing directory could not be made: its file
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

    /// Says who may remove pins, if the user may not.
    #[must_use]
    pub fn of_removal(self) -> Self {
        match self {
            Self::Directory(path, error)
                if error.kind() == ErrorKind::PermissionDenied =>
            {
                Self::NotTheirs(path, error)
            }
            other => other,
        }
    }

    /// Returns whether the process lacks a permission.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::NotTheirs(..) => true,
            Self::Directory(_, error) | Self::Remove(_, error) => {
                error.kind() == ErrorKind::PermissionDenied
            }
            Self::NotBpffs(_) | Self::InUse(_) => false,
        }
    }
}

/// A directory that belongs to this process until this is dropped.
#[derive(Debug)]
pub struct Pins {
    directory: PathBuf,
    /// The locked directory.
    _handle: File,
}

impl Pins {
    /// Makes a private directory, if there is none. To be called while files
    /// may still be written anywhere.
    ///
    /// # Errors
    /// If the system refuses; the error is for [`Fault::or_made`].
    pub fn make(directory: &Path) -> io::Result<()> {
        files::make_private(directory)
    }

    /// Looks whether a directory keeps maps, judged by `there`: itself or an
    /// existing one above it. Locks nothing.
    ///
    /// # Errors
    /// If it does not, or cannot be opened.
    pub fn look(directory: &Path, there: &Path) -> Result<(), Fault> {
        let failed = |error| Fault::Directory(directory.into(), error);
        let handle = File::open(there).map_err(failed)?;
        match sys::file_system(handle.as_fd()).map_err(failed)? {
            BPFFS => Ok(()),
            _ => Err(Fault::NotBpffs(directory.into())),
        }
    }

    /// Opens a directory for this process alone.
    ///
    /// # Errors
    /// If it cannot be opened, or another process has it, or it keeps no maps.
    pub fn open(directory: &Path) -> Result<Self, Fault> {
        Self::look(directory, directory)?;
        match files::claim(directory) {
            Ok(handle) => {
                Ok(Self { directory: directory.into(), _handle: handle })
            }
            Err(Unclaimed::Taken) => Err(Fault::InUse(directory.into())),
            Err(Unclaimed::Failed(error)) => {
                Err(Fault::Directory(directory.into(), error))
            }
        }
    }

    /// Returns its path.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Removes everything that an exporter pinned, links first, and returns the
    /// number of files. Maps and links that no process holds end with them.
    ///
    /// # Errors
    /// If a file cannot be removed; those removed before it are gone.
    pub fn clear(&self) -> Result<usize, Fault> {
        let found = self.found()?;
        for name in &found {
            let path = self.directory.join(name);
            fs::remove_file(&path)
                .map_err(|error| Fault::Remove(path, error))?;
        }
        Ok(found.len())
    }

    /// Returns the number of files that an exporter pinned.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn count(&self) -> Result<usize, Fault> {
        Ok(self.found()?.len())
    }

    /// Returns the names of the files that an exporter pinned, links first.
    fn found(&self) -> Result<Vec<OsString>, Fault> {
        let failed = |error| Fault::Directory(self.directory.clone(), error);
        let (mut links, mut maps) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if name.to_string_lossy().starts_with(LINK) {
                links.push(name);
            } else if pinned_maps().any(|map| name == *map) {
                maps.push(name);
            }
        }
        links.append(&mut maps);
        Ok(links)
    }

    /// Removes the pins of these maps.
    ///
    /// # Errors
    /// If one that exists cannot be removed.
    pub(super) fn remove_maps(&self, names: &[&str]) -> Result<(), Fault> {
        for name in names {
            let path = self.map_path(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Fault::Remove(path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the path of a map.
    pub(super) fn map_path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Returns a map, if it is there.
    ///
    /// # Errors
    /// If the kernel refuses, except because the map is not there.
    pub(super) fn map(&self, name: &str) -> io::Result<Option<MapData>> {
        match MapData::from_pin(self.map_path(name)).map_err(io_error) {
            Ok(map) => Ok(Some(map)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn link_path(&self, id: InterfaceId, direction: Direction) -> PathBuf {
        let hook = hook_name(direction);
        self.directory.join(format!("{LINK}{}-{hook}", id.0))
    }

    /// Pins the link of an interface number, in place of any other.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn keep_link(
        &self,
        id: InterfaceId,
        direction: Direction,
        link: BorrowedFd<'_>,
    ) -> io::Result<()> {
        self.drop_link(id, direction);
        sys::pin(link, &self.link_path(id, direction))
    }

    /// Removes the pin of the link of an interface number.
    pub(super) fn drop_link(&self, id: InterfaceId, direction: Direction) {
        // If this fails, the link is on no device any more, and the next start
        // finds that.
        let _ = fs::remove_file(self.link_path(id, direction));
    }

    /// Returns the link of an interface number.
    ///
    /// # Errors
    /// If there is none, or the kernel refuses.
    pub(super) fn link(
        &self,
        id: InterfaceId,
        direction: Direction,
    ) -> io::Result<OwnedFd> {
        sys::open_pin(&self.link_path(id, direction))
    }
}
