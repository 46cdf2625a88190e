//! The loop that all connections share. It accepts clients, gives turns to the
//! connections that are ready, and closes those that take too long.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use mio::{Events, Poll, Token};
use slog::{Logger, debug, info, warn};

use super::authentication::{Authentication, Verdict};
use super::connection::Connection;
use super::limits::Limits;
use super::listener::Listener;
use super::places::Places;
use super::pool::{Job, Queue};
use super::security::Security;
use super::step::Step;
use super::stream::{Socket, Stream};
use super::{News, Shared, WAKER};

/// Clients that are accepted before the connections get their turns. The number
/// is large enough to keep a flood of clients from filling the kernel's queue.
const ACCEPTED_AT_ONCE: usize = 256;

/// The time for turns before the loop asks again which sockets are ready.
const TURNS_TIME: Duration = Duration::from_millis(5);

/// Sockets that the kernel reports at once.
const EVENTS_AT_ONCE: usize = 256;

/// The pause in accepting when the system is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time after which the server looks again for a connection that can be
/// spared. No event tells that a client has become late.
const ROOM_PAUSE: Duration = Duration::from_millis(10);

/// The time for answers under way after the server is told to stop.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

/// The least time between two warnings of too many clients.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// A listener, and a mark if clients may be waiting for it.
struct Door {
    listener: Listener,
    is_ready: bool,
}

pub(super) struct Front {
    poll: Poll,
    doors: Vec<Door>,
    places: Places,
    next_id: usize,
    pub(super) shared: Arc<Shared>,
    /// The rules that applied when the open connections were last checked.
    security: Arc<Security>,
    queue: Arc<Queue>,
    authentication: Authentication,
    news: Receiver<(usize, News)>,
    limits: Limits,
    log: Logger,
    /// True if answers take more memory than they should, although no client is
    /// late.
    is_over: bool,
    /// The earliest deadline of a connection.
    next_deadline: Option<Instant>,
    /// The end of a pause in accepting.
    paused_until: Option<Instant>,
    complained: Option<Instant>,
    stop_at: Option<Instant>,
    scratch: Box<[u8]>,
}

/// The parts of the loop.
pub(super) struct Parts {
    pub(super) poll: Poll,
    pub(super) listeners: Vec<Listener>,
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue>,
    pub(super) authentication: Authentication,
    pub(super) news: Receiver<(usize, News)>,
    pub(super) limits: Limits,
    pub(super) log: Logger,
}

