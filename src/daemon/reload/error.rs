//! The reasons why a reload changes nothing.

use std::io;
use std::path::PathBuf;

use slog::{Logger, error};

use crate::accounting::ClassFault;
use crate::config;
use crate::daemon::errand::PATIENCE;
use crate::geoip;
use crate::http;
use crate::logging::chain;
use crate::ranges::RangesError;

/// The reason why a reload changes nothing.
#[derive(Debug, thiserror::Error)]
pub(in crate::daemon) enum ReloadError {
    #[error(transparent)]
    Config(config::Error),
    #[error(transparent)]
    WebConfig(http::WebConfigError),
    /// The fault of the database with this label.
    #[error("{1}")]
    Database(&'static str, #[source] geoip::Error),
    #[error(transparent)]
    Ranges(RangesError),
    #[error("{file:?} does not answer: reading it takes more than {} seconds",
        PATIENCE.as_secs())]
    Slow { file: PathBuf },
    #[error(transparent)]
    Classes(ClassFault),
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    #[error("a fault of the exporter")]
    Panicked,
}

impl ReloadError {
    /// Logs a line for each fault.
    pub(super) fn log(&self, log: &Logger) {
        match self {
            Self::Config(faults) => {
                for problem in faults.problems() {
                    error!(log, "configuration"; "error" => %problem);
                }
            }
            Self::WebConfig(faults) => {
                for line in faults.lines() {
                    error!(log, "web configuration"; "error" => line);
                }
            }
            Self::Database(label, fault) => {
                error!(log, "database"; "database" => *label,
                    "error" => chain(fault));
            }
            Self::Ranges(error) => {
                for fault in &error.faults.0 {
                    error!(log, "ranges"; "error" => fault);
                }
            }
            Self::Classes(fault) => {
                error!(log, "ranges"; "error" => chain(fault));
            }
            Self::Slow { .. } | Self::Thread(_) | Self::Panicked => {
                error!(log, "reload"; "error" => chain(self));
            }
        }
    }
}
