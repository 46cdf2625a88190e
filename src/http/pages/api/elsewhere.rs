//! The paths under `/api/` that no page has, and the description of the others.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use rouille::Request;

use super::OFF;
use crate::api;
use crate::config::Config;
use crate::http::pages::content::Content;
use crate::http::pages::routes::Page;
use crate::http::server::Edition;
use crate::metrics::published::Published;

/// The last page of the interface: it answers all other paths under `/api/`.
#[derive(Debug)]
pub struct Elsewhere {
    /// The configuration in force.
    pub config: Published<Config>,
}

impl Page for Elsewhere {
    fn serves(&self, path: &str) -> bool {
        path == "/api" || path.starts_with("/api/")
    }

    fn shared(&self, _: &Request) -> Option<Edition> {
        None
    }

    fn content(&self, _: &Request) -> Content<'_> {
        let line = match self.config.get().web {
            false => OFF.into(),
            true => {
                let pages = api::PATHS.join(", ");
                format!("404: there is no such page; there are {pages}\n")
            }
        };
        Content::text(404, line).with_no_cache()
    }
}
