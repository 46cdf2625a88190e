//! Netlink, for everything that speaks to the kernel over it: requests and
//! lists go through [`Requests`], events come from [`Events`].

mod links;
pub(super) mod message;
mod monitor;
mod routes;

use std::io;
use std::os::fd::{AsRawFd as _, RawFd};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkSerializable};
use netlink_sys::Socket;

use message::{Message, NLMSG_DONE, NLMSG_ERROR, messages, request};
pub use monitor::{InterfaceEvent, InterfaceMonitor, MonitorOrders};

/// Room for the largest datagram: the kernel fills lists up to 32 KiB.
const DATAGRAM: usize = 64 * 1024;

/// The most attempts at a list that changes while the kernel makes it.
const ATTEMPTS: u32 = 5;

/// The way to the kernel. The tests have one of their own.
pub(super) trait Wire {
    /// Sends a request.
    fn send(&self, request: &[u8]) -> io::Result<()>;

    /// Waits for a datagram and appends it.
    fn receive(&self, datagram: &mut Vec<u8>) -> io::Result<()>;
}

impl Wire for Socket {
    fn send(&self, request: &[u8]) -> io::Result<()> {
        Self::send(self, request, 0).map(drop)
    }

    fn receive(&self, datagram: &mut Vec<u8>) -> io::Result<()> {
        self.recv(datagram, 0).map(drop)
    }
}

/// A socket over which requests go, one at a time, to the network namespace it
/// was opened in. It gets answers only: events have sockets of their own.
#[derive(Debug)]
pub(super) struct Requests<W = Socket> {
    wire: W,
    buffer: Vec<u8>,
    /// The number of the last request. Its answers carry it too, so that a late
    /// answer to an earlier request is recognized.
    sequence: u32,
    reason: Option<String>,
}

impl Requests {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// If socket(2) fails.
    pub(super) fn open(protocol: isize) -> io::Result<Self> {
        // Neither bound nor connected: the sandbox forbids connect(2). The
        // kernel binds it at the first request (netlink_sendmsg() in
        // net/netlink/af_netlink.c), and is the peer of a socket without one.
        Socket::new(protocol).map(Self::over)
    }

    /// Makes the kernel list only the objects that the request's header names.
    /// Without this it looks at the type of the request only.
    ///
    /// # Errors
    /// If setsockopt(2) fails.
    pub(super) fn with_strict_lists(self) -> io::Result<Self> {
        self.wire.set_netlink_get_strict_chk(true)?;
        Ok(self)
    }

    /// Makes the kernel give its reason in words, without a copy of the
    /// request.
    ///
    /// # Errors
    /// If setsockopt(2) fails.
    pub(super) fn with_reasons(self) -> io::Result<Self> {
        self.wire.set_ext_ack(true)?;
        self.wire.set_cap_ack(true)?;
        Ok(self)
    }
}

impl<W: Wire> Requests<W> {
    fn over(wire: W) -> Self {
        let buffer = Vec::with_capacity(DATAGRAM);
        Self { wire, buffer, sequence: 0, reason: None }
    }

    /// Returns the kernel's reason in words for refusing the last request.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Sends a request, which must ask for an acknowledgement, and calls
    /// `on_message` with each other message of the answer.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn ask<R: NetlinkSerializable>(
        &mut self,
        request: R,
        flags: u16,
        on_message: impl FnMut(Message<'_>),
    ) -> io::Result<()> {
        self.send(request, flags)?;
        self.receive(on_message).map(drop)
    }

    /// Lists the objects of which `read` returns a value.
    ///
    /// If objects come or go while the kernel makes the list, it says so, and
    /// the list may lack others that were there all the time. The exporter then
    /// asks for the list again, up to [`ATTEMPTS`] times. If it changes every
    /// time, the result holds the objects of all attempts, oldest first: an
    /// object may be in it twice, or be gone.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn list<R: NetlinkSerializable + Clone, T>(
        &mut self,
        request: R,
        mut read: impl FnMut(Message<'_>) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        let mut listed = Vec::new();
        for _ in 0..ATTEMPTS {
            let earlier = listed.len();
            self.send(request.clone(), NLM_F_DUMP)?;
            let is_interrupted =
                self.receive(|message| listed.extend(read(message)))?;
            if !is_interrupted {
                listed.drain(..earlier);
                break;
            }
        }
        Ok(listed)
    }

