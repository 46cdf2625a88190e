//! The network devices of the host, and the choice of those to attach to.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use crate::accounting::InterfaceId;
use crate::config::{Candidate, Interfaces};

use super::name::InterfaceName;

/// The first header of a device's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLayer {
    /// An Ethernet header.
    Ethernet,
    /// The IP header.
    None,
}

/// A network device as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The device's number, which another device may have had before.
    pub ifindex: u32,
    /// Its name at the moment.
    pub name: InterfaceName,
    /// The first header of its packets.
    pub link_layer: LinkLayer,
    /// True if the administrator set it up (IFF_UP).
    pub is_up: bool,
    /// True if it is up and can send: it has a carrier, or needs none
    /// (IFF_RUNNING).
    pub is_running: bool,
    /// True if it is the loopback device.
    pub is_loopback: bool,
    /// True if it is on a bus, of hardware or of a virtual machine.
    pub is_on_bus: bool,
    /// Its connections with other devices: one packet may pass several
    /// connected devices.
    pub relations: Relations,
}

impl Interface {
    /// Returns whether it is one end of a pair whose other end is in another
    /// network namespace.
    fn leads_to_another_namespace(&self) -> bool {
        let Relations { kind, lower, .. } = &self.relations;
        let is_pair = matches!(kind.as_deref(), Some("veth" | "netkit"));
        is_pair && lower.is_none()
    }
}

/// The connections of a device with other devices of this network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    /// The ifindex of the bridge, bond, team or VRF that it is a port of
    /// (IFLA_MASTER). Packets of the port pass the master too.
    pub master: Option<u32>,
    /// The ifindex of the device that carries its packets: of a VLAN, macvlan
    /// or ipvlan the device it was made on, of a tunnel or vxlan the device it
    /// is bound to, if any, of a veth the other end (IFLA_LINK). None also if
    /// that device is in another network namespace (IFLA_LINK_NETNSID), where
    /// its number would name some other device here.
    pub lower: Option<u32>,
    /// The kind of a virtual device as `ip -details link` shows it, such as
    /// `bridge` or `vlan` (IFLA_INFO_KIND). None of hardware and of loopback.
    pub kind: Option<String>,
}

/// The devices of this network namespace.
#[derive(Clone, Debug, Default)]
pub struct InterfaceTable {
    /// By ifindex.
    devices: BTreeMap<u32, Interface>,
    /// The devices with a default route, once they are known.
    with_default_route: Option<BTreeSet<u32>>,
}

/// The property that makes a device an uplink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UplinkBy {
    /// It is on a bus. Decides if any device is on a bus.
    Bus,
    /// It has a default route, and no device is on a bus.
    DefaultRoute,
}

impl UplinkBy {
    /// Returns its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bus => "a bus",
            Self::DefaultRoute => "a default route",
        }
    }
}

impl InterfaceTable {
    /// Takes note of a device that appeared or changed.
    pub fn insert(&mut self, interface: Interface) {
        self.devices.insert(interface.ifindex, interface);
    }

    /// Takes note that a device is gone.
    pub fn remove(&mut self, ifindex: u32) {
        self.devices.remove(&ifindex);
    }

    /// Replaces all devices.
    pub fn replace(&mut self, interfaces: Vec<Interface>) {
        self.devices = interfaces.into_iter().map(|i| (i.ifindex, i)).collect();
    }

    /// Takes note of the devices that have a default route.
    pub fn set_default_routes(&mut self, devices: BTreeSet<u32>) {
        self.with_default_route = Some(devices);
    }

    /// Returns the devices that have a default route, once they are known.
    #[must_use]
    pub fn default_routes(&self) -> Option<&BTreeSet<u32>> {
        self.with_default_route.as_ref()
    }

    /// Returns all devices.
    pub fn iter(&self) -> impl Iterator<Item = &Interface> {
        self.devices.values()
    }

    /// Returns the device with this number.
    #[must_use]
    pub fn get(&self, ifindex: u32) -> Option<&Interface> {
        self.devices.get(&ifindex)
    }

    /// Returns the devices that are to be counted.
    pub fn chosen<'a>(
        &'a self,
        interfaces: &'a Interfaces,
    ) -> impl Iterator<Item = &'a Interface> {
        self.candidates().filter_map(move |(interface, candidate)| {
            interfaces.choose(candidate).then_some(interface)
        })
    }

    /// Returns the devices, each with the properties that rules look at.
    pub fn candidates(
        &self,
    ) -> impl Iterator<Item = (&Interface, Candidate<'_>)> {
        let by = self.uplinks_by();
        self.devices.values().map(move |interface| {
            let candidate = Candidate {
                name: interface.name.as_bytes(),
                is_loopback: interface.is_loopback,
                is_uplink: match by {
                    UplinkBy::Bus => interface.is_on_bus,
                    UplinkBy::DefaultRoute => self
                        .with_default_route
                        .as_ref()
                        .is_some_and(|it| it.contains(&interface.ifindex)),
                },
                is_of_container: by == UplinkBy::Bus
                    && interface.leads_to_another_namespace(),
            };
            (interface, candidate)
        })
    }

    /// Returns the property that makes a device an uplink here.
    #[must_use]
    pub fn uplinks_by(&self) -> UplinkBy {
        match self.devices.values().any(|device| device.is_on_bus) {
            true => UplinkBy::Bus,
            false => UplinkBy::DefaultRoute,
        }
    }

    /// Returns whether the chosen devices are not known yet.
    #[must_use]
    pub fn is_doubtful(&self, interfaces: &Interfaces) -> bool {
        interfaces.have_uplinks()
            && self.with_default_route.is_none()
            && self.uplinks_by() == UplinkBy::DefaultRoute
    }

    /// Returns the device with this name.
    #[must_use]
    pub fn by_name(&self, name: InterfaceName) -> Option<&Interface> {
        self.devices.values().find(|i| i.name == name)
    }
}

/// A device that is being counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its number in the kernel's keys.
    pub id: InterfaceId,
    /// The name it is counted under.
    pub name: InterfaceName,
    /// The first header of its packets, as found when it was attached.
    pub link_layer: LinkLayer,
}

/// A step towards the wanted attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Stop counting the device that had this ifindex.
    Detach(u32),
    /// Count the device under its new name.
    Rename(Interface),
    /// Start counting the device.
    Attach(Interface),
}

/// Returns the steps from the present attachments, by ifindex, to the wanted.
/// Detaching comes first: an ifindex or a name may be another device's now.
#[must_use]
pub fn reconcile(
    wanted: &Interfaces,
    table: &InterfaceTable,
    attached: &BTreeMap<u32, Attached>,
) -> Vec<Action> {
    let mut actions = Vec::new();
    let chosen: BTreeSet<u32> =
        table.chosen(wanted).map(|interface| interface.ifindex).collect();
    for (&ifindex, old) in attached {
        match table.get(ifindex) {
            Some(now)
                if chosen.contains(&ifindex)
                    && now.link_layer == old.link_layer =>
            {
                if now.name != old.name {
                    actions.push(Action::Rename(now.clone()));
                }
            }
            _ => actions.push(Action::Detach(ifindex)),
        }
    }
    actions.sort_by_key(|action| !matches!(action, Action::Detach(_)));
    for interface in table.chosen(wanted) {
        let kept = attached
            .get(&interface.ifindex)
            .is_some_and(|old| old.link_layer == interface.link_layer);
        if !kept {
            actions.push(Action::Attach(interface.clone()));
        }
    }
    actions
}

#[cfg(test)]
mod tests;
