//! Messages about network devices. Only some attributes are read, so that an
//! attribute of a newer kernel cannot make a device invisible.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use netlink_packet_route::link::{
    LinkAttribute, LinkExtentMask, LinkFlags, LinkHeader, LinkLayerType,
    LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::InterfaceEvent;
use super::message::{Message, attribute, attributes, number, text};
use crate::kernel::interfaces::{Interface, LinkLayer, Relations};
use crate::kernel::name::InterfaceName;

/// Numbers of linux/rtnetlink.h and linux/if_link.h.
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_LINK_NETNSID: u16 = 37;
/// Only of a device on a bus, since Linux 5.14.
const IFLA_PARENT_DEV_BUS_NAME: u16 = 57;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_VXLAN_LINK: u16 = 3;

/// `struct ifinfomsg`.
const HEADER_LENGTH: usize = 16;

/// Returns the request for all devices.
pub(super) fn request() -> RouteNetlinkMessage {
    let mut link = LinkMessage::default();
    // Statistics are most of an answer, and not needed.
    link.attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    RouteNetlinkMessage::GetLink(link)
}

/// Reads one message.
pub(super) fn event(message: Message<'_>) -> Option<InterfaceEvent> {
    let Message { kind, payload, .. } = message;
    if kind != RTM_NEWLINK && kind != RTM_DELLINK {
        return None;
    }
    let header = LinkHeader::parse(payload).ok()?;
    // A bridge uses the same messages for a port that joined or left it.
    if header.interface_family != AddressFamily::Unspec {
        return None;
    }
    if kind == RTM_DELLINK {
        return Some(InterfaceEvent::Gone(header.index));
    }
    let (mut name, mut is_on_bus) = (None, false);
    let mut relations = Relations::default();
    let mut is_lower_elsewhere = false;
    for (kind, value) in attributes(payload.get(HEADER_LENGTH..)?) {
        match kind {
            IFLA_IFNAME => name = Some(InterfaceName::new(value)),
            IFLA_PARENT_DEV_BUS_NAME => is_on_bus = true,
            IFLA_MASTER => relations.master = device(value),
            IFLA_LINK => relations.lower = device(value),
            IFLA_LINK_NETNSID => is_lower_elsewhere = true,
            IFLA_LINKINFO => {
                relations.kind = attribute(value, IFLA_INFO_KIND).map(text);
                relations.lower = relations.lower.or_else(|| vxlan(value));
            }
            _ => {}
        }
    }
    if is_lower_elsewhere {
        // The number belongs to another network namespace.
        relations.lower = None;
    }
    Some(InterfaceEvent::Changed(Interface {
        ifindex: header.index,
        name: name?,
        link_layer: link_layer(header.link_layer_type),
        is_up: header.flags.contains(LinkFlags::Up),
        is_running: header.flags.contains(LinkFlags::Running),
        is_loopback: header.flags.contains(LinkFlags::Loopback),
        is_on_bus,
        relations,
    }))
}

/// Reads an ifindex: zero stands for no device, as of a tunnel that is bound to
/// none.
fn device(value: &[u8]) -> Option<u32> {
    number(value).filter(|&ifindex| ifindex != 0)
}

/// Returns the lower device of a vxlan device, which the kernel shows only
/// among the settings of that kind.
fn vxlan(link_info: &[u8]) -> Option<u32> {
    let is_vxlan = attribute(link_info, IFLA_INFO_KIND)
        .is_some_and(|kind| text(kind) == "vxlan");
    let settings =
        is_vxlan.then(|| attribute(link_info, IFLA_INFO_DATA)).flatten()?;
    attribute(settings, IFLA_VXLAN_LINK).and_then(device)
}

