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
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, select};
use rouille::{Request, Response};

/// How many requests are answered at the same time, unless told otherwise.
pub const DEFAULT_POOL_SIZE: usize = 4;

/// How often the accepting loop looks whether it is to stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(100);

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
        let routes = Arc::new(OnceLock::<Routes>::new());
        let handler: Handler = {
            let routes = Arc::clone(&routes);
            Box::new(move |request| match routes.get() {
                Some(routes) => routes.answer(request),
                None => Response::text("starting\n").with_status_code(503),
            })
        };
        let inner =
            rouille::Server::new(address, handler).map_err(|error| {
                let source = match error.downcast::<io::Error>() {
                    Ok(error) => *error,
                    Err(error) => io::Error::other(error),
                };
                Error::from_bind(address, source)
            })?;
        Ok(Self { inner, pool_size: DEFAULT_POOL_SIZE, routes })
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
        let inner = self.inner.pool_size(self.pool_size);
        let stopping = Arc::new(AtomicBool::new(false));
        let (alive, ended) = crossbeam_channel::bounded::<Infallible>(0);

        // The library's loop returns only after a pause between requests, so
        // it has a thread to itself that can be left behind.
        let accepting = thread::Builder::new()
            .name("http-accept".into())
            .spawn({
                let stopping = Arc::clone(&stopping);
                move || {
                    let _alive = alive;
                    while !stopping.load(Ordering::Relaxed) {
                        inner.poll_timeout(STOP_CHECK_INTERVAL);
                    }
                    inner.join();
                }
            })
            .map_err(Error::Thread)?;

        select! {
            recv(stop) -> _ => {}
            recv(ended) -> _ => return Err(Error::Ended),
        }
        stopping.store(true, Ordering::Relaxed);
        if ended.recv_timeout(STOP_PATIENCE)
            == Err(RecvTimeoutError::Disconnected)
        {
            // A panic at this point changes nothing any more.
            let _ = accepting.join();
        }
        Ok(())
    }
}
