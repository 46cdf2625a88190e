//! Reads the files of ranges, and builds the table.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use super::{Builder, Definition, Faults, RangeNames, RangeTable, SourceFile};
use crate::files::{self, Identity, Place, Unread};

/// The largest file of ranges that is read: 64 MiB. The largest of a provider
/// has some 5 MiB.
pub const MAX_RANGE_FILE_BYTES: u64 = 64 << 20;

/// The sources of a table of ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSources {
    /// The ranges of the configuration.
    pub definitions: Vec<Definition>,
    /// The files.
    pub files: Vec<SourceFile>,
}

/// A table of ranges, and the files that it was made of.
#[derive(Debug, Default)]
pub struct LoadedRanges {
    /// The table.
    pub table: RangeTable,
    /// Each file in the state in which it was read.
    pub files: Vec<(PathBuf, Option<Identity>)>,
}

/// The reason why ranges were not loaded.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot load the ranges: {faults}")]
pub struct RangesError {
    /// All faults.
    pub faults: Faults,
    /// Is true if trying again may work although no file has changed.
    pub may_pass: bool,
}

impl RangesError {
    /// Returns the error of a fault of the exporter.
    #[must_use]
    pub fn of_exporter() -> Self {
        let faults = Faults(vec!["a fault of the exporter".into()]);
        Self { faults, may_pass: false }
    }
}

impl RangeSources {
    /// Returns whether there are no ranges.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty() && self.files.is_empty()
    }

    /// Reads all files, and builds the table. Notes in `place` the file that it
    /// reads.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn load(
        &self,
        names: &RangeNames,
        place: &Place,
    ) -> Result<LoadedRanges, RangesError> {
        let mut builder = Builder::default();
        builder.add_definitions(&self.definitions);
        let (mut files, mut may_pass) = (Vec::new(), false);
        for file in &self.files {
            place.enter(&file.path);
            match read(&file.path) {
                Ok((text, identity)) => {
                    builder.add_file(file, &text);
                    files.push((file.path.clone(), Some(identity)));
                }
                Err((fault, may_change)) => {
                    may_pass |= may_change;
                    let path = file.path.display();
                    builder.add_fault(format!("{path}: {fault}"));
                }
            }
        }
        place.leave();
        match builder.build(names) {
            Ok(table) => Ok(LoadedRanges { table, files }),
            Err(faults) => Err(RangesError { faults, may_pass }),
        }
    }
}

/// Reads a file's text. Returns with a fault whether it may pass by itself.
fn read(file: &Path) -> Result<(String, Identity), (String, bool)> {
    let content = files::read(file, MAX_RANGE_FILE_BYTES);
    let content = content.map_err(|fault| match fault {
        Unread::Open(error) | Unread::Read(error) => {
            (format!("cannot be read: {error}"), true)
        }
        Unread::Kind(kind) => (format!("is {kind}, not a file"), false),
        Unread::TooLarge => {
            let most = MAX_RANGE_FILE_BYTES >> 20;
            (format!("is larger than {most} MiB"), false)
        }
    })?;
    if content.has_changed {
        return Err(("changed while it was read".into(), true));
    }
    match String::from_utf8(content.bytes) {
        Ok(text) => Ok((text, content.identity)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before = &error.as_bytes()[..valid];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            Err((format!("is not UTF-8 text in line {line}"), false))
        }
    }
}
