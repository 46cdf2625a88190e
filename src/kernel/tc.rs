//! Queueing disciplines and filters, as tc(8) manages them, over rtnetlink(7).
//! One function a request; what they are for is in [`super::clsact`].

mod message;

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_ECHO, NLM_F_EXCL, NLM_F_REQUEST,
    NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::TcMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::rtnetlink::message::{
    DATAGRAM, NLMSG_DONE, NLMSG_ERROR, for_each_message,
};
#[cfg(test)]
pub(super) use message::ALL_PROTOCOLS;
pub(super) use message::{CLSACT, Filter, Hook, Place, Qdisc};
use message::{clsact, filter, qdisc, reason};

/// Numbers of rtnetlink(7).
const RTM_NEWQDISC: u16 = 36;
const RTM_NEWTFILTER: u16 = 44;

/// A socket over which requests go, one at a time, to the network namespace it
/// was opened in.
#[derive(Debug)]
pub(super) struct Requests {
    socket: Socket,
    buffer: Vec<u8>,
    reason: Option<String>,
}

impl Requests {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// Whatever socket(2) says.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        // A reason in words, without the request it is about.
        socket.set_ext_ack(true)?;
        socket.set_cap_ack(true)?;
        socket.connect(&SocketAddr::new(0, 0))?;
        let buffer = Vec::with_capacity(DATAGRAM);
        Ok(Self { socket, buffer, reason: None })
    }

    /// Returns what the kernel said in words about the last request.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Makes a clsact qdisc. Returns false where its place is taken.
    ///
    /// # Errors
    /// Whatever the kernel says but EEXIST.
    pub(super) fn create_clsact(&mut self, ifindex: u32) -> io::Result<bool> {
        let message = clsact(ifindex);
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        let request = RouteNetlinkMessage::NewQueueDiscipline(message);
        match self.request(request, flags, |_, _| {}) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the kind of what is in the place of clsact.
    ///
    /// # Errors
    /// Whatever the kernel says but that there is nothing.
    pub(super) fn qdisc_kind(
        &mut self,
        ifindex: u32,
    ) -> io::Result<Option<String>> {
        let mut kind = None;
        // Without ECHO, kernels before 6.9 tell others and not who asked.
        let flags = NLM_F_ACK | NLM_F_ECHO;
        let mut message = clsact(ifindex);
        // Whatever it is.
        message.attributes.clear();
        let request = RouteNetlinkMessage::GetQueueDiscipline(message);
        let asked = self.request(request, flags, |answer, payload| {
            if answer == RTM_NEWQDISC {
                kind = qdisc(payload).map(|qdisc| qdisc.kind);
            }
        });
        match asked {
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(kind),
        }
    }

    /// Lists the qdiscs in the place of clsact, of all devices.
    ///
    /// # Errors
    /// Whatever the kernel says.
    pub(super) fn qdiscs(&mut self) -> io::Result<Vec<Qdisc>> {
        let mut qdiscs = Vec::new();
        let request =
            RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
        self.request(request, NLM_F_DUMP, |answer, payload| {
            if answer == RTM_NEWQDISC {
                qdiscs.extend(qdisc(payload));
            }
        })?;
        Ok(qdiscs)
    }

    /// Removes the clsact qdisc of a device, with all its filters.
    ///
    /// # Errors
    /// Whatever the kernel says.
    pub(super) fn delete_clsact(&mut self, ifindex: u32) -> io::Result<()> {
        let message = clsact(ifindex);
        let request = RouteNetlinkMessage::DelQueueDiscipline(message);
        self.request(request, NLM_F_ACK, |_, _| {})
    }

    /// Lists the filters of a hook in the order they run.
    ///
    /// # Errors
    /// Whatever the kernel says but that there is no such hook.
    pub(super) fn filters(&mut self, hook: Hook) -> io::Result<Vec<Filter>> {
        let mut filters = Vec::new();
        let request = RouteNetlinkMessage::GetTrafficFilter(hook.message());
        let asked = self.request(request, NLM_F_DUMP, |answer, payload| {
            if answer == RTM_NEWTFILTER {
                filters.extend(filter(payload));
            }
        });
        match asked {
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(filters),
        }
    }

    /// Returns the filter in this place, if there is one.
    ///
    /// # Errors
    /// Whatever the kernel says but that there is none.
    pub(super) fn filter(
        &mut self,
        place: Place,
    ) -> io::Result<Option<Filter>> {
        let mut found = None;
        let request = RouteNetlinkMessage::GetTrafficFilter(place.message());
        let asked = self.request(request, NLM_F_ACK, |answer, payload| {
            if answer == RTM_NEWTFILTER {
                found = filter(payload);
            }
        });
        match asked {
            Err(error) if !is_absent(&error) => Err(error),
            _ => Ok(found),
        }
    }

    /// Puts a program on a hook. It runs before those of the same priority.
    ///
    /// # Errors
    /// Whatever the kernel says: EEXIST where the place is taken.
    pub(super) fn add_filter(
        &mut self,
        place: Place,
        program: BorrowedFd<'_>,
        name: &str,
    ) -> io::Result<()> {
        let fd = u32::try_from(program.as_raw_fd())
            .expect("an open file descriptor is not negative");
        let message = place.program(fd, name);
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        let request = RouteNetlinkMessage::NewTrafficFilter(message);
        self.request(request, flags, |_, _| {})
    }

    /// Removes the filter in this place.
    ///
    /// # Errors
    /// Whatever the kernel says.
    pub(super) fn delete_filter(&mut self, place: Place) -> io::Result<()> {
        let request = RouteNetlinkMessage::DelTrafficFilter(place.message());
        self.request(request, NLM_F_ACK, |_, _| {})
    }

    /// Sends a request, which must ask for an acknowledgement or a list, and
    /// reads the answer to its end.
    fn request(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
        mut on_message: impl FnMut(u16, &[u8]),
    ) -> io::Result<()> {
        let mut message = NetlinkMessage::new(
            NetlinkHeader::default(),
            NetlinkPayload::from(request),
        );
        message.header.flags = flags | NLM_F_REQUEST;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;

        let mut is_done = false;
        let mut result = Ok(());
        self.reason = None;
        while !is_done {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    continue;
                }
                other => other?,
            };
            for_each_message(&self.buffer, |kind, payload| {
                match kind {
                    NLMSG_DONE => is_done = true,
                    NLMSG_ERROR => {
                        is_done = true;
                        result = acknowledged(payload);
                        self.reason = reason(payload);
                    }
                    _ => on_message(kind, payload),
                }
                Ok(())
            })?;
        }
        result
    }
}

/// Returns whether the kernel says that what was asked for is not there: the
/// filter, the hook (kernels differ), or the device.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOENT | libc::EINVAL | libc::ENODEV)
    )
}

/// Reads the payload of a message of type NLMSG_ERROR, which is also how the
/// kernel says that all went well.
fn acknowledged(payload: &[u8]) -> io::Result<()> {
    let code = match payload.first_chunk() {
        Some(&code) => i32::from_ne_bytes(code),
        None => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    match code {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(-code)),
    }
}
