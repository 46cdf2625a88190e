//! Basic authentication: names and passwords against bcrypt hashes.
//!
//! bcrypt makes a check take some 50 ms, by design. So a thread of its own makes
//! the checks, one at a time, and their outcomes are remembered. A password that
//! was right before is accepted at once, also while another client guesses
//! passwords. A new password waits for at most one check of every other client,
//! however many checks those clients wait for.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use lru::LruCache;
use ring::hmac;

use super::client::Client;
use super::failed_logins::FailedLogins;
use super::line::{Line, Work};
use super::pool::{Job, Queue};
use super::reply::{Answer, Reply};
use super::security::Security;
use super::site::{Response, Site};
use super::step::Pending;
use super::users::{Credentials, Users};
use super::{News, Shared};

/// The most requests that wait for their check. If there are more, the newest
/// one of the client with the most is refused: its turn would come only after
/// seconds.
const MOST_CHECKS: usize = 64;

/// The number of remembered outcomes of each kind. Right and wrong ones have
/// memories of their own, so guesses do not displace right passwords.
const REMEMBERED: NonZeroUsize = const { NonZeroUsize::new(128).unwrap() };

/// Outcomes of checks, without the passwords.
struct Memory {
    /// A random key that exists in memory only. A copy of the remembered
    /// outcomes does not help to guess passwords without it.
    key: hmac::Key,
    right: LruCache<Tag, ()>,
    wrong: LruCache<Tag, ()>,
}

type Tag = [u8; 32];

impl Memory {
    fn new() -> io::Result<Self> {
        let random = ring::rand::SystemRandom::new();
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random)
            .map_err(|_| io::Error::other("the system has no randomness"))?;
        let (right, wrong) =
            (LruCache::new(REMEMBERED), LruCache::new(REMEMBERED));
        Ok(Self { key, right, wrong })
    }

    /// Returns the tag of these credentials. It covers the hash, so a password
    /// that was changed has no outcome yet.
    fn tag(&self, credentials: &Credentials, hash: &str, known: bool) -> Tag {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [
            credentials.name.as_bytes(),
            hash.as_bytes(),
            &[u8::from(known)],
            &credentials.password,
        ] {
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        let mut tag = Tag::default();
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    fn outcome(&mut self, tag: &Tag) -> Option<bool> {
        if self.right.get(tag).is_some() {
            return Some(true);
        }
        self.wrong.get(tag).map(|()| false)
    }
}

/// A request that waits for the check of its password.
struct Check {
    client: Client,
    peer: Option<SocketAddr>,
    job: Job,
    users: Arc<Users>,
    credentials: Credentials,
    tag: Tag,
}

impl Work for Check {
    fn is_wanted(&self) -> bool {
        self.job.is_wanted()
    }

    fn is_doubtful(&self) -> bool {
        self.job.is_doubtful()
    }
}

/// The decision on a request.
pub(super) enum Verdict {
    /// A page answers it.
    Pass(Job),
    /// Its password is being checked.
    Later,
    /// It is refused with this reply.
    Refuse(Reply),
}

/// Decides which requests are answered.
pub(super) struct Authentication {
    site: Arc<dyn Site>,
    memory: Arc<Mutex<Memory>>,
    checks: Arc<Line<Client, Check>>,
    shared: Arc<Shared>,
    failed: Arc<FailedLogins>,
}

impl Drop for Authentication {
    fn drop(&mut self) {
        self.checks.end();
    }
}

impl Authentication {
    /// Starts the thread that checks passwords. It ends when the returned value
    /// is dropped.
    ///
    /// # Errors
    /// If the system has no thread or no randomness left.
    pub(super) fn start(
        site: Arc<dyn Site>,
        queue: Arc<Queue>,
        shared: Arc<Shared>,
        failed: Arc<FailedLogins>,
    ) -> io::Result<Self> {
        let memory = Arc::new(Mutex::new(Memory::new()?));
        let checks = Arc::new(Line::new(MOST_CHECKS));
        let authentication = Self {
            site,
            memory: Arc::clone(&memory),
            checks: Arc::clone(&checks),
            shared: Arc::clone(&shared),
            failed: Arc::clone(&failed),
        };
        thread::Builder::new().name("http-auth".into()).spawn(move || {
            check_all(&checks, &memory, &queue, &shared, &failed);
        })?;
        Ok(authentication)
    }

    /// Decides on a request.
    pub(super) fn look_at(
        &self,
        client: Client,
        pending: &Pending,
        job: Job,
        security: &Security,
    ) -> Verdict {
        let Some(users) = &security.users else { return Verdict::Pass(job) };
        let request = &pending.head.request;
        if self.site.is_public(request) {
            return Verdict::Pass(job);
        }
        let refuse =
            |job: &Job| Verdict::Refuse(unauthorized(pending, &job.headers));
        let mut given = request.headers_named("Authorization");
        let credentials = match (given.next(), given.next()) {
            (Some(value), None) => Credentials::parse(value),
            _ => None,
        };
        let Some(credentials) = credentials else {
            return refuse(&job);
        };
        let Some((hash, known)) = users.hash_of(&credentials.name) else {
            return refuse(&job);
        };
        let mut memory =
            self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let tag = memory.tag(&credentials, hash, known);
        match memory.outcome(&tag) {
            Some(true) => return Verdict::Pass(job),
            Some(false) => {
                self.failed.log(pending.peer, &credentials.name);
                return refuse(&job);
            }
            None => {}
        }
        drop(memory);
        let users = Arc::clone(users);
        let peer = pending.peer;
        let check = Check { client, peer, job, users, credentials, tag };
        if let Some(Check { job, .. }) = self.checks.push(client, check)
            && let Some(request) = job.request.upgrade()
        {
            let reply = busy(&request, &job.headers);
            self.shared.deliver(job.connection, News::Reply(reply));
        }
        Verdict::Later
    }
}

fn check_all(
    checks: &Line<Client, Check>,
    memory: &Mutex<Memory>,
    queue: &Queue,
    shared: &Shared,
    failed: &FailedLogins,
) {
    let remembered = || memory.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some(check) = checks.take() {
        let Check { client, peer, job, users, credentials, tag } = check;
        // The same may have been checked while this waited.
        let known = remembered().outcome(&tag);
        let is_right = known.unwrap_or_else(|| users.check(&credentials));
        if is_right {
            remembered().right.put(tag, ());
            queue.answer(client, job);
            continue;
        }
        remembered().wrong.put(tag, ());
        failed.log(peer, &credentials.name);
        if let Some(request) = job.request.upgrade() {
            let reply = unauthorized(&request, &job.headers);
            shared.deliver(job.connection, News::Reply(reply));
        }
    }
}

fn unauthorized(pending: &Pending, headers: &[(String, String)]) -> Reply {
    let response = Response::text(401, "401: name and password, please\n")
        .with_header(
            "WWW-Authenticate",
            "Basic realm=\"geoip-exporter\", charset=\"UTF-8\"",
        );
    reply(pending, headers, response)
}

fn busy(pending: &Pending, headers: &[(String, String)]) -> Reply {
    let text = "503: too many passwords to check; try again\n";
    reply(pending, headers, Response::text(503, text))
}

fn reply(
    pending: &Pending,
    headers: &[(String, String)],
    response: Response,
) -> Reply {
    let answer = Answer::new(response, headers);
    let head = &pending.head;
    answer.reply(&head.request, head.keep_alive, SystemTime::now())
}
