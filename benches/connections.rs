//! The cost of counting TCP connections: of one that is opened and closed, and
//! of a visit of very many open ones.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use aya::programs::{BtfTracePoint, loaded_programs};
use aya::sys::{Stats, enable_stats};
use aya::{Btf, Ebpf};
use socket2::{Domain, Socket, Type};

use crate::Effort;
use crate::harness::clang::compile;
use crate::harness::connections::{Asking, CountryLab, Family, OWN4};
use crate::harness::countries::{self, address};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::lab::Lab;
use crate::harness::objects::Objects;
use crate::harness::sys::{pin_to_cpu, raise_open_files};
use crate::harness::wait::{PATIENCE, await_until};
use crate::report::{Row, Samples, Target};
use crate::sys::thread_time;

/// The variants of a round, in its order.
const NONE: usize = 0;
const EMPTY: usize = 1;
const COUNTED: usize = 2;

const MIB: f64 = (1 << 20) as f64;

/// The row of the memory after visits.
const GROWTH: &str = "growth of memory over the visits of idle ones";

/// Returns the rows of the table.
pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    let mut rows = short(effort);
    rows.extend(visits(effort));
    rows.extend(visits_of_many(effort));
    rows
}

fn setup(lab: &CountryLab) -> Setup {
    let setup = Setup::new(&lab.lab.machine);
    let database = setup.path("countries.mmdb");
    fs::write(&database, countries::database()).expect("cannot write");
    setup
        .set("geoip_db", database.to_str().expect("a path of letters"))
        .set("interfaces", "lo")
        .set("log_level", "info")
        .set("poll_interval", "1h")
}

/// Switches the counting of connections, and waits until it is on or off.
fn switch(daemon: &mut Daemon, without: &Objects, is_on: bool) {
    daemon.configure("connections", is_on);
    daemon.reload();
    await_until(PATIENCE, "programs of connections", || {
        let found = Objects::of(daemon).without(without);
        match found.links.is_empty() {
            is_off if is_off != is_on => Ok(()),
            _ => Err(format!("{found:?}")),
        }
    });
}

/// Opens and closes connections, one after the other, and returns the
/// nanoseconds of CPU time that one of them took at both of its ends.
fn connect(lab: &CountryLab, count: u16) -> f64 {
    lab.dial(Asking::Machine, 0, |dialer| {
        pin_to_cpu(1).expect("cannot choose a CPU");
        let before = thread_time();
        for number in 0..count {
            let country = usize::from(number) % countries::CODES.len();
            let host = 1 + number / 50 % 200;
            dialer.open(country, host, Family::V4).close();
        }
        (thread_time() - before).as_nanos() as f64 / f64::from(count)
    })
}

/// Returns the nanoseconds that these programs have run, and how often.
fn run_time(numbers: &BTreeSet<u32>) -> (f64, u64) {
    let programs = loaded_programs().filter_map(Result::ok);
    let these = programs.filter(|it| numbers.contains(&it.id()));
    these.fold((0.0, 0), |(time, runs), program| {
        let more = program.run_time().as_secs_f64() * 1e9;
        (time + more, runs + program.run_count())
    })
}

/// Programs that do nothing, where ours are.
struct EmptyPair(Ebpf);

impl EmptyPair {
    const NAMES: [&str; 2] = ["empty_first", "empty_second"];

    fn attach() -> Self {
        static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
        let object = OBJECT.get_or_init(|| compile("benches/bpf/events.bpf.c"));
        let mut ebpf = Ebpf::load(object).expect("cannot load an object");
        let types = Btf::from_sys_fs().expect("the kernel has BTF");
        for name in Self::NAMES {
            let program = ebpf.program_mut(name).expect("it is in the object");
            let program: &mut BtfTracePoint =
                program.try_into().expect("it is of a tracepoint");
            program.load("inet_sock_set_state", &types).expect("cannot load");
            program.attach().expect("cannot attach");
        }
        Self(ebpf)
    }

    fn programs(&self) -> BTreeSet<u32> {
        let number = |name| {
            let program = self.0.program(name).expect("it is in the object");
            program.info().expect("it is loaded").id()
        };
        Self::NAMES.map(number).into()
    }
}

