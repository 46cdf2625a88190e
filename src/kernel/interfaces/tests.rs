use super::*;

fn device(ifindex: u32, name: &str) -> Interface {
    Interface {
        ifindex,
        name: name.into(),
        link_layer: LinkLayer::Ethernet,
        is_up: true,
        is_running: true,
        is_loopback: name == "lo",
        is_on_bus: false,
        relations: Relations::default(),
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
    Interfaces::read(&names.join(",")).unwrap()
}

#[test]
fn any_takes_every_device_but_loopback_up_or_down() {
    let mut down = device(3, "eth1");
    down.is_up = false;
    let table = table(&[device(1, "lo"), device(2, "eth0"), down.clone()]);
    assert_eq!(
        reconcile(&Interfaces::any(), &table, &BTreeMap::new()),
        [Action::Attach(device(2, "eth0")), Action::Attach(down)]
    );
}

#[test]
fn a_device_is_an_uplink_by_a_bus_or_else_by_a_default_route() {
    let uplinks = Interfaces::read("uplinks").unwrap();
    let chosen = |table: &InterfaceTable| -> Vec<String> {
        table.chosen(&uplinks).map(|i| i.name.to_string()).collect()
    };
    let names = ["lo", "eth0", "veth0", "wg0"];
    let devices: Vec<_> =
        (1..).zip(names).map(|(index, name)| device(index, name)).collect();
    let mut table = table(&devices);
    assert_eq!(chosen(&table), [""; 0]);
    assert!(table.is_doubtful(&uplinks));
    assert!(!table.is_doubtful(&Interfaces::any()));
    table.set_default_routes([3, 9].into());
    assert_eq!(chosen(&table), ["veth0"]);
    assert!(!table.is_doubtful(&uplinks));
    assert_eq!(table.uplinks_by(), UplinkBy::DefaultRoute);
    let mut card = device(2, "eth0");
    card.is_on_bus = true;
    table.insert(card);
    assert_eq!(chosen(&table), ["eth0"]);
    assert_eq!(table.uplinks_by(), UplinkBy::Bus);
    table.remove(2);
    assert_eq!(chosen(&table), ["veth0"]);
}

#[test]
fn a_pair_into_another_namespace_is_of_a_container_if_there_is_a_card() {
    let with_kind = |ifindex, name, kind: &str, lower| {
        let mut device = device(ifindex, name);
        device.relations.kind = Some(kind.into());
        device.relations.lower = lower;
        device
    };
    let mut table = table(&[
        with_kind(3, "pod0", "veth", None),
        with_kind(4, "pod1", "netkit", None),
        with_kind(5, "here0", "veth", Some(6)),
        with_kind(7, "br0", "bridge", None),
    ]);
    let chosen = |table: &InterfaceTable| -> Vec<String> {
        let default = Interfaces::default();
        table.chosen(&default).map(|i| i.name.to_string()).collect()
    };
    // In the container itself, they are the way out.
    assert_eq!(chosen(&table), ["pod0", "pod1", "here0", "br0"]);
    let mut card = device(2, "eth0");
    card.is_on_bus = true;
    table.insert(card);
    assert_eq!(chosen(&table), ["eth0", "here0", "br0"]);
}

#[test]
fn a_renamed_device_that_matches_a_pattern_is_followed() {
    let table = table(&[device(2, "eth7"), device(3, "wan0")]);
    let attached = attached(&[(2, "eth0"), (3, "eth1")]);
    assert_eq!(
        reconcile(&named(&["eth*", "!eth9"]), &table, &attached),
        [Action::Detach(3), Action::Rename(device(2, "eth7"))]
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
    assert_eq!(reconcile(&Interfaces::any(), &table, &attached), []);
    assert_eq!(reconcile(&named(&["eth0"]), &table, &attached), []);
}

#[test]
fn a_vanished_device_is_detached() {
    let attached = attached(&[(2, "eth0")]);
    assert_eq!(
        reconcile(&Interfaces::any(), &table(&[]), &attached),
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
        reconcile(&Interfaces::any(), &table, &attached),
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
        reconcile(&Interfaces::any(), &table(&[tap.clone()]), &attached),
        [Action::Detach(2), Action::Attach(tap)]
    );
}
