//! From a request to the page that answers it.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use rouille::{Request, Response};

use crate::metrics::published::Published;

/// What is served under one path.
pub trait Page: Send + Sync {
    /// Whether the page is served under this path, which is decoded and
    /// without query string.
    fn serves(&self, path: &str) -> bool;

    /// Returns the methods the page takes, as the `Allow` header lists them.
    fn methods(&self) -> &'static [&'static str] {
        &["GET", "HEAD"]
    }

    /// Answers a request for the page. The answer to HEAD is that to GET:
    /// whoever writes it leaves the body out.
    fn answer(&self, request: &Request) -> Response;
}

/// All pages, and what is said when there is none.
pub struct Routes {
    pages: Vec<Box<dyn Page>>,
    metrics_path: Published<String>,
}

impl Routes {
    /// Returns routes without pages; `metrics_path` is for the hint.
    #[must_use]
    pub fn new(metrics_path: Published<String>) -> Self {
        Self { pages: Vec::new(), metrics_path }
    }

    /// Adds a page. Of two that serve a path, the one added first answers.
    #[must_use]
    pub fn with(mut self, page: impl Page + 'static) -> Self {
        self.pages.push(Box::new(page));
        self
    }

    /// Answers any request.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Response {
        let path = request.url();
        let page = self.pages.iter().find(|page| page.serves(&path));
        let response = match page {
            Some(page) if page.methods().contains(&request.method()) => {
                page.answer(request)
            }
            Some(page) => method_not_allowed(page.methods()),
            None => self.not_found(),
        };
        // No page is what its first bytes look like.
        response.with_unique_header("X-Content-Type-Options", "nosniff")
    }

    fn not_found(&self) -> Response {
        let metrics_path = self.metrics_path.get();
        Response::text(format!(
            "404: there is no such page; the metrics are at {metrics_path}\n"
        ))
        .with_status_code(404)
    }
}

fn method_not_allowed(methods: &[&str]) -> Response {
    let allow = methods.join(", ");
    let hint = format!("405: this page takes {} only\n", methods.join(" and "));
    Response::text(hint)
        .with_status_code(405)
        .with_unique_header("Allow", allow)
}

#[cfg(test)]
mod tests;
