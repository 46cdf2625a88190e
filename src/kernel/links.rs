//! Attaches programs to devices, and checks that they are still attached.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::clsact::{Clsact, Filters};
use super::error::Error;
use super::interfaces::{Interface, LinkLayer};
use super::pins::Pins;
use super::sys;
use crate::accounting::{Direction, InterfaceId};

/// The kind of hook that programs are attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// TCX links, which end with the process however it ends.
    Tcx,
    /// Filters on a clsact qdisc.
    Clsact,
}

impl Hook {
    /// Returns the name as the documents write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        }
    }
}

/// The method of attaching that this kernel has.
pub(super) enum Method {
    Tcx,
    Clsact(Arc<Clsact>),
}

/// The programs for both directions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub(super) ingress: BorrowedFd<'a>,
    pub(super) egress: BorrowedFd<'a>,
}

/// The programs for every kind of device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Programs<'a> {
    pub(super) ethernet: Pair<'a>,
    pub(super) none: Pair<'a>,
}

impl<'a> Programs<'a> {
    pub(super) fn of(self, link_layer: LinkLayer) -> Pair<'a> {
        match link_layer {
            LinkLayer::Ethernet => self.ethernet,
            LinkLayer::None => self.none,
        }
    }
}

/// Both programs on one device. Dropping it detaches them, unless they are
/// pinned.
#[derive(Debug)]
pub(super) struct Links {
    ifindex: u32,
    on: On,
}

#[derive(Debug)]
enum On {
    Tcx { ingress: Link, egress: Link },
    Clsact(Filters),
}

#[derive(Debug)]
struct Link {
    /// The open link: closing it detaches.
    fd: OwnedFd,
    id: u32,
}

impl Method {
    /// Finds the kernel's method, in the calling thread's network namespace.
    ///
    /// # Errors
    /// If the kernel does not answer, for lack of a capability or otherwise.
    pub(super) fn find() -> Result<Self, Error> {
        let has_tcx = has_tcx(sys::tcx_links(NO_DEVICE, Direction::Received))
            .map_err(|source| {
            Error::call("ask the kernel for TCX", source)
        })?;
        match has_tcx {
            true => Ok(Self::Tcx),
            false => Clsact::open().map(Self::Clsact),
        }
    }

    pub(super) fn hook(&self) -> Hook {
        match self {
            Self::Tcx => Hook::Tcx,
            Self::Clsact(_) => Hook::Clsact,
        }
    }

    /// Returns the notices since the last call.
    pub(super) fn take_notices(&self) -> Vec<String> {
        match self {
            Self::Tcx => Vec::new(),
            Self::Clsact(clsact) => clsact.take_notices(),
        }
    }

    /// Attaches to the device that has this ifindex and this name, and to no
    /// other: a device may have gone, and another may have its number, since
    /// the kernel reported it.
    ///
    /// # Errors
    /// If the kernel refuses; [`Error::is_gone`] if the device is another.
    pub(super) fn attach(
        &self,
        interface: &Interface,
        programs: Pair<'_>,
    ) -> Result<Links, Error> {
        // Attaching takes long; asking for the name does not.
        check_name(interface)?;
        let attached = match self {
            Self::Tcx => On::tcx(interface, programs),
            Self::Clsact(clsact) => clsact
                .attach(interface, programs.ingress, programs.egress)
                .map(On::Clsact),
        };
        // If it failed, the device may be the reason.
        check_name(interface)?;
        let links = Links { ifindex: interface.ifindex, on: attached? };
        // Links and filters do not move: if both are still on the device with
        // this number, this device was the one just asked for its name.
        match links.are_attached() {
            true => Ok(links),
            false => Err(Error::Replaced { name: interface.name }),
        }
    }
}

impl Links {
    /// Takes over the links that an earlier process pinned for a number, if
    /// both are on this device, and makes them run these programs. Otherwise
    /// they run no program any more.
    pub(super) fn adopt(
        pins: &Pins,
        id: InterfaceId,
        ifindex: u32,
        programs: Pair<'_>,
    ) -> Option<Self> {
        let adopt = |direction, program| {
            let fd = pins.link(id, direction)?;
            let link = Link { id: sys::link_info(fd.as_fd())?.id, fd };
            sys::update_link(link.fd.as_fd(), program).inspect_err(|_| {
                let _ = sys::detach_link(link.fd.as_fd());
            })?;
            Ok::<_, io::Error>(link)
        };
        let ingress = adopt(Direction::Received, programs.ingress);
        let egress = adopt(Direction::Sent, programs.egress);
        let (ingress, egress) = match (ingress, egress) {
            (Ok(ingress), Ok(egress)) => (ingress, egress),
            (one, other) => {
                for link in [one, other].into_iter().flatten() {
                    let _ = sys::detach_link(link.fd.as_fd());
                }
                unpin(pins, id);
                return None;
            }
        };
        let links = Self { ifindex, on: On::Tcx { ingress, egress } };
        if links.are_attached() {
            return Some(links);
        }
        links.detach(Some(pins), id);
        None
    }