/// The kernel gives a program an skb that begins with the link-layer header if
/// the device has one. ARPHRD_LOOPBACK has an Ethernet header too.
fn link_layer(kind: LinkLayerType) -> LinkLayer {
    match kind {
        LinkLayerType::Ether | LinkLayerType::Loopback => LinkLayer::Ethernet,
        _ => LinkLayer::None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::messages;
    use super::super::message::tests::{attribute_of, written};
    use super::*;

    fn message(kind: u16, family: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut payload = vec![family, 0];
        payload.extend(1_u16.to_ne_bytes());
        payload.extend(7_i32.to_ne_bytes());
        payload.extend((libc::IFF_UP | libc::IFF_RUNNING).to_ne_bytes());
        payload.extend(0_u32.to_ne_bytes());
        payload.extend(attributes.concat());
        written(kind, 0, 0, &payload)
    }

    fn name(name: &[u8]) -> Vec<u8> {
        attribute_of(IFLA_IFNAME, &[name, b"\0"].concat())
    }

    fn ifindex(kind: u16, ifindex: u32) -> Vec<u8> {
        attribute_of(kind, &ifindex.to_ne_bytes())
    }

    fn info(kind: &[u8], settings: &[Vec<u8>]) -> Vec<u8> {
        let kind = attribute_of(IFLA_INFO_KIND, &[kind, b"\0"].concat());
        let settings = attribute_of(IFLA_INFO_DATA, &settings.concat());
        attribute_of(IFLA_LINKINFO, &[kind, settings].concat())
    }

    fn events(datagram: &[u8]) -> Vec<InterfaceEvent> {
        messages(datagram).filter_map(event).collect()
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
            relations: Relations::default(),
        }
    }

    fn relations(attributes: &[Vec<u8>]) -> Relations {
        let attributes = [&[name(b"eth0")], attributes].concat();
        match events(&message(RTM_NEWLINK, 0, &attributes)).as_slice() {
            [InterfaceEvent::Changed(device)] => device.relations.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_device_is_read_with_its_name_and_state() {
        assert_eq!(
            events(&message(RTM_NEWLINK, 0, &[name(b"eth0")])),
            [InterfaceEvent::Changed(eth0())]
        );
    }

    #[test]
    fn several_messages_of_one_datagram_are_read_in_order() {
        let mut datagram = message(RTM_DELLINK, 0, &[name(b"x")]);
        datagram.extend(message(RTM_NEWLINK, 0, &[name(b"eth0")]));
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
        let left = message(RTM_DELLINK, bridge, &[name(b"eth0")]);
        assert_eq!(events(&left), []);
    }

    #[test]
    fn a_message_that_is_cut_off_is_left_out() {
        let whole = message(RTM_NEWLINK, 0, &[name(b"eth0")]);
        for length in 0..whole.len() - 4 {
            assert_eq!(events(&whole[..length]), [], "{length} bytes");
        }
    }

    #[test]
    fn a_device_is_read_with_its_master_its_lower_device_and_its_kind() {
        let vlan = [
            ifindex(IFLA_LINK, 3),
            ifindex(IFLA_MASTER, 9),
            info(b"vlan", &[]),
        ];
        let expected = Relations {
            master: Some(9),
            lower: Some(3),
            kind: Some("vlan".into()),
        };
        assert_eq!(relations(&vlan), expected);
        let unbound = [ifindex(IFLA_LINK, 0), info(b"ipip", &[])];
        assert_eq!(relations(&unbound).lower, None);
    }

    #[test]
    fn a_number_of_another_network_namespace_names_no_lower_device() {
        let below = ifindex(IFLA_LINK, 3);
        let elsewhere = ifindex(IFLA_LINK_NETNSID, 0);
        for order in [[&below, &elsewhere], [&elsewhere, &below]] {
            assert_eq!(relations(&order.map(Clone::clone)).lower, None);
        }
        let lower = [ifindex(IFLA_VXLAN_LINK, 3)];
        let vxlan = [elsewhere, info(b"vxlan", &lower)];
        assert_eq!(relations(&vxlan).lower, None);
    }

    #[test]
    fn the_lower_device_of_vxlan_is_among_its_settings() {
        let settings = [ifindex(IFLA_VXLAN_LINK, 3)];
        assert_eq!(relations(&[info(b"vxlan", &settings)]).lower, Some(3));
        assert_eq!(relations(&[info(b"vlan", &settings)]).lower, None);
        assert_eq!(relations(&[info(b"vxlan", &[])]).lower, None);
    }
}
