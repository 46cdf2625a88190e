//! Chooses the way in which connections are counted.

use super::lists::Lists;
use super::programs::Programs;
use super::{OpenConnections, WatchConnections};
use crate::config::ConnectionsScope;
use crate::kernel::error::Error;
use crate::logging::chain;

/// Counts the TCP connections of the running kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnections;

impl OpenConnections for TcpConnections {
    fn open(
        &self,
        scope: ConnectionsScope,
    ) -> Result<Box<dyn WatchConnections>, Error> {
        let error = match Programs::open(scope) {
            Ok(programs) => return Ok(Box::new(programs)),
            Err(error) => error,
        };
        let programs = chain(&error).to_string();
        match Lists::open(programs.clone()) {
            Ok(lists) => Ok(Box::new(lists)),
            Err(lists) => Err(Error::NoConnections {
                programs,
                lists: chain(&lists).to_string(),
            }),
        }
    }
}
