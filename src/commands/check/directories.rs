//! Examines the directories that a start would make and write to.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::kernel::{Pins, PinsFault};
use crate::logging::chain;
use crate::state::Store;

/// The fault of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It cannot be used.
    Fault(String),
    /// It can be used, with a restriction.
    Warning(String),
    /// This process has no right to examine it.
    Hidden(io::ErrorKind),
}

/// Returns the fault of a directory for counters, if it has one.
pub(super) fn state(directory: &Path) -> Option<Verdict> {
    if let Some(verdict) = writable(directory) {
        return Some(verdict);
    }
    let damage = Store::look(directory).err()?;
    Some(Verdict::Warning(format!(
        "cannot use the counters in {}, which would begin at zero: {}",
        directory.display(),
        chain(&damage)
    )))
}

/// Returns the fault of a directory for pins, if it has one.
pub(super) fn pins(directory: &Path) -> Option<Verdict> {
    let there = match nearest_there(directory) {
        Ok(there) => there,
        Err(error) => return Some(verdict_of(directory, &error)),
    };
    match Pins::look(directory, &there) {
        Ok(()) => writable(directory),
        Err(PinsFault::Directory(_, error)) => {
            Some(verdict_of(directory, &error))
        }
        Err(fault) => Some(Verdict::Fault(chain(&fault))),
    }
}

/// Returns the reason if a directory cannot be made or written to.
fn writable(directory: &Path) -> Option<Verdict> {
    let there = match nearest_there(directory) {
        Ok(there) => there,
        Err(error) => return Some(verdict_of(directory, &error)),
    };
    let is_directory = fs::metadata(&there).is_ok_and(|one| one.is_dir());
    if !is_directory {
        return Some(Verdict::Fault(format!(
            "cannot use {}: {} is not a directory",
            directory.display(),
            there.display()
        )));
    }
    let error = access(&there, Access::WRITE_OK | Access::EXEC_OK).err()?;
    Some(verdict_of(directory, &error.into()))
}

fn verdict_of(directory: &Path, error: &io::Error) -> Verdict {
    match error.kind() {
        // The exporter's user may have the right.
        ErrorKind::PermissionDenied => Verdict::Hidden(error.kind()),
        _ => Verdict::Fault(format!(
            "cannot use {}: {error}",
            directory.display()
        )),
    }
}

/// Returns the directory, or the nearest existing directory above it.
fn nearest_there(directory: &Path) -> io::Result<PathBuf> {
    for path in directory.ancestors() {
        let path = match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        };
        match fs::metadata(path) {
            Ok(_) => return Ok(path.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok("/".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(verdict: Option<Verdict>) -> String {
        match verdict {
            Some(Verdict::Fault(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_directory_that_could_be_made_is_good_and_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(state(folder.path()), None);
        let new = folder.path().join("a/b");
        assert_eq!(state(&new), None);
        assert!(!folder.path().join("a").exists());
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let shown = file.display();
        assert_eq!(
            fault(state(&file)),
            format!("cannot use {shown}: {shown} is not a directory")
        );
        let below = file.join("state");
        assert_eq!(
            fault(state(&below)),
            format!(
                "cannot use {}: Not a directory (os error 20)",
                below.display()
            )
        );
    }

    #[test]
    fn pins_are_kept_in_bpffs_only() {
        let folder = tempfile::tempdir().unwrap();
        for directory in [folder.path().to_owned(), folder.path().join("a/b")] {
            assert_eq!(
                fault(pins(&directory)),
                format!(
                    "{} is not in bpffs: mount it with mount -t bpf bpf \
                     /sys/fs/bpf, and name a directory in it",
                    directory.display()
                )
            );
        }
        assert!(!folder.path().join("a").exists());
    }

    #[test]
    fn counters_that_are_of_no_use_are_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("counters.state");
        fs::write(&file, "nonsense").unwrap();
        let Some(Verdict::Warning(text)) = state(folder.path()) else {
            panic!("no warning")
        };
        assert!(text.contains("would begin at zero"), "{text}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "nonsense");
    }
}
