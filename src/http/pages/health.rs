//! Whether the exporter lives, and whether it has something to say.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use rouille::{Request, Response};

use crate::accounting::PollStatistics;
use crate::http::routes::Page;
use crate::metrics::published::Published;

/// `/-/healthy`: the process answers.
#[derive(Debug)]
pub struct Healthy;

impl Page for Healthy {
    fn serves(&self, path: &str) -> bool {
        path == "/-/healthy"
    }

    fn answer(&self, _: &Request) -> Response {
        Response::text("geoip-exporter is healthy\n").with_no_cache()
    }
}

/// What an answer of `/-/healthy` says.
pub const HEALTHY_MEANS: &str = "200 while the exporter runs";

/// What an answer of `/-/ready` says, in the words of all documents.
pub const READY_MEANS: &str =
    "200 once every interface is attached and was polled, else 503";

/// `/-/ready`: see [`READY_MEANS`].
#[derive(Debug)]
pub struct Ready {
    /// Where polls are published.
    pub polls: Published<PollStatistics>,
}

impl Page for Ready {
    fn serves(&self, path: &str) -> bool {
        path == "/-/ready"
    }

    fn answer(&self, _: &Request) -> Response {
        let response = if self.polls.get().is_ready {
            Response::text("geoip-exporter is ready\n")
        } else {
            Response::text("geoip-exporter is attaching to interfaces\n")
                .with_status_code(503)
        };
        response.with_no_cache()
    }
}
