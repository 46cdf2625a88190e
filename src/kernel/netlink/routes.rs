//! Follows the default routes of this network namespace.
//!
//! Runs on the interfaces thread.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::RawFd;

use netlink_packet_route::route::{RouteHeader, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::message::{attributes, number};
use super::{Events, Requests, is_overrun};

/// Numbers of rtnetlink(7).
const RTNLGRP_IPV4_ROUTE: u32 = 7;
const RTNLGRP_IPV6_ROUTE: u32 = 11;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTA_OIF: u16 = 4;
const RTA_MULTIPATH: u16 = 9;

/// `struct rtmsg` and `struct rtnexthop`.
const ROUTE_HEADER_LENGTH: usize = 12;
const HOP_LENGTH: usize = 8;

/// The routing table that is used unless a rule names another one.
const MAIN_TABLE: u8 = RouteHeader::RT_TABLE_MAIN;

/// `RTN_UNICAST`: a route that leads somewhere.
const LEADS_SOMEWHERE: u8 = 1;

/// `RTNH_F_DEAD`: the device of the hop is down, and the hop is not used.
const IS_DEAD: u8 = 1;

/// The default routes of this thread's network namespace.
#[derive(Debug)]
pub(super) struct DefaultRoutes {
    events: Events,
}

impl DefaultRoutes {
    /// Subscribes to changes.
    pub(super) fn open() -> io::Result<Self> {
        let groups = [RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE];
        let events = Events::subscribe(NETLINK_ROUTE, &groups)?;
        Ok(Self { events })
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.events.descriptor()
    }

    /// Reads all waiting changes, and returns whether one was of a default
    /// route, or may have been.
    pub(super) fn have_changed(&mut self) -> io::Result<bool> {
        let mut have_changed = false;
        let read = self.events.read(|message| {
            have_changed |= matches!(message.kind, RTM_NEWROUTE | RTM_DELROUTE)
                && Route::read(message.payload).is_some_and(|it| it.is_default);
        });
        match read {
            Err(lost) if is_overrun(&lost) => {
                self.events.discard()?;
                Ok(true)
            }
            other => other.map(|()| have_changed),
        }
    }

    /// Returns the devices that default routes lead to.
    pub(super) fn list(&self) -> io::Result<BTreeSet<u32>> {
        let mut requests =
            Requests::open(NETLINK_ROUTE)?.with_strict_lists()?;
        let mut devices = BTreeSet::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            request.header.table = MAIN_TABLE;
            let request = RouteNetlinkMessage::GetRoute(request);
            let listed = requests.list(request, |message| {
                let route = match message.kind {
                    RTM_NEWROUTE => Route::read(message.payload)?,
                    _ => return None,
                };
                route.is_default.then(|| route.devices())
            });
            match listed {
                Ok(listed) => devices.extend(listed.into_iter().flatten()),
                // The kernel makes the table for its first route
                // (inet_dump_fib() in net/ipv4/fib_frontend.c).
                Err(none) if none.raw_os_error() == Some(libc::ENOENT) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(devices)
    }
}

/// A route in a message.
struct Route<'a> {
    is_default: bool,
    attributes: &'a [u8],
}

impl<'a> Route<'a> {
    fn read(payload: &'a [u8]) -> Option<Self> {
        let [
            _family,
            to_length,
            from_length,
            _tos,
            table,
            _protocol,
            _scope,
            kind,
            ..,
        ] = *payload.first_chunk::<ROUTE_HEADER_LENGTH>()?;
        let is_default = to_length == 0
            && from_length == 0
            && table == MAIN_TABLE
            && kind == LEADS_SOMEWHERE;
        let attributes = &payload[ROUTE_HEADER_LENGTH..];
        Some(Self { is_default, attributes })
    }

    /// Returns the devices that it leads to: several if it has several hops.
    fn devices(&self) -> Vec<u32> {
        let mut devices = Vec::new();
        for (kind, value) in attributes(self.attributes) {
            match kind {
                RTA_OIF => devices.extend(number(value)),
                RTA_MULTIPATH => devices.extend(hops(value)),
                _ => {}
            }
        }
        devices
    }
}

/// Returns the devices of a list of `struct rtnexthop`.
fn hops(mut list: &[u8]) -> Vec<u32> {
    let mut devices = Vec::new();
    while let Some(&[low, high, flags, ..]) = list.first_chunk::<HOP_LENGTH>() {
        if flags & IS_DEAD == 0 {
            devices.extend(list.get(4..).and_then(number));
        }
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let length = length.max(HOP_LENGTH).next_multiple_of(4);
        list = list.get(length..).unwrap_or_default();
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::attribute_of as attribute;
    use super::*;

    fn hop(ifindex: u32, flags: u8, gateway: &[u8]) -> Vec<u8> {
        let length = u16::try_from(HOP_LENGTH + gateway.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend([flags, 0]);
        bytes.extend(ifindex.to_ne_bytes());
        bytes.extend(gateway);
        bytes
    }

    fn route(
        [to_length, table, kind]: [u8; 3],
        attributes: &[Vec<u8>],
    ) -> Vec<u8> {
        let mut bytes = vec![2, to_length, 0, 0, table, 3, 0, kind, 0, 0, 0, 0];
        bytes.extend(attributes.concat());
        bytes
    }

    #[test]
    fn a_default_route_leads_to_its_device_or_to_several() {
        let plain = route(
            [0, 254, 1],
            &[
                attribute(5, &[192, 0, 2, 1]),
                attribute(4, &7_u32.to_ne_bytes()),
            ],
        );
        let read = Route::read(&plain).unwrap();
        assert!(read.is_default);
        assert_eq!(read.devices(), [7]);

        let gateway = attribute(5, &[192, 0, 2, 1]);
        let hops = [hop(3, 0, &gateway), hop(5, 1, &[]), hop(4, 16, &[])];
        let hops = hops.concat();
        let several = route([0, 254, 1], &[attribute(9, &hops)]);
        assert_eq!(Route::read(&several).unwrap().devices(), [3, 4]);
    }

    #[test]
    fn other_routes_are_no_default_routes() {
        for other in [[24, 254, 1], [0, 100, 1], [0, 254, 7]] {
            let route = route(other, &[]);
            assert!(!Route::read(&route).unwrap().is_default, "{other:?}");
        }
    }

    #[test]
    fn a_message_that_is_cut_off_names_no_device_that_is_not_there() {
        let hops = [hop(3, 0, &[]), hop(4, 0, &[])].concat();
        let whole = route([0, 254, 1], &[attribute(9, &hops)]);
        for length in 0..whole.len() {
            let Some(route) = Route::read(&whole[..length]) else { continue };
            assert!(route.devices().iter().all(|it| [3, 4].contains(it)));
        }
    }
}
