//! The usual surroundings: a machine with one link to the rest of the world.

use super::fixtures::{LOCAL4, LOCAL6, Remote};
use super::frames::{Packet, Transport};
use super::link::connect;
use super::netns::Netns;
use super::send::Sender;

/// The machine's interface.
pub(crate) const WAN: &str = "wan0";

/// The other end of the machine's interface.
pub(crate) const PEER: &str = "peer0";

/// Two namespaces, a veth pair between them, no addresses: nothing moves but
/// what a test sends.
pub(crate) struct Lab {
    /// Where the exporter runs.
    pub(crate) machine: Netns,
    /// Everybody else.
    pub(crate) world: Netns,
}

impl Lab {
    /// Makes the namespaces and connects `wan0` with `peer0`.
    pub(crate) fn new() -> Self {
        let lab = Self::unplugged();
        connect(&lab.machine, WAN, &lab.world, PEER);
        lab
    }

    /// Makes the namespaces without a link between them.
    pub(crate) fn unplugged() -> Self {
        Self { machine: Netns::new(), world: Netns::new() }
    }

    /// Returns a sender whose frames the machine receives on `wan0`.
    pub(crate) fn inbound(&self) -> Sender {
        Sender::open(&self.world, PEER)
    }

    /// Returns a sender whose frames the machine sends through `wan0`.
    pub(crate) fn outbound(&self) -> Sender {
        Sender::open(&self.machine, WAN)
    }
}

/// A mixture of packets from a remote to the machine.
pub(crate) fn received_from(remote: Remote) -> Vec<Packet> {
    mixture(
        |payload| Packet::new(remote.ipv4, LOCAL4).payload(payload),
        |payload| Packet::new(remote.ipv6, LOCAL6).payload(payload),
    )
}

/// A mixture of packets from the machine to a remote.
pub(crate) fn sent_to(remote: Remote) -> Vec<Packet> {
    mixture(
        |payload| Packet::new(LOCAL4, remote.ipv4).payload(payload),
        |payload| Packet::new(LOCAL6, remote.ipv6).payload(payload),
    )
}

/// Returns the frames of one IP version, 4 or 6, of a mixture.
pub(crate) fn frames_of(packets: &[Packet], version: &str) -> Vec<Vec<u8>> {
    packets
        .iter()
        .filter(|packet| packet.is_ipv6() == (version == "6"))
        .map(Packet::frame)
        .collect()
}

fn mixture(
    ipv4: impl Fn(usize) -> Packet,
    ipv6: impl Fn(usize) -> Packet,
) -> Vec<Packet> {
    let tcp = Transport::Tcp { source: 443, destination: 50_000 };
    vec![
        ipv4(18),
        ipv4(1_400).transport(tcp),
        ipv4(56).transport(Transport::Echo),
        ipv6(11),
        ipv6(1_301).transport(tcp),
        ipv6(57).transport(Transport::Echo),
    ]
}