impl Front {
    pub(super) fn new(parts: Parts) -> Self {
        let doors = parts.listeners.into_iter();
        let doors: Vec<_> =
            doors.map(|listener| Door { listener, is_ready: true }).collect();
        Self {
            poll: parts.poll,
            // The numbers below are those of the listeners.
            next_id: doors.len(),
            doors,
            places: Places::default(),
            security: parts.shared.security(),
            shared: parts.shared,
            queue: parts.queue,
            authentication: parts.authentication,
            news: parts.news,
            limits: parts.limits,
            log: parts.log,
            is_over: false,
            next_deadline: None,
            paused_until: None,
            complained: None,
            stop_at: None,
            scratch: vec![0; 16 * 1024].into(),
        }
    }

    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// If the kernel cannot report ready sockets any more.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        loop {
            let timeout = self.timeout(Instant::now());
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return Err(error);
                }
                _ => {}
            }
            let now = Instant::now();
            for event in &events {
                let Token(id) = event.token();
                if let Some(door) = self.doors.get_mut(id) {
                    door.is_ready = true;
                } else if event.is_error() {
                    self.places.remove(id);
                } else if event.token() != WAKER {
                    if event.is_read_closed()
                        && let Some(connection) = self.places.get_mut(id)
                    {
                        connection.end();
                    }
                    self.places.wake(id, now);
                }
            }
            self.take_news(now);
            self.obey(now);
            self.end_overdue(now);
            self.give_turns();
            // After the turns, because a connection that had one can make room.
            self.accept(Instant::now());
            if let Some(at) = self.stop_at
                && (now >= at || !self.places.values().any(Connection::is_busy))
            {
                return Ok(());
            }
        }
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        let has_callers = self.doors.iter().any(|door| door.is_ready);
        let accept_at = has_callers.then(|| match self.paused_until {
            Some(until) => until,
            None if self.has_room(now) => now,
            None => now + ROOM_PAUSE,
        });
        let bound_at = self.is_over.then_some(now + ROOM_PAUSE);
        let turn_at = self.places.has_ready().then_some(now);
        [self.next_deadline, accept_at, bound_at, turn_at, self.stop_at]
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.saturating_duration_since(now))
    }

    /// Gives turns to connections, for [`TURNS_TIME`].
    fn give_turns(&mut self) {
        let began = Instant::now();
        let mut now = began;
        while now - began < TURNS_TIME
            && let Some(id) = self.places.next_ready()
        {
            self.give_turn(id, now);
            now = Instant::now();
        }
        let most = self.limits.unsent_bytes;
        self.is_over = self.places.bound_unsent(most, now);
    }

    fn give_turn(&mut self, id: usize, now: Instant) {
        if let Some(connection) = self.places.get_mut(id) {
            let step = connection.turn(now, &mut self.scratch);
            self.follow(id, step, now);
        }
    }

    /// Takes the next step of a connection.
    fn follow(&mut self, id: usize, step: Step, now: Instant) {
        let Some(connection) = self.places.get_mut(id) else { return };
        let client = connection.client();
        match step {
            Step::Close => {
                self.places.remove(id);
                return;
            }
            Step::Wait => {}
            Step::Again => self.places.wake(id, now),
            Step::Shake(handshake) => self.queue.shake(client, id, handshake),
            Step::Ask(request) => {
                // The newest rules, because a client may ask before the loop
                // has noticed that they changed.
                let security = self.shared.security();
                let job = Job {
                    connection: id,
                    request: Arc::downgrade(&request),
                    headers: Arc::clone(&security.headers),
                };
                match self
                    .authentication
                    .look_at(client, &request, job, &security)
                {
                    Verdict::Pass(job) => self.queue.answer(client, job),
                    Verdict::Later => {}
                    // It is written in the next turn of the connection.
                    Verdict::Refuse(reply) => {
                        connection.answer(reply, now);
                        self.places.wake(id, now);
                    }
                }
            }
        }
        let deadline = self
            .places
            .get_mut(id)
            .and_then(|connection| connection.deadline(&self.limits));
        if let Some(deadline) = deadline {
            let next = self.next_deadline.map_or(deadline, |n| n.min(deadline));
            self.next_deadline = Some(next.max(now));
        }
    }

    /// Takes the results of the workers.
    fn take_news(&mut self, now: Instant) {
        for _ in 0..self.news.len() {
            let Ok((id, news)) = self.news.try_recv() else { break };
            let Some(connection) = self.places.get_mut(id) else { continue };
            let step = match news {
                News::Shaken => connection.shaken(now),
                News::Reply(reply) => {
                    connection.answer(reply, now);
                    Step::Again
                }
            };
            self.follow(id, step, now);
        }
    }

    /// Applies new rules, and stops if the handle was dropped.
    fn obey(&mut self, now: Instant) {
        let security = self.shared.security();
        if !Arc::ptr_eq(&security, &self.security) {
            let old = std::mem::replace(&mut self.security, security);
            // Users are looked up for every request, but TLS begins once. So
            // older connections end after their answer.
            if old.tls.is_some() || self.security.tls.is_some() {
                self.finish(|connection| !connection.finish());
            }
        }
        if self.stop_at.is_none() && self.shared.is_stopping() {
            self.stop_at = Some(now + STOP_PATIENCE);
            self.doors.clear();
            self.finish(|connection| {
                connection.finish();
                connection.is_busy()
            });
        }
    }

    /// Closes the connections that `is_kept` does not want to keep.
    fn finish(&mut self, is_kept: impl Fn(&mut Connection) -> bool) {
        for id in self.places.ids() {
            if !self.places.get_mut(id).is_some_and(&is_kept) {
                self.places.remove(id);
            }
        }
    }

    fn end_overdue(&mut self, now: Instant) {
        if self.next_deadline.is_none_or(|at| now < at) {
            return;
        }
        self.next_deadline = None;
        for id in self.places.ids() {
            let Some(connection) = self.places.get_mut(id) else { continue };
            let Some(deadline) = connection.deadline(&self.limits) else {
                continue;
            };
            if deadline > now {
                let next = self.next_deadline.unwrap_or(deadline);
                self.next_deadline = Some(next.min(deadline));
            } else {
                let step = connection.expire(now);
                self.follow(id, step, now);
            }
        }
    }

    /// Accepts clients, from each listener in turn.
    fn accept(&mut self, now: Instant) {
        if self.paused_until.is_some_and(|until| now < until) {
            return;
        }
        let has_paused = self.paused_until.take().is_some();
        for index in 0..self.doors.len() {
            let mut has_made_room = false;
            for _ in 0..ACCEPTED_AT_ONCE {
                if !self.has_room(Instant::now()) {
                    break;
                }
                let door = self.doors.get_mut(index);
                let Some(door) = door.filter(|door| door.is_ready) else {
                    break;
                };
                match door.listener.accept() {
                    Ok((socket, peer)) => {
                        has_made_room = false;
                        if let Err(error) = self.admit(socket, peer) {
                            debug!(self.log, "a client was not taken";
                                "error" => %error);
                        }
                    }
                    Err(error) => match error.kind() {
                        ErrorKind::WouldBlock => door.is_ready = false,
                        // The client is gone again.
                        ErrorKind::ConnectionAborted
                        | ErrorKind::Interrupted => {}
                        // Out of descriptors or memory. A connection is closed
                        // to free some. If that does not help, other parts of
                        // the process or the system use them.
                        _ if !has_made_room
                            && self.places.make_room(None, now) =>
                        {
                            has_made_room = true;
                        }
                        _ => {
                            if !has_paused {
                                warn!(self.log, "cannot accept connections; \
                                     trying again"; "error" => %error);
                            }
                            self.paused_until = Some(now + ACCEPT_PAUSE);
                            return;
                        }
                    },
                }
            }
        }
        if has_paused {
            info!(self.log, "accepting connections again");
        }
    }

    fn admit(
        &mut self,
        socket: Socket,
        peer: Option<SocketAddr>,
    ) -> io::Result<()> {
        // Each has a time of its own, so the first one accepted is the oldest.
        let now = Instant::now();
        let id = self.next_id;
        self.next_id += 1;
        let security = self.shared.security();
        let stream = Stream::new(socket, security.tls.as_ref())?;
        let mut connection = Connection::new(stream, peer, now);
        connection.stream().register(self.poll.registry(), Token(id))?;
        self.places.insert(id, connection);
        // Most clients have sent their request by now, so they can stay.
        self.give_turn(id, now);
        if self.places.len() > self.limits.connections {
            while self.places.len() > self.limits.connections
                && self.places.make_room(Some(id), now)
            {}
            let is_quiet =
                self.complained.is_none_or(|at| now - at > COMPLAINT_INTERVAL);
            if is_quiet {
                self.complained = Some(now);
                warn!(self.log, "too many connections; the longest idle make \
                     room for new ones";
                    "connections" => self.limits.connections);
            }
        }
        Ok(())
    }

    /// Returns whether a new client can have a place, if need be another's.
    fn has_room(&self, now: Instant) -> bool {
        self.places.len() < self.limits.connections
            || self.places.has_spare(now)
    }
}
