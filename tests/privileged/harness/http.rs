//! The smallest HTTP client that can ask a server inside a namespace.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::netns::Netns;

/// How long a server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What a server answered.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Asks for a page from inside a namespace.
pub(crate) fn get(
    namespace: &Netns,
    server: SocketAddr,
    target: &str,
) -> io::Result<Response> {
    request(namespace, server, "GET", target)
}

/// Sends a request without a body from inside a namespace.
pub(crate) fn request(
    namespace: &Netns,
    server: SocketAddr,
    method: &str,
    target: &str,
) -> io::Result<Response> {
    let mut stream =
        namespace.run(|| TcpStream::connect_timeout(&server, ANSWER_WITHIN))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    // 1.0: the answer is not chunked and ends with the connection.
    // One write: a server may answer and close before a second.
    let head = format!("{method} {target} HTTP/1.0\r\nHost: {server}\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse(&answer).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{answer:?}"))
    })
}

fn parse(answer: &str) -> Option<Response> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let (status_line, headers) = head.split_once("\r\n")?;
    let headers = headers
        .split("\r\n")
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect::<Option<_>>()?;
    Some(Response {
        status: status_line.split(' ').nth(1)?.parse().ok()?,
        headers,
        body: body.to_owned(),
    })
}

/// Encodes a query for a URL.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
