//! Chooses the way in which connections are counted.

use std::path::Path;

use super::lists::Lists;
use super::programs::Programs;
use super::{OpenConnections, WatchConnections};
use crate::config::ConnectionsScope;
use crate::kernel::error::Error;
use crate::kernel::grace;
use crate::logging::chain;

/// Counts the TCP connections of the running kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnections;

impl OpenConnections for TcpConnections {
    fn open(
        &self,
        scope: ConnectionsScope,
    ) -> Result<Box<dyn WatchConnections>, Error> {
        let programs = match obstacle() {
            Some(reason) => reason.into(),
            None => match Programs::open(scope) {
                Ok(programs) => return Ok(Box::new(programs)),
                // A shortage may pass: the caller tries again.
                Err(error) if error.shortage().is_some() => return Err(error),
                Err(error) => chain(&error),
            },
        };
        match Lists::open(programs.clone()) {
            Ok(lists) => Ok(Box::new(lists)),
            Err(lists) => {
                Err(Error::NoConnections { programs, lists: chain(&lists) })
            }
        }
    }
}

/// Returns the reason why this kernel cannot have the programs, if it is known
/// before.
fn obstacle() -> Option<&'static str> {
    if grace::is_realtime() {
        // Tracepoints run with preemption disabled, where such a kernel cannot
        // allocate the storage of a socket.
        return Some("a kernel with PREEMPT_RT cannot run the programs");
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Some(
            "the kernel does not describe its types (CONFIG_DEBUG_INFO_BTF, \
             /sys/kernel/btf/vmlinux)",
        );
    }
    None
}
