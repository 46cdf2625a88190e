//! The web configuration as a resource, and the parts of the daemon that the
//! web server uses.

use std::path::PathBuf;

use crossbeam_channel::Sender;
use slog::{Logger, info, warn};

use super::asked::Asked;
use super::follower::{Files, Resource};
use super::lifecycle::Event;
use crate::config::{Config, ListenAddress};
use crate::files::Place;
use crate::http::pages::ReloadNow;
use crate::http::{GivenSocket, Security, WebConfigError};

/// The file with TLS and users, if there is one, with the certificates and
/// keys that it names.
#[derive(Clone, Debug)]
pub(super) struct WebConfig(pub(super) Option<PathBuf>);

/// The content of the web configuration.
pub(super) struct Web {
    pub(super) security: Security,
    /// Settings without effect, a line each.
    warnings: Vec<String>,
}

impl Web {
    pub(super) fn log_warnings(&self, log: &Logger) {
        for warning in &self.warnings {
            warn!(log, "web configuration"; "warning" => warning);
        }
    }
}

impl Resource for WebConfig {
    type Content = Web;
    type Error = WebConfigError;

    fn open(&self, place: &Place) -> Result<Web, WebConfigError> {
        let (security, warnings) = Security::load(self.0.as_deref(), place)?;
        Ok(Web { security, warnings })
    }

    fn files_of(web: &Web) -> Files {
        let files = web.security.files().iter();
        files.map(|(file, state)| (file.clone(), Some(*state))).collect()
    }

    fn may_pass(_: &WebConfigError) -> bool {
        false
    }

    fn panicked(&self) -> WebConfigError {
        let file = self.0.clone().unwrap_or_default();
        WebConfigError::of(file, "a fault of the exporter")
    }
}

/// Logs the configuration files that were left out.
pub(super) fn log_left_out(log: &Logger, files: &[(PathBuf, &'static str)]) {
    for (file, reason) in files {
        info!(log, "left out a configuration file";
            "file" => %file.display(), "reason" => reason);
    }
}

/// Returns the addresses that the exporter opens itself: none if the service
/// manager opened the sockets.
pub(super) fn own_addresses(
    log: &Logger,
    config: &Config,
    given: &[GivenSocket],
) -> Vec<ListenAddress> {
    if given.is_empty() {
        return config.listen_address.clone();
    }
    let names: Vec<_> = given.iter().map(|one| one.name.as_str()).collect();
    info!(log, "the service manager listens; listen_address is not used";
        "sockets" => names.join(", "));
    Vec::new()
}

/// Returns a function that asks the supervisor for a reload and waits for it.
pub(super) fn reload_over(events: Sender<Event>) -> ReloadNow {
    Box::new(move || {
        let (asked, answer) = Asked::new();
        // If the supervisor has ended, waiting ends at once.
        let _ = events.send(Event::ReloadAsked(asked));
        answer.wait()
    })
}
