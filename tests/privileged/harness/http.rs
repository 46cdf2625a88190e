//! Asks a server inside a namespace.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) use super::client::Response;
use super::client::ask as ask_over;
use super::netns::Netns;

/// How long a server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

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
    ask_over(connect(namespace, server)?, &format!("{method} {target}"), "")
}

/// Asks for a page with further headers, each with its end of line.
pub(crate) fn ask(
    namespace: &Netns,
    server: SocketAddr,
    target: &str,
    headers: &str,
) -> io::Result<Response> {
    ask_over(connect(namespace, server)?, &format!("GET {target}"), headers)
}

fn connect(namespace: &Netns, server: SocketAddr) -> io::Result<TcpStream> {
    let stream =
        namespace.run(|| TcpStream::connect_timeout(&server, ANSWER_WITHIN))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    Ok(stream)
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
