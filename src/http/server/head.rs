//! Reads the head of a request: bytes in, a request or a refusal out.
//!
//! A head that two readers could understand differently is refused. Otherwise a
//! proxy in front could see other requests than the server does.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use httparse::{EMPTY_HEADER, Error, Header, Status};

use super::site::Request;

/// The longest head.
pub(super) const LONGEST_HEAD: usize = 16 * 1024;

/// The most header lines, with blank ones before the request.
const MOST_HEADERS: usize = 100;

/// The longest body. No page reads one. Short ones are accepted and dropped, such
/// as that of `curl -d ''`.
const LONGEST_BODY: usize = 4 * 1024;

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) request: Request,
    /// Bytes of the head.
    pub(super) length: usize,
    /// Bytes of the body behind it.
    pub(super) body_length: usize,
    /// True if the client wants to keep the connection.
    pub(super) keep_alive: bool,
    /// True if the client waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
}

/// The reason why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: &'static str,
}

impl Refusal {
    pub(super) const TOO_SLOW: Self =
        Self { status: 408, reason: "the request took too long to arrive" };
    pub(super) const NOT_TLS: Self = Self {
        status: 400,
        reason: "this port speaks TLS: ask with https instead of http",
    };
    const MALFORMED: Self =
        Self { status: 400, reason: "this is not an HTTP request" };
    const LINE_FEED: Self = Self {
        status: 400,
        reason: "a line of the head ends with a line feed alone; HTTP demands \
                 a carriage return before it",
    };
    const TLS: Self = Self {
        status: 400,
        reason: "this port does not speak TLS: ask with http instead of https",
    };
    const HOST: Self = Self {
        status: 400,
        reason: "a request has one Host header, as HTTP/1.1 demands",
    };
    const LENGTH: Self =
        Self { status: 400, reason: "the Content-Length is not one number" };
    const CODED: Self = Self {
        status: 501,
        reason: "a body with Transfer-Encoding is not taken; no page needs one",
    };
    const BODY: Self = Self {
        status: 413,
        reason: "the body is too large; no page needs one",
    };
    const HEAD: Self =
        Self { status: 431, reason: "the head of the request is too large" };
    const VERSION: Self =
        Self { status: 505, reason: "only HTTP/1.0 and HTTP/1.1 are served" };
}

/// Returns the head that `bytes` begin with; `None` while it is not whole.
///
/// # Errors
/// If it cannot become one: the reason.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Head>, Refusal> {
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(bytes);
    let (length, lines) = match parsed {
        Ok(Status::Complete(length)) => (length, request.headers.len()),
        _ => (bytes.len(), 0),
    };
    match parsed {
        Ok(_) if has_bare_line_feed(bytes.get(..length).unwrap_or(bytes)) => {
            return Err(Refusal::LINE_FEED);
        }
        Ok(_) if lines + blank_lines(bytes) > MOST_HEADERS => {
            return Err(Refusal::HEAD);
        }
        Ok(Status::Complete(length)) if length <= LONGEST_HEAD => {}
        Ok(Status::Partial) if length < LONGEST_HEAD => return Ok(None),
        Ok(_) | Err(Error::TooManyHeaders) => return Err(Refusal::HEAD),
        Err(Error::Version) => return Err(Refusal::VERSION),
        // A handshake of TLS begins with the type of the record.
        Err(_) if bytes.first() == Some(&0x16) => return Err(Refusal::TLS),
        Err(_) => return Err(Refusal::MALFORMED),
    }
    let (Some(method), Some(target), Some(minor_version)) =
        (request.method, request.path, request.version)
    else {
        return Err(Refusal::MALFORMED);
    };
    let target = origin_form(target).ok_or(Refusal::MALFORMED)?;
    let headers = &*request.headers;

    let hosts = values(headers, "Host").count();
    if hosts > 1 || (hosts == 0 && minor_version > 0) {
        return Err(Refusal::HOST);
    }
    if values(headers, "Transfer-Encoding").next().is_some() {
        return Err(Refusal::CODED);
    }
    let connection = |option: &str| {
        values(headers, "Connection")
            .flat_map(|value| value.split(|&byte| byte == b','))
            .any(|token| {
                token.trim_ascii().eq_ignore_ascii_case(option.as_bytes())
            })
    };
    let keep_alive = match minor_version {
        0 => connection("keep-alive") && !connection("close"),
        _ => !connection("close"),
    };
    let expects_continue = minor_version > 0
        && values(headers, "Expect").any(|value| {
            value.trim_ascii().eq_ignore_ascii_case(b"100-continue")
        });
    let owned = |header: &Header<'_>| {
        let value = String::from_utf8_lossy(header.value);
        (header.name.to_owned(), value.into_owned())
    };
    let owned = headers.iter().map(owned).collect();
    Ok(Some(Head {
        request: Request::new(method, target, owned),
        length,
        body_length: body_length(headers)?,
        keep_alive,
        expects_continue,
    }))
}