/// Returns the cost of connections that are opened and closed.
fn short(effort: Effort) -> Vec<Row> {
    eprintln!("connections: opened and closed");
    let lab = CountryLab::new();
    let mut daemon = setup(&lab)
        .set("connections", false)
        .set("connections_interval", "1h")
        // Both ends of each connection count.
        .set("connections_scope", "host")
        .start();
    let without = Objects::of(&daemon);
    let count = effort.of(2_000, 200);
    connect(&lab, count);
    let mut samples = Samples::default();
    for _ in 0..effort.of(21, 3) {
        let round = [NONE, EMPTY, COUNTED].map(|variant| {
            let empty = (variant == EMPTY).then(EmptyPair::attach);
            switch(&mut daemon, &without, variant == COUNTED);
            connect(&lab, 200);
            let time = connect(&lab, count);
            drop(empty);
            time
        });
        samples.push(round.to_vec());
    }
    let ours = Objects::of(&daemon).without(&without).programs;
    let empty = EmptyPair::attach();
    let statistics = enable_stats(Stats::RunTime)
        .expect("cannot make the kernel measure programs");
    let programs = [ours, empty.programs()];
    let before = programs.each_ref().map(run_time);
    let count = effort.of(20_000, 2_000);
    connect(&lab, count);
    let after = programs.each_ref().map(run_time);
    drop(statistics);
    let ends = 2.0 * f64::from(count);
    let runs = (after[0].1 - before[0].1) as f64 / ends;
    let [time, empty] = [0, 1].map(|at| (after[at].0 - before[at].0) / ends);
    let none = samples.median(NONE) / 2.0;
    let above = |variant| samples.median_above(variant, NONE) / 2.0;
    vec![
        Row::new(
            format!("connection, opened and closed, {runs:.0} program runs"),
            "ns",
            time,
        ),
        Row::new("the same, of empty programs", "ns", empty),
        Row::new("the same, net of empty programs", "ns", time - empty)
            .target(Target::AtMost(1_000.0)),
        Row::new("the same, CPU time above none", "ns", above(COUNTED))
            .target(Target::AtMost(1_000.0)),
        Row::new("the same, CPU time of empty programs", "ns", above(EMPTY)),
        Row::new("the same, CPU time of all", "ns", none + above(COUNTED))
            .target(Target::Of { what: "none", value: none, limit: None }),
    ]
}

/// Returns the CPU time of the thread that counts connections.
fn cpu_time(daemon: &Daemon) -> Duration {
    let tasks = format!("/proc/{}/task", daemon.pid());
    let tasks = fs::read_dir(tasks).expect("a running process");
    let mut times = tasks.filter_map(|task| {
        let path = task.ok()?.path();
        let name = fs::read_to_string(path.join("comm")).ok()?;
        let time = fs::read_to_string(path.join("schedstat")).ok()?;
        (name.trim() == "connections").then_some(())?;
        Some(time.split(' ').next()?.parse().expect("nanoseconds"))
    });
    Duration::from_nanos(times.next().expect("the thread runs"))
}

/// Returns the cost of visits of open connections.
fn visits(effort: Effort) -> Vec<Row> {
    const COUNT: u32 = 8_000;
    // Both ends of each are files of this process.
    raise_open_files();
    eprintln!("connections: {COUNT} open ones");
    let lab = CountryLab::new();
    let mut daemon = setup(&lab)
        .set("connections", true)
        .set("connections_interval", "1s")
        .start();
    let open = lab.open(Asking::World, 0, COUNT as usize);
    daemon.await_sum("geoip_tcp_connections", &[], COUNT.into());
    // The first ones see progress.
    (0..3).for_each(|_| await_visit(&daemon));
    let (idle, growth) = idle_visits(&daemon, effort.of(20, 3));

    // A visit in which all of them have made progress.
    daemon.configure("connections_interval", "1h");
    daemon.reload();
    await_visit(&daemon);
    for connection in &open {
        connection.exchange(1, 1);
    }
    let before = cpu_time(&daemon);
    daemon.configure("connections_interval", "1s");
    daemon.reload();
    await_visit(&daemon);
    let active = (cpu_time(&daemon) - before).as_secs_f64() * 1e3;

    let ss = cpu_time_of(lab.lab.machine.command("ss").arg("-tinH"));
    let of_ss = |row: Row| {
        let target = Target::Of { what: "ss -tin", value: ss, limit: None };
        row.target(Target::AtMost(100.0)).target(target)
    };
    drop(open);
    vec![
        of_ss(Row::new(
            format!("visit of {COUNT} idle connections"),
            "ms",
            idle,
        )),
        of_ss(Row::new(
            format!("visit of {COUNT} connections that made progress"),
            "ms",
            active,
        )),
        Row::new(GROWTH, "MiB", growth).target(Target::AtMost(0.5)),
    ]
}

