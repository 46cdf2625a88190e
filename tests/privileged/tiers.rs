//! The flow table under everything at once: both CPUs count as fast as they
//! can, while user space reclaims as fast as it can. Nothing is sent: the
//! kernel runs the programs on packets.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use geoip_exporter::accounting::{
    Counts, Direction, Family, FlowKey, FlowStatistics, FlowTable as _,
    FlowTracker, InterfaceId, InterfaceTotal, IpVersion, KernelCounter,
    MapSweep, Volume,
};
use geoip_exporter::kernel::{
    self, Attach as _, Interface, LinkLayer, Loaded, ProbeSettings,
    ReadCounts as _, Relations, Sweep, TrafficAttacher, TrafficReader,
};

use crate::harness::driver::{
    Driver, PACKET_BYTES, Workload, attached_program,
};
use crate::harness::netns::Netns;
use crate::harness::sys::pin_to_cpu;

const CPUS: [usize; 2] = [0, 1];

/// Packets of one call: about a millisecond, so that user space gets its turn.
const BURST: u32 = 20_000;

/// The programs, and everything that was ever credited.
struct Books {
    /// Attached as long as this exists.
    _attacher: TrafficAttacher,
    reader: TrafficReader,
    tracker: FlowTracker<()>,
    sweep: Sweep,
    credited: BTreeMap<FlowKey, Volume>,
    statistics: FlowStatistics,
    sweeps: u64,
}

impl Books {
    /// Loads the programs and attaches them to loopback, with room for this
    /// many flows.
    fn open(map_max_entries: u32) -> Self {
        let settings = ProbeSettings {
            map_max_entries: NonZeroU32::new(map_max_entries).unwrap(),
            ipv4_prefix_length: 24,
            ipv6_prefix_length: 48,
            has_classes: false,
        };
        let Loaded { mut attacher, reader, .. } =
            kernel::load(&settings, None).unwrap();
        assert_eq!(reader.room().without_table, None);
        let loopback = Interface {
            ifindex: 1,
            name: "lo".into(),
            link_layer: LinkLayer::Ethernet,
            is_up: true,
            is_running: true,
            is_loopback: true,
            is_on_bus: false,
            relations: Relations::default(),
        };
        attacher.attach(&loopback).unwrap();
        Self {
            _attacher: attacher,
            reader,
            tracker: FlowTracker::default(),
            sweep: Sweep::default(),
            credited: BTreeMap::new(),
            statistics: FlowStatistics::default(),
            sweeps: 0,
        }
    }

    /// Sweeps as a poll does, behind a grace period where one is needed.
    fn sweep(&mut self) {
        let Self { reader, tracker, sweep, credited, .. } = self;
        let has_retired = tracker.waits_for_grace();
        if has_retired {
            reader.wait_for_programs().unwrap();
        }
        reader.read(NonZeroU32::new(10_000).unwrap(), sweep).unwrap();
        let counts = Counts {
            new_keys: sweep.counters[KernelCounter::NewKeys],
            map_packets: sweep.counters[KernelCounter::MapPackets],
        };
        let map = MapSweep { readings: &sweep.readings, now: sweep.now };
        self.statistics = tracker.observe(
            counts,
            sweep.has_readings.then_some(map),
            reader.table(),
            has_retired,
            |delta, ()| {
                *credited.entry(delta.key).or_default() += delta.volume;
            },
        );
        self.sweeps += 1;
    }

    /// Retires every way that is known, whether it is idle or not.
    fn retire_all(&mut self) {
        let table = self.reader.table().unwrap();
        self.tracker.retire(Some(table), |_| true);
    }

    /// Returns what was credited as received and what the totals of the last
    /// sweep say was.
    fn sums(&self) -> (Volume, Volume) {
        let sum = |volumes: &mut dyn Iterator<Item = Volume>| {
            volumes.fold(Volume::default(), |mut sum, volume| {
                sum += volume;
                sum
            })
        };
        let is_ours = |total: &&InterfaceTotal| {
            total.direction == Direction::Received
                && matches!(total.family, Family::Ip(_))
        };
        let totals = self.sweep.totals.iter().filter(is_ours);
        (
            sum(&mut self.credited.values().copied()),
            sum(&mut totals.map(|total| total.volume)),
        )
    }
}

