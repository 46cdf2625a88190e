//! Every packet of a test run is counted for its own prefix, by programs that
//! run on all CPUs at the same time.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::thread;

use geoip_exporter::accounting::{
    Direction, FlowKey, FlowTable as _, IpVersion, KernelCounter, Volume, Way,
};
use geoip_exporter::kernel::{
    self, Attach as _, Interface, LinkLayer, Loaded, ProbeSettings,
    ReadCounts as _, Relations, Sweep, TrafficAttacher, TrafficReader,
};

use crate::harness::driver::{
    Driver, Order, PACKET_BYTES, Workload, attached_program,
};
use crate::harness::netns::Netns;
use crate::harness::sys::pin_to_cpu;

/// What is counted on: the only device of an empty namespace.
fn loopback() -> Interface {
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

fn load(
    map_max_entries: u32,
    prefix_length: u8,
) -> Loaded<TrafficAttacher, TrafficReader> {
    let settings = ProbeSettings {
        map_max_entries: NonZeroU32::new(map_max_entries).unwrap(),
        ipv4_prefix_length: prefix_length,
        ipv6_prefix_length: 48,
        has_classes: false,
    };
    kernel::load(&settings, None).expect("cannot load the programs")
}

/// Returns how many packets of each remote prefix the driver has made.
fn made(driver: &Driver, workload: &Workload) -> BTreeMap<[u8; 16], u64> {
    let mut made = BTreeMap::new();
    for (cpu, count) in driver.positions().into_iter().enumerate() {
        let cpu = u32::try_from(cpu).unwrap();
        for position in 0..u32::try_from(count).unwrap() {
            let number = workload.number(cpu, position);
            *made.entry(workload.remote(number)).or_insert(0) += 1;
        }
    }
    made
}

/// Drives the exporter's programs on two CPUs at the same time, and compares
/// what was counted with what was made.
fn drive(workload: Workload, packets: u32) {
    let namespace = Netns::new();
    let Loaded { mut attacher, mut reader, .. } =
        load(100_000, workload.prefix_length.min(32));
    let driver = namespace.run(|| {
        attacher.attach(&loopback()).expect("cannot attach");
        Driver::new(&attached_program("lo", workload.direction), workload)
    });
    thread::scope(|scope| {
        for cpu in 0..2 {
            let (namespace, driver) = (&namespace, &driver);
            scope.spawn(move || {
                namespace.run(|| {
                    pin_to_cpu(cpu).expect("cannot choose a CPU");
                    driver.run(packets);
                });
            });
        }
    });
    let mut sweep = Sweep::default();
    reader.read(NonZeroU32::new(1000).unwrap(), &mut sweep).unwrap();
    let mut counted = BTreeMap::new();
    let mut count = |key: FlowKey, volume: Volume| {
        assert_eq!(key.direction, workload.direction);
        assert_eq!(key.ip_version, workload.ip_version);
        assert_eq!(volume.bytes, volume.packets * PACKET_BYTES as u64);
        *counted.entry(key.remote).or_insert(0) += volume.packets;
    };
    for reading in &sweep.readings {
        count(reading.key, reading.volume);
    }
    if let Some(table) = reader.table() {
        for cpu in 0..table.cpus() {
            table.visit(cpu, |way, Way { volume, .. }| {
                count(table.key(cpu * table.ways() + way), volume);
            });
        }
    }
    let made = made(&driver, &workload);
    assert_eq!(made.values().sum::<u64>(), 2 * u64::from(packets));
    assert!(made.len() > workload.prefixes as usize / 2, "{}", made.len());
    assert_eq!(counted, made);
}

#[test]
fn each_driven_packet_is_counted_for_its_prefix() {
    for ip_version in [IpVersion::V4, IpVersion::V6] {
        for direction in [Direction::Received, Direction::Sent] {
            for order in [Order::Ascending, Order::Random] {
                let prefixes = Workload::received(3000);
                let prefix_length = match ip_version {
                    IpVersion::V4 => 24,
                    IpVersion::V6 => 48,
                };
                drive(
                    Workload {
                        ip_version,
                        direction,
                        order,
                        prefix_length,
                        ..prefixes
                    },
                    100_000,
                );
            }
        }
    }
}

#[test]
fn driven_packets_can_have_one_prefix_or_one_an_address() {
    drive(Workload::received(1), 10_000);
    drive(Workload { prefix_length: 32, ..Workload::received(20_000) }, 50_000);
}

/// In a flood the map soon takes in no other flows. Those it has are counted on
/// nevertheless, though most packets are of others and it is not looked into for
/// them.
#[test]
fn flows_of_the_map_are_counted_while_it_takes_in_no_others() {
    const PREFIXES: u32 = 50_000;
    let workload =
        Workload { order: Order::Ascending, ..Workload::received(PREFIXES) };
    let namespace = Netns::new();
    let Loaded { mut attacher, mut reader, .. } = load(8_192, 24);
    namespace.run(|| {
        pin_to_cpu(0).expect("cannot choose a CPU");
        attacher.attach(&loopback()).expect("cannot attach");
        let program = attached_program("lo", workload.direction);
        let driver = Driver::new(&program, workload);
        for _ in 0..3 {
            driver.run(PREFIXES);
        }
    });
    let mut sweep = Sweep::default();
    reader.read(NonZeroU32::new(1000).unwrap(), &mut sweep).unwrap();
    let packets: Vec<_> =
        sweep.readings.iter().map(|reading| reading.volume.packets).collect();
    assert_eq!(packets.len(), 1_024, "half of what there is room for");
    assert!(packets.iter().all(|&packets| packets <= 3));
    let whole = packets.iter().filter(|&&packets| packets == 3).count();
    assert!(whole > 1_000, "of {} flows {whole}", packets.len());
    let lost = sweep.counters[KernelCounter::UpdateFailures];
    let cpus = u64::try_from(aya::util::nr_cpus().unwrap()).unwrap();
    let room = 1_024 + reader.room().table_entries / cpus;
    let others = u64::from(PREFIXES) - room;
    assert!(lost >= 3 * others, "{lost}");
}
