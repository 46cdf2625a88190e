//! One client: what it sends becomes requests, and replies go back to it, as
//! far as its socket goes along.
//!
//! A request is read only after the answer to the one before has been taken,
//! so a client holds one answer at most.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::head::{self, Head, LONGEST_HEAD, Refusal};
use super::limits::Limits;
use super::reply::Reply;
use super::stream::Stream;

/// How long and for how many bytes a client that was refused may go on
/// sending. Closed at once, it would be told of a broken connection instead.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1024 * 1024;

/// Two requests with less than this between them come from a client that does
/// not pause: others go first.
const PAUSE: Duration = Duration::from_millis(50);

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What a connection is doing.
#[derive(Debug)]
enum Phase {
    /// A request is arriving; at first, TLS may be.
    Receiving,
    /// Kept for another request.
    Idle,
    /// A worker has the request, which it drops once this is dropped.
    Answering { _alive: Arc<()> },
    /// The reply goes out, and stands at this byte.
    Replying { reply: Reply, at: usize, progress: Instant },
    /// Everything is said, but not heard.
    Lingering { bytes: usize },
}

/// In which order connections make room for new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Nothing is asked.
    Waiting,
    /// The client takes its answer.
    Replying,
    /// It is about to get one.
    Answering,
}

/// A request for a worker.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: Head,
    pub(super) peer: Option<SocketAddr>,
    pub(super) is_tls: bool,
    /// Whether its client hardly paused.
    pub(super) is_hasty: bool,
    /// Whether somebody still waits for the answer.
    pub(super) alive: std::sync::Weak<()>,
}

/// What to do with a connection.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing until its socket is ready.
    Wait,
    /// Have this answered.
    Answer(Box<Request>),
    /// Drop it.
    Close,
}

/// A client's connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    peer: Option<SocketAddr>,
    phase: Phase,
    /// When the phase began.
    since: Instant,
    received: Vec<u8>,
    /// Whether `received` has a line that was not there when last parsed.
    has_news: bool,
    was_continued: bool,
    /// Not yet, where TLS is expected.
    is_tls_certain: bool,
    /// Whether it ends with the answer under way.
    is_last: bool,
    last_reply: Option<Instant>,
}

impl Connection {
    pub(super) fn new(
        stream: Stream,
        peer: Option<SocketAddr>,
        now: Instant,
    ) -> Self {
        Self {
            is_tls_certain: !stream.is_tls(),
            stream,
            peer,
            phase: Phase::Receiving,
            since: now,
            received: Vec::new(),
            has_news: false,
            was_continued: false,
            is_last: false,
            last_reply: None,
        }
    }

    pub(super) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    pub(super) fn rank(&self) -> (Rank, Instant) {
        match self.phase {
            Phase::Receiving | Phase::Idle | Phase::Lingering { .. } => {
                (Rank::Waiting, self.since)
            }
            Phase::Replying { .. } => (Rank::Replying, self.since),
            Phase::Answering { .. } => (Rank::Answering, self.since),
        }
    }

    /// Returns the bytes that the client has yet to take, divided among those
    /// that share them, and the time since when it has taken none.
    pub(super) fn unsent(&self) -> Option<(usize, Instant)> {
        match &self.phase {
            Phase::Replying { reply, progress, .. } => {
                let sharing = Arc::strong_count(&reply.body).max(1);
                Some((reply.body.len() / sharing, *progress))
            }
            _ => None,
        }
    }

