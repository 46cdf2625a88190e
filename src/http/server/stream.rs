//! The sockets of clients, of TCP or Unix, plain or with TLS. No call waits: it
//! returns `WouldBlock` instead.

use std::io::{self, ErrorKind, Write as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::sync::Arc;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use rustls::{ServerConfig, ServerConnection};
use socket2::SockRef;

use super::handshake::{Handshake, feed, flush};

/// A connected socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl io::Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            Self::Unix(socket) => socket.read(buffer),
        }
    }
}

impl io::Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The state of TLS with a client.
#[derive(Debug)]
enum Tls {
    Off,
    Beginning(Arc<Handshake>),
    On(Box<ServerConnection>),
}

/// The bytes of a client, decrypted.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    tls: Tls,
}

/// The result of one read.
pub(super) struct Read {
    /// Bytes that came over the socket.
    pub(super) bytes: usize,
    /// True if the client sends nothing more.
    pub(super) is_end: bool,
}

impl Stream {
    /// Takes a socket, and begins TLS if there is a configuration for it.
    ///
    /// # Errors
    /// If TLS cannot be begun.
    pub(super) fn new(
        socket: Socket,
        tls: Option<&Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        let tls = match tls {
            None => Tls::Off,
            Some(config) => Tls::Beginning(Arc::new(Handshake::new(config)?)),
        };
        Ok(Self { socket, tls })
    }

    pub(super) fn is_tls(&self) -> bool {
        !matches!(self.tls, Tls::Off)
    }

    /// Returns the handshake, until it is done.
    pub(super) fn handshake(&self) -> Option<&Arc<Handshake>> {
        match &self.tls {
            Tls::Beginning(handshake) => Some(handshake),
            _ => None,
        }
    }

    /// Returns the first byte that waits in the socket, and leaves it there.
    pub(super) fn peek(&self) -> io::Result<Option<u8>> {
        let Socket::Tcp(socket) = &self.socket else { return Ok(None) };
        let mut byte = [0];
        Ok((socket.peek(&mut byte)? > 0).then_some(byte[0]))
    }

    /// Returns whether the client sends nothing more and all was read.
    pub(super) fn is_at_end(&self) -> bool {
        matches!(self.waiting(), Ok(0))
    }

    /// Returns whether something waits to be read.
    pub(super) fn has_input(&self) -> bool {
        matches!(self.waiting(), Ok(1..))
    }

    /// Returns the number of bytes that wait to be read, one at most.
    fn waiting(&self) -> io::Result<usize> {
        let socket = match &self.socket {
            Socket::Tcp(socket) => SockRef::from(socket),
            Socket::Unix(socket) => SockRef::from(socket),
        };
        socket.peek(&mut [MaybeUninit::uninit()])
    }

    /// Goes on without TLS, with a client that never began it.
    pub(super) fn give_up_tls(&mut self) {
        self.tls = Tls::Off;
    }

    /// Reads once, as much as `scratch` holds, and appends the decrypted bytes to
    /// `to`. Bytes of a handshake go to the handshake.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        to: &mut Vec<u8>,
    ) -> io::Result<Read> {
        let bytes = retry(|| io::Read::read(&mut self.socket, scratch))?;
        let news = scratch.get(..bytes).unwrap_or_default();
        let has_ended = match &mut self.tls {
            Tls::Off => {
                to.extend_from_slice(news);
                false
            }
            Tls::Beginning(handshake) => {
                handshake.put(news);
                false
            }
            Tls::On(session) => {
                let fed = feed(session, news, to);
                // An alert with the reason, or the answer to a change of keys.
                would_block_is_fine(flush(session, &mut self.socket))?;
                fed?
            }
        };
        Ok(Read { bytes, is_end: bytes == 0 || has_ended })
    }

    /// Sends the messages of the handshake. Returns whether it is complete: then
    /// `to` gets the bytes that followed it.
    ///
    /// # Errors
    /// If it has failed.
    pub(super) fn settle(&mut self, to: &mut Vec<u8>) -> io::Result<bool> {
        let Tls::Beginning(handshake) = &self.tls else { return Ok(true) };
        let Some((session, plain)) = handshake.settle(&mut self.socket)? else {
            return Ok(false);
        };
        to.extend_from_slice(&plain);
        self.tls = Tls::On(session);
        Ok(true)
    }

    /// Writes once, as much as the socket or TLS takes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Tls::Off | Tls::Beginning(_) => retry(|| self.socket.write(bytes)),
            Tls::On(session) => {
                // Earlier bytes come first. Their number is bounded.
                flush(session, &mut self.socket)?;
                let count = session.writer().write(bytes)?;
                would_block_is_fine(flush(session, &mut self.socket))?;
                Ok(count)
            }
        }
    }

    /// Sends the bytes that TLS keeps.
    ///
    /// # Errors
    /// If the socket does not take them all: `WouldBlock`.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Tls::Off | Tls::Beginning(_) => Ok(()),
            Tls::On(session) => flush(session, &mut self.socket),
        }
    }

    /// Tells a client of TLS that nothing more is written. `flush` sends it:
    /// without it the client could not tell a whole answer from one that was
    /// cut.
    pub(super) fn announce_end(&mut self) {
        if let Tls::On(session) = &mut self.tls {
            session.send_close_notify();
        }
    }

    /// Ends the direction to the client.
    pub(super) fn end(&self) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }

    /// Asks to be told when the socket is ready.
    pub(super) fn register(
        &mut self,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let source: &mut dyn Source = match &mut self.socket {
            Socket::Tcp(socket) => socket,
            Socket::Unix(socket) => socket,
        };
        registry.register(source, token, interest)
    }
}

fn would_block_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        other => other,
    }
}

/// Repeats a call that a signal interrupted.
fn retry<T>(mut io: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match io() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
