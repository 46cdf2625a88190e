//! The page Prometheus scrapes.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::io::{self, BufWriter, IntoInnerError};

use flate2::Compression;
use flate2::write::GzEncoder;
use rouille::{Request, Response};

use crate::config::Config;
use crate::http::routes::{Edition, Page};
use crate::metrics::encode::Format;
use crate::metrics::published::Published;
use crate::metrics::{Registry, negotiate};

/// How many bytes go to the compressor in one piece.
const COMPRESSED_AT_ONCE: usize = 32 * 1024;

/// All metrics, in the format and coding the scraper asks for.
pub struct Metrics {
    /// Says where the page is, which a reload may change.
    pub config: Published<Config>,
    /// What is on it.
    pub registry: Registry,
}

impl Page for Metrics {
    fn serves(&self, path: &str) -> bool {
        self.config.get().metrics_path == path
    }

    fn edition(&self, request: &Request) -> Option<Edition> {
        let (format, gzip) = negotiate(request);
        let is_open = format == Format::OpenMetrics;
        let form = u8::from(is_open) * 2 + u8::from(gzip);
        Some(Edition { form, version: self.registry.version() })
    }

    fn prepare(&self) {
        self.registry.prepare();
    }

    fn answer(&self, request: &Request) -> Response {
        let (format, gzip) = negotiate(request);
        match self.page(format, gzip) {
            Ok(page) => {
                let response = Response::from_data(format.content_type(), page)
                    .with_unique_header("Vary", "Accept, Accept-Encoding")
                    .with_no_cache();
                if gzip {
                    response.with_unique_header("Content-Encoding", "gzip")
                } else {
                    response
                }
            }
            Err(error) => {
                Response::text(format!("500: cannot write the page: {error}\n"))
                    .with_status_code(500)
            }
        }
    }
}

/// Returns the format that the scraper gets, and whether it is compressed.
fn negotiate(request: &Request) -> (Format, bool) {
    let format = negotiate::format(request.header("Accept"));
    let gzip = negotiate::accepts_gzip(request.header("Accept-Encoding"));
    (format, gzip)
}

impl Metrics {
    fn page(&self, format: Format, gzip: bool) -> io::Result<Vec<u8>> {
        if !gzip {
            let mut page = Vec::new();
            self.registry.write(format, &mut page)?;
            return Ok(page);
        }
        // The compressor is dear to call and the lines are short.
        let compressor = GzEncoder::new(Vec::new(), Compression::fast());
        let mut buffer =
            BufWriter::with_capacity(COMPRESSED_AT_ONCE, compressor);
        self.registry.write(format, &mut buffer)?;
        buffer.into_inner().map_err(IntoInnerError::into_error)?.finish()
    }
}
