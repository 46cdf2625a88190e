//! Follows the network devices of this namespace through rtnetlink(7).
//!
//! Runs on the interfaces thread.

pub(super) mod message;
mod routes;

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use netlink_packet_core::NlasIterator;
use netlink_packet_route::link::{
    LinkAttribute, LinkExtentMask, LinkFlags, LinkHeader, LinkLayerType,
    LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

use super::error::Error;
use super::ipsec::IpsecWatch;
use super::{
    FollowInterfaces, Interface, InterfaceName, LinkLayer, SteerNews, sys,
};
use message::{DATAGRAM, dump, for_each_message};
use routes::DefaultRoutes;

/// Numbers of rtnetlink(7).
const RTNLGRP_LINK: u32 = 1;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const IFLA_IFNAME: u16 = 3;
/// Only of a device on a bus, since Linux 5.14.
const IFLA_PARENT_DEV_BUS_NAME: u16 = 57;

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
    /// These devices have a default route. Only told where that was asked for
    /// and no device is on a bus.
    DefaultRoutes(BTreeSet<u32>),
}

/// Waits for events. The first is always a list of all devices.
#[derive(Debug)]
pub struct InterfaceMonitor {
    events: Socket,
    ipsec: Option<IpsecWatch>,
    /// Each byte says whether default routes are wanted, and the end that
    /// nothing is wanted any more.
    orders: UnixStream,
    buffer: Vec<u8>,
    list_now: bool,
    has_failed: bool,
    are_routes_wanted: bool,
    /// Devices on a bus, by ifindex.
    on_bus: BTreeSet<u32>,
    /// Where default routes matter.
    routes: Option<DefaultRoutes>,
}

/// Tells a monitor what is wanted of it. Dropping it ends the waiting.
#[derive(Debug)]
pub struct MonitorOrders(UnixStream);

impl SteerNews for MonitorOrders {
    fn want_default_routes(&self, are_wanted: bool) {
        // It fails where the monitor is gone, and nobody is told anything.
        let _ = (&self.0).write(&[u8::from(are_wanted)]);
    }
}

