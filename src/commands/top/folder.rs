//! A private folder that goes with its process.
//!
//! A process that is killed cannot remove its folder, so the next one does. The
//! folder is locked as long as its process lives: the kernel drops the lock with
//! the process. A number of a process in the name would not tell, because the
//! kernel gives it out again, and other containers have the same numbers.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::files::{Unclaimed, claim};

const PREFIX: &str = "geoip-exporter-top.";

/// The names that are tried.
const NAMES: u32 = 1000;

/// A folder that only this user can enter. It is removed when this is dropped.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Removes the folders of processes that were killed, and makes one.
    ///
    /// # Errors
    /// Whatever the system says, with the path.
    pub(super) fn make(parent: &Path) -> Result<Self, String> {
        sweep(parent);
        let process = std::process::id();
        let mut path = parent.join(format!("{PREFIX}{process}"));
        for number in 1..=NAMES {
            match make(&path) {
                Ok(Some(lock)) => return Ok(Self { path, _lock: lock }),
                // Another process has the name, or has taken the folder for one
                // of a killed process before it was locked.
                Ok(None) => {}
                Err(error) => {
                    let path = path.display();
                    return Err(format!("cannot create {path}: {error}"));
                }
            }
            path = parent.join(format!("{PREFIX}{process}.{number}"));
        }
        let parent = parent.display();
        Err(format!("cannot create {PREFIX}* in {parent}: all names are taken"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Makes and locks a folder. Returns nothing if another process has it.
fn make(path: &Path) -> io::Result<Option<File>> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    }
    let lock = match claim(path) {
        Ok(lock) => lock,
        Err(Unclaimed::Taken) => return Ok(None),
        Err(Unclaimed::Failed(error))
            if error.kind() == ErrorKind::NotFound =>
        {
            return Ok(None);
        }
        Err(Unclaimed::Failed(error)) => return Err(error),
    };
    let is_there = fs::metadata(path)
        .is_ok_and(|it| lock.metadata().is_ok_and(|own| own.ino() == it.ino()));
    Ok(is_there.then_some(lock))
}

/// Removes the folders of this user that no process has.
fn sweep(parent: &Path) {
    let user = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_named = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        // Of the entry itself: a link may lead anywhere.
        let is_ours = || {
            let facts = entry.metadata();
            facts.is_ok_and(|it| it.is_dir() && it.uid() == user)
        };
        if is_named
            && is_ours()
            && let Ok(_lock) = claim(&entry.path())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_of_a_killed_process_is_removed_by_the_next_one() {
        let parent = tempfile::tempdir().unwrap();
        let leftover = parent.path().join("geoip-exporter-top.77");
        fs::create_dir(&leftover).unwrap();
        fs::write(leftover.join("log"), "x").unwrap();
        // Of somebody else: a file, a link, another name.
        let other = parent.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("log"), "x").unwrap();
        symlink(&other, parent.path().join("geoip-exporter-top.78")).unwrap();
        fs::write(parent.path().join("geoip-exporter-top.79"), "x").unwrap();
        let first = Folder::make(parent.path()).unwrap();
        let second = Folder::make(parent.path()).unwrap();
        assert!(!leftover.exists());
        assert!(first.path().exists() && second.path().exists());
        assert_ne!(first.path(), second.path());
        let mode = fs::metadata(first.path()).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o700);
        drop((first, second));
        let mut left: Vec<_> = fs::read_dir(parent.path())
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let kept = ["geoip-exporter-top.78", "geoip-exporter-top.79", "other"];
        assert_eq!(left, kept);
        assert!(other.join("log").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let parent = parent.path().join("none");
        let error = Folder::make(&parent).err().unwrap();
        let path = parent.join("geoip-exporter-top.");
        assert!(error.starts_with("cannot create "), "{error}");
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
}
