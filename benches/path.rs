//! The time that a program takes for a packet where packets really pass: frames
//! from random sources cross a veth, so that the sender, the driver and the
//! network stack compete with the program for the CPU's caches.

use std::net::Ipv4Addr;
use std::num::NonZeroU32;

use aya::programs::{SchedClassifier, TcAttachType};
use aya::sys::{Stats, enable_stats};
use aya::util::nr_cpus;
use geoip_exporter::accounting::{
    ClassPlan, ClassPrefix, Counts, FlowTable as _, FlowTracker, KernelCounter,
    MapSweep, ServicePlan, ServicePorts,
};
use geoip_exporter::kernel::{
    Attach as _, Interface, Loaded, ReadCounts as _, Sweep, TrafficAttacher,
    TrafficReader,
};

use crate::Effort;
use crate::harness::frames::Packet;
use crate::harness::link::connect;
use crate::harness::netns::Netns;
use crate::harness::send::Sender;
use crate::harness::sys::{interface_index, pin_to_cpu};
use crate::ours;
use crate::packets::MAP_MAX_ENTRIES;
use crate::programs::Program;
use crate::report::{Row, Samples, Target};

/// The variants of a round, in its order.
const EMPTY: usize = 0;
const PLAIN: usize = 1;
const REFERENCE: usize = 2;
const OURS: usize = 3;
const LIMIT: usize = 4;

/// The most that a packet may cost, as a multiple of the limit.
const FACTOR: f64 = 1.5;

/// The interface that frames are sent through, and the one that receives them.
const START: &str = "world0";
const END: &str = "wan0";

/// The first source: 240.0.0.0/4, which nobody has, is 2^20 prefixes of 24
/// bits.
const FIRST: u32 = 0xf000_0000;

/// Frames that one system call sends.
const BATCH: usize = 256;

/// The offset of the source address in a frame.
const SOURCE: usize = 14 + 12;

/// The program at the end of the veth.
enum Subject {
    Other { _program: Program },
    Ours(Box<Exporter>),
}

impl Subject {
    fn attach(mut program: Program) -> Self {
        program.attach(END);
        Self::Other { _program: program }
    }
}

/// The exporter's programs, and its polls.
struct Exporter {
    loaded: Loaded<TrafficAttacher, TrafficReader>,
    sweep: Sweep,
    tracker: FlowTracker<u32>,
}

impl Exporter {
    fn attach(plan: &ClassPlan) -> Self {
        let mut loaded = ours::load_with(MAP_MAX_ENTRIES, plan);
        let interface = Interface {
            ifindex: interface_index(END).expect("it is there"),
            name: END.into(),
            is_loopback: false,
            ..ours::loopback()
        };
        loaded.attacher.attach(&interface).expect("cannot attach");
        let (sweep, tracker) = (Sweep::default(), FlowTracker::default());
        Self { loaded, sweep, tracker }
    }

    /// Reads the counters and reclaims idle entries, as the exporter does every
    /// two seconds.
    fn poll(&mut self) {
        let Self { loaded, sweep, tracker } = self;
        let has_grace_passed = tracker.waits_for_grace();
        if has_grace_passed {
            loaded
                .reader
                .wait_for_programs()
                .expect("cannot wait for programs");
        }
        let batch = NonZeroU32::new(10_000).expect("not zero");
        loaded.reader.read(batch, sweep).expect("cannot read");
        let counts = Counts {
            new_keys: sweep.counters[KernelCounter::NewKeys],
            map_packets: sweep.counters[KernelCounter::MapPackets],
        };
        let map = MapSweep { readings: &sweep.readings, now: sweep.now };
        tracker.observe(
            counts,
            sweep.has_readings.then_some(map),
            loaded.reader.table(),
            has_grace_passed,
            |_, _| {},
        );
    }
}

/// A veth from one namespace to another.
struct Variant {
    subject: Subject,
    sender: Sender,
    ends: [Netns; 2],
}

impl Variant {
    /// Makes the veth. `attach` runs in the namespace that frames go to.
    fn new(attach: impl FnOnce() -> Subject + Send) -> Self {
        let ends = [Netns::new(), Netns::new()];
        connect(&ends[0], START, &ends[1], END);
        let mut subject = None;
        ends[1].run(|| subject = Some(attach()));
        Self {
            subject: subject.expect("it was attached"),
            sender: Sender::open(&ends[0], START),
            ends,
        }
    }

