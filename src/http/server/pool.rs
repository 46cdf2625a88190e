//! The workers: a fixed number of threads that make pages and TLS handshakes, which
//! take too long for the loop.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::SystemTime;

use super::client::Client;
use super::editions::Editions;
use super::handshake::Handshake;
use super::head::Head;
use super::line::{Line, Work};
use super::security::ExtraHeaders;
use super::site::Site;
use super::step::Pending;
use super::{News, Shared};

/// A request to answer, and the connection it came on.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) connection: usize,
    /// The connection owns it, for as long as it waits for the answer.
    pub(super) request: Weak<Pending>,
    pub(super) headers: ExtraHeaders,
}

impl Work for Job {
    fn is_wanted(&self) -> bool {
        self.request.strong_count() > 0
    }

    fn is_doubtful(&self) -> bool {
        let has_ended = |it: Arc<Pending>| it.has_ended.load(Ordering::Relaxed);
        self.request.upgrade().is_some_and(has_ended)
    }
}

/// A task for a worker.
#[derive(Debug)]
pub(super) enum Task {
    Answer(Job),
    Shake { connection: usize, handshake: Weak<Handshake> },
}

impl Work for Task {
    fn is_wanted(&self) -> bool {
        match self {
            Self::Answer(job) => job.is_wanted(),
            Self::Shake { handshake, .. } => handshake.strong_count() > 0,
        }
    }

    fn is_doubtful(&self) -> bool {
        match self {
            Self::Answer(job) => job.is_doubtful(),
            Self::Shake { .. } => false,
        }
    }
}

/// An owner of tasks in the queue. Pages do not wait for the handshakes of the
/// same client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Turn {
    Answers(Client),
    Handshakes(Client),
}

/// The tasks that wait for a worker.
#[derive(Debug)]
pub(super) struct Queue(Line<Turn, Task>);

impl Default for Queue {
    fn default() -> Self {
        // A connection has one task at most, so this is bounded.
        Self(Line::new(usize::MAX))
    }
}

impl Queue {
    /// Adds a request.
    pub(super) fn answer(&self, client: Client, job: Job) {
        self.0.push(Turn::Answers(client), Task::Answer(job));
    }

    /// Adds a handshake.
    pub(super) fn shake(
        &self,
        client: Client,
        connection: usize,
        handshake: Weak<Handshake>,
    ) {
        let task = Task::Shake { connection, handshake };
        self.0.push(Turn::Handshakes(client), task);
    }

    /// Ends the workers, each after its task.
    pub(super) fn end(&self) {
        self.0.end();
    }
}

/// Starts the workers. `shared` gets their results.
///
/// # Errors
/// If the system has no thread left.
pub(super) fn start(
    workers: usize,
    queue: &Arc<Queue>,
    site: &Arc<dyn Site>,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let editions = Arc::new(Editions::new());
    for number in 0..workers.max(1) {
        let queue = Arc::clone(queue);
        let site = Arc::clone(site);
        let shared = Arc::clone(shared);
        let editions = Arc::clone(&editions);
        thread::Builder::new().name(format!("http-{number}")).spawn(
            move || {
                while let Some(task) = queue.0.take() {
                    work(&*site, &editions, task, &shared);
                }
            },
        )?;
    }
    Ok(())
}

fn work(site: &dyn Site, editions: &Editions, task: Task, shared: &Shared) {
    match task {
        Task::Shake { connection, handshake } => {
            if let Some(handshake) = handshake.upgrade() {
                handshake.advance();
                shared.deliver(connection, News::Shaken);
            }
        }
        Task::Answer(job) => {
            if let Some(pending) = job.request.upgrade() {
                let Head { request, keep_alive, .. } = &pending.head;
                let answer = editions.answer(site, request, &job.headers);
                let reply =
                    answer.reply(request, *keep_alive, SystemTime::now());
                shared.deliver(job.connection, News::Reply(reply));
            }
        }
    }
}
