//! Directories that belong to one process.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Why a directory does not belong to this process.
#[derive(Debug)]
pub enum Unclaimed {
    /// Another process has it.
    Taken,
    /// It cannot be opened or locked.
    Failed(io::Error),
}

/// Makes a directory that only this user can enter, if there is none.
///
/// # Errors
/// Whatever the system says.
pub fn make_private(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Opens and locks a directory: no other process can claim it for as long as
/// the result is open.
///
/// # Errors
/// If it is no directory, cannot be opened, or another process has it.
pub fn claim(directory: &Path) -> Result<File, Unclaimed> {
    let handle = File::open(directory).map_err(Unclaimed::Failed)?;
    if !handle.metadata().map_err(Unclaimed::Failed)?.is_dir() {
        return Err(Unclaimed::Failed(ErrorKind::NotADirectory.into()));
    }
    match handle.try_lock() {
        Ok(()) => Ok(handle),
        Err(TryLockError::WouldBlock) => Err(Unclaimed::Taken),
        Err(TryLockError::Error(error)) => Err(Unclaimed::Failed(error)),
    }
}

/// Returns the reason why a directory is missing: if it could not be made, the
/// error of making it, such as a read-only file system.
#[must_use]
pub fn or_made(error: io::Error, made: io::Result<()>) -> io::Error {
    match made {
        Err(cause) if error.kind() == ErrorKind::NotFound => cause,
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_one_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a/b");
        make_private(&directory).unwrap();
        let held = claim(&directory).unwrap();
        assert!(matches!(claim(&directory), Err(Unclaimed::Taken)));
        drop(held);
        assert!(claim(&directory).is_ok());
        let file = parent.path().join("file");
        File::create(&file).unwrap();
        let refused = claim(&file);
        assert!(matches!(
            refused,
            Err(Unclaimed::Failed(error))
                if error.kind() == ErrorKind::NotADirectory
        ));
    }

    #[test]
    fn a_missing_directory_is_missing_because_it_could_not_be_made() {
        let kind = |found: ErrorKind, made: Option<ErrorKind>| {
            or_made(found.into(), made.map_or(Ok(()), |it| Err(it.into())))
                .kind()
        };
        let (missing, refused) =
            (ErrorKind::NotFound, ErrorKind::PermissionDenied);
        let read_only = ErrorKind::ReadOnlyFilesystem;
        assert_eq!(kind(missing, Some(read_only)), read_only);
        assert_eq!(kind(missing, None), missing);
        assert_eq!(kind(refused, Some(read_only)), refused);
    }
}
