//! Follows which devices have a default route, where that is asked for.
//!
//! Runs on the interfaces thread.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};

use netlink_packet_core::NlasIterator;
use netlink_packet_route::route::{RouteHeader, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

use super::message::{DATAGRAM, dump, for_each_message};

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

/// The routing table that is asked without rules for another one.
const MAIN_TABLE: u8 = RouteHeader::RT_TABLE_MAIN;

/// `RTN_UNICAST`: a route that leads somewhere.
const LEADS_SOMEWHERE: u8 = 1;

/// `RTNH_F_DEAD`: the device of the hop is down, and the hop is not used.
const IS_DEAD: u8 = 1;

/// The default routes of this thread's network namespace.
#[derive(Debug)]
pub(super) struct DefaultRoutes {
    events: Socket,
    buffer: Vec<u8>,
}

impl DefaultRoutes {
    /// Subscribes to changes.
    pub(super) fn open() -> io::Result<Self> {
        let mut events = Socket::new(NETLINK_ROUTE)?;
        events.bind_auto()?;
        events.add_membership(RTNLGRP_IPV4_ROUTE)?;
        events.add_membership(RTNLGRP_IPV6_ROUTE)?;
        events.set_non_blocking(true)?;
        Ok(Self { events, buffer: Vec::with_capacity(DATAGRAM) })
    }

    pub(super) fn as_raw_fd(&self) -> RawFd {
        self.events.as_raw_fd()
    }

    /// Reads all changes that are there, and returns whether one was of a
    /// default route, or may have been.
    pub(super) fn have_changed(&mut self) -> io::Result<bool> {
        let mut have_changed = false;
        loop {
            self.buffer.clear();
            match self.events.recv(&mut self.buffer, 0) {
                Ok(_) => for_each_message(&self.buffer, |kind, payload| {
                    have_changed |= matches!(kind, RTM_NEWROUTE | RTM_DELROUTE)
                        && Route::read(payload).is_some_and(|it| it.is_default);
                    Ok(())
                })?,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Ok(have_changed),
                    io::ErrorKind::Interrupted => {}
                    // Some were lost: read what is left, and look anew.
                    _ if super::is_overrun(&error) => have_changed = true,
                    _ => return Err(error),
                },
            }
        }
    }

    /// Returns the devices that default routes lead to.
    pub(super) fn list(&mut self) -> io::Result<BTreeSet<u32>> {
        let mut devices = BTreeSet::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            request.header.table = MAIN_TABLE;
            let request = RouteNetlinkMessage::GetRoute(request);
            dump(request, true, &mut self.buffer, |kind, payload| {
                if kind == RTM_NEWROUTE
                    && let Some(route) = Route::read(payload)
                    && route.is_default
                {
                    devices.extend(route.devices());
                }
            })?;
        }
        Ok(devices)
    }
}

/// What a message says about a route.
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

    /// Returns the devices that it leads to: more than one where it has
    /// several hops to choose from.
    fn devices(&self) -> Vec<u32> {
        let mut devices = Vec::new();
        for attribute in NlasIterator::new(self.attributes).flatten() {
            let value = attribute.value();
            match attribute.kind() {
                RTA_OIF => devices.extend(number_at(value, 0)),
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
            devices.extend(number_at(list, 4));
        }
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let length = length.max(HOP_LENGTH).next_multiple_of(4);
        list = list.get(length..).unwrap_or_default();
    }
    devices
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

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
