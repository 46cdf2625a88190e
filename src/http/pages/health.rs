//! Pages for supervisors: the exporter runs, and it counts on all interfaces.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::content::Content;
use super::routes::Page;
use rouille::Request;

use crate::accounting::PollStatistics;
use crate::http::server::Edition;
use crate::metrics::published::Published;

/// `/-/healthy`: the process answers.
#[derive(Debug)]
pub struct Healthy;

impl Page for Healthy {
    fn serves(&self, path: &str) -> bool {
        path == "/-/healthy"
    }

    fn is_public(&self) -> bool {
        true
    }

    fn shared(&self, _: &Request) -> Option<Edition> {
        None
    }

    fn content(&self, _: &Request) -> Content<'_> {
        Content::text(200, "geoip-exporter is healthy\n").with_no_cache()
    }
}

/// The meaning of an answer of `/-/healthy`.
pub const HEALTHY_MEANS: &str = "200 while the exporter runs";

/// The meaning of an answer of `/-/ready`, in the words of all documents.
pub const READY_MEANS: &str =
    "200 once every interface that exists is attached and was polled, else 503";

/// The answer of `/-/ready` with the status 200.
pub const READY: &str = "geoip-exporter is ready\n";

/// `/-/ready`: see [`READY_MEANS`].
#[derive(Debug)]
pub struct Ready {
    /// The newest statistics of polls.
    pub polls: Published<PollStatistics>,
}

impl Page for Ready {
    fn serves(&self, path: &str) -> bool {
        path == "/-/ready"
    }

    fn is_public(&self) -> bool {
        true
    }

    fn shared(&self, _: &Request) -> Option<Edition> {
        None
    }

    fn content(&self, _: &Request) -> Content<'_> {
        let (status, text) = match self.polls.get().is_ready {
            true => (200, READY),
            false => (503, "geoip-exporter is attaching to interfaces\n"),
        };
        Content::text(status, text).with_no_cache()
    }
}