    /// Returns whether a list has any object. The socket is of no use
    /// afterwards: the rest of the list waits in it.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn has_any<R: NetlinkSerializable>(
        mut self,
        request: R,
    ) -> io::Result<bool> {
        self.send(request, NLM_F_DUMP)?;
        loop {
            self.wait()?;
            let sequence = self.sequence;
            let mut answers =
                messages(&self.buffer).filter(|it| it.sequence == sequence);
            if let Some(first) = answers.next() {
                return match first.kind {
                    NLMSG_DONE | NLMSG_ERROR => first.result().map(|()| false),
                    _ => Ok(true),
                };
            }
        }
    }

    fn send<R: NetlinkSerializable>(
        &mut self,
        asked: R,
        flags: u16,
    ) -> io::Result<()> {
        self.reason = None;
        self.sequence = self.sequence.wrapping_add(1);
        self.wire.send(&request(asked, flags | NLM_F_REQUEST, self.sequence))
    }

    /// Waits for the next datagram.
    fn wait(&mut self) -> io::Result<()> {
        loop {
            self.buffer.clear();
            match self.wire.receive(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Reads the answer to its end. Returns whether it is a list that changed
    /// meanwhile.
    fn receive(
        &mut self,
        mut on_message: impl FnMut(Message<'_>),
    ) -> io::Result<bool> {
        let mut is_interrupted = false;
        loop {
            self.wait()?;
            let sequence = self.sequence;
            for message in
                messages(&self.buffer).filter(|it| it.sequence == sequence)
            {
                is_interrupted |= message.is_interrupted();
                match message.kind {
                    NLMSG_DONE => {
                        return message.result().map(|()| is_interrupted);
                    }
                    NLMSG_ERROR => {
                        self.reason = message.reason();
                        return message.result().map(|()| is_interrupted);
                    }
                    _ => on_message(message),
                }
            }
        }
    }
}

/// A subscription to events.
#[derive(Debug)]
pub(super) struct Events {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Events {
    /// Subscribes to the events of these groups in the calling thread's network
    /// namespace.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn subscribe(
        protocol: isize,
        groups: &[u32],
    ) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        for &group in groups {
            socket.add_membership(group)?;
        }
        socket.set_non_blocking(true)?;
        Ok(Self { socket, buffer: Vec::with_capacity(DATAGRAM) })
    }

    /// Makes the kernel hold so many bytes of unread events, if
    /// net.core.rmem_max allows it.
    ///
    /// # Errors
    /// If setsockopt(2) fails.
    pub(super) fn with_room(self, bytes: usize) -> io::Result<Self> {
        self.socket.set_rx_buf_sz(bytes)?;
        Ok(self)
    }

    /// Returns the descriptor that becomes readable with events.
    pub(super) fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Reads all waiting events.
    ///
    /// # Errors
    /// If recv(2) fails; see [`is_overrun`].
    pub(super) fn read(
        &mut self,
        mut on_event: impl FnMut(Message<'_>),
    ) -> io::Result<()> {
        loop {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, 0) {
                Ok(_) => messages(&self.buffer).for_each(&mut on_event),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(()),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    /// Throws away the waiting events, after some were lost. The kernel goes on
    /// dropping events, without saying so again, until nothing is left
    /// (NETLINK_S_CONGESTED in net/netlink/af_netlink.c).
    ///
    /// # Errors
    /// If recv(2) fails.
    pub(super) fn discard(&mut self) -> io::Result<()> {
        loop {
            match self.read(|_| {}) {
                Err(error) if is_overrun(&error) => {}
                other => return other,
            }
        }
    }
}

/// Returns whether the kernel had to drop events.
pub(super) fn is_overrun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

#[cfg(test)]
mod tests;
