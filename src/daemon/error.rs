//! Why the daemon ended, and with which status.

use std::io;

use crate::accounting::ClassFault;
use crate::{config, http, kernel, sysexits};

/// Why the daemon ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(config::Error),
    /// The file with TLS and users is wrong.
    #[error(transparent)]
    WebConfig(#[from] http::WebConfigError),
    /// There is no web server.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// The kernel refused.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// The configuration needs too many classes.
    #[error(transparent)]
    Classes(#[from] ClassFault),
    /// The pins cannot be removed.
    #[error(transparent)]
    Pins(#[from] kernel::PinsFault),
    /// The configuration is not for this machine, a line each.
    #[error("{}", .0.join("\n"))]
    Unusable(Vec<String>),
    /// Signals cannot be caught.
    #[error("cannot catch signals")]
    Signals(#[source] io::Error),
    /// Sockets are not there that were said to be.
    #[error("cannot take over the sockets of the service manager")]
    Sockets(#[source] io::Error),
    /// There is no thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// A worker ended that should not.
    #[error("the {name} thread ended: {reason}")]
    Worker {
        /// The worker.
        name: &'static str,
        /// Why, as far as it could tell.
        reason: String,
    },
    /// A worker did not end when it should.
    #[error("stopping got no further for {0} seconds")]
    Stuck(u64),
}

impl Error {
    /// Returns whether the daemon logged the error before it ended. Errors from
    /// before the log has its thread, and errors of commands, are printed by
    /// `main` instead.
    #[must_use]
    pub fn is_logged(&self) -> bool {
        !matches!(
            self,
            Self::Config(_)
                | Self::Pins(_)
                | Self::Unusable(_)
                | Self::Signals(_)
                | Self::Sockets(_)
                | Self::Thread(_)
        )
    }

    /// Returns the status to exit with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(error) => error.exit_code(),
            Self::WebConfig(_) | Self::Unusable(_) | Self::Classes(_) => {
                sysexits::CONFIG
            }
            Self::Http(http::Error::PermissionDenied { .. })
            | Self::Kernel(kernel::Error::NotPermitted { .. }) => {
                sysexits::NOPERM
            }
            Self::Pins(fault) if fault.is_refusal() => sysexits::NOPERM,
            Self::Http(_)
            | Self::Kernel(_)
            | Self::Pins(_)
            | Self::Sockets(_) => sysexits::UNAVAILABLE,
            Self::Signals(_)
            | Self::Thread(_)
            | Self::Worker { .. }
            | Self::Stuck(_) => sysexits::SOFTWARE,
        }
    }
}
