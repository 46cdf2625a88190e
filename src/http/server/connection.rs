//! A connection: the bytes of a client become requests, and replies are written
//! as far as its socket takes them.
//!
//! A request is read only after the client has taken the answer to the one before,
//! so a client holds one answer at most.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use super::budget::Budget;
use super::client::Client;
use super::head::{self, LONGEST_HEAD, Refusal};
use super::limits::Limits;
use super::reply::Reply;
use super::step::{Pending, Phase, Step};
use super::stream::Stream;

/// The time and the bytes for a client that goes on sending after the last answer.
/// If its connection were closed at once, it would get an error in place of the
/// answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1024 * 1024;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A client's connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    peer: Option<SocketAddr>,
    client: Client,
    phase: Phase,
    /// The begin of the phase, for its deadline.
    since: Instant,
    /// The last time that the client made progress.
    moved: Instant,
    received: Vec<u8>,
    /// True if `received` has a line that was not there when last parsed.
    has_news: bool,
    /// True if a request or the first message of a handshake came.
    was_heard: bool,
    /// True if the begin of that came in pieces.
    trickles: bool,
    /// True if a part of a handshake came.
    was_read: bool,
    was_continued: bool,
    /// False before the first byte of a connection with TLS.
    is_tls_certain: bool,
    /// True if the connection ends with the answer under way.
    is_last: bool,
    /// True if the client sends nothing more.
    has_ended: bool,
    /// True if the connection waits for a turn.
    is_queued: bool,
}

impl Connection {
    pub(super) fn new(
        stream: Stream,
        peer: Option<SocketAddr>,
        now: Instant,
    ) -> Self {
        let phase = match stream.is_tls() {
            true => Phase::Shaking { is_ours: false },
            false => Phase::Receiving,
        };
        Self {
            is_tls_certain: !stream.is_tls(),
            stream,
            peer,
            client: Client::of(peer),
            phase,
            since: now,
            moved: now,
            received: Vec::new(),
            has_news: false,
            was_heard: false,
            trickles: false,
            was_read: false,
            was_continued: false,
            is_last: false,
            has_ended: false,
            is_queued: false,
        }
    }

    pub(super) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    pub(super) fn client(&self) -> Client {
        self.client
    }

