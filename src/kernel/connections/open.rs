//! Chooses the way in which connections are counted.

use super::programs::Programs;
use super::{OpenConnections, WatchConnections};
use crate::config::ConnectionsScope;
use crate::kernel::error::Error;

/// Counts the TCP connections of the running kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnections;

impl OpenConnections for TcpConnections {
    fn open(
        &self,
        scope: ConnectionsScope,
    ) -> Result<Box<dyn WatchConnections>, Error> {
        Ok(Box::new(Programs::open(scope)?))
    }
}
