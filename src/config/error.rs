//! The problems of a configuration, one line each.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use crate::sysexits;

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The default: no layer sets it.
    Default,
    /// A TOML file.
    File(PathBuf),
    /// An environment variable, by its full name.
    Variable(String),
    /// A flag, with its leading `--`.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            // A name with a line break in it must not break the line.
            Self::File(path) => one_line(&path.to_string_lossy()).fmt(f),
            Self::Variable(name) | Self::Flag(name) => one_line(name).fmt(f),
        }
    }
}

/// One problem: `SOURCE: KEY: the value found, the values allowed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, variable or flag.
    pub source: Source,
    /// The line in a file, from 1.
    pub line: Option<usize>,
    /// The column, from 1, when its TOML cannot be parsed.
    pub column: Option<usize>,
    /// The key, when the source has more than one.
    pub key: Option<String>,
    /// The value that was found, and the allowed values.
    pub text: String,
}

impl Problem {
    /// Returns a problem of a source as a whole.
    pub(super) fn new(source: Source, text: impl Into<String>) -> Self {
        Self { source, line: None, column: None, key: None, text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {}", one_line(key))?;
        }
        write!(f, ": {}", one_line(&self.text))
    }
}

/// All problems of a configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// At least one problem.
    problems: Vec<Problem>,
}

impl Error {
    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        // `--config` may name a file of the directory, which is then read
        // twice.
        let mut seen = HashSet::new();
        problems.retain(|problem| seen.insert(problem.to_string()));
        Self { problems }
    }

    /// Returns the problems, in the order of the layers.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns the exit code: usage when only flags are wrong, else
    /// configuration.
    pub fn exit_code(&self) -> u8 {
        let flag =
            |problem: &Problem| matches!(problem.source, Source::Flag(_));
        if self.problems.iter().all(flag) {
            sysexits::USAGE
        } else {
            sysexits::CONFIG
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Escapes the characters that would break a line.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') {
            line.extend(char.escape_default());
        } else {
            line.push(char);
        }
    }
    line
}
