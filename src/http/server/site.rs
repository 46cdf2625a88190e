//! The border between the server and the pages: requests without connections,
//! finished answers, and the name under which clients share an answer.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::borrow::Cow;

/// A request, without its body: no page reads one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    method: String,
    /// From the first slash on, with its query string.
    target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// Returns a request for a target, which begins with a slash.
    #[must_use]
    pub fn new(
        method: impl Into<String>,
        target: impl Into<String>,
        headers: Vec<(String, String)>,
    ) -> Self {
        Self { method: method.into(), target: target.into(), headers }
    }

    /// Returns the method, such as `GET`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the target as the client wrote it.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the headers, in the order of the client.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Returns the value of the first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    /// Returns the values of all headers of this name.
    pub fn headers_named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// An answer whose bytes are finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status of HTTP.
    pub status: u16,
    /// Names and values of headers, without those that the server sets.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The body. The server moves it and never copies it.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns an answer of plain text.
    #[must_use]
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        let body = text.into().into_bytes();
        Self { status, headers: Vec::new(), body }
            .with_header("Content-Type", "text/plain; charset=utf-8")
    }

    /// Returns the value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    /// Adds a header, which replaces those of the same name.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        let name = name.into();
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        self.headers.push((name, value.into()));
        self
    }
}

/// Identifies an answer that clients share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edition {
    /// The form of the page: a number for each question that it answers
    /// differently.
    pub form: u64,
    /// A number that grows when the page has something else to show.
    pub version: u64,
}

/// The pages, as the server sees them.
pub trait Site: Send + Sync {
    /// Returns the page that a request is for, as a number, and the edition of
    /// it, if clients share its answer.
    fn edition(&self, request: &Request) -> Option<(usize, Edition)>;

    /// Brings a page up to date, before an edition of it is made. May take a
    /// while.
    fn prepare(&self, page: usize);

    /// Returns whether the page is for everybody, also if there are users.
    fn is_public(&self, request: &Request) -> bool;

    /// Answers any request. The server leaves out the body of an answer to
    /// HEAD.
    fn answer(&self, request: &Request) -> Response;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_header_counts_whatever_its_case() {
        let headers = [("A", "1"), ("b", "2"), ("a", "3")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = Request::new("GET", "/", headers.into());
        assert_eq!(request.header("a"), Some("1"));
        assert_eq!(request.header("B"), Some("2"));
        assert_eq!(request.header("c"), None);
        assert_eq!(request.headers_named("A").count(), 2);
    }
}