    /// Returns the nanoseconds that the program has run, and how often.
    fn statistics(&self) -> (f64, u64) {
        let (_, programs) = self.ends[1].run(|| {
            SchedClassifier::query_tcx(END, TcAttachType::Ingress)
                .expect("cannot query the hook")
        });
        let program = programs.first().expect("a program is attached");
        (program.run_time().as_secs_f64() * 1e9, program.run_count())
    }

    /// Sends frames until the part of the table that is in use has had the
    /// same size for a while: it begins larger than its flows need.
    fn settle(&mut self, sources: &mut Sources, frames: u64) {
        const SAME: usize = 12;
        const MOST: usize = 100;
        let ways = |it: &Self| match &it.subject {
            Subject::Ours(exporter) => exporter.ways(),
            Subject::Other { .. } => Vec::new(),
        };
        let (mut before, mut same) = (ways(self), 0);
        for _ in 0..MOST {
            if same == SAME || before.is_empty() {
                break;
            }
            self.measure(sources, frames);
            let now = ways(self);
            same = if now == before { same + 1 } else { 0 };
            before = now;
        }
        if let Some(most) = before.iter().max() {
            eprintln!("path: {most} ways of the CPU with most");
        }
    }

    /// Sends frames from random sources, and returns the nanoseconds that the
    /// program took for one.
    fn measure(&mut self, sources: &mut Sources, frames: u64) -> f64 {
        let (time_before, runs_before) = self.statistics();
        sources.send(&self.sender, frames);
        let (time, runs) = self.statistics();
        let runs = runs - runs_before;
        assert!(runs >= frames, "{runs} of {frames} frames");
        if let Subject::Ours(exporter) = &mut self.subject {
            exporter.poll();
        }
        (time - time_before) / runs as f64
    }
}

impl Exporter {
    /// Returns the ways that flows have their places in, of each CPU.
    fn ways(&self) -> Vec<usize> {
        let table = self.loaded.reader.table().expect("a table");
        (0..table.cpus()).map(|cpu| table.ways_of_places(cpu)).collect()
    }
}

/// Frames with random sources.
struct Sources {
    frames: Vec<Vec<u8>>,
    keys: u32,
    state: u64,
}

impl Sources {
    fn new(keys: u32) -> Self {
        let packet = Packet::new([240, 0, 0, 1], [192, 0, 2, 1]);
        let frame = packet.payload(22).frame();
        Self { frames: vec![frame; BATCH], keys, state: 1 }
    }

    /// Returns the next random source: Marsaglia's xorshift64*.
    fn next(&mut self) -> u32 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let random = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        let number = (random * u64::from(self.keys)) >> 32;
        FIRST + (u32::try_from(number).expect("less than the keys") << 8)
    }

    /// Sends at least so many frames. Their checksums are wrong, but unchecked:
    /// the frames are for nobody's hardware address.
    fn send(&mut self, sender: &Sender, frames: u64) {
        let mut sent = 0;
        while sent < frames {
            for number in 0..BATCH {
                let source = self.next().to_be_bytes();
                self.frames[number][SOURCE..][..4].copy_from_slice(&source);
            }
            sender.send(&self.frames);
            sent += BATCH as u64;
        }
    }
}

/// Returns the rows of the table.
pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let _statistics = enable_stats(Stats::RunTime)
        .expect("cannot make the kernel measure programs");
    let mut rows = Vec::new();
    for (name, keys) in [
        ("1 key", 1),
        ("4,096 keys", 4096),
        ("60,000 keys", 60_000),
        ("1,000,000 keys", 1_000_000),
    ] {
        eprintln!("path: {name}");
        // An array with an element for each of a million prefixes is ten times
        // as large as the tables it would be compared with.
        let has_limit = keys <= MAP_MAX_ENTRIES;
        let samples = Netns::new().run(|| {
            pin_to_cpu(1).expect("cannot choose a CPU");
            samples(keys, has_limit, effort)
        });
        let net = |variant| samples.median_above(variant, EMPTY);
        let mut row = Row::new(format!("frame, {name}"), "ns", net(OURS))
            .plain(net(PLAIN))
            .reference(net(REFERENCE));
        if has_limit {
            let what = format!("frame, {name}, the limit");
            rows.push(Row::new(what, "ns", net(LIMIT)));
            // With one key there is nothing to find.
            row = row.target(Target::Of {
                what: "the limit",
                value: net(LIMIT),
                limit: (keys > 1).then_some(FACTOR),
            });
        }
        rows.push(row);
    }
    rows.extend(class_rows(effort));
    rows
}

