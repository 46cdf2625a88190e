//! The page that Prometheus scrapes.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::content::Content;
use super::routes::Page;
use rouille::Request;

use crate::config::Config;
use crate::http::server::Edition;
use crate::metrics::encode::Format;
use crate::metrics::published::Published;
use crate::metrics::{Registry, negotiate};

/// All metrics, in the format that the scraper asks for.
pub struct Metrics {
    /// The configuration, with the path of the page. A reload can change it.
    pub config: Published<Config>,
    /// The metrics on the page.
    pub registry: Registry,
}

impl Page for Metrics {
    fn serves(&self, path: &str) -> bool {
        self.config.get().metrics_path == path
    }

    fn is_compressed(&self) -> bool {
        true
    }

    fn shared(&self, request: &Request) -> Option<Edition> {
        let form = u64::from(format(request) == Format::OpenMetrics);
        Some(Edition { form, version: self.registry.version() })
    }

    fn content(&self, request: &Request) -> Content<'_> {
        let format = format(request);
        Content::written(format.content_type(), move |output| {
            self.registry.write(format, output)
        })
        .with_header("Vary", "Accept")
        .with_no_cache()
    }
}

fn format(request: &Request) -> Format {
    negotiate::format(request.header("Accept"))
}
