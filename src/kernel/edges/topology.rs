//! The devices and the relation *stands on*: the packets of the upper device
//! pass the lower one too.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use super::{Verdict, Verdicts};
use crate::kernel::interfaces::{Interface, InterfaceTable};

/// Kinds of masters that forward between their ports. A packet from one port to
/// another does not pass the master itself.
const BRIDGES: [&str; 3] = ["bridge", "openvswitch", "batadv"];

/// Kinds of masters whose ports carry all of their packets, and nothing else.
const BUNDLES: [&str; 2] = ["bond", "team"];

/// Kinds of devices that lead nowhere by themselves.
const NOWHERE: [&str; 12] = [
    "bond",
    "bridge",
    "batadv",
    "dummy",
    "ifb",
    "netdevsim",
    "nlmon",
    "openvswitch",
    "team",
    "vcan",
    "vrf",
    "vsockmon",
];

/// Kinds of devices that wrap packets into others. One that is bound to no
/// device may send through any.
const TUNNELS: [&str; 23] = [
    "amt",
    "bareudp",
    "erspan",
    "geneve",
    "gre",
    "gretap",
    "gtp",
    "ip6erspan",
    "ip6gre",
    "ip6gretap",
    "ip6tnl",
    "ipip",
    "l2tp",
    "ovpn",
    "ppp",
    "pptp",
    "sit",
    "tun",
    "vti",
    "vti6",
    "vxlan",
    "wireguard",
    "xfrm",
];

/// Returns whether a device is of one of these kinds.
fn is_of(device: &Interface, kinds: &[&str]) -> bool {
    let kind = device.relations.kind.as_deref();
    kind.is_some_and(|kind| kinds.contains(&kind))
}

/// The relations of all devices, by ifindex.
pub(super) struct Topology<'a> {
    table: &'a InterfaceTable,
    attached: &'a BTreeSet<u32>,
    /// The devices that a device stands on.
    below: BTreeMap<u32, Vec<u32>>,
    /// The devices that stand on a device.
    above: BTreeMap<u32, Vec<u32>>,
}

impl<'a> Topology<'a> {
    pub(super) fn new(
        table: &'a InterfaceTable,
        attached: &'a BTreeSet<u32>,
    ) -> Self {
        let (below, above) = (BTreeMap::new(), BTreeMap::new());
        let mut topology = Self { table, attached, below, above };
        for device in table.iter() {
            topology.relate(device);
        }
        topology
    }

    /// Notes the devices that this one stands on, or carries.
    fn relate(&mut self, device: &Interface) {
        let this = device.ifindex;
        if let Some(lower) = self.lower_of(device) {
            match is_of(device, &["dsa"]) {
                // The packets of a switch pass the card with a tag of the
                // switch before their IP header: the ports count them by
                // country.
                true => self.stand(lower, this),
                false => self.stand(this, lower),
            }
        }
        let master = device.relations.master.and_then(|it| self.table.get(it));
        if let Some(master) = master {
            match master.is_on_bus {
                // A card that is the master of another (hv_netvsc,
                // net_failover): all packets pass the master, but not all pass
                // the other, which can be absent.
                true => self.stand(this, master.ifindex),
                false => self.stand(master.ifindex, this),
            }
        }
    }

    fn stand(&mut self, upper: u32, lower: u32) {
        if upper != lower {
            self.below.entry(upper).or_default().push(lower);
            self.above.entry(lower).or_default().push(upper);
        }
    }

    /// Returns the device that carries the packets of this one. The other end
    /// of a veth does not: they leave the machine at neither.
    fn lower_of(&self, device: &Interface) -> Option<u32> {
        let lower =
            device.relations.lower.filter(|_| !is_of(device, &["veth"]));
        lower.filter(|&lower| self.table.get(lower).is_some())
    }

    /// Returns the other end of a veth, if it is in this network namespace.
    fn other_end(&self, ifindex: u32) -> Option<u32> {
        let device = self.table.get(ifindex).filter(|it| is_of(it, &["veth"]));
        device.and_then(|device| device.relations.lower)
    }