/// Returns the number of blank lines before the request. Some clients
/// end a body with one that does not belong to it.
fn blank_lines(bytes: &[u8]) -> usize {
    bytes.chunks_exact(2).take_while(|&two| two == b"\r\n").count()
}

/// Returns whether a line ends with a line feed alone, which proxies read in
/// different ways.
fn has_bare_line_feed(bytes: &[u8]) -> bool {
    let mut before = None;
    bytes.iter().any(|&byte| {
        let before = before.replace(byte);
        byte == b'\n' && before != Some(b'\r')
    })
}

fn values<'a>(
    headers: &'a [Header<'_>],
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
}

fn body_length(headers: &[Header<'_>]) -> Result<usize, Refusal> {
    let mut lengths = values(headers, "Content-Length");
    let Some(length) = lengths.next() else { return Ok(0) };
    let is_number = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    if !is_number || lengths.any(|other| other != length) {
        return Err(Refusal::LENGTH);
    }
    // A length that does not fit into a number is too large as well.
    std::str::from_utf8(length)
        .ok()
        .and_then(|length| length.parse().ok())
        .filter(|&length| length <= LONGEST_BODY)
        .ok_or(Refusal::BODY)
}

/// Returns the path of a target, which proxies send with scheme and host.
fn origin_form(target: &str) -> Option<&str> {
    if target.starts_with('/') || target == "*" {
        return Some(target);
    }
    let scheme = ["http://", "https://"].into_iter().find(|&scheme| {
        let start = target.as_bytes().get(..scheme.len());
        start.is_some_and(|s| s.eq_ignore_ascii_case(scheme.as_bytes()))
    })?;
    let rest = target.get(scheme.len()..)?;
    Some(rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn status(request: &str) -> u16 {
        match parse(request.as_bytes()) {
            Ok(Some(_)) => 200,
            Ok(None) => 100,
            Err(refusal) => refusal.status,
        }
    }

    fn with(headers: &str) -> String {
        format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
    }

    #[test]
    fn a_request_is_read_up_to_the_end_of_its_head() {
        let bytes = b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\
            Expect: 100-Continue\r\nX: \xff\r\n\r\nokGET";
        let head = parse(bytes).unwrap().unwrap();
        let request = &head.request;
        assert_eq!((request.method(), request.target()), ("POST", "/a?b"));
        assert_eq!(&bytes[head.length..], b"okGET");
        assert_eq!(head.body_length, 2);
        assert!(head.keep_alive && head.expects_continue);
        assert_eq!(request.header("X"), Some("\u{fffd}"));
        for end in 0..head.length {
            assert_eq!(parse(&bytes[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn the_target_is_the_path_also_for_proxies() {
        for (target, path) in [
            ("/metrics", "/metrics"),
            ("*", "*"),
            ("http://host:1/metrics?x", "/metrics?x"),
            ("HTTPS://host", "/"),
        ] {
            let request = format!("GET {target} HTTP/1.0\r\n\r\n");
            let head = parse(request.as_bytes()).unwrap().unwrap();
            assert_eq!(head.request.target(), path);
        }
        for target in ["metrics", "ftp://x/", "host:80", "é"] {
            assert_eq!(status(&format!("GET {target} HTTP/1.0\r\n\r\n")), 400);
        }
    }

    #[test]
    fn a_connection_is_kept_as_the_version_and_the_client_say() {
        for (version, header, kept) in [
            ("1.1", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "connection: a, Close\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ] {
            let request =
                format!("GET / HTTP/{version}\r\nHost: x\r\n{header}\r\n");
            let head = parse(request.as_bytes()).unwrap().unwrap();
            assert_eq!(head.keep_alive, kept, "{request}");
        }
    }

    #[test]
    fn a_head_with_two_meanings_is_refused() {
        for (headers, expected) in [
            ("Content-Length: 4096\r\n", 200),
            ("Content-Length: 4097\r\n", 413),
            ("Content-Length: 99999999999999999999999\r\n", 413),
            ("Content-Length: +1\r\n", 400),
            ("Content-Length: 1, 1\r\n", 400),
            ("Content-Length: 1\r\nContent-Length: 2\r\n", 400),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", 200),
            ("Transfer-Encoding: chunked\r\n", 501),
            ("Host: y\r\n", 400),
            ("A : b\r\n", 400),
            ("A: b\r\n folded\r\n", 400),
            ("A: \0\r\n", 400),
        ] {
            assert_eq!(status(&with(headers)), expected, "{headers}");
        }
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/1.0\r\n\r\n"), 200);
        assert_eq!(status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
        assert_eq!(status("\x16\x03\x01\x02\x00"), 400);
    }

    #[test]
    fn a_line_feed_alone_is_refused_wherever_it_stands() {
        for request in [
            "\n",
            "\r\n\n",
            "GET / HTTP/1.0\n",
            "GET / HTTP/1.1\r\nHost: x\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\n",
        ] {
            let refusal = parse(request.as_bytes()).unwrap_err();
            assert_eq!(refusal, Refusal::LINE_FEED, "{request:?}");
        }
        assert_eq!(status("\r"), 100);
        // Bytes behind the head are not checked.
        assert_eq!(status("GET / HTTP/1.0\r\n\r\n\n"), 200);
    }

    #[test]
    fn blank_lines_before_a_request_count_as_its_head() {
        let request = with("A: b\r\n");
        assert_eq!(status(&format!("\r\n{request}")), 200);
        assert_eq!(status(&format!("{}{request}", "\r\n".repeat(98))), 200);
        assert_eq!(status(&format!("{}{request}", "\r\n".repeat(99))), 431);
        assert_eq!(status(&"\r\n".repeat(100)), 100);
        assert_eq!(status(&"\r\n".repeat(101)), 431);
    }

    #[test]
    fn a_head_is_bounded_in_bytes_and_lines() {
        assert_eq!(status(&with(&"A: b\r\n".repeat(99))), 200);
        assert_eq!(status(&with(&"A: b\r\n".repeat(100))), 431);
        let long = "a".repeat(LONGEST_HEAD);
        assert_eq!(status(&format!("GET /{long}")), 431);
        assert_eq!(status(&with(&format!("A: {long}\r\n"))), 431);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_head_or_none(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                "(\r?\n){0,2}(GET|POST|X) [/*a-z:?]{0,9} HTTP/1.[01]\r?\n([A-Za-z-]{1,4}: ?[ -~]{0,9}\r?\n){0,5}\r?\n?"
                    .prop_map(String::into_bytes),
            ]
        ) {
            if let Ok(Some(head)) = parse(&bytes) {
                prop_assert!(head.length <= bytes.len());
                prop_assert!(head.body_length <= LONGEST_BODY);
                // A part of it is never refused or taken for a whole one.
                for end in 0..head.length {
                    prop_assert_eq!(parse(&bytes[..end]), Ok(None));
                }
            }
        }
    }
}
