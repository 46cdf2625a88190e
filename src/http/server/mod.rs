//! The web server. What is answered is decided in [`routes`], which knows no
//! sockets; this is the front of it, and holds whatever clients do.
//!
//! # The front
//!
//! One thread (`front`) waits for every socket at once, with epoll by way of
//! mio: so a client that is idle, slow or gone takes a file descriptor and a
//! few hundred bytes, and never a thread. It gives each connection that is
//! ready a turn, which ends with its `budget`. It reads requests (`connection`,
//! `head`) and writes replies (`reply`). A fixed number of workers (`pool`)
//! makes pages, each once for all who ask for the same (`editions`), and goes
//! on with TLS handshakes (`handshake`). One thread more compares passwords
//! (`guard`), which is slow by design. There is no asynchronous runtime: all
//! that waits is this loop, and it is short.
//!
//! Turns, pages, handshakes and passwords have a queue each, that goes round
//! by `client` (`fair`, `line`): one that wants much waits for itself.
//!
//! [`Limits`] bounds everything that clients can take: connections, where the
//! client that has most of them loses one to a newcomer (`places`), so that
//! another scrape always gets through; the time for a request, a pause and an
//! answer; the bytes of answers nobody takes; the size of a request.
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
    /// Puts other rules in force: users and headers for every request that
    /// comes from now on, TLS for every connection. Those that began before
    /// end where TLS is or was spoken, each after its answer.
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

/// Removes the files of sockets, by a thread that who stops the server started:
/// the server's own may remove none, and who stops it is not to wait for a disk
/// that does not answer.
fn remove_files(shared: &Arc<Shared>) {
    /// How long that is waited for.
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
    // Where no thread is left, the next start removes them.
    if removal.is_ok() {
        let _ = removed.recv_timeout(PATIENCE);
    }
}

/// What others tell the loop of a connection.
#[derive(Debug)]
enum News {
    /// The answer to its request.
    Reply(Reply),
    /// Its handshake went on.
    Shaken,
}

/// What the loop and everybody else share.
#[derive(Debug)]
struct Shared {
    waker: Waker,
    is_stopping: AtomicBool,
    security: RwLock<Arc<Security>>,
    news: Sender<(usize, News)>,
    /// Those of Unix sockets, to be removed at the end.
    files: Vec<Arc<SocketFile>>,
}

impl Shared {
    fn wake(&self) {
        // The loop is gone, or awake.
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
    /// When one of them is in use, not ours or not allowed.
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

    /// Listens on sockets that somebody else opened.
    ///
    /// # Errors
    ///
    /// When one of them is no stream socket that listens.
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

    /// Says in this log, not nowhere, when clients are turned away.
    #[must_use]
    pub fn log_to(mut self, log: Logger) -> Self {
        self.log = log;
        self
    }

    /// Sets the rules for clients, from the first one on.
    #[must_use]
    pub fn secure(self, security: Security) -> Self {
        self.shared.secure(security);
        self
    }

    /// Sets how much clients may take.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns where it listens, with the real ports.
    #[must_use]
    pub fn addresses(&self) -> &[ListenAddress] {
        &self.addresses
    }

    /// Returns what tells when the certificate that is served expires, in
    /// seconds since 1970, if there is one.
    #[must_use]
    pub fn certificate_expiry(&self) -> CertificateExpiry {
        let shared = Arc::clone(&self.shared);
        Arc::new(move || shared.security().certificate_expiry)
    }

    /// Returns what stops it. There is one: the server ends with the first
    /// that is dropped.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// Answers requests until the handle is dropped.
    ///
    /// # Errors
    ///
    /// When the threads cannot be started, or the loop cannot go on.
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

/// Returns how many files the process may have open. The interfaces need most
/// of them.
fn open_files() -> usize {
    /// The usual limit, where it is not told.
    const USUAL: usize = 1024;
    let limit = |text: String| {
        let line = text.lines().find(|l| l.starts_with("Max open files"))?;
        // "unlimited" is no number, and does not occur.
        line.split_whitespace().nth(3)?.parse().ok()
    };
    let text: io::Result<String> = fs::read_to_string("/proc/self/limits");
    text.ok().and_then(limit).unwrap_or(USUAL)
}
