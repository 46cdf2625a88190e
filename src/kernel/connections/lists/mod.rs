//! Counts connections by lists of the kernel's open sockets (sock_diag), where
//! the programs cannot. Connections that come and go between two lists, and
//! attempts that fail, are not seen; nor are other network namespaces.

mod book;
mod message;

use std::io;

use book::Book;
use message::{IPV4, IPV6, Sockets, listed};

use super::{ConnectionsMethod, Credit, WatchConnections};
use crate::kernel::error::Error;
use crate::kernel::netlink::Requests;

/// NETLINK_SOCK_DIAG of linux/netlink.h.
const PROTOCOL: isize = 4;

/// The lists at work.
#[derive(Debug)]
pub(super) struct Lists {
    method: ConnectionsMethod,
    requests: Requests,
    book: Book,
}

impl Lists {
    /// Prepares to list the sockets of the calling thread's network namespace.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn open(reason: String) -> Result<Self, Error> {
        let method = ConnectionsMethod::SockDiag { reason };
        let requests = Requests::open(PROTOCOL).map_err(cannot_list)?;
        let mut lists = Self { method, requests, book: Book::default() };
        // A kernel without the module says so now.
        lists.list(|_| {}).map_err(cannot_list)?;
        Ok(lists)
    }

    fn list(
        &mut self,
        turn: impl FnOnce(&[message::Listed]),
    ) -> io::Result<()> {
        let mut all = Vec::new();
        for family in [IPV4, IPV6] {
            all.extend(self.requests.list(Sockets { family }, listed)?);
        }
        turn(&all);
        Ok(())
    }
}

fn cannot_list(source: io::Error) -> Error {
    Error::call("list TCP sockets", source)
}

impl WatchConnections for Lists {
    fn method(&self) -> &ConnectionsMethod {
        &self.method
    }

    fn visit(&mut self, credit: Credit<'_>) -> Result<(), Error> {
        let mut book = std::mem::take(&mut self.book);
        let listed = self.list(|all| book.turn(all, credit));
        self.book = book;
        listed.map_err(cannot_list)
    }

    fn take(&mut self, _: Credit<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn recount(&mut self, _: Credit<'_>) -> Result<(), Error> {
        self.book.recount();
        Ok(())
    }

    fn is_crowded(&self) -> bool {
        false
    }

    fn is_displaced(&self) -> bool {
        false
    }

    fn visited(&self) -> Option<u64> {
        None
    }

    fn untracked(&self) -> u64 {
        self.book.untracked()
    }
}
