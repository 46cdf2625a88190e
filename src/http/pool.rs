//! The threads that answer: a fixed number, whatever is asked.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use rouille::Response;

use super::connection::Request;
use super::head::Refusal;
use super::reply::{Answer, Reply};
use super::routes::Routes;

/// The headers that an answer may depend on. Requests with the same ones get
/// the same answer.
const RELEVANT: [&str; 4] = ["Accept", "Accept-Encoding", "Host", "Origin"];

/// Where an answer without a client's address is said to go: to a socket in
/// the file system.
const NO_PEER: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A request, whose answer it is, and what else is said with it.
pub(super) struct Job {
    pub(super) connection: usize,
    pub(super) request: Request,
    /// Headers for this answer, from `web.config.file`.
    pub(super) headers: Arc<[(String, String)]>,
}

impl Job {
    pub(super) fn is_wanted(&self) -> bool {
        self.request.alive.strong_count() > 0
    }

    /// Whether one answer does for both.
    fn is_like(&self, other: &Self) -> bool {
        let (a, b) = (&self.request, &other.request);
        let safe = matches!(&*a.head.method, "GET" | "HEAD");
        safe && a.head.method == b.head.method
            && a.head.target == b.head.target
            && a.is_tls == b.is_tls
            && relevant(a).eq(relevant(b))
            && self.headers == other.headers
    }
}

fn relevant(request: &Request) -> impl Iterator<Item = &(String, String)> {
    request.head.headers.iter().filter(|(name, _)| {
        RELEVANT.iter().any(|relevant| relevant.eq_ignore_ascii_case(name))
    })
}

/// Requests that wait for a worker.
#[derive(Default)]
struct Waiting {
    /// From clients that paused since their last answer, who go first.
    patient: VecDeque<Job>,
    /// From the others.
    hasty: VecDeque<Job>,
    has_ended: bool,
}

/// Where requests wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Queue {
    /// Has a request answered.
    pub(super) fn push(&self, job: Job) {
        let mut waiting = self.lock();
        match job.request.is_hasty {
            true => waiting.hasty.push_back(job),
            false => waiting.patient.push_back(job),
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// Ends the workers, each after its answer.
    pub(super) fn end(&self) {
        let mut waiting = self.lock();
        waiting.has_ended = true;
        waiting.patient.clear();
        waiting.hasty.clear();
        drop(waiting);
        self.changed.notify_all();
    }

    /// Waits for a request, and returns it with all that get the same answer,
    /// having been asked before it is made. None at the end.
    fn take(&self) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        loop {
            if waiting.has_ended {
                return None;
            }
            let Waiting { patient, hasty, .. } = &mut *waiting;
            let next = patient.pop_front().or_else(|| hasty.pop_front());
            let Some(first) = next else {
                waiting = self
                    .changed
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if !first.is_wanted() {
                continue;
            }
            let mut jobs = vec![first];
            for lane in [patient, hasty] {
                for job in std::mem::take(lane) {
                    match jobs[0].is_like(&job) {
                        true => jobs.push(job),
                        false => lane.push_back(job),
                    }
                }
            }
            return Some(jobs);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in this file panics with the lock held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the workers; `deliver` gets what they have for each connection.
///
/// # Errors
/// Where the system has no thread left.
pub(super) fn start(
    workers: usize,
    queue: &Arc<Queue>,
    routes: &Arc<Routes>,
    deliver: &Arc<dyn Fn(usize, Reply) + Send + Sync>,
) -> io::Result<()> {
    for number in 0..workers.max(1) {
        let queue = Arc::clone(queue);
        let routes = Arc::clone(routes);
        let deliver = Arc::clone(deliver);
        thread::Builder::new().name(format!("http-{number}")).spawn(
            move || {
                while let Some(jobs) = queue.take() {
                    work(&routes, jobs, &*deliver);
                }
            },
        )?;
    }
    Ok(())
}

fn work(routes: &Routes, jobs: Vec<Job>, deliver: &dyn Fn(usize, Reply)) {
    let Some(first) = jobs.first() else { return };
    let is_head = first.request.head.method == "HEAD";
    let headers = Arc::clone(&first.headers);
    let request = rouille_request(&first.request);
    // A page that panics, which the log has by now, is no reason to end.
    let response = catch_unwind(AssertUnwindSafe(|| routes.answer(&request)))
        .unwrap_or_else(|_| failed("a fault of the exporter"));
    let answer = Answer::new(response, &headers);
    let now = SystemTime::now();
    for job in jobs.iter().filter(|job| job.is_wanted()) {
        let keep_alive = job.request.head.keep_alive;
        let reply = match &answer {
            Ok(answer) => answer.reply(is_head, keep_alive, now),
            Err(_) => Reply::refuse(Refusal::UNREADABLE, now),
        };
        deliver(job.connection, reply);
    }
}

fn failed(why: &str) -> Response {
    Response::text(format!("500: {why}\n")).with_status_code(500)
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
