//! Finds the page that answers a request, and does the work that all pages have
//! in common.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use rouille::Request;

use super::content::Content;
use crate::config::Config;
use crate::http::server::{Edition, Request as Received, Response, Site};
use crate::metrics::negotiate;
use crate::metrics::published::Published;

/// The content of one path.
pub trait Page: Send + Sync {
    /// Returns whether the page has this path, which is decoded and without
    /// query string.
    fn serves(&self, path: &str) -> bool;

    /// Returns the methods of the page, as the `Allow` header lists them.
    fn methods(&self) -> &'static [&'static str] {
        &["GET", "HEAD"]
    }

    /// Returns whether clients need no password for the page.
    fn is_public(&self) -> bool {
        false
    }

    /// Returns whether clients that accept gzip get the page compressed. Its
    /// content has to be [`Content::written`].
    fn is_compressed(&self) -> bool {
        false
    }

    /// Returns the edition of the page that answers the request. All clients
    /// that ask for an edition share one answer, which is made once. None if
    /// the answer is for this client alone.
    fn shared(&self, request: &Request) -> Option<Edition>;

    /// Brings the page up to date before an edition of it is made. May take a
    /// while.
    fn prepare(&self) {}

    /// Returns the content of the page. The server leaves out the body of an
    /// answer to HEAD.
    fn content(&self, request: &Request) -> Content<'_>;
}

/// All pages.
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

    /// Adds a page. Of two pages with the same path, the first one answers.
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

    fn find(&self, request: &Request) -> Option<(usize, &dyn Page)> {
        let path = request.url();
        let mut pages = self.pages.iter().map(|page| &**page).enumerate();
        pages.find(|(_, page)| page.serves(&path))
    }

    fn not_found(&self) -> Response {
        let metrics_path = &self.config.get().metrics_path;
        let hint = "404: there is no such page; the metrics are at";
        Response::text(404, format!("{hint} {metrics_path}\n"))
    }
}

impl Site for Routes {
    fn edition(&self, request: &Received) -> Option<(usize, Edition)> {
        let request = &for_pages(request);
        let (number, page) = self.find(request)?;
        if !page.methods().contains(&request.method()) {
            return None;
        }
        let Edition { form, version } = page.shared(request)?;
        let form = form.wrapping_mul(2) + u64::from(wants_gzip(page, request));
        Some((number, Edition { form, version }))
    }

    fn prepare(&self, page: usize) {
        if let Some(page) = self.pages.get(page) {
            page.prepare();
        }
    }

    fn is_public(&self, request: &Received) -> bool {
        let request = &for_pages(request);
        // A path that is written with escapes needs a password.
        let path = request.raw_url().split('?').next().unwrap_or_default();
        *path == *request.url()
            && self.find(request).is_some_and(|(_, page)| page.is_public())
    }

    fn answer(&self, request: &Received) -> Response {
        let request = &for_pages(request);
        let response = match self.find(request) {
            Some((_, page)) if page.methods().contains(&request.method()) => {
                finish(page, request)
            }
            Some((_, page)) => method_not_allowed(page.methods()),
            None => self.not_found(),
        };
        // Browsers are not to guess the type from the first bytes.
        response.with_header("X-Content-Type-Options", "nosniff")
    }
}

/// Returns a request as pages read it. It has no body.
fn for_pages(request: &Received) -> Request {
    let (method, target) = (request.method(), request.target());
    Request::fake_http(method, target, request.headers().to_vec(), Vec::new())
}

fn finish(page: &dyn Page, request: &Request) -> Response {
    let response = page.content(request).finish(wants_gzip(page, request));
    if !page.is_compressed() || response.status != 200 {
        return response;
    }
    let varies = response.header("Vary");
    let varies = varies.map(|names| format!("{names}, Accept-Encoding"));
    let varies = varies.unwrap_or_else(|| "Accept-Encoding".into());
    response.with_header("Vary", varies)
}

fn wants_gzip(page: &dyn Page, request: &Request) -> bool {
    page.is_compressed()
        && negotiate::accepts_gzip(request.header("Accept-Encoding"))
}

fn method_not_allowed(methods: &[&str]) -> Response {
    let allow = methods.join(", ");
    let hint = format!("405: this page takes {} only\n", methods.join(" and "));
    Response::text(405, hint).with_header("Allow", allow)
}

#[cfg(test)]
mod tests;
