//! Writes answers as bytes.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use super::head::Refusal;
use super::site::{Request, Response};

/// Headers that the server sets. Those of pages are dropped.
const OURS: [&str; 6] = [
    "Connection",
    "Content-Length",
    "Date",
    "Keep-Alive",
    "Transfer-Encoding",
    "Upgrade",
];

/// The bytes of an answer, which clients that asked for the same share.
pub(super) type Body = Arc<Vec<u8>>;

/// The answer to a request. Clients that asked for the same share its body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    body: Body,
}

/// An answer to one client.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) head: Vec<u8>,
    pub(super) body: Body,
    /// True if the connection is kept for another request.
    pub(super) keep_alive: bool,
}

impl Answer {
    /// Takes a response. `extra` headers replace those of the same name.
    pub(super) fn new(response: Response, extra: &[(String, String)]) -> Self {
        let Response { status, mut headers, mut body } = response;
        headers.retain(|(name, _)| {
            !OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name))
                && !extra.iter().any(|(it, _)| it.eq_ignore_ascii_case(name))
        });
        let extra = extra.iter().cloned();
        headers.extend(extra.map(|(name, value)| (name.into(), value.into())));
        // The allocator returns the pages behind the end. It copies nothing.
        body.shrink_to_fit();
        Self { status, headers, body: Arc::new(body) }
    }

    /// Returns the number of bytes of its body.
    pub(super) fn length(&self) -> usize {
        self.body.len()
    }

    /// Returns the answer to a client: without its body for HEAD, and as "not
    /// modified" if the client has it already.
    pub(super) fn reply(
        &self,
        request: &Request,
        keep_alive: bool,
        now: SystemTime,
    ) -> Reply {
        if self.is_known_to(request) {
            let is_about_body =
                |name: &str| name.to_ascii_lowercase().starts_with("content-");
            let mut headers = self.headers.clone();
            headers.retain(|(name, _)| !is_about_body(name));
            let head = head(304, &headers, None, keep_alive, now);
            return Reply { head, body: Body::default(), keep_alive };
        }
        // 204 has no body, nor a length.
        let has_body = self.status != 204;
        let length = has_body.then_some(self.body.len());
        let body = match request.method() == "HEAD" || !has_body {
            true => Body::default(),
            false => Arc::clone(&self.body),
        };
        let head = head(self.status, &self.headers, length, keep_alive, now);
        Reply { head, body, keep_alive }
    }

    /// Returns whether the client says that it has this answer.
    fn is_known_to(&self, request: &Request) -> bool {
        // RFC 9110 compares these tags without regard to `W/`.
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let mut headers = self.headers.iter();
        let Some((_, tag)) = headers.find(|(name, _)| name == "ETag") else {
            return false;
        };
        let tag = opaque(tag);
        request
            .headers_named("If-None-Match")
            .flat_map(|list| list.split(','))
            .any(|one| one.trim() == "*" || opaque(one) == tag)
    }
}

impl Reply {
    /// Returns the bytes from `at` on: the rest of the head, or else of the
    /// body.
    pub(super) fn rest(&self, at: usize) -> Option<&[u8]> {
        match at.checked_sub(self.head.len()) {
            None => self.head.get(at..),
            Some(at) => self.body.get(at..).filter(|rest| !rest.is_empty()),
        }
    }

    /// Returns the reply that refuses a request and ends the connection.
    pub(super) fn refuse(refusal: Refusal, now: SystemTime) -> Self {
        let Refusal { status, reason } = refusal;
        let Response { headers, body, .. } =
            Response::text(status, format!("{status}: {reason}\n"))
                .with_header("X-Content-Type-Options", "nosniff");
        let head = head(status, &headers, Some(body.len()), false, now);
        Self { head, body: Arc::new(body), keep_alive: false }
    }
}

fn head(
    status: u16,
    headers: &[(Cow<'_, str>, Cow<'_, str>)],
    length: Option<usize>,
    keep_alive: bool,
    now: SystemTime,
) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 {status} {}\r\nDate: {}\r\n",
        reason(status),
        httpdate::fmt_http_date(now)
    );
    for (name, value) in headers.iter().filter(|(n, v)| is_line(n, v)) {
        // Writing to a string does not fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if let Some(length) = length {
        let _ = write!(head, "Content-Length: {length}\r\n");
    }
    // The default of HTTP/1.1, which clients of HTTP/1.0 want to hear.
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let _ = write!(head, "Connection: {connection}\r\n\r\n");
    head.into_bytes()
}

