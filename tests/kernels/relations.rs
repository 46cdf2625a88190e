//! How devices of kinds that come as modules are connected, as the kernel tells
//! it.

use crate::harness::link::connect;
use crate::harness::netns::Netns;
use crate::harness::relations::{relations, told};

#[test]
fn devices_are_told_with_their_master_lower_device_and_kind() {
    let namespace = Netns::new();
    connect(&namespace, "one", &namespace, "two");
    for device in [
        "br0 type bridge",
        "bond0 type bond mode active-backup",
        "one.7 link one type vlan id 7",
        "mac0 link one type macvlan",
        "vx0 type vxlan id 7 dev one dstport 4789",
        "gre1 type gre local 192.0.2.1 remote 192.0.2.2 dev one",
        "gre2 type gre local 192.0.2.1 remote 192.0.2.3",
    ] {
        namespace.ip(&format!("link add {device}"));
    }
    namespace.ip("link set two down");
    namespace.ip("link set two master bond0");
    namespace.ip("link set bond0 master br0");
    let found = relations(&namespace);
    for (name, expected) in [
        ("two", told("veth", "bond0", "one")),
        ("bond0", told("bond", "br0", "")),
        ("br0", told("bridge", "", "")),
        ("one.7", told("vlan", "", "one")),
        ("mac0", told("macvlan", "", "one")),
        ("vx0", told("vxlan", "", "one")),
        ("gre1", told("gre", "", "one")),
        ("gre2", told("gre", "", "")),
    ] {
        assert_eq!(found[name], expected, "{name}");
    }
}
