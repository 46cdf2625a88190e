//! The prefixes with the most bytes of `UNKNOWN`, as JSON.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use rouille::Request;

use super::content::Content;
use super::routes::Page;
use crate::collectors::unknown::Snapshot;
use crate::http::server::Edition;
use crate::metrics::published::Published;

/// `/api/v1/unknown`: see [`crate::collectors::unknown`].
#[derive(Debug)]
pub struct Unknown {
    /// The newest prefixes.
    pub prefixes: Published<Snapshot>,
}

impl Page for Unknown {
    fn serves(&self, path: &str) -> bool {
        path == "/api/v1/unknown"
    }

    fn is_compressed(&self) -> bool {
        true
    }

    fn shared(&self, _: &Request) -> Option<Edition> {
        Some(Edition { form: 0, version: self.prefixes.version() })
    }

    fn content(&self, _: &Request) -> Content<'_> {
        let prefixes = self.prefixes.get();
        if !prefixes.is_on {
            return Content::text(
                404,
                "404: unknown_prefixes = true turns this page on\n",
            );
        }
        Content::written("application/json", move |output| {
            Ok(serde_json::to_writer(output, &*prefixes)?)
        })
    }
}
