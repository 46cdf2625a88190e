//! Follows the network devices of this namespace through rtnetlink(7).
//!
//! Runs on the interfaces thread.

use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NlasIterator,
};
use netlink_packet_route::link::{
    LinkAttribute, LinkExtentMask, LinkFlags, LinkHeader, LinkLayerType,
    LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

use super::error::Error;
use super::{FollowInterfaces, Interface, LinkLayer, sys};

/// Numbers of rtnetlink(7) and netlink(7).
const RTNLGRP_LINK: u32 = 1;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;
const IFLA_IFNAME: u16 = 3;

/// Room for the largest datagram: the kernel fills dumps up to 32 KiB.
pub(super) const DATAGRAM: usize = 64 * 1024;

/// What the kernel holds for us while this thread is busy, in bytes, where
/// net.core.rmem_max allows it. Beyond, events are lost, the kernel says so,
/// and all devices are listed anew.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// How long events may be missed without the kernel saying so.
const RELIST_INTERVAL: Duration = Duration::from_secs(30);

/// How long after a failure, such as no free file descriptor, all devices are
/// listed anew.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Something that happened to the devices of this network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfaceEvent {
    /// These are all the devices there are.
    Listed(Vec<Interface>),
    /// A device appeared or changed.
    Changed(Interface),
    /// The device with this ifindex is gone.
    Gone(u32),
}

/// Waits for events. The first is always a list of all devices.
#[derive(Debug)]
pub struct InterfaceMonitor {
    events: Socket,
    stop: UnixStream,
    buffer: Vec<u8>,
    list_now: bool,
    has_failed: bool,
}

impl InterfaceMonitor {
    /// Subscribes to the events of this thread's network namespace. Dropping
    /// the second half of the result ends the waiting.
    ///
    /// # Errors
    /// Where the kernel refuses the socket.
    pub fn open() -> Result<(Self, UnixStream), Error> {
        let opened = (|| {
            let mut events = Socket::new(NETLINK_ROUTE)?;
            events.bind_auto()?;
            events.set_rx_buf_sz(RECEIVE_BUFFER)?;
            events.add_membership(RTNLGRP_LINK)?;
            events.set_non_blocking(true)?;
            let (stop, stopper) = UnixStream::pair()?;
            let monitor = Self {
                events,
                stop,
                buffer: Vec::with_capacity(DATAGRAM),
                list_now: true,
                has_failed: false,
            };
            Ok((monitor, stopper))
        })();
        opened.map_err(|source| {
            Error::call("follow network interfaces over netlink", source)
        })
    }

    fn listed(&mut self) -> io::Result<Vec<InterfaceEvent>> {
        Ok(vec![InterfaceEvent::Listed(list(&mut self.buffer)?)])
    }

