//! A TLS handshake under way: its arithmetic takes so long that it is done by
//! a worker, and the loop only carries the bytes.

use std::fmt;
use std::io::{self, Read as _, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::{ServerConfig, ServerConnection};

/// Bytes that TLS keeps of an answer the socket does not take yet.
const TLS_BUFFER: usize = 64 * 1024;

pub(super) struct Handshake(Mutex<State>);

struct State {
    /// None once it has been taken out, or where it has failed.
    session: Option<Box<ServerConnection>>,
    /// What arrived and was not looked at yet.
    received: Vec<u8>,
    /// What the client said behind the handshake.
    plain: Vec<u8>,
    /// Whether there was anything to answer.
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
    /// When the configuration does not allow for any.
    pub(super) fn new(config: &Arc<ServerConfig>) -> io::Result<Self> {
        let mut session = ServerConnection::new(Arc::clone(config))
            .map_err(io::Error::other)?;
        session.set_buffer_limit(Some(TLS_BUFFER));
        Ok(Self(Mutex::new(State {
            session: Some(Box::new(session)),
            received: Vec::new(),
            plain: Vec::new(),
            is_known: false,
            fault: None,
        })))
    }

    /// Takes bytes of the client, for the worker.
    pub(super) fn put(&self, bytes: &[u8]) {
        self.lock().received.extend_from_slice(bytes);
    }

    /// Goes on with what has arrived. This is what takes long.
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

    /// Sends what there is to send, and returns the session once it can be
    /// used, with what the client has said already.
    ///
    /// # Errors
    /// When the handshake has failed, or the socket has.
    pub(super) fn settle(
        &self,
        socket: &mut impl Write,
    ) -> io::Result<Option<(Box<ServerConnection>, Vec<u8>)>> {
        let mut state = self.lock();
        let fault = state.fault.take();
        let Some(session) = &mut state.session else { return Ok(None) };
        let flushed = flush(session, socket);
        // It may have been for an alert that says why.
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a session read `bytes`, and appends what they say to `plain`. Returns
/// whether the client has said farewell.
///
/// # Errors
/// When they are not TLS.
pub(super) fn feed(
    session: &mut ServerConnection,
    mut bytes: &[u8],
    plain: &mut Vec<u8>,
) -> io::Result<bool> {
    while !bytes.is_empty() {
        // Nothing is read behind the farewell.
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

/// Sends what a session has to send, as far as the socket goes along.
///
/// # Errors
/// `WouldBlock` where that is not all; whatever the socket says.
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
