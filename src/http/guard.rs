//! Basic authentication: names and passwords against bcrypt hashes.
//!
//! A check takes bcrypt some 50 ms, by design. So it is made on a thread of
//! its own, one at a time, and its outcome is remembered: who is known is
//! answered at once, also while somebody tries passwords. Who is not yet waits
//! for one check of every other client, however many those have asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lru::LruCache;
use ring::hmac;
use rouille::Response;

use super::client::Client;
use super::line::{Line, Work};
use super::logins::FailedLogins;
use super::pool::{Job, Queue};
use super::reply::{Answer, Reply};
use super::security::Security;
use super::step::Request;
use super::{News, Shared};

/// How many requests wait for their check. With more, the newest of the client
/// that has most of them is turned away: it would be seconds before its turn.
const MOST_CHECKS: usize = 64;

/// How many outcomes are remembered, of each kind, so that whoever tries
/// passwords does not push out those that are right.
const REMEMBERED: NonZeroUsize = const { NonZeroUsize::new(128).unwrap() };

/// What is answered without a password: what asks whether the exporter lives,
/// and has none. It tells nothing else.
const PUBLIC: [&str; 2] = ["/-/healthy", "/-/ready"];

/// Returns whether everybody may ask for it. Written in another way, such as
/// with escapes, it is for users.
fn is_public(target: &str) -> bool {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    PUBLIC.contains(&path)
}

/// Names and the bcrypt hashes of their passwords.
pub(super) struct Users {
    hashes: BTreeMap<String, String>,
    /// Chooses with whose hash the password of nobody is compared.
    choice: RandomState,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Hashes belong in no log.
        f.debug_set().entries(self.hashes.keys()).finish()
    }
}

impl Users {
    pub(super) fn new(hashes: BTreeMap<String, String>) -> Self {
        Self { hashes, choice: RandomState::new() }
    }

    /// Returns the hash to compare with, and whether equal is right. For a
    /// name nobody has it is somebody's all the same: so the answer takes as
    /// long, and does not tell which names there are.
    fn hash_of(&self, name: &str) -> Option<(&str, bool)> {
        if let Some(hash) = self.hashes.get(name) {
            return Some((hash, true));
        }
        let count = u64::try_from(self.hashes.len()).ok()?;
        let index = self.choice.hash_one(name).checked_rem(count)?;
        let hash = self.hashes.values().nth(usize::try_from(index).ok()?)?;
        Some((hash, false))
    }

    /// Whether name and password are right; takes its time.
    fn check(&self, credentials: &Credentials) -> bool {
        let Some((hash, is_known)) = self.hash_of(&credentials.name) else {
            return false;
        };
        // bcrypt compares in constant time. Hashes were read before.
        let is_equal =
            bcrypt::verify(&credentials.password, hash).unwrap_or(false);
        is_known && is_equal
    }
}

/// What a client says it is.
struct Credentials {
    name: String,
    password: Vec<u8>,
}

impl Credentials {
    /// Reads the value of `Authorization`.
    fn parse(value: &str) -> Option<Self> {
        let (scheme, code) = value.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = BASE64_STANDARD.decode(code.trim()).ok()?;
        let colon = text.iter().position(|&byte| byte == b':')?;
        let (name, rest) = text.split_at(colon);
        let name = String::from_utf8(name.into()).ok()?;
        Some(Self { name, password: rest.get(1..)?.into() })
    }
}

/// Outcomes of checks, without the passwords.
struct Memory {
    /// Made up at the start and never written: without it nobody can try
    /// passwords against what is remembered.
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

    /// Returns what stands for these credentials. The hash is part of it, so
    /// a password that was changed has no outcome yet.
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

/// A request whose sender is to be checked.
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

/// What becomes of a request.
pub(super) enum Verdict {
    /// It is to be answered.
    Pass(Job),
    /// That is being found out.
    Later,
    /// This is the answer.
    Refuse(Reply),
}

/// Looks at who asks.
pub(super) struct Guard {
    memory: Arc<Mutex<Memory>>,
    checks: Arc<Line<Client, Check>>,
    shared: Arc<Shared>,
    failed: Arc<FailedLogins>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.checks.end();
    }
}

impl Guard {
    /// Starts the thread that compares passwords. It ends with the guard.
    ///
    /// # Errors
    /// Where the system has no thread or no randomness left.
    pub(super) fn start(
        queue: Arc<Queue>,
        shared: Arc<Shared>,
        failed: Arc<FailedLogins>,
    ) -> io::Result<Self> {
        let memory = Arc::new(Mutex::new(Memory::new()?));
        let checks = Arc::new(Line::new(MOST_CHECKS));
        let guard = Self {
            memory: Arc::clone(&memory),
            checks: Arc::clone(&checks),
            shared: Arc::clone(&shared),
            failed: Arc::clone(&failed),
        };
        thread::Builder::new().name("http-auth".into()).spawn(move || {
            check_all(&checks, &memory, &queue, &shared, &failed);
        })?;
        Ok(guard)
    }

    /// Says what becomes of a request.
    pub(super) fn look_at(
        &self,
        client: Client,
        request: &Request,
        job: Job,
        security: &Security,
    ) -> Verdict {
        let Some(users) = &security.users else { return Verdict::Pass(job) };
        if is_public(&request.head.target) {
            return Verdict::Pass(job);
        }
        let refuse =
            |job: &Job| Verdict::Refuse(unauthorized(request, &job.headers));
        let mut given = request
            .head
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("Authorization"));
        let credentials = match (given.next(), given.next()) {
            (Some((_, value)), None) => Credentials::parse(value),
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
                self.failed.log(request.peer, &credentials.name);
                return refuse(&job);
            }
            None => {}
        }
        drop(memory);
        let users = Arc::clone(users);
        let peer = request.peer;
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

type Headers = [(String, String)];

fn unauthorized(request: &Request, headers: &Headers) -> Reply {
    let response = Response::text("401: name and password, please\n")
        .with_status_code(401)
        .with_unique_header(
            "WWW-Authenticate",
            "Basic realm=\"geoip-exporter\", charset=\"UTF-8\"",
        );
    reply(request, headers, response)
}

fn busy(request: &Request, headers: &Headers) -> Reply {
    let text = "503: too many passwords to check; try again\n";
    reply(request, headers, Response::text(text).with_status_code(503))
}

fn reply(request: &Request, headers: &Headers, response: Response) -> Reply {
    let is_head = request.head.method == "HEAD";
    let keep_alive = request.head.keep_alive;
    let now = SystemTime::now();
    match Answer::new(response, headers) {
        Ok(answer) => answer.reply(is_head, keep_alive, now),
        Err(_) => Reply::refuse(super::head::Refusal::UNREADABLE, now),
    }
}
