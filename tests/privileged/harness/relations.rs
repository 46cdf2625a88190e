//! How the devices of a namespace are connected, as the exporter reads it.

use std::collections::BTreeMap;

use geoip_exporter::kernel::{
    FollowInterfaces as _, InterfaceEvent, InterfaceMonitor, Relations,
};

use super::netns::Netns;

/// A device's kind, master and lower device.
type Told = (Option<String>, Option<String>, Option<String>);

/// Lists the devices of a namespace, with their relations by name.
pub(crate) fn relations(namespace: &Netns) -> BTreeMap<String, Told> {
    let listed = namespace.run(|| {
        let (mut monitor, _orders) =
            InterfaceMonitor::open(None).expect("cannot open");
        monitor.next().expect("cannot list").expect("no list")
    });
    let [InterfaceEvent::Listed(devices)] = listed.as_slice() else {
        panic!("no list: {listed:?}");
    };
    let name_of = |ifindex: u32| {
        let device = devices.iter().find(|it| it.ifindex == ifindex);
        device.map_or_else(|| "nobody".into(), |it| it.name.to_string())
    };
    devices
        .iter()
        .map(|device| {
            let Relations { master, lower, kind } = device.relations.clone();
            let told = (kind, master.map(name_of), lower.map(name_of));
            (device.name.to_string(), told)
        })
        .collect()
}

/// Returns what [`relations`] should tell.
pub(crate) fn told(kind: &str, master: &str, lower: &str) -> Told {
    let [kind, master, lower] = [kind, master, lower]
        .map(|word| (!word.is_empty()).then(|| word.to_owned()));
    (kind, master, lower)
}
