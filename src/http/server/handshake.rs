//! A TLS handshake under way. Its arithmetic takes long, so a worker does it, and
//! the loop only carries the bytes.

use std::fmt;
use std::io::{self, Read as _, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::{ServerConfig, ServerConnection};

/// Bytes of an answer that TLS keeps while the socket takes no more.
const TLS_BUFFER: usize = 64 * 1024;

pub(super) struct Handshake(Mutex<Progress>);

struct Progress {
    /// None once it has been taken out.
    session: Option<Box<ServerConnection>>,
    /// Bytes that have arrived and are not processed yet.
    received: Vec<u8>,
    /// Bytes of the client behind the handshake, decrypted.
    plain: Vec<u8>,
    /// True if the client has sent a message that has an answer.
    is_known: bool,
    fault: Option<io::Error>,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshake")
    }
}

impl Handshake {
    /// Begins one.
    ///
    /// # Errors
    /// If the configuration does not allow for any.
    pub(super) fn new(config: &Arc<ServerConfig>) -> io::Result<Self> {
        let mut session = ServerConnection::new(Arc::clone(config))
            .map_err(io::Error::other)?;
        session.set_buffer_limit(Some(TLS_BUFFER));
        Ok(Self(Mutex::new(Progress {
            session: Some(Box::new(session)),
            received: Vec::new(),
            plain: Vec::new(),
            is_known: false,
            fault: None,
        })))
    }

    /// Adds bytes of the client, for the worker.
    pub(super) fn put(&self, bytes: &[u8]) {
        self.lock().received.extend_from_slice(bytes);
    }

    /// Processes the bytes that have arrived. This takes long.
    pub(super) fn advance(&self) {
        let mut state = self.lock();
        let received = std::mem::take(&mut state.received);
        let Some(mut session) = state.session.take() else { return };
        let mut plain = std::mem::take(&mut state.plain);
        let result = feed(&mut session, &received, &mut plain);
        (state.plain, state.fault) = (plain, result.err());
        state.is_known |= session.wants_write();
        state.session = Some(session);
    }

    /// Returns whether the client has sent enough to be answered.
    pub(super) fn is_known(&self) -> bool {
        self.lock().is_known
    }

    /// Sends the messages that wait, and returns the session once the handshake
    /// is complete, with bytes of the client behind it.
    ///
    /// # Errors
    /// If the handshake has failed, or the socket has.
    pub(super) fn settle(
        &self,
        socket: &mut impl Write,
    ) -> io::Result<Option<(Box<ServerConnection>, Vec<u8>)>> {
        let mut state = self.lock();
        let fault = state.fault.take();
        let Some(session) = &mut state.session else { return Ok(None) };
        let flushed = flush(session, socket);
        // The bytes may be an alert that tells the client the reason.
        if let Some(fault) = fault {
            return Err(fault);
        }
        flushed?;
        if session.is_handshaking() {
            return Ok(None);
        }
        let session = state.session.take();
        Ok(session.map(|session| (session, std::mem::take(&mut state.plain))))
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decrypts `bytes` and appends the result to `plain`. Returns whether the client
/// has ended the session.
///
/// # Errors
/// If they are not TLS.
pub(super) fn feed(
    session: &mut ServerConnection,
    mut bytes: &[u8],
    plain: &mut Vec<u8>,
) -> io::Result<bool> {
    while !bytes.is_empty() {
        // The session reads nothing behind its end.
        if session.read_tls(&mut bytes)? == 0 {
            return Ok(true);
        }
        let state = session.process_new_packets().map_err(io::Error::other)?;
        let (start, count) = (plain.len(), state.plaintext_bytes_to_read());
        plain.resize(start + count, 0);
        if let Some(room) = plain.get_mut(start..) {
            session.reader().read_exact(room)?;
        }
        if state.peer_has_closed() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sends the bytes that a session has ready, as far as the socket takes them.
///
/// # Errors
/// If some are left: `WouldBlock`; else the error of the socket.
pub(super) fn flush(
    session: &mut ServerConnection,
    socket: &mut impl Write,
) -> io::Result<()> {
    while session.wants_write() {
        match session.write_tls(socket) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(())
}
