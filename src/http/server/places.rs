//! All connections: the order of their turns, and the choice of those that are
//! closed when there are too many.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Instant;

use super::client::Client;
use super::connection::Connection;
use super::fair::FairQueue;
use super::step::Rank;

#[derive(Debug, Default)]
pub(super) struct Places {
    connections: HashMap<usize, Connection>,
    /// The number of connections of each client.
    held: HashMap<Client, usize>,
    /// Connections that wait for a turn. Clients take turns, and then the
    /// connections of each.
    ready: FairQueue<Client, usize>,
}

impl Places {
    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn ids(&self) -> Vec<usize> {
        self.connections.keys().copied().collect()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values()
    }

    pub(super) fn get_mut(&mut self, id: usize) -> Option<&mut Connection> {
        self.connections.get_mut(&id)
    }

    pub(super) fn insert(&mut self, id: usize, connection: Connection) {
        *self.held.entry(connection.client()).or_default() += 1;
        self.connections.insert(id, connection);
    }

    /// Closes a connection.
    pub(super) fn remove(&mut self, id: usize) {
        let Some(connection) = self.connections.remove(&id) else { return };
        let client = connection.client();
        if let Some(count) = self.held.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(&client);
            }
        }
    }

    /// Gives a connection a turn, after those that wait for one already.
    pub(super) fn wake(&mut self, id: usize, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !connection.queue(now) {
            self.ready.push(connection.client(), id);
        }
    }

    /// Returns whether a connection waits for a turn.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Returns the connection whose turn it is.
    pub(super) fn next_ready(&mut self) -> Option<usize> {
        loop {
            let id = self.ready.pop()?;
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.dequeue();
                return Some(id);
            }
        }
    }

    /// Returns whether a connection can be closed for another one.
    pub(super) fn has_spare(&self, now: Instant) -> bool {
        self.values().any(|one| one.rank(now) != Rank::Ours)
    }

    /// Closes a connection other than `newest`. Returns whether there was one
    /// that could be spared.
    pub(super) fn make_room(
        &mut self,
        newest: Option<usize>,
        now: Instant,
    ) -> bool {
        self.close_first(now, |id, _| Some(id) != newest)
    }

    /// Closes connections until the answers that clients have yet to take have
    /// no more bytes than this. Clients that take theirs fast enough stay
    /// connected. Returns whether there are still too many bytes.
    pub(super) fn bound_unsent(&mut self, most: usize, now: Instant) -> bool {
        while self.unsent() > most {
            if !self.close_first(now, |_, one| one.unsent().is_some()) {
                return true;
            }
        }
        false
    }

    /// Returns the bytes of all answers that clients have yet to take. An answer
    /// that many of them share counts once.
    fn unsent(&self) -> usize {
        let bodies = self.values().filter_map(Connection::unsent);
        let bodies: HashMap<_, _> =
            bodies.map(|body| (body.as_ptr(), body.len())).collect();
        bodies.values().sum()
    }

    /// Closes one of these connections: of the client that has most, the one
    /// that is first in rank. Returns whether there was one.
    fn close_first(
        &mut self,
        now: Instant,
        is_meant: impl Fn(usize, &Connection) -> bool,
    ) -> bool {
        while let Some(id) = self.first_to_go(now, &is_meant) {
            if self.get_mut(id).is_some_and(|one| one.has_gone_on(now)) {
                // Its rank is another one now.
                self.wake(id, now);
                continue;
            }
            self.remove(id);
            return true;
        }
        false
    }

    fn first_to_go(
        &self,
        now: Instant,
        is_meant: impl Fn(usize, &Connection) -> bool,
    ) -> Option<usize> {
        let spare = self.connections.iter().filter_map(|(&id, one)| {
            let rank = one.rank(now);
            let is_spare = rank != Rank::Ours && is_meant(id, one);
            is_spare.then(|| {
                let held = self.held.get(&one.client()).copied();
                (Reverse(held), rank, id)
            })
        });
        spare.min().map(|(_, _, id)| id)
    }
}

#[cfg(test)]
mod tests;