/// Returns whether this is one header and cannot inject another.
fn is_line(name: &str, value: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !name.is_empty()
        && name.bytes().all(is_token)
        && !value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0'))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        // Clients read the number only.
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn text(reply: &Reply) -> String {
        let bytes = [&*reply.head, &*reply.body].concat();
        String::from_utf8(bytes).unwrap()
    }

    fn request(method: &str, headers: &[(&str, &str)]) -> Request {
        let owned =
            |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        Request::new(method, "/", headers.iter().map(owned).collect())
    }

    fn answer() -> Answer {
        let response = Response::text(200, "hello\n")
            .with_header("X-A", "b")
            .with_header("X-Bad", "a\r\nSet-Cookie: b")
            .with_header("connection", "upgrade")
            .with_header("X-Frame-Options", "deny");
        let ours = [("x-frame-options".to_owned(), "sameorigin".to_owned())];
        Answer::new(response, &ours)
    }

    #[test]
    fn an_answer_has_its_length_and_says_whether_the_connection_stays() {
        let reply = answer().reply(&request("GET", &[]), true, UNIX_EPOCH);
        assert_eq!(
            text(&reply),
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
             Content-Type: text/plain; charset=utf-8\r\nX-A: b\r\n\
             x-frame-options: sameorigin\r\nContent-Length: 6\r\n\
             Connection: keep-alive\r\n\r\nhello\n"
        );
    }

    #[test]
    fn the_answer_to_head_has_the_length_and_not_the_body() {
        let reply = answer().reply(&request("HEAD", &[]), false, UNIX_EPOCH);
        let reply = text(&reply);
        assert!(reply.contains("Content-Length: 6\r\n"), "{reply}");
        assert!(reply.ends_with("Connection: close\r\n\r\n"), "{reply}");
    }

    #[test]
    fn an_answer_without_content_has_no_length() {
        let answer = Answer::new(Response::text(204, ""), &[]);
        let reply = answer.reply(&request("GET", &[]), true, UNIX_EPOCH);
        let reply = text(&reply);
        assert!(!reply.contains("Content-Length"), "{reply}");
    }

    #[test]
    fn an_answer_that_the_client_has_is_not_sent_again() {
        let response = Response::text(200, "hello\n");
        let answer = Answer::new(response.with_header("ETag", "W/\"1\""), &[]);
        let reply = |value: &str| {
            let request = request("GET", &[("if-none-match", value)]);
            text(&answer.reply(&request, true, UNIX_EPOCH))
        };
        for known in ["W/\"1\"", "\"1\"", "\"0\" , W/\"1\"", "*"] {
            assert_eq!(
                reply(known),
                "HTTP/1.1 304 Not Modified\r\n\
                 Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nETag: W/\"1\"\r\n\
                 Connection: keep-alive\r\n\r\n"
            );
        }
        for other in ["W/\"2\"", "1", ""] {
            assert!(reply(other).ends_with("\r\n\r\nhello\n"), "{other}");
        }
    }

    #[test]
    fn a_body_is_never_copied_on_its_way_to_the_socket() {
        let mut body = Vec::with_capacity(1 << 20);
        body.resize(1 << 20, b'x');
        let place = body.as_ptr();
        let headers = Vec::new();
        let answer = Answer::new(Response { status: 200, headers, body }, &[]);
        for _ in 0..2 {
            let reply = answer.reply(&request("GET", &[]), true, UNIX_EPOCH);
            let rest = reply.rest(reply.head.len()).unwrap();
            assert_eq!((rest.as_ptr(), rest.len()), (place, 1 << 20));
        }
    }

    #[test]
    fn a_refusal_says_why_and_ends_the_connection() {
        let reply = Reply::refuse(Refusal::TOO_SLOW, UNIX_EPOCH);
        assert!(!reply.keep_alive);
        let text = text(&reply);
        assert!(text.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
        assert!(text.contains("Connection: close\r\n"), "{text}");
        assert!(
            text.ends_with(
                "\r\n\r\n408: the request took too long to arrive\n"
            )
        );
    }
}
