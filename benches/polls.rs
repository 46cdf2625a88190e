//! The cost of a poll, from reading to publishing: the poller itself polls, on
//! this thread.

use std::num::NonZeroU32;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded, never};
use geoip_exporter::accounting::{
    Account as _, AtEdges, Direction, Family, FlowKey, InterfaceId,
    InterfaceTotal, IpVersion, Origin, PollStatistics, Volume,
};
use geoip_exporter::classifier::Sources;
use geoip_exporter::collectors::host::HostAccount;
use geoip_exporter::collectors::networks::NetworksAccount;
use geoip_exporter::collectors::traffic::TrafficAccount;
use geoip_exporter::config::{Config, CountedOnce, Interfaces};
use geoip_exporter::geoip::{Country, Database, NetworkDatabase};
use geoip_exporter::kernel::{
    Error, InterfaceEvent, Loaded, ReadCounts, Room, Sweep, TrafficReader,
};
use geoip_exporter::metrics::published::{Feed, Publisher, Sink, Together};
use geoip_exporter::poller::{Control, Overseer, Poller, Publishers, Start};
use slog::{Discard, Logger, o};

use crate::Effort;
use crate::harness::driver::{Driver, Order, Workload, attached_program};
use crate::ours;
use crate::packets::in_namespace;
use crate::programs::Program;
use crate::report::{Row, Samples, Target};
use crate::sys::{BatchSweep, thread_time};

/// Entries that a system call reads, as in the exporter.
const BATCH: u32 = 10_000;

/// The parts of a round, in its order.
pub(crate) const CHANGED: usize = 0;
const UNCHANGED: usize = 1;
const PLAIN: usize = 2;

/// Nobody watches over the poller.
struct Nobody;

impl Overseer for Nobody {
    fn interval(&self) -> Option<Duration> {
        None
    }
    fn gets_on(&mut self) {}
    fn is_ready(&mut self, _: usize) {}
    fn detaches(&mut self, _: usize) {}
}

/// The work between the polls, and the time that they took.
struct Round {
    keys: u32,
    /// Made at the first poll, when the programs are attached.
    ours: Option<Driver>,
    plain: Program,
    plain_driver: Driver,
    sweep: BatchSweep,
    /// Polls so far, and how many there are to be.
    polls: usize,
    limit: usize,
    /// The time when the poll under way began.
    started: Duration,
    /// The time of each poll of this round, in ms.
    times: Vec<f64>,
    samples: Arc<Mutex<Samples>>,
    /// Dropped to stop the poller.
    control: Option<Sender<Control>>,
}

/// The polls of the first rounds, which are not measured: the flow table grows,
/// flows move to their new places, and their old ways are freed.
const SETTLING: usize = 8;

impl Round {
    /// Takes note of the poll that is over, and prepares the next. A round is
    /// two polls: one after every key had a packet, one after none had.
    fn next(&mut self) {
        let taken = thread_time() - self.started;
        if self.polls > SETTLING {
            self.times.push(milliseconds(taken));
        }
        if self.polls.is_multiple_of(2) {
            if !self.times.is_empty() {
                let mut times = std::mem::take(&mut self.times);
                times.push(self.sweep_plain());
                self.samples.lock().unwrap().push(times);
            }
            if self.polls >= self.limit {
                self.control = None;
            }
            self.fill();
        }
        self.polls += 1;
        self.started = thread_time();
    }

    fn fill(&mut self) {
        let workload = workload(self.keys);
        self.ours
            .get_or_insert_with(|| {
                let program = attached_program("lo", Direction::Received);
                Driver::new(&program, workload)
            })
            .run(self.keys);
        self.plain_driver.run(self.keys);
    }

