//! The server: connections, and their bounds. A [`Site`] answers the requests.
//!
//! One thread (`front`) waits for all sockets with epoll, through mio. So a client
//! that is idle, slow or gone costs a file descriptor and a few hundred bytes,
//! and no thread. The thread gives each connection that is ready a turn, which
//! ends with its `budget`. It reads requests (`connection`, `head`) and writes
//! replies (`reply`). A fixed number of workers (`pool`) makes pages, each edition
//! once for all clients (`editions`), and TLS handshakes (`handshake`). One more
//! thread checks passwords (`authentication`), which is slow by design. There is
//! no asynchronous runtime, because this loop is the only part that waits, and it
//! is short.
//!
//! Turns, pages, handshakes and passwords have a queue each. It serves one
//! `client` after the other (`fair`, `line`), so a client that wants much delays
//! only itself.
//!
//! [`Limits`] bounds everything that clients can take: connections, the time for
//! a request, a pause and an answer, the bytes of answers that clients do not
//! take, and the size of a request. If there are too many connections, the client
//! with the most loses one (`places`). A client that reads its answer loses none
//! (`pace`).
//!
//! [`Server::run`] occupies the thread that calls it.

mod authentication;
mod budget;
mod client;
mod connection;
mod editions;
mod error;
mod failed_logins;
mod fair;
mod front;
mod handshake;
mod head;
mod limits;
mod line;
mod listener;
mod owner;
mod pace;
mod places;
mod pool;
mod reply;
mod security;
mod site;
mod step;
mod stream;
mod trial;
mod users;

pub use error::Error;
pub use limits::Limits;
pub use listener::GivenSocket;
pub use owner::Owner;
pub use security::Security;
pub use site::{Edition, Request, Response, Site};
pub use trial::{Trial, try_address};
pub(in crate::http) use users::Users;

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use mio::{Poll, Token, Waker};
use slog::{Discard, Logger, o};

use crate::config::ListenAddress;
use authentication::Authentication;
use failed_logins::FailedLogins;
use front::{Front, Parts};
use listener::{Listener, SocketFile};
use pool::Queue;
use reply::Reply;

/// Returns the time at which the served certificate expires, in seconds since
/// 1970, if one is served.
pub type CertificateExpiry = Arc<dyn Fn() -> Option<i64> + Send + Sync>;

const WAKER: Token = Token(usize::MAX);

/// Sockets that listen. Clients wait until [`Server::run`] is called.
#[derive(Debug)]
pub struct Server {
    poll: Poll,
    listeners: Vec<Listener>,
    addresses: Vec<ListenAddress>,
    shared: Arc<Shared>,
    news: Receiver<(usize, News)>,
    limits: Limits,
    log: Logger,
}

/// Stops the server when it is dropped, and changes its rules.
#[derive(Debug)]
pub struct Handle(Arc<Shared>);

impl Handle {
    /// Puts other rules in force: users and headers for the next requests, TLS
    /// for new connections. Older connections end after their answer if TLS is
    /// or was on.
    pub fn secure(&self, security: Security) {
        self.0.secure(security);
        self.0.wake();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.is_stopping.store(true, Ordering::Release);
        self.0.wake();
        remove_files(&self.0);
    }
}

/// Removes the files of sockets. The sandbox lets no thread of the server remove
/// one, and a disk that hangs must not delay the caller. So the caller starts a
/// thread for it.
fn remove_files(shared: &Arc<Shared>) {
    /// The time that the caller waits for it.
    const PATIENCE: Duration = Duration::from_secs(1);
    if shared.files.is_empty() {
        return;
    }
    let shared = Arc::clone(shared);
    let (removing, removed) = bounded::<()>(0);
    let removal =
        thread::Builder::new().name("sockets".into()).spawn(move || {
            shared.files.iter().for_each(|file| file.remove());
            drop(removing);
        });
    // If the system has no thread left, the next start removes them.
    if removal.is_ok() {
        let _ = removed.recv_timeout(PATIENCE);
    }
}

/// News of a connection for the loop.
#[derive(Debug)]
enum News {
    /// The answer to its request.
    Reply(Reply),
    /// A worker has gone on with its handshake.
    Shaken,
}

/// The state that the loop shares with other threads.
#[derive(Debug)]
struct Shared {
    waker: Waker,
    is_stopping: AtomicBool,
    security: RwLock<Arc<Security>>,
    news: Sender<(usize, News)>,
    /// The files of Unix sockets, to be removed at the end.
    files: Vec<Arc<SocketFile>>,
}

impl Shared {
    fn wake(&self) {
        // An error means that the loop is gone.
        let _ = self.waker.wake();
    }

