//! `POST /-/reload`: reloads like SIGHUP, for clients that cannot send a signal.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::{Mutex, TryLockError};

use super::content::Content;
use super::routes::Page;
use rouille::Request;

use crate::config::Config;
use crate::http::server::Edition;
use crate::metrics::published::Published;

/// Reloads, and returns once the new configuration is in force, or else the
/// faults, one a line.
pub type ReloadNow = Box<dyn Fn() -> Result<(), String> + Send>;

/// `/-/reload`, which works if `enable_reload` is on.
pub struct Reload {
    /// The configuration, with `enable_reload`.
    pub config: Published<Config>,
    /// Reloads. One request at a time can, because it occupies a worker, and the
    /// other workers answer scrapes meanwhile.
    pub reload: Mutex<ReloadNow>,
}

impl Page for Reload {
    fn serves(&self, path: &str) -> bool {
        path == "/-/reload"
    }

    fn methods(&self) -> &'static [&'static str] {
        &["POST"]
    }

    fn shared(&self, _: &Request) -> Option<Edition> {
        None
    }

    fn content(&self, request: &Request) -> Content<'_> {
        let refuse = |status: u16, why: &str| {
            Content::text(status, format!("{status}: {why}\n"))
        };
        if !self.config.get().enable_reload {
            return refuse(
                403,
                "reloading over HTTP is off; enable_reload = true allows it",
            );
        }
        // A script of another site may send it from the browser of a user who
        // can reload.
        if request.header("Origin").is_some() {
            return refuse(403, "reloading is not for browsers");
        }
        let reload = match self.reload.try_lock() {
            Ok(reload) => reload,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return refuse(503, "a reload is under way; try again");
            }
        };
        let response = match reload() {
            Ok(()) => Content::text(200, "reloaded\n"),
            Err(why) => refuse(
                500,
                &format!("not reloaded; everything stays as it was\n{why}"),
            ),
        };
        response.with_no_cache()
    }
}