    /// Returns the time at which the connection is closed without progress.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        Some(match self.phase {
            Phase::Shaking { .. } | Phase::Receiving => {
                self.since + limits.request_timeout
            }
            Phase::Idle => self.since + limits.idle_timeout,
            Phase::Answering(_) => return None,
            Phase::Replying { .. } => self.moved + limits.answer_timeout,
            Phase::Lingering { .. } => self.since + LINGER,
        })
    }

    /// Deals with a deadline that has passed.
    pub(super) fn expire(&mut self, now: Instant) -> Step {
        let is_blank = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let is_request = matches!(self.phase, Phase::Receiving)
            && !self.received.iter().all(is_blank);
        if !is_request {
            return Step::Close;
        }
        self.refuse(Refusal::TOO_SLOW, now);
        Step::Again
    }

    /// Takes no more requests than one that is arriving. Returns whether the
    /// connection can be closed at once.
    pub(super) fn finish(&mut self) -> bool {
        self.is_last = true;
        matches!(self.phase, Phase::Idle)
    }

    /// Notes that the client sends nothing more.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
        if let Phase::Answering(request) = &self.phase {
            request.has_ended.store(true, Ordering::Relaxed);
        }
    }

    /// Sends the answer to the request that `turn` returned.
    pub(super) fn answer(&mut self, mut reply: Reply, now: Instant) {
        reply.keep_alive &= !self.is_last;
        self.enter(Phase::replying(reply), now);
    }

    /// Goes on after a worker was at the handshake.
    pub(super) fn shaken(&mut self, now: Instant) -> Step {
        match self.stream.settle(&mut self.received) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Step::Close,
            Ok(true) => {
                self.phase = Phase::Receiving;
                (self.was_heard, self.moved) = (true, now);
                self.has_news = true;
                Step::Again
            }
            _ => {
                self.phase = Phase::Shaking { is_ours: false };
                // It makes progress once there is a message to answer.
                let handshake = self.stream.handshake();
                if !self.was_heard && handshake.is_some_and(|h| h.is_known()) {
                    (self.was_heard, self.moved) = (true, now);
                }
                Step::Again
            }
        }
    }

    /// Goes on as far as the socket and the budget of a turn allow. Bytes are
    /// read into `scratch`.
    pub(super) fn turn(&mut self, now: Instant, scratch: &mut [u8]) -> Step {
        match self.try_turn(now, scratch) {
            Ok(step) => step,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if let Phase::Replying { pace, .. } = &mut self.phase {
                    pace.stop(now);
                }
                Step::Wait
            }
            Err(_) => Step::Close,
        }
    }

    fn try_turn(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
    ) -> io::Result<Step> {
        let mut budget = Budget::new();
        loop {
            let step = match &self.phase {
                Phase::Shaking { is_ours: true } | Phase::Answering(_) => {
                    return Ok(Step::Wait);
                }
                Phase::Shaking { is_ours: false } => {
                    self.shake(now, scratch)?
                }
                Phase::Receiving | Phase::Idle => {
                    self.receive(now, scratch, &mut budget)?
                }
                Phase::Replying { .. } => self.reply(now, &mut budget)?,
                Phase::Lingering { .. } => self.linger(scratch, &mut budget)?,
            };
            match step {
                Some(step) => return Ok(step),
                None if budget.is_spent() => return Ok(Step::Again),
                None => {}
            }
        }
    }

    /// Reads a part of a handshake.
    fn shake(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
    ) -> io::Result<Option<Step>> {
        if !self.is_tls_certain {
            let first = self.stream.peek()?;
            self.is_tls_certain = true;
            // Every method of HTTP begins with a letter, and no handshake does.
            if first.is_some_and(|byte| byte.is_ascii_alphabetic()) {
                self.stream.give_up_tls();
                self.refuse(Refusal::NOT_TLS, now);
                return Ok(None);
            }
        }
        let read = self.stream.read(scratch, &mut self.received)?;
        self.trickles = self.was_read;
        self.was_read = true;
        // A client that is gone needs no handshake.
        if read.is_end || self.has_ended || self.stream.is_at_end() {
            return Ok(Some(Step::Close));
        }
        let Some(handshake) = self.stream.handshake() else {
            return Ok(Some(Step::Close));
        };
        let step = Step::Shake(Arc::downgrade(handshake));
        self.phase = Phase::Shaking { is_ours: true };
        Ok(Some(step))
    }

    /// Reads a part of a request, if there is none yet.
    fn receive(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        budget: &mut Budget,
    ) -> io::Result<Option<Step>> {
        if let Some(request) = self.parse(now) {
            return Ok(Some(Step::Ask(request)));
        }
        if matches!(self.phase, Phase::Replying { .. }) {
            return Ok(None);
        }
        let before = self.received.len();
        let read = self.stream.read(scratch, &mut self.received)?;
        budget.spend(read.bytes);
        let news = self.received.get(before..).unwrap_or_default();
        if !news.is_empty() {
            self.trickles |= before > 0;
            self.has_news |= before == 0
                || news.contains(&b'\n')
                || self.received.len() >= LONGEST_HEAD;
            if matches!(self.phase, Phase::Idle) {
                self.enter(Phase::Receiving, now);
            }
        } else if read.is_end {
            return Ok(Some(Step::Close));
        }
        // The next step looks at bytes that came with the end.
        Ok(None)
    }

    /// Sends a part of a reply.
    fn reply(
        &mut self,
        now: Instant,
        budget: &mut Budget,
    ) -> io::Result<Option<Step>> {
        let Phase::Replying { reply, at, pace } = &mut self.phase else {
            return Ok(None);
        };
        if let Some(rest) = reply.rest(*at) {
            let count = rest.len().min(budget.bytes());
            let sent = self.stream.write(rest.get(..count).unwrap_or(rest))?;
            *at += sent;
            pace.take(sent, now);
            self.moved = now;
            budget.spend(sent);
            // If the client is gone, its kernel answers the head with a reset
            // before the next turn, and the body is not sent.
            let is_over = sent == 0;
            return Ok(match self.has_ended {
                _ if is_over => Some(Step::Close),
                true => Some(Step::Again),
                false => None,
            });
        }
        if !reply.keep_alive {
            self.stream.announce_end();
        }
        self.stream.flush()?;
        if reply.keep_alive {
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
        Ok(None)
    }

    /// Reads bytes that come after the last answer, and drops them.
    fn linger(
        &mut self,
        scratch: &mut [u8],
        budget: &mut Budget,
    ) -> io::Result<Option<Step>> {
        let read = self.stream.read(scratch, &mut self.received)?;
        self.received.clear();
        budget.spend(read.bytes);
        let Phase::Lingering { bytes } = &mut self.phase else {
            return Ok(None);
        };
        *bytes += read.bytes;
        let is_over = read.is_end || *bytes > LINGER_BYTES;
        Ok(is_over.then_some(Step::Close))
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.since = now;
        self.moved = now;
    }

    fn refuse(&mut self, refusal: Refusal, now: Instant) {
        let reply = Reply::refuse(refusal, SystemTime::now());
        self.enter(Phase::replying(reply), now);
    }

    /// Returns the request that has arrived, if one has, or else refuses it,
    /// if it will never be one.
    fn parse(&mut self, now: Instant) -> Option<Arc<Pending>> {
        // A head is parsed once a line at most, however slowly it arrives.
        if !std::mem::take(&mut self.has_news) || self.received.is_empty() {
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
                // If the socket does not take it, the client goes on without
                // it after a second.
                let _ = self.stream.write(CONTINUE);
            }
            return None;
        }
        (self.was_continued, self.was_heard) = (false, true);
        self.received.drain(..end);
        // An idle connection holds no buffer.
        self.received.shrink_to_fit();
        self.has_ended |= self.stream.is_at_end();
        let request = Arc::new(Pending {
            head,
            peer: self.peer,
            has_ended: self.has_ended.into(),
        });
        self.enter(Phase::Answering(Arc::clone(&request)), now);
        Some(request)
    }
}

mod spare;
#[cfg(test)]
mod tests;