    /// Throws away what is there, after events were lost. It must be gone
    /// before the devices are listed: these events are older than the list,
    /// and those that would set them right are among the lost; and the kernel
    /// goes on dropping events, without saying so again, until nothing is left
    /// (NETLINK_S_CONGESTED in net/netlink/af_netlink.c).
    fn discard(&mut self) -> io::Result<()> {
        loop {
            match self.drain() {
                Ok(_) => return Ok(()),
                Err(error) if is_overrun(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads all events that are there.
    fn drain(&mut self) -> io::Result<Vec<InterfaceEvent>> {
        let mut events = Vec::new();
        loop {
            self.buffer.clear();
            match self.events.recv(&mut self.buffer, 0) {
                Ok(_) => for_each_message(&self.buffer, |kind, payload| {
                    events.extend(event(kind, payload));
                    Ok(())
                })?,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(events),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }
}

impl InterfaceMonitor {
    fn try_next(&mut self) -> io::Result<Option<Vec<InterfaceEvent>>> {
        let stop = self.stop.as_raw_fd();
        if std::mem::take(&mut self.has_failed) {
            if sys::wait_readable([stop, stop], RETRY_INTERVAL)?[0] {
                return Ok(None);
            }
            self.discard()?;
            return self.listed().map(Some);
        }
        if !self.list_now {
            let events = self.events.as_raw_fd();
            match sys::wait_readable([events, stop], RELIST_INTERVAL)? {
                [_, true] => return Ok(None),
                [true, _] => {}
                [false, false] => self.list_now = true,
            }
        }
        if std::mem::take(&mut self.list_now) {
            return self.listed().map(Some);
        }
        match self.drain() {
            Err(lost) if is_overrun(&lost) => {
                self.discard()?;
                self.listed().map(Some)
            }
            drained => drained.map(Some),
        }
    }
}

impl FollowInterfaces for InterfaceMonitor {
    fn next(&mut self) -> Result<Option<Vec<InterfaceEvent>>, Error> {
        self.try_next().map_err(|source| {
            self.has_failed = true;
            Error::call("read network interfaces over netlink", source)
        })
    }
}

/// Returns whether the kernel had to drop events.
fn is_overrun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

/// Lists all devices, over a socket of its own so that events and answers do
/// not mix.
fn list(buffer: &mut Vec<u8>) -> io::Result<Vec<Interface>> {
    // Neither bound nor connected: the sandbox lets nobody connect. The kernel
    // binds it at the first request (netlink_sendmsg() in
    // net/netlink/af_netlink.c), and is whom a socket without a peer speaks to.
    let socket = Socket::new(NETLINK_ROUTE)?;
    socket.send(&dump_request(), 0)?;

    let mut interfaces = Vec::new();
    let mut is_done = false;
    while !is_done {
        buffer.clear();
        match socket.recv(buffer, 0) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                continue;
            }
            other => other?,
        };
        for_each_message(buffer, |kind, payload| {
            match kind {
                NLMSG_DONE => is_done = true,
                NLMSG_ERROR => return Err(error_in(payload)),
                _ => {
                    if let Some(InterfaceEvent::Changed(interface)) =
                        event(kind, payload)
                    {
                        interfaces.push(interface);
                    }
                }
            }
            Ok(())
        })?;
    }
    Ok(interfaces)
}

fn dump_request() -> Vec<u8> {
    let mut link = LinkMessage::default();
    // Statistics are most of an answer, and not wanted.
    link.attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    let mut message = NetlinkMessage::new(
        NetlinkHeader::default(),
        NetlinkPayload::from(RouteNetlinkMessage::GetLink(link)),
    );
    message.header.flags = NLM_F_DUMP | NLM_F_REQUEST;
    message.finalize();
    let mut buffer = vec![0; message.buffer_len()];
    message.serialize(&mut buffer);
    buffer
}

/// Calls `on_message` with the type and the payload of each message of a
/// datagram. What is cut off is left out.
pub(super) fn for_each_message(
    mut datagram: &[u8],
    mut on_message: impl FnMut(u16, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    const ALIGNMENT: usize = 4;
    while let Ok(message) = NetlinkBuffer::new_checked(datagram) {
        on_message(message.message_type(), message.payload())?;
        let length = message.length() as usize;
        let Some(rest) = datagram.get(length.next_multiple_of(ALIGNMENT)..)
        else {
            break;
        };
        datagram = rest;
    }
    Ok(())
}

/// Returns the errno that a message of type NLMSG_ERROR begins with.
fn error_in(payload: &[u8]) -> io::Error {
    match payload.first_chunk() {
        Some(&code) => io::Error::from_raw_os_error(-i32::from_ne_bytes(code)),
        None => io::ErrorKind::UnexpectedEof.into(),
    }
}

/// Reads one message. Only the header and the name are looked at, so that an
/// attribute of a newer kernel cannot make a device invisible.
fn event(kind: u16, payload: &[u8]) -> Option<InterfaceEvent> {
    if kind != RTM_NEWLINK && kind != RTM_DELLINK {
        return None;
    }
    let header = LinkHeader::parse(payload).ok()?;
    // A bridge tells in the same words that a device joined or left it.
    if header.interface_family != AddressFamily::Unspec {
        return None;
    }
    if kind == RTM_DELLINK {
        return Some(InterfaceEvent::Gone(header.index));
    }
    let attributes = payload.get(LINK_HEADER_LENGTH..)?;
    let name = NlasIterator::new(attributes)
        .filter_map(Result::ok)
        .find(|attribute| attribute.kind() == IFLA_IFNAME)?;
    let name = name.value().split(|&byte| byte == 0).next()?;
    Some(InterfaceEvent::Changed(Interface {
        ifindex: header.index,
        name: String::from_utf8_lossy(name).into_owned(),
        link_layer: link_layer(header.link_layer_type),
        is_up: header.flags.contains(LinkFlags::Up),
        is_running: header.flags.contains(LinkFlags::Running),
        is_loopback: header.flags.contains(LinkFlags::Loopback),
    }))
}

/// `struct ifinfomsg`.
const LINK_HEADER_LENGTH: usize = 16;

/// The kernel gives a program an skb that begins with the link-layer header
/// where the device has one. ARPHRD_LOOPBACK has an Ethernet header too.
fn link_layer(kind: LinkLayerType) -> LinkLayer {
    match kind {
        LinkLayerType::Ether | LinkLayerType::Loopback => LinkLayer::Ethernet,
        _ => LinkLayer::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, family: u8, name: &[u8]) -> Vec<u8> {
        let mut payload = vec![family, 0];
        payload.extend(1_u16.to_ne_bytes());
        payload.extend(7_i32.to_ne_bytes());
        payload.extend((libc::IFF_UP | libc::IFF_RUNNING).to_ne_bytes());
        payload.extend(0_u32.to_ne_bytes());
        let length = u16::try_from(name.len() + 5).unwrap();
        payload.extend(length.to_ne_bytes());
        payload.extend(IFLA_IFNAME.to_ne_bytes());
        payload.extend(name);
        payload.push(0);
        payload.resize(payload.len().next_multiple_of(4), 0);
        let mut datagram = Vec::new();
        let length = u32::try_from(payload.len() + 16).unwrap();
        datagram.extend(length.to_ne_bytes());
        datagram.extend(kind.to_ne_bytes());
        datagram.extend([0; 10]);
        datagram.extend(payload);
        datagram
    }

    fn events(datagram: &[u8]) -> Vec<InterfaceEvent> {
        let mut events = Vec::new();
        for_each_message(datagram, |kind, payload| {
            events.extend(event(kind, payload));
            Ok(())
        })
        .unwrap();
        events
    }

    fn eth0() -> Interface {
        Interface {
            ifindex: 7,
            name: "eth0".into(),
            link_layer: LinkLayer::Ethernet,
            is_up: true,
            is_running: true,
            is_loopback: false,
        }
    }

    #[test]
    fn a_new_device_is_read_with_its_name_and_state() {
        assert_eq!(
            events(&message(RTM_NEWLINK, 0, b"eth0")),
            [InterfaceEvent::Changed(eth0())]
        );
    }

    #[test]
    fn several_messages_of_one_datagram_are_read_in_order() {
        let mut datagram = message(RTM_DELLINK, 0, b"x");
        datagram.extend(message(RTM_NEWLINK, 0, b"eth0"));
        assert_eq!(
            events(&datagram),
            [InterfaceEvent::Gone(7), InterfaceEvent::Changed(eth0())]
        );
    }

    /// `bridge` announces a port that leaves as a deleted link of its own
    /// address family; the device is still there.
    #[test]
    fn leaving_a_bridge_is_not_the_end_of_a_device() {
        let bridge = u8::try_from(libc::AF_BRIDGE).unwrap();
        assert_eq!(events(&message(RTM_DELLINK, bridge, b"eth0")), []);
    }

    #[test]
    fn a_message_that_is_cut_off_is_left_out() {
        let whole = message(RTM_NEWLINK, 0, b"eth0");
        for length in 0..whole.len() - 4 {
            assert_eq!(events(&whole[..length]), [], "{length} bytes");
        }
    }

    #[test]
    fn the_devices_of_this_machine_are_listed() {
        let (mut monitor, stopper) = InterfaceMonitor::open().unwrap();
        let events = monitor.next().unwrap().unwrap();
        let [InterfaceEvent::Listed(list)] = events.as_slice() else {
            panic!("the first event is no list: {events:?}");
        };
        assert!(list.iter().any(|i| i.name == "lo" && i.is_loopback));
        drop(stopper);
        assert_eq!(monitor.next().unwrap(), None);
    }
}