    fn neighbours(map: &BTreeMap<u32, Vec<u32>>, of: u32) -> &[u32] {
        map.get(&of).map_or(&[], Vec::as_slice)
    }

    /// Returns a tunnel that is bound to no device.
    fn is_unbound(&self, ifindex: u32) -> bool {
        let device = self.table.get(ifindex);
        device.is_some_and(|device| {
            is_of(device, &TUNNELS) && self.lower_of(device).is_none()
        })
    }

    /// Returns the lowest devices that carry the packets of these. A bridge
    /// stays as it is: nothing tells which of its ports leads outside.
    pub(super) fn lowest(&self, devices: &BTreeSet<u32>) -> Vec<u32> {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<u32> = devices.iter().copied().collect();
        let mut lowest = BTreeSet::new();
        while let Some(ifindex) = waiting.pop() {
            let Some(device) = self.table.get(ifindex) else { continue };
            if !seen.insert(ifindex) {
                continue;
            }
            let below = match is_of(device, &BRIDGES) {
                true => &[],
                false => Self::neighbours(&self.below, ifindex),
            };
            match below.is_empty() {
                true => drop(lowest.insert(ifindex)),
                false => waiting.extend(below),
            }
        }
        lowest.into_iter().collect()
    }

    /// Returns the devices that lead out of this network namespace: not what
    /// is inside, such as loopback or a port of a bridge.
    pub(super) fn leading_out(&self) -> Vec<u32> {
        let leads_out = |device: &&Interface| {
            let master = device.relations.master;
            let master = master.and_then(|it| self.table.get(it));
            let has_other_end = device
                .relations
                .lower
                .is_some_and(|other| self.table.get(other).is_some());
            !device.is_loopback
                && !is_of(device, &NOWHERE)
                && !has_other_end
                && !master.is_some_and(|master| is_of(master, &BRIDGES))
        };
        self.table.iter().filter(leads_out).map(|it| it.ifindex).collect()
    }

    /// Returns the edges that stand for these devices: themselves where they
    /// are attached, otherwise the attached devices above them.
    pub(super) fn settle(&self, roots: &[u32], reason: Verdict) -> Verdicts {
        let mut edges = Verdicts::new();
        let counted_at = roots.iter().filter(|&&it| self.is_counted_at(it));
        edges.extend(counted_at.map(|&root| (root, reason)));
        let mut others: Vec<u32> = roots.to_vec();
        others.retain(|&root| !self.is_counted_at(root));
        // Those that are not attached come first: the verdict names one.
        others.sort_by_key(|root| self.attached.contains(root));
        for root in others {
            self.climb(root, &mut edges);
        }
        self.prune(edges)
    }

    /// Returns whether the packets of a device are counted at the device. If a
    /// bundle is attached, but not all of its members are, it is counted at the
    /// bundle, which has the packets of all.
    fn is_counted_at(&self, ifindex: u32) -> bool {
        let is_attached = |ifindex: &u32| self.attached.contains(ifindex);
        let is_incomplete = |bundle: &u32| {
            let device = self.table.get(*bundle);
            device.is_some_and(|device| is_of(device, &BUNDLES))
                && is_attached(bundle)
                && !Self::neighbours(&self.below, *bundle)
                    .iter()
                    .all(is_attached)
        };
        is_attached(&ifindex)
            && !Self::neighbours(&self.above, ifindex).iter().any(is_incomplete)
    }

    /// Adds the attached devices that are nearest above this one.
    fn climb(&self, root: u32, edges: &mut Verdicts) {
        let Some(name) = self.table.get(root).map(|device| device.name) else {
            return;
        };
        let unbound = self.attached.iter().copied();
        let unbound = unbound.filter(|&it| it != root && self.is_unbound(it));
        let mut waiting: Vec<u32> = unbound.collect();
        waiting.extend(Self::neighbours(&self.above, root));
        let mut seen = BTreeSet::from([root]);
        while let Some(ifindex) = waiting.pop() {
            if !seen.insert(ifindex) {
                continue;
            }
            match self.is_counted_at(ifindex) {
                true => {
                    let instead = Verdict::InsteadOf(name);
                    edges.entry(ifindex).or_insert(instead);
                }
                false => {
                    waiting.extend(Self::neighbours(&self.above, ifindex));
                }
            }
        }
    }

