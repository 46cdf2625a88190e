//! Why a daemon gave no answer.

use std::io;
use std::path::{Path, PathBuf};

use super::cause::{Failed, cause};
use crate::sysexits;

/// Why there is no answer of a daemon.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The value of `--url` cannot be used.
    #[error(
        "--url: {text:?} {why}, write http://127.0.0.1:9100, \
         https://HOST:PORT or unix:/run/geoip-exporter/metrics.sock"
    )]
    Url {
        /// The value as it was written.
        text: String,
        /// The fault.
        why: &'static str,
    },
    /// A file that a flag names cannot be used.
    #[error("{flag}: cannot read {}: {cause}", .file.display())]
    File {
        /// The flag.
        flag: &'static str,
        /// The file.
        file: PathBuf,
        /// The fault.
        cause: String,
    },
    /// There are no certificates to test a daemon's certificate with.
    #[error(
        "cannot check certificates: no trusted certificates on this machine, \
         name a file by --ca-file"
    )]
    NoCertificates,
    /// No daemon can be reached at any of its places.
    #[error("cannot reach geoip-exporter at {place}: {cause}")]
    Unreachable {
        /// The place.
        place: String,
        /// The fault.
        cause: String,
        /// Is true if nothing listens there.
        is_absent: bool,
    },
    /// The daemon asks for a user.
    #[error(
        "{place} does not accept this user and password, see --user and \
         --password-file"
    )]
    Unauthorised {
        /// The place.
        place: String,
    },
    /// The daemon refused.
    #[error("{place}{page}: status {status}: {line}")]
    Refused {
        /// The place.
        place: String,
        /// The page.
        page: String,
        /// The status.
        status: u16,
        /// The first line of the answer.
        line: String,
    },
    /// The answer is not the page.
    #[error("{place}{page}: cannot read the answer: {cause}")]
    Garbage {
        /// The place.
        place: String,
        /// The page.
        page: String,
        /// The fault.
        cause: String,
    },
}

impl ClientError {
    /// Returns whether no daemon runs, as far as can be seen.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Unreachable { is_absent: true, .. })
    }

    /// Returns the status and the line of a daemon that refused the page.
    #[must_use]
    pub fn refusal(&self) -> Option<(u16, &str)> {
        match self {
            Self::Refused { status, line, .. } => Some((*status, line)),
            _ => None,
        }
    }

    /// Returns the status to exit with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Url { .. } => sysexits::USAGE,
            Self::File { .. } | Self::NoCertificates => sysexits::CONFIG,
            Self::Unauthorised { .. } => sysexits::NOPERM,
            Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Garbage { .. } => sysexits::UNAVAILABLE,
        }
    }

    /// Returns the error of a connection that was not made or broke.
    pub(super) fn unreachable(
        place: String,
        ca_file: Option<&Path>,
        error: &ureq::Error,
    ) -> Self {
        let is_absent = matches!(error, ureq::Error::Io(error) if matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
        ));
        let cause = cause(error, Failed { place: &place, ca_file });
        Self::Unreachable { place, cause, is_absent }
    }
}
