//! What the web server needs of the rest: its rules, and a way to reload.

use crossbeam_channel::Sender;
use slog::{Logger, warn};

use super::Error;
use super::asked::Asked;
use super::lifecycle::Event;
use crate::config::{Config, Loaded};
use crate::http::pages::ReloadNow;
use crate::http::{Security, WebConfigError};

/// Reads the file with TLS and users, if there is one.
pub(super) fn load_security(
    log: &Logger,
    config: &Config,
) -> Result<Security, WebConfigError> {
    let file = config.web_config_file.as_deref();
    let (security, warnings) = Security::load(file)?;
    for warning in warnings {
        warn!(log, "web configuration"; "warning" => warning);
    }
    Ok(security)
}

/// Returns what is wrong with a configuration but harmless, a line each.
///
/// # Errors
/// With `everything`, what is wrong with the file of TLS and users, which else
/// only a start reads.
pub fn warnings(
    loaded: &Loaded,
    everything: bool,
) -> Result<Vec<String>, Error> {
    let file = loaded.config.web_config_file.as_deref();
    let (_, more) = Security::load(file.filter(|_| everything))?;
    let warnings = loaded.warnings.iter().map(ToString::to_string);
    Ok(warnings.chain(more).collect())
}

/// Has the supervisor reload, and waits for it.
pub(super) fn reload_over(events: Sender<Event>) -> ReloadNow {
    Box::new(move || {
        let (asked, answer) = Asked::new();
        // Nobody listens any more: then nobody answers either.
        let _ = events.send(Event::ReloadAsked(asked));
        answer.wait()
    })
}
