//! Follows the network devices of this namespace through rtnetlink(7).
//!
//! Runs on the interfaces thread.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use netlink_sys::protocols::NETLINK_ROUTE;

use super::routes::DefaultRoutes;
use super::{Events, Requests, is_overrun, links};
use crate::kernel::error::Error;
use crate::kernel::interfaces::Interface;
use crate::kernel::ipsec::IpsecWatch;
use crate::kernel::news::{FollowInterfaces, SteerNews};
use crate::kernel::sys;

/// A group of rtnetlink(7).
const RTNLGRP_LINK: u32 = 1;

/// Bytes of events that the kernel holds while this thread is busy, if
/// net.core.rmem_max allows it. If there are more, events are lost, the kernel
/// says so, and all devices are listed anew.
const RECEIVE_BUFFER: usize = 1024 * 1024;

/// The time after which all devices are listed anew without an event: the
/// longest that a lost event goes unnoticed.
const RELIST_INTERVAL: Duration = Duration::from_secs(30);

/// The time from a failure, such as no free file descriptor, to the next list
/// of all devices.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Something that happened to the devices of this network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfaceEvent {
    /// The list of all devices.
    Listed(Vec<Interface>),
    /// A device appeared or changed.
    Changed(Interface),
    /// The device with this ifindex is gone.
    Gone(u32),
    /// These devices have a default route. Sent only if default routes are
    /// wanted and no device is on a bus.
    DefaultRoutes(BTreeSet<u32>),
}

/// Waits for events. The first is always a list of all devices.
#[derive(Debug)]
pub struct InterfaceMonitor {
    events: Events,
    ipsec: Option<IpsecWatch>,
    /// Bytes, each not zero if default routes are wanted. The end of the stream
    /// ends the waiting.
    orders: UnixStream,
    list_now: bool,
    has_failed: bool,
    are_routes_wanted: bool,
    /// Devices on a bus, by ifindex.
    on_bus: BTreeSet<u32>,
    /// Present while default routes matter.
    routes: Option<DefaultRoutes>,
}

/// Orders to a monitor. Dropping it ends the waiting.
#[derive(Debug)]
pub struct MonitorOrders(UnixStream);

impl SteerNews for MonitorOrders {
    fn want_default_routes(&self, are_wanted: bool) {
        // The write fails if the monitor is gone, which then reports nothing.
        let _ = (&self.0).write(&[u8::from(are_wanted)]);
    }
}

impl InterfaceMonitor {
    /// Subscribes to the events of this thread's network namespace, and
    /// watches for IPsec meanwhile.
    ///
    /// # Errors
    /// If the kernel refuses the socket.
    pub fn open(
        ipsec: Option<IpsecWatch>,
    ) -> Result<(Self, MonitorOrders), Error> {
        let opened = (|| {
            let events = Events::subscribe(NETLINK_ROUTE, &[RTNLGRP_LINK])?
                .with_room(RECEIVE_BUFFER)?;
            let (orders, giver) = UnixStream::pair()?;
            orders.set_nonblocking(true)?;
            let monitor = Self {
                events,
                ipsec,
                orders,
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

    /// Lists all devices. Waiting events are older than the list, so the caller
    /// must have read or discarded them.
    fn listed() -> io::Result<Vec<InterfaceEvent>> {
        let mut requests = Requests::open(NETLINK_ROUTE)?;
        let devices = requests.list(links::request(), |message| {
            match links::event(message) {
                Some(InterfaceEvent::Changed(interface)) => Some(interface),
                _ => None,
            }
        })?;
        Ok(vec![InterfaceEvent::Listed(devices)])
    }

    /// Reads all waiting events.
    fn drain(&mut self) -> io::Result<Vec<InterfaceEvent>> {
        let mut events = Vec::new();
        self.events.read(|message| events.extend(links::event(message)))?;
        Ok(events)
    }

    /// Waits for events, and returns them, or `None` once the orders have
    /// ended.
    fn try_next(&mut self) -> io::Result<Option<Vec<InterfaceEvent>>> {
        let mut have_routes_changed = false;
        let orders = self.orders.as_raw_fd();
        if std::mem::take(&mut self.has_failed) {
            sys::wait_readable([orders], RETRY_INTERVAL)?;
            self.events.discard()?;
            self.list_now = true;
            // The subscription to routes may be the cause.
            self.routes = None;
        } else if !self.list_now {
            let events = self.events.descriptor();
            let routes =
                self.routes.as_ref().map_or(-1, DefaultRoutes::descriptor);
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
            Self::listed()?
        } else {
            match self.drain() {
                Err(lost) if is_overrun(&lost) => {
                    self.events.discard()?;
                    Self::listed()?
                }
                drained => drained?,
            }
        };
        self.look_for_buses(&events);
        // A device that goes down loses its IPv4 routes, and the kernel does
        // not report each (fib_sync_down_dev() in net/ipv4).
        let may_have_changed = have_routes_changed || !events.is_empty();
        events.extend(self.default_routes(may_have_changed)?);
        Ok(Some(events))
    }

    /// Reads the latest order, or returns `None` if the orders have ended.
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

    /// Takes note of the devices that are on a bus.
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

    /// Returns the default routes, if they matter and may have changed.
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
            // The subscription comes before the list, so no change is missed.
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

#[cfg(test)]
mod tests {
    use super::*;

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