    /// Makes the links stay when the process ends.
    ///
    /// # Errors
    /// If the kernel refuses; the links then end with the process.
    pub(super) fn pin(&self, pins: &Pins, id: InterfaceId) -> io::Result<()> {
        let On::Tcx { ingress, egress } = &self.on else { return Ok(()) };
        let both = [(ingress, Direction::Received), (egress, Direction::Sent)];
        let pinned = both.into_iter().try_for_each(|(link, direction)| {
            pins.keep_link(id, direction, link.fd.as_fd())
        });
        pinned.inspect_err(|_| unpin(pins, id))
    }

    /// Detaches the links, including pinned ones.
    pub(super) fn detach(self, pins: Option<&Pins>, id: InterfaceId) {
        if let (On::Tcx { ingress, egress }, Some(pins)) = (&self.on, pins) {
            for link in [ingress, egress] {
                // If the device is gone, so is the link from its hook.
                let _ = sys::detach_link(link.fd.as_fd());
            }
            unpin(pins, id);
        }
    }

    /// Returns the number of the device they were attached to.
    pub(super) fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// Returns whether the device that has the number now is the one they were
    /// attached to, and they still are. A deleted device took them with it. A
    /// device that was moved to another network namespace, where it may have
    /// the same number, kept its links, but is not found here. If the kernel
    /// does not answer, they are assumed to be there: they go on counting, and
    /// the next list of devices asks again.
    pub(super) fn are_attached(&self) -> bool {
        let (ingress, egress) = match &self.on {
            On::Tcx { ingress, egress } => (ingress, egress),
            On::Clsact(filters) => return filters.are_attached(),
        };
        let is_on = |link: &Link, direction| match sys::tcx_links(
            self.ifindex,
            direction,
        ) {
            Ok(links) => links.contains(&link.id),
            // Only CAP_NET_ADMIN sees a hook. Everybody sees a link.
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                sys::link_info(link.fd.as_fd())
                    .map_or(true, |info| info.ifindex == self.ifindex)
            }
            Err(error) => error.raw_os_error() != Some(libc::ENODEV),
        };
        is_on(ingress, Direction::Received) && is_on(egress, Direction::Sent)
    }
}

impl On {
    fn tcx(interface: &Interface, programs: Pair<'_>) -> Result<Self, Error> {
        let link = |program, direction| {
            link(program, interface.ifindex, direction).map_err(|source| {
                let name = &interface.name;
                Error::call(format!("attach to interface {name}"), source)
            })
        };
        Ok(Self::Tcx {
            ingress: link(programs.ingress, Direction::Received)?,
            egress: link(programs.egress, Direction::Sent)?,
        })
    }
}

fn unpin(pins: &Pins, id: InterfaceId) {
    for direction in [Direction::Received, Direction::Sent] {
        pins.drop_link(id, direction);
    }
}

/// An ifindex that hardly any device has: the kernel counts up from 1.
const NO_DEVICE: u32 = i32::MAX.cast_unsigned();

/// Returns whether the kernel has TCX, judged by its answer to a query of the
/// TCX hook of a device. An older kernel, or one that was built without TCX,
/// refuses the query; another one looks for the device first.
fn has_tcx(answer: io::Result<Vec<u32>>) -> io::Result<bool> {
    match answer.as_ref().map_err(io::Error::raw_os_error) {
        Ok(_) | Err(Some(libc::ENODEV | libc::ENOENT)) => Ok(true),
        Err(Some(libc::EINVAL | libc::EOPNOTSUPP)) => Ok(false),
        Err(_) => answer.map(|_| true),
    }
}

fn link(
    program: BorrowedFd<'_>,
    ifindex: u32,
    direction: Direction,
) -> io::Result<Link> {
    let fd = sys::attach_tcx(program, ifindex, direction)?;
    let id = sys::link_info(fd.as_fd())?.id;
    Ok(Link { fd, id })
}

fn check_name(interface: &Interface) -> Result<(), Error> {
    match sys::interface_name(interface.ifindex) {
        Ok(name) if name == interface.name => Ok(()),
        Ok(_) => Err(Error::Replaced { name: interface.name }),
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            Err(Error::Replaced { name: interface.name })
        }
        Err(error) => Err(Error::call(
            format!("ask for the name of interface {}", interface.name),
            error,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_has_tcx_if_it_looks_for_the_device() {
        let error = |code| Err(io::Error::from_raw_os_error(code));
        assert!(has_tcx(error(libc::ENODEV)).unwrap());
        assert!(has_tcx(Ok(vec![])).unwrap());
        assert!(!has_tcx(error(libc::EINVAL)).unwrap());
        for unclear in [libc::EPERM, libc::ENOMEM, libc::EFAULT] {
            let error = has_tcx(error(unclear)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(unclear));
        }
    }
}