    /// Removes the edges that stand on others.
    fn prune(&self, mut edges: Verdicts) -> Verdicts {
        let all: Vec<u32> = edges.keys().copied().collect();
        for ifindex in all {
            let others: BTreeSet<u32> = edges.keys().copied().collect();
            if self.edge_below(ifindex, &others).is_some() {
                edges.remove(&ifindex);
            }
        }
        edges
    }

    /// Returns another one of these edges that packets of a device pass.
    pub(super) fn edge_below(
        &self,
        ifindex: u32,
        edges: &BTreeSet<u32>,
    ) -> Option<u32> {
        let is_carrier = |&&it: &&u32| it != ifindex && !self.is_unbound(it);
        let carrier = edges.iter().find(is_carrier).copied();
        let mut found = self.other_end(ifindex).filter(|it| edges.contains(it));
        let mut seen = BTreeSet::new();
        let mut waiting = vec![ifindex];
        while let Some(it) = waiting.pop() {
            if !seen.insert(it) {
                continue;
            }
            if it != ifindex && edges.contains(&it) {
                return Some(it);
            }
            // Also a port of a bridge may be a tunnel.
            if self.is_unbound(it) {
                found = found.or(carrier);
            }
            waiting.extend(Self::neighbours(&self.below, it));
        }
        found
    }

    /// Returns the devices in one direction from these devices, each with one of
    /// the edges that those lead to.
    fn spread(
        direction: &BTreeMap<u32, Vec<u32>>,
        from: impl Iterator<Item = (u32, u32)>,
    ) -> BTreeMap<u32, u32> {
        let mut reached = BTreeMap::new();
        let mut waiting: Vec<_> = from.collect();
        while let Some((ifindex, edge)) = waiting.pop() {
            for &next in Self::neighbours(direction, ifindex) {
                if reached.insert(next, edge).is_none() {
                    waiting.push((next, edge));
                }
            }
        }
        reached
    }

    /// Adds the verdicts on the other devices. There may be thousands.
    pub(super) fn complete(&self, edges: Verdicts, roots: &[u32]) -> Verdicts {
        let at: BTreeSet<u32> = edges.keys().copied().collect();
        let edges_themselves = || at.iter().map(|&it| (it, it));
        let standing = Self::spread(&self.above, edges_themselves());
        let carrying = Self::spread(&self.below, edges_themselves());
        let underlay = at.iter().copied().find(|&it| !self.is_unbound(it));
        let tunnels = self.table.iter().map(|it| it.ifindex);
        let tunnels = tunnels.filter(|&it| self.is_unbound(it));
        let on_tunnels = Self::spread(
            &self.above,
            tunnels.filter_map(|it| Some((it, underlay?))),
        );
        let edge_of = |ifindex: u32| {
            let unbound = || underlay.filter(|_| self.is_unbound(ifindex));
            let other_end =
                || self.other_end(ifindex).filter(|it| at.contains(it));
            standing
                .get(&ifindex)
                .copied()
                .or_else(unbound)
                .or_else(|| on_tunnels.get(&ifindex).copied())
                .or_else(other_end)
                .or_else(|| carrying.get(&ifindex).copied())
        };
        let name = |it: u32| self.table.get(it).map(|device| device.name);
        let others = self.attached.iter().chain(roots).copied();
        let others = others.filter(|ifindex| !at.contains(ifindex));
        let mut verdicts = edges;
        for ifindex in others.filter(|&it| self.table.get(it).is_some()) {
            let verdict = match edge_of(ifindex).and_then(name) {
                Some(edge) => Verdict::PassesAlso(edge),
                None if self.attached.contains(&ifindex) => Verdict::Inside,
                None => Verdict::NotAttached,
            };
            verdicts.insert(ifindex, verdict);
        }
        verdicts
    }
}
