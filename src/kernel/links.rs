//! The two links of one attachment, and whether they are where they belong.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use super::error::Error;
use super::{Interface, sys};
use crate::accounting::Direction;

/// Both programs on one device. Dropping it detaches them.
pub(super) struct Links {
    ifindex: u32,
    ingress: Link,
    egress: Link,
}

struct Link {
    /// Kept open: closing it detaches.
    _fd: OwnedFd,
    id: u32,
}

impl Links {
    /// Attaches to the device that has this ifindex and this name, and to no
    /// other: a device may have gone, and another may have its number, since
    /// the kernel told of it.
    ///
    /// # Errors
    /// [`Error::is_gone`] where it is another device by now.
    pub(super) fn attach(
        interface: &Interface,
        ingress: BorrowedFd<'_>,
        egress: BorrowedFd<'_>,
    ) -> Result<Self, Error> {
        let error = |source| {
            let name = &interface.name;
            Error::call(format!("attach to interface {name}"), source)
        };
        // Attaching takes long, asking for the name does not.
        check_name(interface)?;
        let links = Self {
            ifindex: interface.ifindex,
            ingress: link(ingress, interface.ifindex, Direction::Received)
                .map_err(error)?,
            egress: link(egress, interface.ifindex, Direction::Sent)
                .map_err(error)?,
        };
        check_name(interface)?;
        // A link never moves: if both are still on the device with this
        // number, it was this device that was just asked for its name.
        match links.are_attached() {
            true => Ok(links),
            false => Err(Error::Replaced { name: interface.name.clone() }),
        }
    }

    /// Returns the number of the device they were attached to.
    pub(super) fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// Returns whether the device that has the number now is the one they were
    /// attached to. One that was deleted took its links with it; one that was
    /// moved to another network namespace, where it may have the same number,
    /// kept them, but is not found here.
    pub(super) fn are_attached(&self) -> bool {
        let is_on = |link: &Link, direction| {
            sys::tcx_links(self.ifindex, direction)
                .is_ok_and(|links| links.contains(&link.id))
        };
        is_on(&self.ingress, Direction::Received)
            && is_on(&self.egress, Direction::Sent)
    }
}

fn link(
    program: BorrowedFd<'_>,
    ifindex: u32,
    direction: Direction,
) -> io::Result<Link> {
    let fd = sys::attach_tcx(program, ifindex, direction)?;
    let id = sys::link_id(fd.as_fd())?;
    Ok(Link { _fd: fd, id })
}

fn check_name(interface: &Interface) -> Result<(), Error> {
    match sys::interface_name(interface.ifindex) {
        Ok(name) if name == interface.name => Ok(()),
        Ok(_) => Err(Error::Replaced { name: interface.name.clone() }),
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            Err(Error::Replaced { name: interface.name.clone() })
        }
        Err(error) => Err(Error::call(
            format!("ask for the name of interface {}", interface.name),
            error,
        )),
    }
}