fn ours(plan: &ClassPlan) -> Variant {
    Variant::new(|| Subject::Ours(Box::new(Exporter::attach(plan))))
}

/// Returns what the classes of packets cost, beside packets without any.
fn class_rows(effort: Effort) -> Vec<Row> {
    const KEYS: u32 = 4096;
    eprintln!("path: classes");
    let service = ServicePlan {
        name: "web".into(),
        ports: vec![ServicePorts { is_udp: true, first: 1, last: u16::MAX }],
    };
    let services =
        ClassPlan { services: vec![service.clone()], ..ClassPlan::default() };
    // Prefixes of 24 bits, one of which is that of the local address, or which
    // the remote addresses are in.
    let ranges = |first: [u8; 4], count: u32| {
        let first = u32::from_be_bytes(first);
        let range = |number: u32| {
            let address = Ipv4Addr::from(first + (number << 8));
            (ClassPrefix::new(address.into(), 24), "range".into())
        };
        (0..count).map(range).collect::<Vec<_>>()
    };
    let local = |count| ClassPlan {
        locals: ranges([192, 0, 2, 0], count),
        ..ClassPlan::default()
    };
    let narrow = ClassPlan {
        narrows: ranges([240, 0, 0, 0], 50_000),
        ..ClassPlan::default()
    };
    let all = ClassPlan {
        services: vec![service],
        locals: ranges([192, 0, 2, 0], 50_000),
        narrows: ranges([240, 0, 0, 0], 50_000),
    };
    let plans = [
        ("no classes", ClassPlan::default()),
        ("a service", services),
        ("a local range", local(1)),
        ("50,000 local ranges", local(50_000)),
        ("50,000 narrow ranges", narrow),
        ("all of these", all),
    ];
    let samples = Netns::new().run(|| {
        pin_to_cpu(1).expect("cannot choose a CPU");
        let empty = Variant::new(|| Subject::attach(Program::empty()));
        let variants = plans.iter().map(|(_, plan)| ours(plan));
        let variants = std::iter::once(empty).chain(variants).collect();
        measured(variants, KEYS, effort)
    });
    let net = |variant| samples.median_above(variant, EMPTY);
    let row = |(at, (name, _)): (usize, &(&str, ClassPlan))| {
        let row =
            Row::new(format!("frame, 4,096 keys, {name}"), "ns", net(at + 1));
        row.target(Target::Of {
            what: "no classes",
            value: net(1),
            limit: None,
        })
    };
    plans.iter().enumerate().map(row).collect()
}

fn samples(keys: u32, has_limit: bool, effort: Effort) -> Samples {
    let attach = |program: Program| Variant::new(|| Subject::attach(program));
    let mut variants = vec![
        attach(Program::empty()),
        attach(Program::plain(MAP_MAX_ENTRIES)),
        attach(Program::reference(MAP_MAX_ENTRIES)),
        ours(&ClassPlan::default()),
    ];
    if has_limit {
        let cpus = nr_cpus().expect("cannot count the possible CPUs");
        let cpus = u32::try_from(cpus).expect("not that many");
        variants.push(attach(Program::limit(keys.next_power_of_two(), cpus)));
    }
    measured(variants, keys, effort)
}

/// Measures each variant in turns.
fn measured(mut variants: Vec<Variant>, keys: u32, effort: Effort) -> Samples {
    let mut sources = Sources::new(keys);
    // Until every key is there, or as many as find room, and no entry is left
    // that is to be reclaimed.
    for variant in &mut variants {
        for _ in 0..4 {
            variant.measure(&mut sources, keys.min(300_000).into());
        }
        variant.settle(&mut sources, keys.min(300_000).into());
    }
    let frames = effort.of(200_000, 20_000);
    let mut samples = Samples::default();
    for _ in 0..effort.of(21, 3) {
        let round = variants.iter_mut();
        let round = round.map(|v| v.measure(&mut sources, frames));
        samples.push(round.collect());
    }
    samples
}
