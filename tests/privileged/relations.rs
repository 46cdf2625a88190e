//! How devices are connected, as the kernel tells it: which one is a port of
//! which, and which one carries the packets of which.

use std::thread;

use crate::harness::link::connect;
use crate::harness::netns::Netns;
use crate::harness::relations::{relations, told};

#[test]
fn devices_are_told_with_their_master_lower_device_and_kind() {
    let namespace = Netns::new();
    connect(&namespace, "one", &namespace, "two");
    for device in [
        "br0 type bridge",
        "mac0 link one type macvlan",
        "vx0 type vxlan id 7 dev one dstport 4789",
        "vx1 type vxlan id 8 dstport 4790",
    ] {
        namespace.ip(&format!("link add {device}"));
    }
    namespace.ip("link set two master br0");
    let found = relations(&namespace);
    for (name, expected) in [
        ("lo", told("", "", "")),
        ("one", told("veth", "", "two")),
        ("two", told("veth", "br0", "one")),
        ("br0", told("bridge", "", "")),
        ("mac0", told("macvlan", "", "one")),
        ("vx0", told("vxlan", "", "one")),
        ("vx1", told("vxlan", "", "")),
    ] {
        assert_eq!(found[name], expected, "{name}");
    }
    namespace.ip("link set two nomaster");
    assert_eq!(relations(&namespace)["two"], told("veth", "", "one"));
}

/// The other end has a number that is some other device's here.
#[test]
fn a_device_of_another_namespace_is_no_lower_device() {
    let (here, there) = (Netns::new(), Netns::new());
    connect(&here, "one", &there, "two");
    here.ip("link add mac0 link one type macvlan");
    here.ip(&format!("link set mac0 netns {}", there.path()));
    assert_eq!(relations(&here)["one"], told("veth", "", ""));
    let found = relations(&there);
    assert_eq!(found["two"], told("veth", "", ""));
    assert_eq!(found["mac0"], told("macvlan", "", ""));
}

/// A list of many devices takes the kernel several datagrams. Devices that come
/// and go meanwhile do not hide those that stay.
#[test]
fn no_device_is_missing_in_a_list_while_others_come_and_go() {
    const STAY: usize = 300;
    let namespace = Netns::new();
    let devices: String =
        (0..STAY).map(|n| format!("link add stay{n} type bridge\n")).collect();
    namespace.ip_batch(&devices);
    let churn: String = (0..200)
        .map(|n| format!("link add churn{n} type bridge\nlink del churn{n}\n"))
        .collect();
    thread::scope(|scope| {
        let churning = scope.spawn(|| namespace.ip_batch(&churn));
        while !churning.is_finished() {
            let found = relations(&namespace);
            let stay = found.keys().filter(|name| name.starts_with("stay"));
            assert_eq!(stay.count(), STAY);
        }
    });
}
