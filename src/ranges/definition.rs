//! Ranges as the configuration has them.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Prefix;

/// The place of a range in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The file; none if the range did not come from a file.
    pub file: Option<Arc<Path>>,
    /// The line, from 1.
    pub line: Option<usize>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line}", file.display()),
            (Some(file), None) => file.display().fmt(f),
            (None, _) => f.write_str("no file"),
        }
    }
}

/// Returns the reason why a text cannot be a name in a label.
#[must_use]
pub fn name_fault(name: &str) -> Option<String> {
    const LONGEST: usize = 128;
    if name.len() > LONGEST {
        return Some(format!("has more than {LONGEST} bytes"));
    }
    if name.trim() != name || name.is_empty() {
        return Some(format!("{name:?} is empty or has blanks at its ends"));
    }
    if name.contains(char::is_control) {
        return Some(format!("{name:?} has a control character"));
    }
    if name == "other" {
        return Some("\"other\" stands for traffic without a name".into());
    }
    None
}

/// A prefix and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The prefix.
    pub prefix: Prefix,
    /// The place at which it stands.
    pub location: Location,
}

/// One `[[range]]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The value of the labels `source` and `destination`.
    pub name: Arc<str>,
    /// The prefixes.
    pub cidrs: Vec<Listed>,
    /// The label of the country of the range, if it has one of its own.
    pub country: Option<Arc<str>>,
    /// The number of the autonomous system, if it has one of its own.
    pub asn: Option<u32>,
    /// Is true if local and forwarded addresses are looked for in the range
    /// too, which the kernel does.
    pub local: bool,
    /// The place of the table.
    pub location: Location,
}

/// The format of a file of ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// A JSON list of `{name, ipv4: [], ipv6: []}`.
    Ranges,
    /// A prefix a line.
    List,
    /// The JSON of Amazon Web Services.
    Aws,
    /// The JSON of Google Cloud and Google's services.
    Google,
    /// The JSON of Microsoft Azure's service tags.
    Azure,
    /// The JSON of Oracle's cloud.
    Oracle,
}

impl FileFormat {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Ranges,
        Self::List,
        Self::Aws,
        Self::Google,
        Self::Azure,
        Self::Oracle,
    ];

    /// Returns its name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ranges => "ranges",
            Self::List => "list",
            Self::Aws => "aws",
            Self::Google => "google",
            Self::Azure => "azure",
            Self::Oracle => "oracle",
        }
    }
}

/// One file of `range_files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The file.
    pub path: PathBuf,
    /// Its format; found from the content if none is given.
    pub format: Option<FileFormat>,
    /// The name of all ranges of the file, or the beginning of their names.
    pub name: Option<Arc<str>>,
    /// The field of an entry that is its name.
    pub field: Option<Arc<str>>,
    /// Says whether local and forwarded addresses are looked for in the
    /// ranges; by the format if it does not say.
    pub local: Option<bool>,
    /// The place of the entry in the configuration.
    pub location: Location,
}
