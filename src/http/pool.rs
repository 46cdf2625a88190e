//! The threads that do what takes longer than the loop may: pages and TLS
//! handshakes. A fixed number, whatever is asked.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::SystemTime;

use super::client::Client;
use super::editions::Editions;
use super::handshake::Handshake;
use super::head::Refusal;
use super::line::{Line, Work};
use super::reply::Reply;
use super::routes::Routes;
use super::step::Request;
use super::{News, Shared};

/// Where an answer without a client's address is said to go: to a socket in
/// the file system.
const NO_PEER: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A request, whose answer it is, and what else is said with it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) connection: usize,
    /// The connection has it, for as long as it waits.
    pub(super) request: Weak<Request>,
    /// Headers for this answer, from `web.config.file`.
    pub(super) headers: Arc<[(String, String)]>,
}

impl Work for Job {
    fn is_wanted(&self) -> bool {
        self.request.strong_count() > 0
    }

    fn is_doubtful(&self) -> bool {
        let has_ended = |it: Arc<Request>| it.has_ended.load(Ordering::Relaxed);
        self.request.upgrade().is_some_and(has_ended)
    }
}

/// What a worker can do.
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

/// Whose turn it is, and for what: pages do not wait for the handshakes of the
/// same client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Turn {
    Answers(Client),
    Handshakes(Client),
}

/// Where work waits for the workers.
#[derive(Debug)]
pub(super) struct Queue(Line<Turn, Task>);

impl Default for Queue {
    fn default() -> Self {
        // There is one task a connection at most.
        Self(Line::new(usize::MAX))
    }
}

impl Queue {
    /// Has a request answered.
    pub(super) fn answer(&self, client: Client, job: Job) {
        self.0.push(Turn::Answers(client), Task::Answer(job));
    }

    /// Has a handshake go on.
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

/// Starts the workers; `shared` gets what they have for each connection.
///
/// # Errors
/// Where the system has no thread left.
pub(super) fn start(
    workers: usize,
    queue: &Arc<Queue>,
    routes: &Arc<Routes>,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let editions = Arc::new(Editions::default());
    for number in 0..workers.max(1) {
        let queue = Arc::clone(queue);
        let routes = Arc::clone(routes);
        let shared = Arc::clone(shared);
        let editions = Arc::clone(&editions);
        thread::Builder::new().name(format!("http-{number}")).spawn(
            move || {
                while let Some(task) = queue.0.take() {
                    work(&routes, &editions, task, &shared);
                }
            },
        )?;
    }
    Ok(())
}

fn work(routes: &Routes, editions: &Editions, task: Task, shared: &Shared) {
    match task {
        Task::Shake { connection, handshake } => {
            if let Some(handshake) = handshake.upgrade() {
                handshake.advance();
                shared.deliver(connection, News::Shaken);
            }
        }
        Task::Answer(job) => {
            if let Some(request) = job.request.upgrade() {
                let reply = answer(routes, editions, &request, &job);
                shared.deliver(job.connection, News::Reply(reply));
            }
        }
    }
}

fn answer(
    routes: &Routes,
    editions: &Editions,
    request: &Request,
    job: &Job,
) -> Reply {
    let is_head = request.head.method == "HEAD";
    let keep_alive = request.head.keep_alive;
    let answer =
        editions.answer(routes, &rouille_request(request), &job.headers);
    let now = SystemTime::now();
    match answer {
        Ok(answer) => answer.reply(is_head, keep_alive, now),
        Err(_) => Reply::refuse(Refusal::UNREADABLE, now),
    }
}

/// Makes of a request what the pages take. Its body was let fall: none of
/// them reads one.
fn rouille_request(request: &Request) -> rouille::Request {
    let peer = request.peer.unwrap_or_else(|| NO_PEER.into());
    let head = &request.head;
    let (method, target) = (head.method.clone(), head.target.clone());
    let headers = head.headers.clone();
    if request.is_tls {
        rouille::Request::fake_https_from(
            peer,
            method,
            target,
            headers,
            Vec::new(),
        )
    } else {
        rouille::Request::fake_http_from(
            peer,
            method,
            target,
            headers,
            Vec::new(),
        )
    }
}
