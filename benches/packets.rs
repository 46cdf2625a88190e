//! The cost of a packet in the kernel.

use geoip_exporter::accounting::{Direction, IpVersion};

use crate::Effort;
use crate::harness::driver::{Driver, Workload};
use crate::harness::netns::Netns;
use crate::harness::sys::pin_to_cpu;
use crate::ours;
use crate::programs::Program;
use crate::report::{Row, Samples, Target};
use crate::sys::thread_time;

/// The default of the setting of that name.
pub(crate) const MAP_MAX_ENTRIES: u32 = 100_000;

/// The variants of a round, in its order.
const EMPTY: usize = 0;
const COUNTER: usize = 1;
const PLAIN: usize = 2;
const REFERENCE: usize = 3;
const OURS: usize = 4;

/// A program that keeps its maps, and the driver before it.
struct Variant {
    _keeps: Box<dyn std::any::Any>,
    driver: Driver,
}

impl Variant {
    fn of(program: Program, workload: Workload) -> Self {
        let driver = Driver::new(program.fd(), workload);
        Self { _keeps: Box::new(program), driver }
    }

    fn ours(workload: Workload) -> Self {
        let mut loaded = ours::load(MAP_MAX_ENTRIES);
        let program = ours::attach(&mut loaded.attacher, workload.direction);
        let driver = Driver::new(&program, workload);
        Self { _keeps: Box::new(loaded), driver }
    }

    /// Returns the CPU time of a packet, in ns.
    fn measure(&self, packets: u32) -> f64 {
        let start = thread_time();
        self.driver.run(packets);
        let time = thread_time() - start;
        time.as_secs_f64() * 1e9 / f64::from(packets)
    }
}

/// Returns the rows of the table.
pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let received = Workload::received;
    let ipv6 = |prefixes| Workload {
        ip_version: IpVersion::V6,
        prefix_length: 48,
        ..received(prefixes)
    };
    let sent = Workload { direction: Direction::Sent, ..received(1) };
    let hot = [Target::OfReference(0.2), Target::OfPlain(0.5)];
    let spread = [Target::OfReference(0.3)];
    let workloads: [(&str, Workload, &[Target]); 7] = [
        ("hot key", received(1), &hot),
        ("hot key, sent", sent, &hot),
        ("hot key, IPv6", ipv6(1), &hot),
        ("4,096 keys", received(4096), &spread),
        ("60,000 keys", received(60_000), &spread),
        ("60,000 keys, IPv6", ipv6(60_000), &spread),
        ("flood of 1,000,000 keys", received(1_000_000), &spread),
    ];
    let mut rows = Vec::new();
    for (name, workload, targets) in workloads {
        eprintln!("packets: {name}");
        let samples = in_namespace(|| samples(workload, effort));
        let net = |variant| samples.median_above(variant, EMPTY);
        // The counter is no comparison with anything, but shows the scale.
        if name == "hot key" {
            let what = "packet, one per-CPU counter";
            rows.push(Row::new(what, "ns", net(COUNTER)));
        }
        let mut row = Row::new(format!("packet, {name}"), "ns", net(OURS))
            .plain(net(PLAIN));
        // Restated for received packets alone; for the others the rows above
        // show the difference between the directions.
        row = row.reference(net(REFERENCE));
        row.targets.extend(targets);
        rows.push(row);
    }
    rows
}

/// Runs `work` in a namespace of its own, on one CPU.
pub(crate) fn in_namespace<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    Netns::new().run(|| {
        pin_to_cpu(1).expect("cannot choose a CPU");
        work()
    })
}

fn samples(workload: Workload, effort: Effort) -> Samples {
    let variants = [
        Variant::of(Program::empty(), workload),
        Variant::of(Program::counter(), workload),
        Variant::of(Program::plain(MAP_MAX_ENTRIES), workload),
        Variant::of(Program::reference(MAP_MAX_ENTRIES), workload),
        Variant::ours(workload),
    ];
    let packets = effort.of(400_000, 20_000);
    // Until every key is there, or as many as find room.
    for variant in &variants {
        variant.driver.run(workload.prefixes.min(300_000) * 4);
    }
    let mut samples = Samples::default();
    for _ in 0..effort.of(21, 3) {
        samples.push(variants.iter().map(|v| v.measure(packets)).collect());
    }
    samples
}

/// Returns the net cost of a packet of ours in ns with each number of keys.
pub(crate) fn by_keys(effort: Effort) -> Vec<(String, f64)> {
    [1, 100, 1000, 10_000, 30_000, 60_000, 100_000, 200_000, 1_000_000]
        .map(|keys| {
            let workload = Workload::received(keys);
            let cost = in_namespace(|| net_of_ours(workload, effort));
            (keys.to_string(), cost)
        })
        .to_vec()
}

fn net_of_ours(workload: Workload, effort: Effort) -> f64 {
    let variants =
        [Variant::of(Program::empty(), workload), Variant::ours(workload)];
    let packets = effort.of(400_000, 20_000);
    for variant in &variants {
        variant.driver.run(workload.prefixes.min(300_000) * 4);
    }
    let mut samples = Samples::default();
    for _ in 0..effort.of(9, 3) {
        samples.push(variants.iter().map(|v| v.measure(packets)).collect());
    }
    samples.median_above(1, 0)
}
