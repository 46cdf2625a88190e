//! A link with an exporter at each end, to compare what both say with each
//! other and with the kernel.

use std::cell::{Cell, RefCell};

use aya::programs::TcAttachType;

use super::account::{Account, Counted, count, settle};
use super::conversation::{Host, bound_tcp, introduce};
use super::daemon::Daemon;
use super::frames::ETHERNET;
use super::lab::{Lab, WAN};
use super::link::{Volume, set_offloads};
use super::send::Sniffer;
use super::tcx::Counter;

/// Bytes that TCP sends ahead: fewer frames than a veth's ring of 256 holds.
const AHEAD: u32 = 400_000;

/// Who cuts what is longer than the MTU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segmenting {
    /// The transport protocol: TCP sends no super-frames. (UDP does where a
    /// program asks for them.)
    Protocol,
    /// The stack, between the egress hook and the device.
    Stack,
    /// The device, if there is a wire behind it: a veth does not.
    Device,
}

impl Segmenting {
    fn apply(self, host: &Host<'_>) {
        let switch = |offloads: &[&str], on| {
            set_offloads(host.namespace, host.interface, offloads, on);
        };
        let by_device = [
            "tso",
            "tx-udp-segmentation",
            "tx-udp_tnl-segmentation",
            "tx-udp_tnl-csum-segmentation",
        ];
        switch(&["gso"], self != Self::Protocol);
        if self == Self::Protocol {
            // TCP makes super-frames without being asked.
            let name = host.interface;
            host.namespace.ip(&format!("link set {name} gso_max_segs 1"));
        }
        switch(&by_device, self == Self::Device);
    }
}

/// What a link is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) segmenting: Segmenting,
    pub(crate) gro: bool,
    pub(crate) mtu: u32,
}

/// A link with an exporter at each end.
pub(crate) struct Bench {
    pub(crate) lab: Lab,
    link: Link,
    daemons: [Daemon; 2],
    /// What was accounted for before, at both ends.
    before: Cell<[Account; 2]>,
    /// What the machine's hooks saw: ingress, egress.
    hooks: [Counter; 2],
    /// What a packet socket on the machine's interface sees.
    sniffer: RefCell<Sniffer>,
}

impl Bench {
    /// Connects two hosts that know each other.
    pub(crate) fn new(link: Link) -> Self {
        Self::prepared(link, |_| ())
    }

    /// Connects two hosts that know each other, each of them and its interface
    /// changed first.
    pub(crate) fn prepared(link: Link, prepare: impl Fn(&Host<'_>)) -> Self {
        let lab = Lab::new();
        let hosts = [Host::machine(&lab), Host::world(&lab)];
        for host in &hosts {
            bound_tcp(host.namespace, AHEAD);
            link.segmenting.apply(host);
            set_offloads(host.namespace, host.interface, &["gro"], link.gro);
            let (name, mtu) = (host.interface, link.mtu);
            host.namespace.ip(&format!("link set {name} mtu {mtu}"));
            prepare(host);
        }
        let daemons = hosts.each_ref().map(count);
        let hooks = [TcAttachType::Ingress, TcAttachType::Egress]
            .map(|hook| Counter::last(&lab.machine, WAN, hook));
        let sniffer = RefCell::new(Sniffer::open(&lab.machine, WAN));
        introduce(&hosts[0], &hosts[1]);
        Self { lab, link, daemons, before: Cell::default(), hooks, sniffer }
    }

    pub(crate) fn machine(&self) -> Host<'_> {
        Host::machine(&self.lab)
    }

    pub(crate) fn world(&self) -> Host<'_> {
        Host::world(&self.lab)
    }

    /// Returns what the hooks of the machine saw: ingress, then egress.
    pub(crate) fn hooks(&self) -> &[Counter; 2] {
        &self.hooks
    }

    /// Compares the ends with each other and with the devices, and returns
    /// the machine's whole account.
    pub(crate) fn check(&self, what: &str) -> Account {
        let [machine_exporter, world_exporter] = &self.daemons;
        let accounts = settle([
            Counted::of(&self.machine(), machine_exporter),
            Counted::of(&self.world(), world_exporter),
        ]);
        let before = self.before.replace(accounts);
        let sniffed = self.sniffer.borrow_mut().drain();
        accounts[0].since(&before[0]).show(what, sniffed);

        let [machine, world] = &accounts;
        assert_eq!(machine.sent, world.received, "{what}: machine to world");
        assert_eq!(world.sent, machine.received, "{what}: world to machine");
        for account in &accounts {
            assert_eq!(account.device.dropped, 0, "{what}: {account:#?}");
            if self.link.segmenting == Segmenting::Device {
                assert_more(account.sent, account.device.sent, what);
                assert_more(account.received, account.device.received, what);
            } else {
                account.assert_exact(what, self.link.gro);
            }
        }
        accounts[0]
    }
}

impl Account {
    /// Compares with a device that counts real frames. A veth pair whose
    /// receiving end does GRO counts them there, for both ends, where the
    /// Ethernet header has been taken off.
    fn assert_exact(&self, what: &str, gro: bool) {
        let missing = if gro { ETHERNET as u64 } else { 0 };
        let on_wire = |device: Volume| Volume {
            packets: device.packets,
            bytes: device.bytes + device.packets * missing,
        };
        let device = self.device;
        assert_eq!(self.received, on_wire(device.received), "{what}: received");
        assert_eq!(self.sent, on_wire(device.sent), "{what}: sent");
    }
}

/// Checks that a device counted super-frames as single packets.
fn assert_more(ours: Volume, device: Volume, what: &str) {
    assert!(
        ours.packets > device.packets && ours.bytes > device.bytes,
        "{what}: {ours:?} is not more than {device:?}"
    );
}