    /// Gives the loop news of a connection.
    fn deliver(&self, connection: usize, news: News) {
        if self.news.send((connection, news)).is_ok() {
            self.wake();
        }
    }

    fn secure(&self, security: Security) {
        let mut current =
            self.security.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(security);
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    fn security(&self) -> Arc<Security> {
        let current =
            self.security.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }
}

impl Server {
    /// Listens on all of these addresses; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If one of them is in use, not ours or not allowed.
    pub fn bind(addresses: &[ListenAddress]) -> Result<Self, Error> {
        let mut listeners: Vec<Listener> = Vec::new();
        let mut bound: Vec<ListenAddress> = Vec::new();
        for address in addresses {
            let listener =
                Listener::bind(address).map_err(|error| error.among(&bound))?;
            bound.push(listener.address().map_err(Error::Start)?);
            listeners.push(listener);
        }
        Self::over(listeners)
    }

    /// Listens on sockets that the service manager opened.
    ///
    /// # Errors
    ///
    /// If one of them is no stream socket that listens.
    pub fn take(sockets: Vec<GivenSocket>) -> Result<Self, Error> {
        let listeners = sockets.into_iter().map(Listener::take);
        Self::over(listeners.collect::<Result<_, _>>()?)
    }

    fn over(mut listeners: Vec<Listener>) -> Result<Self, Error> {
        let poll = Poll::new().map_err(Error::Start)?;
        let mut bound: Vec<ListenAddress> = Vec::new();
        for (index, listener) in listeners.iter_mut().enumerate() {
            listener
                .register(poll.registry(), Token(index))
                .map_err(Error::Start)?;
            bound.push(listener.address().map_err(Error::Start)?);
        }
        let (sender, news) = unbounded();
        let shared = Arc::new(Shared {
            waker: Waker::new(poll.registry(), WAKER).map_err(Error::Start)?,
            is_stopping: AtomicBool::new(false),
            security: RwLock::default(),
            news: sender,
            files: listeners.iter().filter_map(Listener::file).collect(),
        });
        Ok(Self {
            poll,
            listeners,
            addresses: bound,
            shared,
            news,
            limits: Limits::default(),
            log: Logger::root(Discard, o!()),
        })
    }

    /// Logs there. Without it, the server logs nothing.
    #[must_use]
    pub fn log_to(mut self, log: Logger) -> Self {
        self.log = log;
        self
    }

    /// Sets the rules for clients.
    #[must_use]
    pub fn secure(self, security: Security) -> Self {
        self.shared.secure(security);
        self
    }

    /// Sets the bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the addresses of its sockets, with the real ports.
    #[must_use]
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.addresses
    }

    /// Returns a function that tells the expiry of the served certificate.
    #[must_use]
    pub fn certificate_expiry(&self) -> CertificateExpiry {
        let shared = Arc::clone(&self.shared);
        Arc::new(move || shared.security().certificate_expiry)
    }

    /// Returns a handle that stops the server when it is dropped. Ask for one
    /// only: the server ends with the first.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// Answers requests until the handle is dropped.
    ///
    /// # Errors
    ///
    /// If the threads cannot be started, or the loop cannot go on.
    pub fn run(self, site: impl Site + 'static) -> Result<(), Error> {
        let mut limits = self.limits;
        limits.connections = limits.connections.min(open_files() / 4).max(1);
        let queue = Arc::new(Queue::default());
        let (queued, shared) = (Arc::clone(&queue), Arc::clone(&self.shared));
        let failed = Arc::new(FailedLogins::new(self.log.clone()));
        let site: Arc<dyn Site> = Arc::new(site);
        let authentication =
            Authentication::start(Arc::clone(&site), queued, shared, failed)
                .map_err(Error::Thread)?;
        let started = pool::start(limits.workers, &queue, &site, &self.shared);
        let result = started.map_err(Error::Thread).and_then(|()| {
            let front = Front::new(Parts {
                poll: self.poll,
                listeners: self.listeners,
                shared: self.shared,
                queue: Arc::clone(&queue),
                authentication,
                news: self.news,
                limits,
                log: self.log,
            });
            front.run().map_err(Error::Loop)
        });
        queue.end();
        result
    }
}

/// Returns the limit of open files. The interfaces need most of them.
fn open_files() -> usize {
    /// The usual limit, in case that the kernel does not tell it.
    const USUAL: usize = 1024;
    let limit = |text: String| {
        let line = text.lines().find(|l| l.starts_with("Max open files"))?;
        // "unlimited" is no number, and does not occur.
        line.split_whitespace().nth(3)?.parse().ok()
    };
    let text: io::Result<String> = fs::read_to_string("/proc/self/limits");
    text.ok().and_then(limit).unwrap_or(USUAL)
}