impl InterfaceMonitor {
    /// Subscribes to the events of this thread's network namespace, and
    /// watches for IPsec meanwhile.
    ///
    /// # Errors
    /// Where the kernel refuses the socket.
    pub fn open(
        ipsec: Option<IpsecWatch>,
    ) -> Result<(Self, MonitorOrders), Error> {
        let opened = (|| {
            let mut events = Socket::new(NETLINK_ROUTE)?;
            events.bind_auto()?;
            events.set_rx_buf_sz(RECEIVE_BUFFER)?;
            events.add_membership(RTNLGRP_LINK)?;
            events.set_non_blocking(true)?;
            let (orders, giver) = UnixStream::pair()?;
            orders.set_nonblocking(true)?;
            let monitor = Self {
                events,
                ipsec,
                orders,
                buffer: Vec::with_capacity(DATAGRAM),
                list_now: true,
                has_failed: false,
                are_routes_wanted: false,
                on_bus: BTreeSet::new(),
                routes: None,
            };
            Ok((monitor, MonitorOrders(giver)))
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
    /// Waits for something to happen, and returns it, or `None` once nothing is
    /// wanted any more.
    fn try_next(&mut self) -> io::Result<Option<Vec<InterfaceEvent>>> {
        let mut have_routes_changed = false;
        let orders = self.orders.as_raw_fd();
        if std::mem::take(&mut self.has_failed) {
            sys::wait_readable([orders], RETRY_INTERVAL)?;
            self.discard()?;
            self.list_now = true;
            // They may be what failed.
            self.routes = None;
        } else if !self.list_now {
            let events = self.events.as_raw_fd();
            let routes = self.routes.as_ref().map_or(-1, |it| it.as_raw_fd());
            let ipsec = self.ipsec.as_ref().map_or(-1, IpsecWatch::descriptor);
            let waited = sys::wait_readable(
                [events, orders, routes, ipsec],
                RELIST_INTERVAL,
            )?;
            self.list_now = waited == [false; 4];
            if let Some(ipsec) = &mut self.ipsec {
                match self.list_now {
                    true => ipsec.look_for_others(),
                    false => ipsec.look(),
                }
            }
            if waited[2]
                && let Some(routes) = &mut self.routes
            {
                have_routes_changed = routes.have_changed()?;
            }
        }
        if self.take_orders()?.is_none() {
            return Ok(None);
        }
        let mut events = if std::mem::take(&mut self.list_now) {
            self.listed()?
        } else {
            match self.drain() {
                Err(lost) if is_overrun(&lost) => {
                    self.discard()?;
                    self.listed()?
                }
                drained => drained?,
            }
        };
        self.look_for_buses(&events);
        // A device that goes down takes its IPv4 routes along, and the kernel
        // does not tell of each (fib_sync_down_dev() in net/ipv4).
        let may_have_changed = have_routes_changed || !events.is_empty();
        events.extend(self.default_routes(may_have_changed)?);
        Ok(Some(events))
    }

    /// Reads what is wanted now, or `None` where that is nothing.
    fn take_orders(&mut self) -> io::Result<Option<()>> {
        let mut orders = [0; 16];
        loop {
            match self.orders.read(&mut orders) {
                Ok(0) => return Ok(None),
                Ok(count) => self.are_routes_wanted = orders[count - 1] != 0,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(Some(())),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }

    /// Takes note of which devices are on a bus.
    fn look_for_buses(&mut self, events: &[InterfaceEvent]) {
        let note = |on_bus: &mut BTreeSet<u32>, interface: &Interface| {
            match interface.is_on_bus {
                true => on_bus.insert(interface.ifindex),
                false => on_bus.remove(&interface.ifindex),
            };
        };
        for event in events {
            match event {
                InterfaceEvent::Listed(all) => {
                    self.on_bus.clear();
                    for interface in all {
                        note(&mut self.on_bus, interface);
                    }
                }
                InterfaceEvent::Changed(one) => note(&mut self.on_bus, one),
                InterfaceEvent::Gone(ifindex) => {
                    self.on_bus.remove(ifindex);
                }
                InterfaceEvent::DefaultRoutes(_) => {}
            }
        }
    }

    /// Returns the default routes, where they matter and may be others.
    fn default_routes(
        &mut self,
        may_have_changed: bool,
    ) -> io::Result<Option<InterfaceEvent>> {
        if !self.are_routes_wanted || !self.on_bus.is_empty() {
            self.routes = None;
            return Ok(None);
        }
        let routes = match &mut self.routes {
            Some(_) if !may_have_changed => return Ok(None),
            Some(routes) => routes,
            // Before they are listed, so that no change is missed.
            routes @ None => routes.insert(DefaultRoutes::open()?),
        };
        Ok(Some(InterfaceEvent::DefaultRoutes(routes.list()?)))
    }
}

impl FollowInterfaces for InterfaceMonitor {
    fn next(&mut self) -> Result<Option<Vec<InterfaceEvent>>, Error> {
        self.try_next().map_err(|source| {
            self.has_failed = true;
            Error::call("read network interfaces over netlink", source)
        })
    }

    fn found_ipsec(&mut self) -> bool {
        self.ipsec.take_if(|ipsec| ipsec.is_over()).is_some()
    }
}

/// Returns whether the kernel had to drop events.
fn is_overrun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

/// Lists all devices.
fn list(buffer: &mut Vec<u8>) -> io::Result<Vec<Interface>> {
    let mut link = LinkMessage::default();
    // Statistics are most of an answer, and not wanted.
    link.attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    let mut interfaces = Vec::new();
    let request = RouteNetlinkMessage::GetLink(link);
    dump(request, false, buffer, |kind, payload| {
        if let Some(InterfaceEvent::Changed(interface)) = event(kind, payload) {
            interfaces.push(interface);
        }
    })?;
    Ok(interfaces)
}

/// Reads one message. Only the header, the name and the bus are looked at, so that an
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
    let (mut name, mut is_on_bus) = (None, false);
    for attribute in NlasIterator::new(attributes).flatten() {
        match attribute.kind() {
            IFLA_IFNAME => name = Some(InterfaceName::new(attribute.value())),
            IFLA_PARENT_DEV_BUS_NAME => is_on_bus = true,
            _ => {}
        }
    }
    Some(InterfaceEvent::Changed(Interface {
        ifindex: header.index,
        name: name?,
        link_layer: link_layer(header.link_layer_type),
        is_up: header.flags.contains(LinkFlags::Up),
        is_running: header.flags.contains(LinkFlags::Running),
        is_loopback: header.flags.contains(LinkFlags::Loopback),
        is_on_bus,
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
            is_on_bus: false,
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
        let (mut monitor, stopper) = InterfaceMonitor::open(None).unwrap();
        let events = monitor.next().unwrap().unwrap();
        let [InterfaceEvent::Listed(list)] = events.as_slice() else {
            panic!("the first event is no list: {events:?}");
        };
        assert!(list.iter().any(|i| &i.name == "lo" && i.is_loopback));
        drop(stopper);
        assert_eq!(monitor.next().unwrap(), None);
    }
}
