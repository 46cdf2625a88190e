//! The place of a prefix in its file, in a few bytes.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::path::Path;
use std::sync::Arc;

use super::Prefix;

/// A file, and the way in which its places are numbered.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) file: Arc<Path>,
    pub(super) form: Form,
}

/// The way in which the places of a file are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines, from 1; 0 is the file as a whole.
    Line,
    /// `[0].ipv4[1]`.
    Ranges,
    /// `prefixes[0]` and `ipv6_prefixes[0]`.
    Aws,
    /// `prefixes[0]`.
    Google,
    /// `values[0].properties.addressPrefixes[1]`.
    Azure,
    /// `regions[0].cidrs[1]`.
    Oracle,
}

/// The place of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the source.
    pub(super) source: u16,
    /// The line, or the outer index.
    pub(super) outer: u32,
    /// The inner index.
    pub(super) inner: u32,
}

impl Place {
    /// Returns the file with the line or index.
    pub(super) fn show(self, sources: &[Source], prefix: Prefix) -> String {
        let source = &sources[usize::from(self.source)];
        let file = source.file.display();
        match source.form.index(self.outer, self.inner, is_ipv4(prefix)) {
            Some(index) => format!("{file}: {index}"),
            None if self.outer == 0 => file.to_string(),
            None => format!("{file}:{}", self.outer),
        }
    }
}

impl Form {
    /// Returns the place in JSON; `None` if places are lines.
    pub(super) fn index(
        self,
        outer: u32,
        inner: u32,
        is_ipv4: bool,
    ) -> Option<String> {
        let family = if is_ipv4 { "ipv4" } else { "ipv6" };
        Some(match self {
            Self::Line => return None,
            Self::Ranges => format!("[{outer}].{family}[{inner}]"),
            Self::Aws if is_ipv4 => format!("prefixes[{outer}]"),
            Self::Aws => format!("ipv6_prefixes[{outer}]"),
            Self::Google => format!("prefixes[{outer}]"),
            Self::Azure => {
                format!("values[{outer}].properties.addressPrefixes[{inner}]")
            }
            Self::Oracle => format!("regions[{outer}].cidrs[{inner}]"),
        })
    }
}

fn is_ipv4(prefix: Prefix) -> bool {
    prefix.address().is_ipv4()
}
