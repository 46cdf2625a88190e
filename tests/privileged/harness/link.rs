//! Interfaces inside the tests' namespaces, and what the kernel counts on
//! them.

use std::io;
use std::ops::{Add, Sub};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use serde_json::Value;

use super::netns::Netns;
use super::process::output_of;
use super::sys;
use super::wait::{PATIENCE, await_until};

/// A hardware address.
pub(crate) type Mac = [u8; 6];

/// Returns the address of the interface of this name: locally administered,
/// the same in every run.
pub(crate) fn mac_of(name: &str) -> Mac {
    let mut mac = [2, 0, 0, 0, 0, 0];
    // The last five letters, so that `wan0` and `wan1` differ.
    for (to, from) in mac.iter_mut().skip(1).rev().zip(name.bytes().rev()) {
        *to = from;
    }
    mac
}

/// Writes a hardware address as programs read it.
pub(crate) fn mac_text(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Volume {
    /// Returns what these frames amount to on the wire.
    pub(crate) fn of<'a>(
        frames: impl IntoIterator<Item = &'a Vec<u8>>,
    ) -> Self {
        frames.into_iter().fold(Self::default(), |sum, frame| {
            sum + Self { packets: 1, bytes: frame.len() as u64 }
        })
    }

    /// Returns the volume of `count` times as much.
    pub(crate) fn times(self, count: u64) -> Self {
        Self { packets: self.packets * count, bytes: self.bytes * count }
    }
}

impl Add for Volume {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Sub for Volume {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            packets: self.packets - other.packets,
            bytes: self.bytes - other.bytes,
        }
    }
}

/// The kernel's own counters of one interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) received: Volume,
    pub(crate) sent: Volume,
    /// Packets thrown away, both ways.
    pub(crate) dropped: u64,
}

/// Reads the counters that `/sys/class/net/NAME/statistics` shows, which is
/// out of reach here: that directory shows the namespace sysfs was mounted in.
pub(crate) fn statistics(namespace: &Netns, name: &str) -> Statistics {
    let text = namespace.ip(&format!("-s -j link show dev {name}"));
    let links: Value = serde_json::from_str(&text).expect("ip writes JSON");
    let number = |direction: &str, field: &str| {
        links[0]["stats64"][direction][field]
            .as_u64()
            .unwrap_or_else(|| panic!("no {direction} {field} in {text}"))
    };
    let volume = |direction| Volume {
        packets: number(direction, "packets"),
        bytes: number(direction, "bytes"),
    };
    Statistics {
        received: volume("rx"),
        sent: volume("tx"),
        dropped: number("rx", "dropped") + number("tx", "dropped"),
    }
}

/// Connects two namespaces, which may be one, with a veth pair, both ends up
/// and without addresses.
pub(crate) fn connect(a: &Netns, a_name: &str, b: &Netns, b_name: &str) {
    a.ip(&format!(
        "link add {a_name} address {} type veth \
         peer name {b_name} address {} netns {}",
        mac_text(mac_of(a_name)),
        mac_text(mac_of(b_name)),
        b.path(),
    ));
    b.ip(&format!("link set {b_name} up"));
    set_up(a, a_name);
    await_ready(b, b_name);
}

/// Brings an interface up, whose other end is up, and waits until it carries
/// packets.
pub(crate) fn set_up(namespace: &Netns, name: &str) {
    namespace.ip(&format!("link set {name} up"));
    await_ready(namespace, name);
}

/// Waits until an interface that came up carries packets. The kernel sees to
/// that in the background; what is sent before is lost, and nobody is told.
pub(crate) fn await_ready(namespace: &Netns, name: &str) {
    await_until(PATIENCE, &format!("{name} carries packets"), || {
        let text = namespace.ip(&format!("-j link show dev {name}"));
        let links: Value = serde_json::from_str(&text).expect("ip writes JSON");
        match links[0]["qdisc"].as_str() {
            Some(qdisc) if qdisc != "noop" => Ok(()),
            _ => Err(text),
        }
    });
}

/// Switches offloads, as `ethtool -K` names them, on or off.
pub(crate) fn set_offloads(
    namespace: &Netns,
    name: &str,
    offloads: &[&str],
    on: bool,
) {
    let state = if on { "on" } else { "off" };
    let mut command = namespace.command("ethtool");
    command.args(["-K", name]);
    for offload in offloads {
        command.args([offload, state]);
    }
    output_of(&mut command);
}

/// Lets an interface send and receive super-frames of more than 64 KiB. Said
/// to the kernel itself, because `ip` learnt the half for IPv4 only in 6.3.
pub(crate) fn set_super_frame_size(namespace: &Netns, name: &str, size: u32) {
    let answer = namespace.run(|| -> io::Result<NetlinkPayload<_>> {
        let mut link = LinkMessage::default();
        link.header.index = sys::interface_index(name)?;
        link.attributes = vec![
            LinkAttribute::GsoMaxSize(size),
            LinkAttribute::GroMaxSize(size),
            LinkAttribute::GsoIpv4MaxSize(size),
            LinkAttribute::GroIpv4MaxSize(size),
        ];
        let mut request = NetlinkMessage::new(
            NetlinkHeader::default(),
            NetlinkPayload::from(RouteNetlinkMessage::SetLink(link)),
        );
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);

        let socket = Socket::new(NETLINK_ROUTE)?;
        socket.send_to(&bytes, &SocketAddr::new(0, 0), 0)?;
        let (answer, _) = socket.recv_from_full()?;
        let answer: NetlinkMessage<RouteNetlinkMessage> =
            NetlinkMessage::deserialize(&answer).map_err(io::Error::other)?;
        Ok(answer.payload)
    });
    let answer = answer.expect("the kernel answers");
    assert!(
        matches!(&answer, NetlinkPayload::Error(e) if e.code.is_none()),
        "cannot set the sizes of super-frames of {name}: {answer:?}"
    );
}

/// Makes a bridge of these ports, without spanning tree or snooping, so that
/// it sends nothing of its own.
pub(crate) fn bridge(namespace: &Netns, name: &str, ports: &[&str]) {
    namespace.ip(&format!(
        "link add {name} address {} type bridge \
         stp_state 0 mcast_snooping 0 forward_delay 0",
        mac_text(mac_of(name))
    ));
    for port in ports {
        namespace.ip(&format!("link set {port} master {name}"));
    }
    namespace.ip(&format!("link set {name} up"));
}

/// Moves an interface, which loses its state on the way, and brings it up.
pub(crate) fn move_link(from: &Netns, name: &str, to: &Netns) {
    from.ip(&format!("link set {name} netns {}", to.path()));
    set_up(to, name);
}

/// Renames an interface while it is up.
pub(crate) fn rename(namespace: &Netns, name: &str, new_name: &str) {
    // Renaming an interface that is up is allowed from Linux 6.0 on; down
    // first works everywhere.
    namespace.ip(&format!("link set {name} down"));
    namespace.ip(&format!("link set {name} name {new_name}"));
    set_up(namespace, new_name);
}