/// Waits for the end of a visit that begins now or is under way.
fn await_visit(daemon: &Daemon) {
    let duration = |scrape: &Scrape| {
        let labels = [("collector", "connections")];
        scrape.value("geoip_collector_duration_seconds", &labels)
    };
    let before = duration(&daemon.scrape());
    daemon.await_scrape("a visit", |scrape| match duration(scrape) {
        now if now != before => Ok(()),
        now => Err(format!("{now:?}")),
    });
}

/// Returns the CPU time in ms of one of so many visits, and the MiB by which the
/// memory grew over all of them.
fn idle_visits(daemon: &Daemon, count: u32) -> (f64, f64) {
    let memory = daemon.resident_bytes() as f64;
    let before = cpu_time(daemon);
    (0..count).for_each(|_| await_visit(daemon));
    let time = (cpu_time(daemon) - before).as_secs_f64() * 1e3;
    let growth = (daemon.resident_bytes() as f64 - memory) / MIB;
    (time / f64::from(count), growth)
}

/// Returns the cost of visits of very many connections. They wait to be
/// accepted, and their other ends are closed, so they need no descriptors.
#[expect(clippy::cast_possible_truncation, reason = "at most 200 and 9")]
fn visits_of_many(effort: Effort) -> Vec<Row> {
    const PORTS: [u16; 2] = [7_001, 7_002];
    let count: u32 = effort.of(100_000, 8_000);
    eprintln!("connections: {count} that wait to be accepted");
    let lab = CountryLab::new();
    let CountryLab { lab: Lab { machine, world }, .. } = &lab;
    machine.set("core/somaxconn", "65535");
    machine.set("ipv4/tcp_max_syn_backlog", "65535");
    let tcp = || Socket::new(Domain::IPV4, Type::STREAM, None);
    let listening = machine.run(|| {
        PORTS.map(|port| {
            let socket = tcp().expect("cannot open a socket");
            let own = SocketAddr::new(OWN4.into(), port);
            socket.bind(&own.into()).expect("cannot bind");
            socket.listen(65_535).expect("cannot listen");
            socket
        })
    });
    world.run(|| {
        for number in 0..count {
            let (country, host) = (number % 50, 1 + number / 50 % 200);
            let own = address(country as usize, host as u16, 4);
            // The kernel would choose the port of a closed connection again,
            // whose other end is still open.
            let own = SocketAddr::new(own, 20_000 + (number / 10_000) as u16);
            let port = PORTS[number as usize / 50 % PORTS.len()];
            let there = SocketAddr::new(OWN4.into(), port);
            let socket = tcp().expect("cannot open a socket");
            socket.bind(&own.into()).expect("cannot bind");
            socket.connect(&there.into()).expect("cannot connect");
        }
    });
    let daemon = setup(&lab)
        .set("connections", true)
        .set("connections_interval", "1s")
        .start();
    daemon.await_sum("geoip_tcp_connections", &[], count.into());
    (0..3).for_each(|_| await_visit(&daemon));
    let (idle, growth) = idle_visits(&daemon, effort.of(20, 3));
    drop(listening);
    vec![
        Row::new(format!("visit of {count} idle connections"), "ms", idle)
            .target(Target::AtMost(100.0)),
        Row::new(GROWTH, "MiB", growth).target(Target::AtMost(0.5)),
    ]
}

/// Runs a command to its end, and returns the CPU time in ms that it took.
fn cpu_time_of(command: &mut Command) -> f64 {
    let before = children_time();
    let started = Instant::now();
    let output = command.output().expect("cannot start it");
    assert!(output.status.success(), "{:?}", output.status);
    let time = children_time() - before;
    assert!(time <= started.elapsed().as_secs_f64() * 2e3, "{time}");
    time
}

/// Returns the CPU time in ms of all ended children.
fn children_time() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").expect("it is there");
    // The name, in brackets, may have anything in it.
    let (_, fields) = text.rsplit_once(") ").expect("a name");
    let ticks = fields.split(' ').skip(13).take(2);
    // USER_HZ is 100 on everything that Rust's standard library runs on.
    ticks.map(|field| field.parse::<f64>().expect("a number")).sum::<f64>()
        * 10.0
}
