//! Which network devices there are, and which of them should be attached.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use crate::accounting::InterfaceId;
use crate::config::Interfaces;

/// What a device's packets begin with.
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
    pub name: String,
    /// What its packets begin with.
    pub link_layer: LinkLayer,
    /// Whether it was set up by the administrator (IFF_UP).
    pub is_up: bool,
    /// Whether it is up and can send: it has a carrier, or needs none
    /// (IFF_RUNNING).
    pub is_running: bool,
    /// Whether it is the loopback device.
    pub is_loopback: bool,
}

/// The devices of this network namespace, by ifindex.
#[derive(Clone, Debug, Default)]
pub struct InterfaceTable(BTreeMap<u32, Interface>);

impl InterfaceTable {
    /// Takes note of a device that appeared or changed.
    pub fn insert(&mut self, interface: Interface) {
        self.0.insert(interface.ifindex, interface);
    }

    /// Takes note that a device is gone.
    pub fn remove(&mut self, ifindex: u32) {
        self.0.remove(&ifindex);
    }

    /// Replaces all that was known.
    pub fn replace(&mut self, interfaces: Vec<Interface>) {
        self.0 = interfaces.into_iter().map(|i| (i.ifindex, i)).collect();
    }

    /// Returns the device with this number.
    #[must_use]
    pub fn get(&self, ifindex: u32) -> Option<&Interface> {
        self.0.get(&ifindex)
    }

    /// Returns the devices that are to be counted.
    pub fn chosen<'a>(
        &'a self,
        interfaces: &'a Interfaces,
    ) -> impl Iterator<Item = &'a Interface> {
        self.0.values().filter(move |i| is_chosen(interfaces, i))
    }

    /// Returns the device with this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Interface> {
        self.0.values().find(|i| i.name == name)
    }
}

fn is_chosen(interfaces: &Interfaces, interface: &Interface) -> bool {
    match interfaces {
        Interfaces::Any => !interface.is_loopback,
        Interfaces::Named(names) => names.contains(&interface.name),
    }
}

/// A device that is being counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its number in the kernel's keys.
    pub id: InterfaceId,
    /// The name it is counted under.
    pub name: String,
    /// What its packets were found to begin with.
    pub link_layer: LinkLayer,
}

/// A step towards counting what should be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Stop counting the device that had this ifindex.
    Detach(u32),
    /// Count the device under its new name.
    Rename(Interface),
    /// Start counting the device.
    Attach(Interface),
}

/// Returns the steps from what is attached, by ifindex, to what should be.
/// Detaching comes first: an ifindex or a name may be another device's by now.
#[must_use]
pub fn reconcile(
    wanted: &Interfaces,
    table: &InterfaceTable,
    attached: &BTreeMap<u32, Attached>,
) -> Vec<Action> {
    let mut actions = Vec::new();
    for (&ifindex, old) in attached {
        match table.get(ifindex) {
            Some(now)
                if is_chosen(wanted, now)
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
mod tests {
    use super::*;

    fn device(ifindex: u32, name: &str) -> Interface {
        Interface {
            ifindex,
            name: name.into(),
            link_layer: LinkLayer::Ethernet,
            is_up: true,
            is_running: true,
            is_loopback: name == "lo",
        }
    }

    fn table(devices: &[Interface]) -> InterfaceTable {
        let mut table = InterfaceTable::default();
        table.replace(devices.to_vec());
        table
    }

    fn attached(list: &[(u32, &str)]) -> BTreeMap<u32, Attached> {
        list.iter()
            .map(|&(ifindex, name)| {
                let attached = Attached {
                    id: InterfaceId(ifindex),
                    name: name.into(),
                    link_layer: LinkLayer::Ethernet,
                };
                (ifindex, attached)
            })
            .collect()
    }

    fn named(names: &[&str]) -> Interfaces {
        Interfaces::Named(names.iter().map(|&n| n.into()).collect())
    }

    #[test]
    fn any_takes_every_device_but_loopback_up_or_down() {
        let mut down = device(3, "eth1");
        down.is_up = false;
        let table = table(&[device(1, "lo"), device(2, "eth0"), down.clone()]);
        assert_eq!(
            reconcile(&Interfaces::Any, &table, &BTreeMap::new()),
            [Action::Attach(device(2, "eth0")), Action::Attach(down)]
        );
    }

    #[test]
    fn loopback_is_counted_when_it_is_named() {
        let table = table(&[device(1, "lo"), device(2, "eth0")]);
        assert_eq!(
            reconcile(&named(&["lo"]), &table, &BTreeMap::new()),
            [Action::Attach(device(1, "lo"))]
        );
    }

    #[test]
    fn what_is_attached_and_should_be_is_left_alone() {
        let table = table(&[device(2, "eth0")]);
        let attached = attached(&[(2, "eth0")]);
        assert_eq!(reconcile(&Interfaces::Any, &table, &attached), []);
        assert_eq!(reconcile(&named(&["eth0"]), &table, &attached), []);
    }

    #[test]
    fn a_vanished_device_is_detached() {
        let attached = attached(&[(2, "eth0")]);
        assert_eq!(
            reconcile(&Interfaces::Any, &table(&[]), &attached),
            [Action::Detach(2)]
        );
    }

    #[test]
    fn a_device_re_created_under_its_name_is_attached_anew() {
        let table = table(&[device(5, "eth0")]);
        assert_eq!(
            reconcile(&named(&["eth0"]), &table, &attached(&[(2, "eth0")])),
            [Action::Detach(2), Action::Attach(device(5, "eth0"))]
        );
    }

    #[test]
    fn a_renamed_device_is_followed_by_any_and_left_by_a_list() {
        let table = table(&[device(2, "wan0")]);
        let attached = attached(&[(2, "eth0")]);
        assert_eq!(
            reconcile(&Interfaces::Any, &table, &attached),
            [Action::Rename(device(2, "wan0"))]
        );
        assert_eq!(
            reconcile(&named(&["eth0"]), &table, &attached),
            [Action::Detach(2)]
        );
    }

    #[test]
    fn two_devices_that_swap_names_keep_their_own_counters() {
        let table = table(&[device(2, "b"), device(3, "a")]);
        let actions = reconcile(
            &named(&["a", "b"]),
            &table,
            &attached(&[(2, "a"), (3, "b")]),
        );
        assert_eq!(
            actions,
            [Action::Rename(device(2, "b")), Action::Rename(device(3, "a"))]
        );
    }

    #[test]
    fn a_device_whose_link_layer_changed_is_attached_anew() {
        let mut tap = device(2, "tun0");
        let attached = attached(&[(2, "tun0")]);
        tap.link_layer = LinkLayer::None;
        assert_eq!(
            reconcile(&Interfaces::Any, &table(&[tap.clone()]), &attached),
            [Action::Detach(2), Action::Attach(tap)]
        );
    }
}
