//! The states of the configuration files, to notice that they have changed.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::layer::Flags;
use super::paths::{Paths, drop_ins, named_file};
use crate::files::{Identity, Place};

/// A file and its state, none if it does not exist.
pub type SeenFile = (PathBuf, Option<Identity>);

/// The states of all files of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The configuration file, then those of the directory.
    pub files: Vec<SeenFile>,
    /// The directory: a file that appears in it changes it.
    pub directory: SeenFile,
}

/// Looks at every file that [`super::load()`] would read, and reads none.
#[must_use]
pub fn look(
    flags: &Flags,
    environment: &[(OsString, OsString)],
    paths: &Paths,
    place: &Place,
) -> Seen {
    let look_at = |file: &Path| {
        place.enter(file);
        (file.to_owned(), Identity::of(file))
    };
    let named = named_file(flags, environment).map(|(file, _)| file);
    let first = look_at(named.as_deref().unwrap_or(&paths.file));
    let directory = look_at(&paths.directory);
    let files = drop_ins(&paths.directory).unwrap_or_default().files;
    let files = files.iter().map(|file| look_at(file));
    let files = std::iter::once(first).chain(files).collect();
    place.leave();
    Seen { files, directory }
}
