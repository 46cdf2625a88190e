//! The counters of TCP connections, as the rest of the program sees them. No
//! method has a default: a test defines all that its fake does.

mod growth;
mod lists;
mod open;
mod programs;

pub use open::TcpConnections;

use super::error::Error;
use crate::accounting::{ConnectionGrowth, ConnectionKey};
use crate::config::ConnectionsScope;

/// Takes the growth of one key after the other. A key may come several times.
pub type Credit<'a> = &'a mut dyn FnMut(&ConnectionKey, &ConnectionGrowth);

/// The way in which connections are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionsMethod {
    /// By eBPF programs, which see every change of state.
    Programs,
    /// By lists of the open connections, which miss those that come and go
    /// between two of them.
    SockDiag {
        /// The reason why there are no programs.
        reason: String,
    },
}

/// Starts to count connections. The thread that counts them uses it.
pub trait OpenConnections: Send {
    /// Loads and attaches the programs, or prepares for lists if the kernel
    /// refuses the programs. Connections that are open already are counted by
    /// the first visit.
    ///
    /// # Errors
    /// If neither way works.
    fn open(
        &self,
        scope: ConnectionsScope,
    ) -> Result<Box<dyn WatchConnections>, Error>;
}

/// Counts connections until it is dropped. Nothing of it stays in the kernel
/// then.
pub trait WatchConnections {
    /// Returns the way in which connections are counted.
    fn method(&self) -> &ConnectionsMethod;

    /// Visits every open connection, then takes the growth since the last call.
    ///
    /// # Errors
    /// If the kernel refuses. Growth that was not taken is not lost, as far as
    /// the kernel still has it.
    fn visit(&mut self, credit: Credit<'_>) -> Result<(), Error>;

    /// Takes the growth since the last call, without a visit.
    ///
    /// # Errors
    /// As [`WatchConnections::visit`].
    fn take(&mut self, credit: Credit<'_>) -> Result<(), Error>;

    /// Takes the growth since the last call, then begins the number of open
    /// connections anew: the caller forgets the number of each key, and the
    /// next visit counts every open connection again, in
    /// [`ConnectionGrowth::open`] alone.
    ///
    /// # Errors
    /// As [`WatchConnections::visit`].
    fn recount(&mut self, credit: Credit<'_>) -> Result<(), Error>;

    /// Returns whether the kernel's room for keys is so full that the growth
    /// should be taken now.
    fn is_crowded(&self) -> bool;

    /// Returns whether connections ended under another key than the one that
    /// has them as open, because the kernel had no room for keys: then the
    /// number of open ones is wrong by key until [`WatchConnections::recount`].
    fn is_displaced(&self) -> bool;

    /// Returns the number of open connections that the last visit saw, if a
    /// visit misses none.
    fn visited(&self) -> Option<u64>;

    /// Returns the number of connections whose sockets had no room for a
    /// reading, since this was opened. They are in
    /// [`ConnectionGrowth::opened`] alone.
    fn untracked(&self) -> u64;
}
