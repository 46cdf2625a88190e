//! The web server: its socket and its threads. What is answered is decided in
//! [`routes`], which knows no sockets; another front, such as one with TLS or
//! with limits on connections, can stand in the place of this one.
//!
//! [`Server::run`] occupies the thread that calls it.

pub mod error;
pub mod pages;
pub mod routes;

pub use error::Error;
pub use routes::Routes;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError, select};
use rouille::{Request, Response};
use slog::{Discard, Logger, debug, o, warn};

/// How many requests are answered at the same time, unless told otherwise.
pub const DEFAULT_POOL_SIZE: usize = 4;

/// How often the loop looks whether it is to stop, when nothing is asked.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// How often the loop looks whether the socket still listens.
const SOCKET_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long stopping waits for answers under way. A client that asks without
/// a pause keeps the loop of the library busy, and does not keep us.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

type Handler = Box<dyn Fn(&Request) -> Response + Send + Sync>;

/// A socket that listens. Requests wait until [`Server::run`] is called.
pub struct Server {
    inner: rouille::Server<Handler>,
    pool_size: usize,
    /// Given to the handler, which the library wants before the socket.
    routes: Arc<OnceLock<Routes>>,
    log: Logger,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("local_addr", &self.local_addr())
            .field("pool_size", &self.pool_size)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When the address is in use, not ours or not allowed.
    pub fn bind(address: SocketAddr) -> Result<Self, Error> {
        let routes = Arc::new(OnceLock::new());
        let inner = listen(address, &routes)?;
        let log = Logger::root(Discard, o!());
        Ok(Self { inner, pool_size: DEFAULT_POOL_SIZE, routes, log })
    }

    /// Says in this log, not nowhere, when the socket had to be opened again.
    #[must_use]
    pub fn log_to(mut self, log: Logger) -> Self {
        self.log = log;
        self
    }

    /// Sets how many requests are answered at the same time, at least one.
    #[must_use]
    pub fn pool_size(mut self, threads: usize) -> Self {
        self.pool_size = threads.max(1);
        self
    }

    /// Returns the address the socket listens on, with its real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.server_addr()
    }

    /// Answers requests until the sender of `stop` is dropped.
    ///
    /// # Errors
    ///
    /// When the loop cannot be started or ended without being asked to.
    pub fn run(
        self,
        routes: Routes,
        stop: &Receiver<Infallible>,
    ) -> Result<(), Error> {
        // Nobody else sets it: `run` consumes the server.
        let _ = self.routes.set(routes);
        let (alive, ended) = crossbeam_channel::bounded::<Infallible>(0);

        // The library's loop returns only after a pause between requests, so
        // it has a thread to itself that can be left behind.
        let accepting = thread::Builder::new()
            .name("http-accept".into())
            .spawn({
                let stop = stop.clone();
                move || {
                    let _alive = alive;
                    self.accept(&stop);
                }
            })
            .map_err(Error::Thread)?;

        select! {
            recv(stop) -> _ => {}
            // Both may be true at once: then it ended as asked.
            recv(ended) -> _ => if !stop_requested(stop) {
                return Err(Error::Ended);
            }
        }
        if ended.recv_timeout(STOP_PATIENCE)
            == Err(RecvTimeoutError::Disconnected)
        {
            // A panic at this point changes nothing any more.
            let _ = accepting.join();
        }
        Ok(())
    }

    fn accept(self, stop: &Receiver<Infallible>) {
        let log = &self.log;
        let address = self.local_addr();
        let mut inner = self.inner.pool_size(self.pool_size);
        let mut checked = Instant::now();
        while !stop_requested(stop) {
            inner.poll_timeout(STOP_CHECK_INTERVAL);
            if checked.elapsed() < SOCKET_CHECK_INTERVAL {
                continue;
            }
            checked = Instant::now();
            // The library stops listening for good, without a word, when one
            // connection cannot be accepted: when file descriptors run out.
            if !is_free(address) {
                continue;
            }
            match listen(address, &self.routes) {
                Ok(again) => {
                    inner = again.pool_size(self.pool_size);
                    warn!(
                        log, "accepting connections failed, listening again";
                        "address" => %address
                    );
                }
                // Somebody was faster, or there are no descriptors yet.
                Err(error) => {
                    debug!(log, "not listening"; "reason" => %error);
                }
            }
        }
        inner.join();
    }
}

fn listen(
    address: SocketAddr,
    routes: &Arc<OnceLock<Routes>>,
) -> Result<rouille::Server<Handler>, Error> {
    let routes = Arc::clone(routes);
    let handler: Handler = Box::new(move |request| match routes.get() {
        Some(routes) => routes.answer(request),
        None => Response::text("starting\n").with_status_code(503),
    });
    rouille::Server::new(address, handler).map_err(|error| {
        let source = match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        };
        Error::from_bind(address, source)
    })
}

/// Whether nobody listens there: two cannot at the same time.
fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

fn stop_requested(stop: &Receiver<Infallible>) -> bool {
    stop.try_recv() == Err(TryRecvError::Disconnected)
}
