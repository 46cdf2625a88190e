//! Writes answers as bytes.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::SystemTime;

use rouille::Response;

use super::head::Refusal;

/// What the server decides about every answer, and no page.
const OURS: [&str; 6] = [
    "Connection",
    "Content-Length",
    "Date",
    "Keep-Alive",
    "Transfer-Encoding",
    "Upgrade",
];

/// The bytes of an answer, which clients that asked for the same share.
pub(super) type Body = Arc<[u8]>;

/// A page's answer. Clients that asked for the same share its body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

/// An answer to one client.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) head: Vec<u8>,
    pub(super) body: Body,
    /// Whether the connection is kept for another request.
    pub(super) keep_alive: bool,
}

impl Answer {
    /// Takes a response; `headers` replace those of the same name.
    ///
    /// # Errors
    /// When its body cannot be read.
    pub(super) fn new(
        response: Response,
        headers: &[(String, String)],
    ) -> io::Result<Self> {
        let (mut reader, size) = response.data.into_reader_and_size();
        let mut body = Vec::with_capacity(size.unwrap_or_default());
        reader.read_to_end(&mut body)?;
        let is_ours = |name: &str| {
            OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name))
                || headers.iter().any(|(h, _)| h.eq_ignore_ascii_case(name))
        };
        let kept = response
            .headers
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .filter(|(name, _)| !is_ours(name));
        Ok(Self {
            status: response.status_code,
            headers: kept.chain(headers.iter().cloned()).collect(),
            body: body.into(),
        })
    }

    /// Returns whether it is what was asked for.
    pub(super) fn is_good(&self) -> bool {
        self.status == 200
    }

    /// Returns the answer to a client: to HEAD without its body.
    pub(super) fn reply(
        &self,
        is_head: bool,
        keep_alive: bool,
        now: SystemTime,
    ) -> Reply {
        // 204 and 304 have no body, nor a length.
        let has_body = !matches!(self.status, 204 | 304);
        let length = has_body.then_some(self.body.len());
        let body = if is_head || !has_body {
            Arc::from([])
        } else {
            Arc::clone(&self.body)
        };
        let head = head(self.status, &self.headers, length, keep_alive, now);
        Reply { head, body, keep_alive }
    }
}

impl Reply {
    /// Returns what is left to write from a byte on, of the head or else of
    /// the body.
    pub(super) fn rest(&self, at: usize) -> Option<&[u8]> {
        match at.checked_sub(self.head.len()) {
            None => self.head.get(at..),
            Some(at) => self.body.get(at..).filter(|rest| !rest.is_empty()),
        }
    }

    /// Returns the answer to what is no request; the connection ends with it.
    pub(super) fn refuse(refusal: Refusal, now: SystemTime) -> Self {
        let Refusal { status, reason } = refusal;
        let body = format!("{status}: {reason}\n").into_bytes();
        let headers = [
            ("Content-Type".into(), "text/plain; charset=utf-8".into()),
            ("X-Content-Type-Options".into(), "nosniff".into()),
        ];
        let head = head(status, &headers, Some(body.len()), false, now);
        Self { head, body: body.into(), keep_alive: false }
    }
}

fn head(
    status: u16,
    headers: &[(String, String)],
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

/// Whether this is a header, and nothing behind it.
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
        // The number says it; the words are for people.
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

    fn answer() -> Answer {
        let response = Response::text("hello\n")
            .with_unique_header("X-A", "b")
            .with_unique_header("X-Bad", "a\r\nSet-Cookie: b")
            .with_unique_header("connection", "upgrade")
            .with_unique_header("X-Frame-Options", "deny");
        let ours = [("x-frame-options".to_owned(), "sameorigin".to_owned())];
        Answer::new(response, &ours).unwrap()
    }

    #[test]
    fn an_answer_has_its_length_and_says_whether_the_connection_stays() {
        assert_eq!(
            text(&answer().reply(false, true, UNIX_EPOCH)),
            "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
             Content-Type: text/plain; charset=utf-8\r\nX-A: b\r\n\
             x-frame-options: sameorigin\r\nContent-Length: 6\r\n\
             Connection: keep-alive\r\n\r\nhello\n"
        );
    }

    #[test]
    fn the_answer_to_head_has_the_length_and_not_the_body() {
        let reply = text(&answer().reply(true, false, UNIX_EPOCH));
        assert!(reply.contains("Content-Length: 6\r\n"), "{reply}");
        assert!(reply.ends_with("Connection: close\r\n\r\n"), "{reply}");
    }

    #[test]
    fn an_answer_without_content_has_no_length() {
        let answer = Answer::new(Response::empty_204(), &[]).unwrap();
        let reply = text(&answer.reply(false, true, UNIX_EPOCH));
        assert!(!reply.contains("Content-Length"), "{reply}");
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