/// Counts this many packets on both CPUs at the same time, and does `work` of
/// user space again and again meanwhile. Returns the books when it is quiet,
/// and what was made.
fn flood(
    map_max_entries: u32,
    workload: Workload,
    packets: u64,
    mut work: impl FnMut(&mut Books),
) -> (Books, BTreeMap<FlowKey, Volume>) {
    let work = |books: &mut Books| {
        books.sweep();
        work(books);
    };
    flood_during(map_max_entries, workload, packets, work)
}

/// As [`flood`], but without a sweep before the packets have all been counted,
/// if `user_space` does none.
fn flood_during(
    map_max_entries: u32,
    workload: Workload,
    packets: u64,
    mut user_space: impl FnMut(&mut Books),
) -> (Books, BTreeMap<FlowKey, Volume>) {
    let namespace = Netns::new();
    let (mut books, driver) = namespace.run(|| {
        let books = Books::open(map_max_entries);
        let program = attached_program("lo", workload.direction);
        (books, Driver::new(&program, workload))
    });
    let bursts = packets / u64::from(BURST) / CPUS.len() as u64;
    let running = AtomicUsize::new(CPUS.len());
    thread::scope(|scope| {
        for cpu in CPUS {
            let (namespace, driver, running) = (&namespace, &driver, &running);
            scope.spawn(move || {
                namespace.run(|| {
                    pin_to_cpu(cpu).expect("cannot choose a CPU");
                    (0..bursts).for_each(|_| driver.run(BURST));
                });
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while running.load(Ordering::SeqCst) > 0 {
            user_space(&mut books);
        }
    });
    // What was retired is freed, and what it grew by meanwhile is credited.
    books.sweep();
    books.sweep();
    (books, made(&driver, workload))
}

/// Returns what a driver made, by key.
fn made(driver: &Driver, workload: Workload) -> BTreeMap<FlowKey, Volume> {
    let mut packets = vec![0_u64; workload.prefixes as usize];
    for (cpu, count) in (0..).zip(driver.positions()) {
        for position in 0..u32::try_from(count).unwrap() {
            packets[workload.number(cpu, position) as usize] += 1;
        }
    }
    let with_number = (0..workload.prefixes).zip(packets);
    let made = with_number.filter(|(_, packets)| *packets > 0);
    made.map(|(number, packets)| {
        let key = FlowKey {
            interface: InterfaceId(0),
            direction: workload.direction,
            ip_version: workload.ip_version,
            class: 0,
            remote: workload.remote(number),
        };
        let bytes = packets * PACKET_BYTES as u64;
        (key, Volume { packets, bytes })
    })
    .collect()
}

/// Panics unless both are the same, and shows the first difference only.
fn assert_same(
    credited: &BTreeMap<FlowKey, Volume>,
    made: &BTreeMap<FlowKey, Volume>,
) {
    for key in credited.keys().chain(made.keys()) {
        assert_eq!(credited.get(key), made.get(key), "{key:?}");
    }
}

/// The size at which there is a table of 8,192 ways on each of two CPUs.
const SMALL: u32 = 8_192;

#[test]
fn a_hundred_million_packets_are_each_credited_once_while_ways_are_reclaimed() {
    // Few enough that both a used and a retired way fit for each.
    let workload = Workload::received(2_500);
    let (books, made) = flood(SMALL, workload, 100_000_000, Books::retire_all);
    let reclaims = books.statistics.table_reclaims;
    eprintln!("{} sweeps, {:?}", books.sweeps, books.statistics);
    assert!(reclaims > 50_000, "{reclaims} reclaims");
    assert_eq!(books.statistics.evictions, 0);
    assert_eq!(books.sweep.counters[KernelCounter::UpdateFailures], 0);
    assert_same(&books.credited, &made);
    let (credited, seen) = books.sums();
    assert_eq!((credited.packets, seen.packets), (100_000_000, 100_000_000));
}

/// Both CPUs count every flow from the first packet on, so the part of the
/// table that each uses doubles again and again while it is swept, and half of
/// the flows move each time.
#[test]
fn packets_are_credited_once_while_the_part_in_use_grows() {
    let (workload, size) = (Workload::received(45_000), 100_000);
    let first = Netns::new().run(|| {
        let books = Books::open(size);
        books.reader.table().unwrap().ways_in_use(0)
    });
    let (books, made) = flood(size, workload, 20_000_000, |_| {});
    let table = books.reader.table().unwrap();
    eprintln!("{} sweeps, {:?}", books.sweeps, books.statistics);
    assert!(first < table.ways() / 32, "{first} of {}", table.ways());
    for cpu in CPUS {
        assert_eq!(table.ways_in_use(cpu), table.ways(), "CPU {cpu}");
    }
    // The flows that stayed have one way on each CPU.
    assert_eq!(books.statistics.entries, 45_000);
    assert_eq!(books.statistics.new_keys, 45_000);
    assert!(books.statistics.table_reclaims > 10_000);
    assert_eq!(books.sweep.counters[KernelCounter::UpdateFailures], 0);
    assert_same(&books.credited, &made);
}

/// The part grows in the burst at the beginning, further than the flows need
/// afterwards. Then each CPU's part is halved while it counts.
#[test]
fn packets_are_credited_once_while_the_part_in_use_is_halved() {
    let (workload, size) = (Workload::received(4_000), 100_000);
    let (books, made) = flood(size, workload, 20_000_000, |_| {});
    let table = books.reader.table().unwrap();
    eprintln!("{} sweeps, {:?}", books.sweeps, books.statistics);
    for cpu in CPUS {
        let ways = table.ways_of_places(cpu);
        assert!(ways < table.ways_in_use(cpu), "CPU {cpu}: {ways} ways");
        assert!(ways < 12_000, "CPU {cpu}: {ways} ways");
    }
    assert_eq!(books.statistics.entries, 4_000);
    assert_eq!(books.statistics.new_keys, 4_000);
    assert!(books.statistics.table_reclaims > 1_000);
    assert_eq!(books.sweep.counters[KernelCounter::UpdateFailures], 0);
    assert_same(&books.credited, &made);
}

#[test]
fn where_flows_find_no_room_what_is_credited_is_true_and_the_rest_is_known() {
    let workload = Workload::received(60_000);
    let (books, made) = flood(SMALL, workload, 20_000_000, |_| {});
    let (credited, seen) = books.sums();
    eprintln!(
        "{} sweeps, {:?}, {:?}, {credited:?} of {seen:?}",
        books.sweeps, books.statistics, books.sweep.counters
    );
    assert_eq!(seen.packets, 20_000_000);
    assert_eq!(seen.bytes, 20_000_000 * PACKET_BYTES as u64);
    for (key, volume) in &books.credited {
        let made = made[key];
        assert!(volume.packets <= made.packets, "{key:?}: {volume:?}");
        assert!(volume.bytes <= made.bytes, "{key:?}: {volume:?}");
    }
    // All that is missing was refused or evicted unread, and much is not.
    assert!(books.sweep.counters[KernelCounter::UpdateFailures] > 0);
    assert!(credited.packets < seen.packets);
    assert!(credited.packets > seen.packets / 10, "{credited:?}");
}

#[test]
fn a_flow_on_two_cpus_or_in_both_tiers_is_one_flow() {
    // Nearly as many as the table has ways: some find both their sets full, but
    // not more than the map has room for.
    let (size, flows) = (2 * SMALL, 2 * SMALL / 8 * 7);
    let workload = Workload::received(flows);
    // A sweep takes the ways of a CPU whose thread had no turn for a while.
    let yielding = |_: &mut Books| thread::yield_now();
    let (books, made) = flood_during(size, workload, 2_000_000, yielding);
    eprintln!("{:?}", books.statistics);
    let in_map = books.sweep.counters[KernelCounter::NewKeys];
    eprintln!("{in_map} flows in the map");
    assert!(in_map > 100, "{in_map} flows in the map");
    assert_eq!(books.statistics.entries, u64::from(flows));
    assert_eq!(books.statistics.new_keys, u64::from(flows));
    assert!(books.statistics.table_entries > u64::from(flows));
    assert_eq!(books.statistics.evictions, 0);
    assert_same(&books.credited, &made);
}

#[test]
fn ipv6_flows_are_told_apart_by_their_whole_prefix() {
    let workload = Workload {
        ip_version: IpVersion::V6,
        prefix_length: 48,
        ..Workload::received(2_500)
    };
    let (books, made) = flood(SMALL, workload, 2_000_000, Books::retire_all);
    assert_same(&books.credited, &made);
}
