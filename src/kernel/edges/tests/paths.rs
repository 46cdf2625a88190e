//! Any machine: packets walk down through the devices, and are counted as often
//! as they pass an edge.

use proptest::prelude::*;

use super::*;

/// The kinds of generated devices that stand on others.
const KINDS: [&str; 8] =
    ["bridge", "bond", "vrf", "vlan", "macvlan", "vxlan", "wireguard", "dummy"];

/// A generated device: it stands on devices with lower numbers only.
#[derive(Clone, Debug)]
struct Device {
    is_card: bool,
    kind: usize,
    /// Chooses the device below, and for a port the master above.
    below: usize,
    above: Option<usize>,
    is_attached: bool,
}

fn device() -> impl Strategy<Value = Device> {
    let above = proptest::option::of(any::<usize>());
    (any::<bool>(), 0..KINDS.len(), any::<usize>(), above, any::<bool>())
        .prop_map(|(is_card, kind, below, above, is_attached)| Device {
            is_card,
            kind,
            below,
            above,
            is_attached,
        })
}

/// Builds the table of these devices.
fn table(devices: &[Device]) -> InterfaceTable {
    let count = devices.len();
    let mut table: Vec<Interface> = (1..)
        .zip(devices)
        .map(|(ifindex, device): (u32, _)| Interface {
            ifindex,
            name: format!("d{ifindex}").as_str().into(),
            link_layer: LinkLayer::Ethernet,
            is_up: true,
            is_running: true,
            is_loopback: false,
            is_on_bus: device.is_card,
            relations: Relations {
                kind: (!device.is_card).then(|| KINDS[device.kind].into()),
                ..Relations::default()
            },
        })
        .collect();
    for (place, device) in devices.iter().enumerate() {
        let kind = table[place].relations.kind.clone().unwrap_or_default();
        let is_bound = ["vlan", "macvlan", "vxlan"].contains(&&*kind);
        if is_bound && place > 0 {
            let below = device.below % place;
            table[place].relations.lower = Some(table[below].ifindex);
        }
        if let Some(above) = device.above {
            let master = place + above % (count - place);
            let kind = table[master].relations.kind.as_deref();
            let is_master =
                kind.is_some_and(|it| ["bridge", "bond", "vrf"].contains(&it));
            if is_master && master > place {
                table[place].relations.master = Some(table[master].ifindex);
            }
        }
    }
    let mut all = InterfaceTable::default();
    all.replace(table);
    all
}

/// Returns a path of a packet that the machine sends through a device, down to
/// a device that stands on none.
fn path(table: &InterfaceTable, from: u32, turns: &[usize]) -> Vec<u32> {
    let mut path = vec![from];
    let mut here = from;
    for turn in turns {
        let device = table.get(here).unwrap();
        let ports = table
            .iter()
            .filter(|port| port.relations.master == Some(here))
            .map(|port| port.ifindex);
        let below: Vec<u32> =
            device.relations.lower.into_iter().chain(ports).collect();
        // A tunnel that is bound to none sends through any card.
        let kind = device.relations.kind.as_deref();
        let below = match (kind, below.is_empty()) {
            (Some("wireguard"), true) => {
                let cards = table.iter().filter(|it| it.is_on_bus);
                cards.map(|it| it.ifindex).collect()
            }
            _ => below,
        };
        if below.is_empty() {
            break;
        }
        here = below[turn % below.len()];
        path.push(here);
    }
    path
}

proptest! {
    #[test]
    fn a_packet_passes_at_most_one_edge_and_one_if_all_is_attached(
        mut devices in proptest::collection::vec(device(), 1..12),
        are_all_attached in any::<bool>(),
        walks in proptest::collection::vec(
            (any::<usize>(), proptest::collection::vec(any::<usize>(), 16)),
            1..24,
        ),
    ) {
        // Without a card, routes decide.
        devices[0].is_card = true;
        let table = table(&devices);
        let attached: BTreeSet<u32> = (1..)
            .zip(&devices)
            .filter(|(_, device)| are_all_attached || device.is_attached)
            .map(|(ifindex, _)| ifindex)
            .collect();
        let verdicts = EdgeFinder::default()
            .find(&CountedOnce::Auto, &table, &attached)
            .unwrap();
        prop_assert_eq!(doubled(&table, &verdicts), [[0; 2]; 0]);
        for &ifindex in verdicts.keys() {
            let is_edge = verdicts[&ifindex].is_edge();
            prop_assert!(!is_edge || attached.contains(&ifindex));
        }
        for (from, turns) in walks {
            let from = u32::try_from(from % devices.len()).unwrap() + 1;
            let path = path(&table, from, &turns);
            let last = table.get(*path.last().unwrap()).unwrap();
            let passed = path
                .iter()
                .filter(|it| verdicts.get(it).is_some_and(|it| it.is_edge()))
                .count();
            prop_assert!(passed <= 1, "{path:?} {verdicts:?}");
            if last.is_on_bus && are_all_attached {
                prop_assert_eq!(passed, 1, "{:?} {:?}", path, verdicts);
            }
        }
    }

    /// The kernel tells of one device after the other, so that what it says of
    /// two need not fit.
    #[test]
    fn any_relations_are_looked_at_without_end(
        relations in proptest::collection::vec(
            (0..10_u32, 0..10_u32, 0..KINDS.len(), any::<[bool; 2]>()),
            1..10,
        ),
        routes in proptest::collection::btree_set(0..10_u32, 0..4),
    ) {
        let mut table = InterfaceTable::default();
        let mut attached = BTreeSet::new();
        for (ifindex, (lower, master, kind, is)) in (1..).zip(relations) {
            let [is_on_bus, is_attached] = is;
            table.insert(Interface {
                ifindex,
                name: format!("d{ifindex}").as_str().into(),
                link_layer: LinkLayer::Ethernet,
                is_up: true,
                is_running: true,
                is_loopback: false,
                is_on_bus,
                relations: Relations {
                    lower: Some(lower),
                    master: Some(master),
                    kind: Some(KINDS[kind].into()),
                },
            });
            if is_attached {
                attached.insert(ifindex);
            }
        }
        table.set_default_routes(routes);
        let verdicts = EdgeFinder::default()
            .find(&CountedOnce::Auto, &table, &attached)
            .unwrap();
        for (ifindex, verdict) in &verdicts {
            prop_assert!(!verdict.is_edge() || attached.contains(ifindex));
        }
        prop_assert_eq!(doubled(&table, &verdicts), [[0; 2]; 0]);
    }
}
