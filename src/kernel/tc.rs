//! Queueing disciplines and filters, as tc(8) manages them, over rtnetlink(7).
//! One function a request; [`super::clsact`] explains their use.

mod message;

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::TcMessage;
use netlink_sys::protocols::NETLINK_ROUTE;

use super::netlink::Requests;
#[cfg(test)]
pub(super) use message::ALL_PROTOCOLS;
pub(super) use message::{CLSACT, Filter, Parent, Place, Qdisc};
use message::{clsact, filter, qdisc};

/// Numbers of rtnetlink(7).
const RTM_NEWQDISC: u16 = 36;
const RTM_NEWTFILTER: u16 = 44;

/// Requests about qdiscs and filters, to the network namespace in which this
/// was opened.
#[derive(Debug)]
pub(super) struct Tc(Requests);

impl Tc {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// If socket(2) fails.
    pub(super) fn open() -> io::Result<Self> {
        Requests::open(NETLINK_ROUTE)?.with_reasons().map(Self)
    }

    /// Returns the kernel's reason in words for refusing the last request.
    pub(super) fn reason(&self) -> Option<&str> {
        self.0.reason()
    }

    /// Makes a clsact qdisc. Returns false if its place is taken.
    ///
    /// # Errors
    /// If the kernel refuses, except with EEXIST.
    pub(super) fn create_clsact(&mut self, ifindex: u32) -> io::Result<bool> {
        let message = clsact(ifindex);
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        let request = RouteNetlinkMessage::NewQueueDiscipline(message);
        match self.0.ask(request, flags, |_| {}) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the kind of the qdisc in the place of clsact.
    ///
    /// # Errors
    /// If the kernel refuses, except because there is none.
    pub(super) fn qdisc_kind(
        &mut self,
        ifindex: u32,
    ) -> io::Result<Option<String>> {
        let mut kind = None;
        // Without ECHO, kernels before 6.9 answer others and not the sender.
        let flags = NLM_F_ACK | NLM_F_ECHO;
        let mut message = clsact(ifindex);
        // The qdisc may be of any kind.
        message.attributes.clear();
        let request = RouteNetlinkMessage::GetQueueDiscipline(message);
        let asked = self.0.ask(request, flags, |message| {
            if message.kind == RTM_NEWQDISC {
                kind = qdisc(message.payload).map(|qdisc| qdisc.kind);
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
    /// If the kernel refuses.
    pub(super) fn qdiscs(&mut self) -> io::Result<Vec<Qdisc>> {
        let request =
            RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
        self.0.list(request, |message| match message.kind {
            RTM_NEWQDISC => qdisc(message.payload),
            _ => None,
        })
    }

    /// Removes the clsact qdisc of a device, with all its filters.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn delete_clsact(&mut self, ifindex: u32) -> io::Result<()> {
        let message = clsact(ifindex);
        let request = RouteNetlinkMessage::DelQueueDiscipline(message);
        self.0.ask(request, NLM_F_ACK, |_| {})
    }

    /// Lists the filters of a hook in the order they run.
    ///
    /// # Errors
    /// If the kernel refuses, except because there is no such hook.
    pub(super) fn filters(&mut self, hook: Parent) -> io::Result<Vec<Filter>> {
        let request = RouteNetlinkMessage::GetTrafficFilter(hook.message());
        let listed = self.0.list(request, |message| match message.kind {
            RTM_NEWTFILTER => filter(message.payload),
            _ => None,
        });
        match listed {
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            other => other,
        }
    }

    /// Returns the filter in this place, if there is one.
    ///
    /// # Errors
    /// If the kernel refuses, except because there is none.
    pub(super) fn filter(
        &mut self,
        place: Place,
    ) -> io::Result<Option<Filter>> {
        let mut found = None;
        let request = RouteNetlinkMessage::GetTrafficFilter(place.message());
        let asked = self.0.ask(request, NLM_F_ACK, |message| {
            if message.kind == RTM_NEWTFILTER {
                found = filter(message.payload);
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
    /// If the kernel refuses: with EEXIST if the place is taken.
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
        self.0.ask(request, flags, |_| {})
    }

    /// Removes the filter in this place.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn delete_filter(&mut self, place: Place) -> io::Result<()> {
        let request = RouteNetlinkMessage::DelTrafficFilter(place.message());
        self.0.ask(request, NLM_F_ACK, |_| {})
    }
}

/// Returns whether the kernel says that there is no such filter, hook (kernels
/// differ) or device.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOENT | libc::EINVAL | libc::ENODEV)
    )
}