    /// Returns when its patience ends.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let patience = match self.phase {
            Phase::Receiving => limits.request_timeout,
            Phase::Idle => limits.idle_timeout,
            Phase::Answering { .. } => return None,
            Phase::Replying { .. } => limits.answer_timeout,
            Phase::Lingering { .. } => LINGER,
        };
        Some(self.since + patience)
    }

    /// Deals with a deadline that has passed.
    pub(super) fn expire(&mut self, now: Instant) -> Step {
        let is_request = matches!(self.phase, Phase::Receiving)
            && !self.received.is_empty()
            && self.stream.can_talk();
        if !is_request {
            return Step::Close;
        }
        self.refuse(Refusal::TOO_SLOW, now);
        self.drive(now, &mut [0; 512])
    }

    /// Sees to it that no other request is taken than one that is arriving.
    /// Returns whether the connection can be dropped at once.
    pub(super) fn finish(&mut self) -> bool {
        self.is_last = true;
        matches!(self.phase, Phase::Idle)
    }

    /// Sends the answer to the request that `drive` returned.
    pub(super) fn answer(&mut self, mut reply: Reply, now: Instant) {
        reply.keep_alive &= !self.is_last;
        self.enter(Phase::Replying { reply, at: 0, progress: now }, now);
    }

    /// Goes as far as the socket goes along. `scratch` is room for what is
    /// read, of any content.
    pub(super) fn drive(&mut self, now: Instant, scratch: &mut [u8]) -> Step {
        match self.try_drive(now, scratch) {
            Ok(step) => step,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::Wait,
            Err(_) => Step::Close,
        }
    }

    fn try_drive(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
    ) -> io::Result<Step> {
        loop {
            match &mut self.phase {
                Phase::Receiving | Phase::Idle => {
                    if let Some(request) = self.parse(now) {
                        return Ok(Step::Answer(Box::new(request)));
                    }
                    if matches!(self.phase, Phase::Replying { .. }) {
                        continue;
                    }
                    if !self.receive(now, scratch)? {
                        return Ok(Step::Close);
                    }
                }
                Phase::Answering { .. } => return Ok(Step::Wait),
                Phase::Replying { reply, at, progress } => {
                    while let Some(rest) = rest(reply, *at) {
                        match retry(|| self.stream.write(rest))? {
                            0 => return Ok(Step::Close),
                            sent => *at += sent,
                        }
                        *progress = now;
                    }
                    retry(|| self.stream.flush())?;
                    let keep_alive = reply.keep_alive;
                    self.last_reply = Some(now);
                    if keep_alive {
                        self.has_news = true;
                        let next = match self.received.is_empty() {
                            true => Phase::Idle,
                            false => Phase::Receiving,
                        };
                        self.enter(next, now);
                    } else {
                        self.received = Vec::new();
                        self.stream.end()?;
                        self.enter(Phase::Lingering { bytes: 0 }, now);
                    }
                }
                Phase::Lingering { bytes } => {
                    let read = retry(|| self.stream.read(scratch))?;
                    *bytes += read;
                    if read == 0 || *bytes > LINGER_BYTES {
                        return Ok(Step::Close);
                    }
                }
            }
        }
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
    }

    fn refuse(&mut self, refusal: Refusal, now: Instant) {
        let reply = Reply::refuse(refusal, SystemTime::now());
        self.enter(Phase::Replying { reply, at: 0, progress: now }, now);
    }

    /// Reads what there is. Returns whether there may be more one day.
    fn receive(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
    ) -> io::Result<bool> {
        if !self.is_tls_certain {
            let first = self.stream.peek()?;
            self.is_tls_certain = true;
            // Every method of HTTP begins with a letter, no handshake does.
            if first.is_some_and(|byte| byte.is_ascii_alphabetic()) {
                self.stream.give_up_tls();
                self.refuse(Refusal::NOT_TLS, now);
                return Ok(true);
            }
        }
        let read = retry(|| self.stream.read(scratch))?;
        let Some(news) = scratch.get(..read).filter(|news| !news.is_empty())
        else {
            return Ok(false);
        };
        if matches!(self.phase, Phase::Idle) {
            self.enter(Phase::Receiving, now);
        }
        self.received.extend_from_slice(news);
        self.has_news |= news.contains(&b'\n')
            || self.received.len() == news.len()
            || self.received.len() >= LONGEST_HEAD;
        Ok(true)
    }

    /// Returns the request that has arrived, if one has, or else refuses it,
    /// if it will never be one.
    fn parse(&mut self, now: Instant) -> Option<Request> {
        // However slowly a head arrives, it is looked at once a line at most.
        if !std::mem::take(&mut self.has_news) {
            return None;
        }
        // Some clients end a body with a line that does not belong to it.
        let blank = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let blanks = self.received.iter().take_while(|b| blank(b)).count();
        self.received.drain(..blanks);
        if self.received.is_empty() {
            return None;
        }
        let head = match head::parse(&self.received) {
            Ok(Some(head)) => head,
            Ok(None) => return None,
            Err(refusal) => {
                self.refuse(refusal, now);
                return None;
            }
        };
        let end = head.length + head.body_length;
        if self.received.len() < end {
            self.has_news = true;
            if head.expects_continue && !self.was_continued {
                self.was_continued = true;
                // Should it not fit into an empty socket, the client goes on
                // after a second of its own accord.
                let _ = self.stream.write(CONTINUE);
            }
            return None;
        }
        self.was_continued = false;
        self.received.drain(..end);
        // An idle connection takes no memory for what it may send one day.
        self.received.shrink_to_fit();
        let is_hasty =
            self.last_reply.is_some_and(|at| self.since - at < PAUSE);
        let alive = Arc::new(());
        let request = Request {
            head,
            peer: self.peer,
            is_tls: self.stream.is_tls(),
            is_hasty,
            alive: Arc::downgrade(&alive),
        };
        self.enter(Phase::Answering { _alive: alive }, now);
        Some(request)
    }
}

/// Returns what is left to write from a byte on.
fn rest(reply: &Reply, at: usize) -> Option<&[u8]> {
    match at.checked_sub(reply.head.len()) {
        None => reply.head.get(at..),
        Some(at) => reply.body.get(at..).filter(|rest| !rest.is_empty()),
    }
}

/// Does it again where a signal came in between.
fn retry<T>(mut io: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match io() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
