//! Connections to sockets in the file system, which ureq does not make itself.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

/// The time between two attempts to connect to a socket whose queue is full.
const PAUSE: Duration = Duration::from_millis(20);

/// Connects to one socket; to none if there is no path, so that the next
/// connector makes the connection.
#[derive(Debug)]
pub(super) struct SocketConnector(pub(super) Option<PathBuf>);

impl Connector for SocketConnector {
    type Out = SocketTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<SocketTransport>, Error> {
        let Some(path) = &self.0 else { return Ok(None) };
        let stream =
            connect(path, left(&details.timeout).unwrap_or(super::CONNECT))?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(SocketTransport { stream, buffers }))
    }
}

/// Connects within the time limit.
///
/// A blocking connect(2) would wait without a limit while the queue of the
/// socket is full. A non-blocking one fails with EAGAIN then, and the kernel
/// reports no later event for it (`unix_stream_connect`).
fn connect(path: &Path, limit: Duration) -> Result<UnixStream, Error> {
    let begin = Instant::now();
    loop {
        match mio::net::UnixStream::connect(path) {
            Ok(stream) => {
                let stream = UnixStream::from(stream);
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                return Err(error.into());
            }
            Err(_) if begin.elapsed() >= limit => {
                return Err(Error::Timeout(Timeout::Connect));
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// A connection to a socket.
pub(super) struct SocketTransport {
    stream: UnixStream,
    buffers: LazyBuffers,
}

impl fmt::Debug for SocketTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketTransport").finish_non_exhaustive()
    }
}

impl Transport for SocketTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(
        &mut self,
        amount: usize,
        timeout: NextTimeout,
    ) -> Result<(), Error> {
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(left(&timeout))?;
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output).map_err(|error| fault(error, &timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        self.stream.set_read_timeout(left(&timeout))?;
        let input = self.buffers.input_append_buf();
        let count = loop {
            match self.stream.read(input) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(|error| fault(error, &timeout))?,
            }
        };
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// An idle connection has nothing to read. A byte or an end means that the
    /// server has closed it, or answers what nobody asked.
    fn is_open(&mut self) -> bool {
        let mut probe = || {
            self.stream.set_nonblocking(true)?;
            let read = self.stream.read(&mut [0]);
            self.stream.set_nonblocking(false)?;
            read
        };
        probe().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

fn left(timeout: &NextTimeout) -> Option<Duration> {
    timeout.not_zero().map(|left| *left)
}

/// Linux reports a time limit of a socket as `WouldBlock`.
fn fault(error: io::Error, timeout: &NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            Error::Timeout(timeout.reason)
        }
        _ => Error::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_full_queue_is_waited_for_within_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sock");
        let listener = UnixListener::bind(&path).unwrap();
        // A connection that is closed stays in the queue until it is accepted.
        let ended = loop {
            if let Err(error) = connect(&path, PAUSE) {
                break error;
            }
        };
        assert!(matches!(ended, Error::Timeout(_)), "{ended}");
        // A place that becomes free while a client waits is taken.
        let limit = Duration::from_secs(60);
        let waiting = thread::spawn(move || connect(&path, limit).is_ok());
        listener.accept().unwrap();
        assert!(waiting.join().unwrap());
    }
}
