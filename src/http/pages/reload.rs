//! `POST /-/reload`: what SIGHUP does, for those who cannot send a signal.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::{Mutex, TryLockError};

use rouille::{Request, Response};

use crate::config::Config;
use crate::http::routes::Page;
use crate::metrics::published::Published;

/// Has everything read again, and returns once that is in force, or else why
/// it is not, a line for each fault.
pub type ReloadNow = Box<dyn Fn() -> Result<(), String> + Send>;

/// `/-/reload`, where `enable_reload` is on.
pub struct Reload {
    /// Says whether it is on.
    pub config: Published<Config>,
    /// What it does. One request at a time has it done: it takes a worker for
    /// as long as it takes, and the others have scrapes to answer.
    pub reload: Mutex<ReloadNow>,
}

impl Page for Reload {
    fn serves(&self, path: &str) -> bool {
        path == "/-/reload"
    }

    fn methods(&self) -> &'static [&'static str] {
        &["POST"]
    }

    fn answer(&self, request: &Request) -> Response {
        let refuse = |status: u16, why: &str| {
            Response::text(format!("{status}: {why}\n"))
                .with_status_code(status)
        };
        if !self.config.get().enable_reload {
            return refuse(
                403,
                "reloading over HTTP is off; enable_reload = true allows it",
            );
        }
        // A page of somebody else, in the browser of somebody who may.
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
            Ok(()) => Response::text("reloaded\n"),
            Err(why) => refuse(
                500,
                &format!("not reloaded; everything stays as it was\n{why}"),
            ),
        };
        response.with_no_cache()
    }
}
