//! The HTTP client of the tests. It reads answers one after the other, whole or
//! as they come.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// Longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The answer of a server.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Sends a request and returns the answer to it, which ends with the
/// connection. `lines` has further headers, each with its end of line.
///
/// # Errors
/// If the connection fails, or the answer is not HTTP.
pub(crate) fn ask(
    mut stream: impl Read + Write,
    request: &str,
    lines: &str,
) -> io::Result<Response> {
    // 1.0: the answer is not chunked and ends with the connection.
    // One write: a server may answer and close before a second.
    let head = format!("{request} HTTP/1.0\r\nHost: test\r\n{lines}\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse(&answer).ok_or_else(|| {
        io::Error::new(ErrorKind::InvalidData, format!("{answer:?}"))
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

/// One end of a connection, and the bytes behind the last answer.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    rest: Vec<u8>,
}

impl Client<TcpStream> {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::connect_from([127, 0, 0, 1], address)
    }

    /// Connects from another address of this machine.
    pub(crate) fn connect_from(from: [u8; 4], address: SocketAddr) -> Self {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, None).unwrap();
        if address.is_ipv4() {
            socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        }
        socket.connect(&address.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, rest: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).unwrap();
    }

    /// Sends as much as the server takes. Returns whether it took all.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub(crate) fn get(&mut self, path: &str) -> Option<(String, Vec<u8>)> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        self.answer()
    }

    /// Returns the next head, and the body of its length; none when the
    /// connection ends before.
    pub(crate) fn answer(&mut self) -> Option<(String, Vec<u8>)> {
        self.answer_to(false)
    }

    /// The same, to HEAD: there is no body.
    pub(crate) fn answer_to_head(&mut self) -> Option<String> {
        self.answer_to(true).map(|(head, _)| head)
    }

    fn answer_to(&mut self, is_head: bool) -> Option<(String, Vec<u8>)> {
        let end = loop {
            let four =
                self.rest.windows(4).position(|four| four == b"\r\n\r\n");
            match four {
                Some(at) => break at + 4,
                None => self.more()?,
            }
        };
        let head: Vec<u8> = self.rest.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let length = header(&head, "Content-Length");
        let length = match (is_head, length) {
            (true, _) | (false, None) => 0,
            (false, Some(length)) => length.parse().unwrap(),
        };
        while self.rest.len() < length {
            self.more()?;
        }
        Some((head, self.rest.drain(..length).collect()))
    }

    fn more(&mut self) -> Option<()> {
        let mut some = [0; 65536];
        match self.stream.read(&mut some) {
            Ok(0) => None,
            Ok(read) => {
                self.rest.extend_from_slice(&some[..read]);
                Some(())
            }
            Err(error) if is_end(error.kind()) => None,
            // Tests beside this one send signals to the process.
            Err(error) if error.kind() == ErrorKind::Interrupted => self.more(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits for the end of the connection. Bytes before it are a fault.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.rest.is_empty() && self.more().is_none()
    }
}

fn is_end(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    [BrokenPipe, ConnectionAborted, ConnectionReset].contains(&kind)
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}
