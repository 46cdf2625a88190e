//! The sockets of clients, of either kind, plain or in TLS. None of them ever
//! waits: what cannot be done at once is `WouldBlock`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use rustls::{ServerConfig, ServerConnection};

/// Bytes that TLS keeps of an answer the socket does not take yet.
const TLS_BUFFER: usize = 64 * 1024;

/// A connected socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            Self::Unix(socket) => socket.read(buffer),
        }
    }
}

impl Write for Socket {
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

/// A client's bytes, in the clear.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    tls: Option<Box<ServerConnection>>,
}

impl Stream {
    /// Takes a socket, and speaks TLS with it where there is a configuration.
    ///
    /// # Errors
    /// When TLS cannot be begun.
    pub(super) fn new(
        socket: Socket,
        tls: Option<&Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        let Some(config) = tls else { return Ok(Self { socket, tls: None }) };
        let mut session = ServerConnection::new(Arc::clone(config))
            .map_err(io::Error::other)?;
        session.set_buffer_limit(Some(TLS_BUFFER));
        Ok(Self { socket, tls: Some(Box::new(session)) })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether what is written now could be read by the client: not before
    /// the end of the handshake.
    pub(super) fn can_talk(&self) -> bool {
        self.tls.as_ref().is_none_or(|session| !session.is_handshaking())
    }

    /// Returns the first byte that waits in the socket, and leaves it there.
    pub(super) fn peek(&self) -> io::Result<Option<u8>> {
        let Socket::Tcp(socket) = &self.socket else { return Ok(None) };
        let mut byte = [0];
        Ok((socket.peek(&mut byte)? > 0).then_some(byte[0]))
    }

    /// Goes on without TLS, with a client that never began it.
    pub(super) fn give_up_tls(&mut self) {
        self.tls = None;
    }

    /// Says that nothing more is written.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.tls {
            session.send_close_notify();
            // A client that takes nothing does not get this either.
            would_block_is_fine(self.flush())?;
        }
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

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(buffer),
            Some(session) => {
                rustls::Stream::new(&mut **session, &mut self.socket)
                    .read(buffer)
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.write(bytes),
            Some(session) => {
                rustls::Stream::new(&mut **session, &mut self.socket)
                    .write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => self.socket.flush(),
            Some(session) => {
                rustls::Stream::new(&mut **session, &mut self.socket).flush()
            }
        }
    }
}

fn would_block_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        other => other,
    }
}