    fn sweep_plain(&mut self) -> f64 {
        let start = thread_time();
        let map = self.plain.flows().fd().as_fd();
        let entries = self.sweep.run(map).expect("cannot read a map");
        let taken = thread_time() - start;
        assert_eq!(entries, u64::from(self.keys), "keys are missing");
        milliseconds(taken)
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn workload(keys: u32) -> Workload {
    Workload { order: Order::Ascending, ..Workload::received(keys) }
}

/// A reader with something to do before it reads.
struct Watched {
    reader: TrafficReader,
    round: Round,
    /// Totals of interfaces that are counted and have no traffic.
    idle: Vec<InterfaceTotal>,
}

impl ReadCounts for Watched {
    type Table = <TrafficReader as ReadCounts>::Table;

    fn read(
        &mut self,
        batch_size: NonZeroU32,
        sweep: &mut Sweep,
    ) -> Result<(), Error> {
        self.round.next();
        self.reader.read(batch_size, sweep)?;
        sweep.totals.extend_from_slice(&self.idle);
        Ok(())
    }

    fn table(&self) -> Option<&Self::Table> {
        self.reader.table()
    }

    fn wait_for_programs(&self) -> Result<(), Error> {
        self.reader.wait_for_programs()
    }

    fn room(&self) -> Room {
        self.reader.room()
    }

    fn remove_flow(&mut self, flow: &FlowKey) -> Result<bool, Error> {
        self.reader.remove_flow(flow)
    }

    fn tick(&self) -> Duration {
        self.reader.tick()
    }
}

/// An account, and the totals of its interfaces.
#[derive(Default)]
struct Accounted {
    account: TrafficAccount,
    totals: Vec<InterfaceTotal>,
    /// True if the whole machine is counted too.
    host: bool,
}

impl Accounted {
    /// Returns 300 interfaces that had traffic with 250 countries each.
    fn large() -> Self {
        let (received, v4) = (Direction::Received, IpVersion::V4);
        let countries: Vec<_> = ('A'..='Z')
            .flat_map(|a| ('A'..='J').map(move |b| format!("{a}{b}")))
            .filter_map(|code| Country::from_code(&code))
            .take(250)
            .collect();
        let remote = [0; 16];
        let mut large = Self::default();
        // Number 0 is the loopback's.
        for interface in (1..=300).map(InterfaceId) {
            let name = format!("veth{:03}", interface.0);
            large.account.name_interface(interface, &name.into());
            let mut volume = Volume::default();
            for &country in &countries {
                let key = FlowKey {
                    interface,
                    direction: received,
                    ip_version: v4,
                    class: 0,
                    remote,
                };
                let one = Volume { packets: 1, bytes: 1_000 };
                volume += one;
                large.account.credit(
                    &key,
                    one,
                    &Origin { country, ..Origin::default() },
                );
            }
            for direction in [received, Direction::Sent] {
                for family in [Family::Ip(v4), Family::NonIp] {
                    let volume = match (direction, family) {
                        (Direction::Received, Family::Ip(_)) => volume,
                        _ => Volume::default(),
                    };
                    large.totals.push(InterfaceTotal {
                        interface,
                        direction,
                        family,
                        volume,
                    });
                }
            }
        }
        large
    }
}

/// Polls `rounds` times two, and returns the times in ms.
fn measure(
    keys: u32,
    rounds: usize,
    database: Arc<Database>,
    accounted: Accounted,
    networks: Option<Arc<NetworkDatabase>>,
) -> Samples {
    let samples = Arc::new(Mutex::new(Samples::default()));
    // As docs/performance.md advises: neither evicts.
    let entries = keys + keys / 2;
    let plain = Program::plain(entries);
    let (control, told) = bounded(0);
    let cpus = aya::util::nr_cpus().expect("a number of CPUs");
    let round = Round {
        keys,
        ours: None,
        plain_driver: Driver::new(plain.fd(), workload(keys)),
        plain,
        sweep: BatchSweep::new(BATCH, cpus),
        polls: 0,
        limit: SETTLING + 2 * rounds,
        started: Duration::ZERO,
        times: Vec::new(),
        samples: Arc::clone(&samples),
        control: Some(control),
    };
    let config = Config {
        // Always due.
        poll_interval: Duration::from_nanos(1),
        flow_batch_size: NonZeroU32::new(BATCH).unwrap(),
        interfaces: Interfaces::read("lo").unwrap(),
        host: accounted.host,
        networks: networks.is_some(),
        counted_once: CountedOnce::Listed(Interfaces::read("lo").unwrap()),
        ..Config::default()
    };
    let mut sinks: Vec<Box<dyn Sink>> =
        vec![Box::new(Feed::new(accounted.account))];
    if accounted.host {
        let host = HostAccount::resume(Default::default());
        sinks.push(Box::new(Feed::new(AtEdges::new(host))));
    }
    if networks.is_some() {
        let account = NetworksAccount::resume(None);
        sinks.push(Box::new(Feed::new(AtEdges::new(account))));
    }
    let publishers = Publishers {
        gatherers: Vec::new(),
        together: Together::default(),
        statistics: Publisher::new(PollStatistics::default()),
        interfaces: Publisher::new(Default::default()),
        counted_once: Publisher::new(Default::default()),
        overseer: Box::new(Nobody),
        saver: None,
    };
    let polled = publishers.statistics.reader();
    let Loaded { attacher, reader, .. } = ours::load(entries);
    let poller = Poller::new(
        Logger::root(Discard, o!()),
        Arc::new(config),
        (attacher, Watched { reader, round, idle: accounted.totals }),
        Sources { countries: Some(database), networks, ..Sources::default() },
        sinks,
        publishers,
        Start {
            devices: vec![InterfaceEvent::Listed(vec![ours::loopback()])],
            resumed: None,
            attachments: Vec::new(),
            labels: Arc::default(),
        },
    );
    poller.expect("cannot attach").run(&told, &never());
    let flows = polled.get().map_entries;
    assert_eq!(flows, u64::from(keys), "not all keys were counted");
    let samples = samples.lock().unwrap();
    samples.clone()
}

/// Returns the times of polls that count by network, if there is a database of
/// networks.
pub(crate) fn measure_networks(
    keys: u32,
    rounds: usize,
    countries: &Arc<Database>,
    networks: Option<&Arc<NetworkDatabase>>,
) -> Samples {
    let (countries, networks) = (Arc::clone(countries), networks.cloned());
    let accounted = Accounted::default();
    in_namespace(|| measure(keys, rounds, countries, accounted, networks))
}

/// Returns the rows of the table.
pub(crate) fn rows(effort: Effort, database: &Arc<Database>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (keys, limit) in [(10_000, 1.0), (100_000, 8.0), (1_000_000, 80.0)] {
        let keys = effort.of(keys, keys / 10);
        eprintln!("polls: {keys} keys");
        let rounds = effort.of(if keys > 500_000 { 7 } else { 21 }, 3);
        let database = Arc::clone(database);
        let samples = in_namespace(|| {
            measure(keys, rounds, database, Accounted::default(), None)
        });
        let changed = samples.median(CHANGED);
        rows.push(
            Row::new(format!("poll, {keys} keys, all changed"), "ms", changed)
                .plain(samples.median(PLAIN))
                .target(Target::OfPlain(0.12))
                .target(Target::AtMost(limit)),
        );
        let unchanged = Target::Of {
            what: "all changed",
            value: changed,
            limit: Some(0.5),
        };
        let what = format!("poll, {keys} keys, nothing changed");
        rows.push(
            Row::new(what, "ms", samples.median(UNCHANGED))
                .plain(samples.median(PLAIN))
                .target(unchanged),
        );
    }
    rows.push(whole_machine(effort, database));
    rows.push(idle_interfaces(effort, database));
    rows
}

/// Returns the row of a poll that also counts the whole machine.
fn whole_machine(effort: Effort, database: &Arc<Database>) -> Row {
    let keys = effort.of(100_000, 10_000);
    eprintln!("polls: {keys} keys, host = true");
    let rounds = effort.of(21, 3);
    let measure = |host| {
        let accounted = Accounted { host, ..Accounted::default() };
        let database = Arc::clone(database);
        in_namespace(|| measure(keys, rounds, database, accounted, None))
            .median(CHANGED)
    };
    let (without, with) = (measure(false), measure(true));
    let what = format!("poll, {keys} keys, all changed, host = true");
    Row::new(what, "ms", with).target(Target::Of {
        what: "the same without host",
        value: without,
        limit: Some(1.5),
    })
}

/// Returns the row of a poll that finds nothing new on many interfaces.
fn idle_interfaces(effort: Effort, database: &Arc<Database>) -> Row {
    eprintln!("polls: 300 interfaces");
    let rounds = effort.of(101, 11);
    let database = Arc::clone(database);
    let samples = in_namespace(|| {
        measure(1_000, rounds, database, Accounted::large(), None)
    });
    let changed = samples.median(CHANGED);
    let what = "poll, 250 countries × 300 interfaces, nothing changed";
    Row::new(what.to_owned(), "ms", samples.median(UNCHANGED)).target(
        Target::Of {
            what: "1,000 flows of one changed",
            value: changed,
            limit: Some(0.5),
        },
    )
}
