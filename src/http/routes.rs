//! From a request to the page that answers it.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use rouille::{Request, Response};

use crate::config::Config;
use crate::metrics::published::Published;

/// Names an answer that all may share who ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition {
    /// Which of the few forms of the page it has.
    pub form: u8,
    /// What it shows: the number grows whenever there is something else to
    /// show.
    pub version: u64,
}

/// What is served under one path.
pub trait Page: Send + Sync {
    /// Whether the page is served under this path, which is decoded and
    /// without query string.
    fn serves(&self, path: &str) -> bool;

    /// Returns the methods the page takes, as the `Allow` header lists them.
    fn methods(&self) -> &'static [&'static str] {
        &["GET", "HEAD"]
    }

    /// Returns which answer the request gets, where it is not for this client
    /// alone: requests for the same edition get the same answer, which is made
    /// once.
    fn edition(&self, request: &Request) -> Option<Edition> {
        let _ = request;
        None
    }

    /// Makes what the page shows as new as it can be, before an edition is
    /// made. May take a while.
    fn prepare(&self) {}

    /// Answers a request for the page. The answer to HEAD is that to GET:
    /// whoever writes it leaves the body out.
    fn answer(&self, request: &Request) -> Response;
}

/// All pages, and what is said when there is none.
pub struct Routes {
    pages: Vec<Box<dyn Page>>,
    config: Published<Config>,
}

impl Routes {
    /// Returns routes without pages. An answer with status 404 names the
    /// `metrics_path` of this configuration.
    #[must_use]
    pub fn new(config: Published<Config>) -> Self {
        Self { pages: Vec::new(), config }
    }

    /// Adds a page. Of two that serve a path, the one added first answers.
    #[must_use]
    pub fn with(self, page: impl Page + 'static) -> Self {
        self.with_boxed(Box::new(page))
    }

    /// As [`Routes::with`], for a page of any type.
    #[must_use]
    pub fn with_boxed(mut self, page: Box<dyn Page>) -> Self {
        self.pages.push(page);
        self
    }

    /// Answers any request.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Response {
        let response = match self.find(request) {
            Some((_, page)) if page.methods().contains(&request.method()) => {
                page.answer(request)
            }
            Some((_, page)) => method_not_allowed(page.methods()),
            None => self.not_found(),
        };
        // No page is what its first bytes look like.
        response.with_unique_header("X-Content-Type-Options", "nosniff")
    }

    /// Returns which edition of which page answers a request, if any does.
    pub(super) fn edition(
        &self,
        request: &Request,
    ) -> Option<(usize, Edition)> {
        let (number, page) = self.find(request)?;
        let is_taken = page.methods().contains(&request.method());
        let edition = is_taken.then(|| page.edition(request)).flatten()?;
        Some((number, edition))
    }

    /// Makes what a page shows as new as it can be.
    pub(super) fn prepare(&self, page: usize) {
        if let Some(page) = self.pages.get(page) {
            page.prepare();
        }
    }

    fn find(&self, request: &Request) -> Option<(usize, &dyn Page)> {
        let path = request.url();
        let mut pages = self.pages.iter().map(|page| &**page).enumerate();
        pages.find(|(_, page)| page.serves(&path))
    }

    fn not_found(&self) -> Response {
        let metrics_path = &self.config.get().metrics_path;
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
