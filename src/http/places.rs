//! The connections there are: whose turn it is, and who goes when there are
//! too many.

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
    /// How many of them each client has.
    held: HashMap<Client, usize>,
    /// Those that want a turn: clients in turn, and the connections of each.
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

    /// Gives a connection a turn, after those that want one already.
    pub(super) fn wake(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !std::mem::replace(&mut connection.is_queued, true) {
            self.ready.push(connection.client(), id);
        }
    }

    /// Returns whether anybody wants a turn.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Returns the connection whose turn it is.
    pub(super) fn next_ready(&mut self) -> Option<usize> {
        loop {
            let id = self.ready.pop()?;
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.is_queued = false;
                return Some(id);
            }
        }
    }

    /// Whether a connection can be closed for another one.
    pub(super) fn has_spare(&self) -> bool {
        // A page is about to be sent: the others can wait for that.
        let now = Instant::now();
        self.values().any(|one| one.rank(now) != Rank::Ours)
    }

    /// Closes a connection other than `newest`: of the client that has most,
    /// the one that is first in rank. Returns whether there was one.
    pub(super) fn make_room(&mut self, newest: Option<usize>) -> bool {
        let now = Instant::now();
        while let Some(id) = self.first_to_go(newest, now) {
            if self.get_mut(id).is_some_and(|one| one.has_unseen_input()) {
                // It is its turn, and then it is asked again.
                self.wake(id);
                continue;
            }
            self.remove(id);
            return true;
        }
        false
    }

    fn first_to_go(
        &self,
        newest: Option<usize>,
        now: Instant,
    ) -> Option<usize> {
        let spare = self.connections.iter().filter(|&(&id, connection)| {
            Some(id) != newest && connection.rank(now) != Rank::Ours
        });
        let first = spare.min_by_key(|&(&id, connection)| {
            let held = self.held.get(&connection.client()).copied();
            (Reverse(held), connection.rank(now), id)
        });
        first.map(|(&id, _)| id)
    }

    /// Closes connections whose clients have not gone on for longest, until no
    /// more bytes than this wait for clients.
    pub(super) fn bound_unsent(&mut self, most: usize) {
        let now = Instant::now();
        loop {
            let waiting = self.connections.iter().filter_map(|(&id, one)| {
                let bytes = one.unsent();
                (bytes > 0).then_some((bytes, one.rank(now), id))
            });
            let (mut sum, mut first) = (0_usize, None);
            for (bytes, rank, id) in waiting {
                sum = sum.saturating_add(bytes);
                first = first.into_iter().chain([(rank, id)]).min();
            }
            match first {
                Some((_, id)) if sum > most => self.remove(id),
                _ => return,
            }
        }
    }
}
