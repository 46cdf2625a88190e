//! The exporter's own programs, loaded and attached as the exporter does it,
//! but to the loopback of a namespace where nothing is sent.

use std::num::NonZeroU32;

use aya::programs::ProgramFd;
use geoip_exporter::accounting::{ClassPlan, Direction};
use geoip_exporter::kernel::{
    self, Attach as _, Classify as _, Interface, LinkLayer, Loaded,
    ProbeSettings, Relations, TrafficAttacher, TrafficReader,
};

use crate::harness::driver::attached_program;

/// Loads the programs with maps of this size.
pub(crate) fn load(
    map_max_entries: u32,
) -> Loaded<TrafficAttacher, TrafficReader> {
    load_with(map_max_entries, &ClassPlan::default())
}

/// The same, and gives packets the classes of a plan.
pub(crate) fn load_with(
    map_max_entries: u32,
    plan: &ClassPlan,
) -> Loaded<TrafficAttacher, TrafficReader> {
    let settings = ProbeSettings {
        map_max_entries: NonZeroU32::new(map_max_entries)
            .expect("a map of no entries cannot be made"),
        ipv4_prefix_length: 24,
        ipv6_prefix_length: 48,
        has_classes: !plan.is_empty(),
    };
    let mut loaded =
        kernel::load(&settings, None).expect("cannot load the programs");
    loaded.attacher.classify(plan).expect("cannot write the classes");
    loaded
}

/// Returns the loopback of any namespace.
pub(crate) fn loopback() -> Interface {
    Interface {
        ifindex: 1,
        name: "lo".into(),
        link_layer: LinkLayer::Ethernet,
        is_up: true,
        is_running: true,
        is_loopback: true,
        is_on_bus: false,
        relations: Relations::default(),
    }
}

/// Attaches to the loopback of the calling thread's namespace and returns the
/// program for one direction.
pub(crate) fn attach(
    attacher: &mut TrafficAttacher,
    direction: Direction,
) -> ProgramFd {
    attacher.attach(&loopback()).expect("cannot attach to lo");
    attached_program("lo", direction)
}
