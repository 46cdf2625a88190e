//! The exporter as it is installed: the time until it answers, its memory, the
//! cost of a scrape.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use geoip_exporter::accounting::{Direction, IpVersion};

use crate::Effort;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::driver::{Driver, Order, Workload, attached_program};
use crate::harness::http;
use crate::harness::netns::Netns;
use crate::harness::sys::{interface_index, pin_to_cpu};
use crate::report::{Row, Target, median, resident_but};

const MIB: f64 = (1 << 20) as f64;

/// The kernel's name for the mapping of a BPF map.
const MAPPED_TABLE: &str = "anon_inode:bpf-map";

/// Returns the rows of the table.
pub(crate) fn rows(effort: Effort, database: &Path) -> Vec<Row> {
    let mut rows = vec![start(effort, database)];
    rows.extend(memory(effort, database));
    rows.extend(scrapes(effort, database));
    rows
}

fn start(effort: Effort, database: &Path) -> Row {
    eprintln!("start");
    let times: Vec<_> =
        (0..effort.of(20, 3)).map(|_| start_once(database)).collect();
    let time = median(&times).expect("at least one start");
    Row::new("start to the first answered scrape", "ms", time)
        .target(Target::AtMost(100.0))
}

/// Starts it and scrapes it until it answers; returns the time in ms.
fn start_once(database: &Path) -> f64 {
    let namespace = Netns::new();
    let address = "127.0.0.1:9100";
    let mut command: Command =
        namespace.command(env!("CARGO_BIN_EXE_geoip-exporter"));
    command
        .args(["--interfaces", "lo", "--listen-address", address])
        .arg("--geoip-db")
        .arg(database)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let address = address.parse().expect("an address");
    let started = Instant::now();
    let mut child = command.spawn().expect("cannot start the exporter");
    let time = loop {
        assert!(started.elapsed() < Duration::from_secs(20), "no answer");
        match http::get(&namespace, address, "/metrics") {
            Ok(answer) if answer.status == 200 => break started.elapsed(),
            _ => sleep(Duration::from_micros(200)),
        }
    };
    child.kill().expect("it runs");
    child.wait().expect("it is our child");
    time.as_secs_f64() * 1e3
}

fn setup(namespace: &Netns, database: &Path) -> Setup {
    Setup::new(namespace)
        .set("interfaces", "lo")
        .set("geoip_db", database.to_str().expect("a path of letters"))
        .set("log_level", "info")
        .set("poll_interval", "500ms")
}

/// Waits until it has found this many flows.
fn await_flows(daemon: &Daemon, flows: u32) {
    daemon.await_scrape("all flows", |scrape| {
        let found = scrape.value("geoip_ebpf_map_entries", &[]);
        match found {
            Some(found) if found >= f64::from(flows) => Ok(()),
            found => Err(format!("{found:?} of {flows}")),
        }
    });
    daemon.await_polls();
}

fn memory(effort: Effort, database: &Path) -> Vec<Row> {
    let known = fs::metadata(database).expect("it is there").len() as f64 / MIB;
    let cases = [(0, 10.0), (100_000, 20.0), (1_000_000, 80.0)];
    cases
        .into_iter()
        .map(|(keys, limit)| {
            let keys = effort.of(keys, keys / 100);
            eprintln!("memory: {keys} keys");
            let namespace = Netns::new();
            // As docs/performance.md advises.
            let entries = i64::from(keys.max(70_000)) * 3 / 2;
            let daemon = setup(&namespace, database)
                .set("map_max_entries", entries)
                .start();
            if keys > 0 {
                fill(&namespace, keys);
                await_flows(&daemon, keys);
            }
            daemon.await_polls();
            let smaps = format!("/proc/{}/smaps", daemon.pid());
            let smaps = fs::read_to_string(smaps).expect("it runs");
            let bytes = resident_but(&smaps, MAPPED_TABLE) as f64;
            let what = format!("resident memory, {keys} keys, less database");
            Row::new(what, "MiB", bytes / MIB - known)
                .target(Target::AtMost(limit))
        })
        .collect()
}

/// Lets an exporter on the loopback count this many keys.
fn fill(namespace: &Netns, keys: u32) {
    let workload =
        Workload { order: Order::Ascending, ..Workload::received(keys) };
    namespace.run(|| {
        stay_on_one_cpu();
        let program = attached_program("lo", Direction::Received);
        Driver::new(&program, workload).run(keys);
    });
}

/// Keeps the calling thread from one CPU's half of the keys and another's.
fn stay_on_one_cpu() {
    pin_to_cpu(1).expect("cannot choose a CPU");
}

/// Prefixes for each interface, direction and version: all countries have
/// some.
const PREFIXES: u32 = 4096;

fn scrapes(effort: Effort, database: &Path) -> Vec<Row> {
    eprintln!("scrapes of a process");
    let namespace = Netns::new();
    let interfaces = effort.of(16, 2);
    let names = make_interfaces(&namespace, interfaces);
    let daemon = setup(&namespace, database)
        .set("interfaces", names.join(","))
        .set("map_max_entries", 1_000_000)
        .start();
    let mut flows = 0;
    for direction in [Direction::Received, Direction::Sent] {
        for (ip_version, prefix_length) in
            [(IpVersion::V4, 24), (IpVersion::V6, 48)]
        {
            let workload = Workload {
                ip_version,
                direction,
                prefixes: PREFIXES,
                prefix_length,
                order: Order::Ascending,
            };
            namespace.run(|| {
                stay_on_one_cpu();
                let program = attached_program(&names[0], direction);
                let driver = Driver::new(&program, workload);
                for name in &names {
                    let index = interface_index(name).expect("it is there");
                    driver.run_on(index, PREFIXES);
                    flows += PREFIXES;
                }
            });
        }
    }
    await_flows(&daemon, flows);
    let mut daemon = daemon;
    // So that only scrapes are measured.
    daemon.configure("poll_interval", "1h");
    daemon.reload();
    let scrape = daemon.scrape();
    let series = scrape.matching("geoip_bytes_received_total", &[]).count()
        + scrape.matching("geoip_bytes_sent_total", &[]).count();
    assert!(series >= 1000 * names.len(), "{series} series");

    // The first few hundred give every thread its buffers.
    let times = effort.of(1000, 20);
    (0..times).for_each(|_| ask(&daemon));
    let before = (resident_bytes(daemon.pid()), cpu_seconds(daemon.pid()));
    (0..times).for_each(|_| ask(&daemon));
    let after = (resident_bytes(daemon.pid()), cpu_seconds(daemon.pid()));
    let cost = (after.1 - before.1) * 1e3 / f64::from(times);
    let growth = (after.0 as f64 - before.0 as f64) / MIB;
    vec![
        Row::new(
            format!(
                "scrape over HTTP, {series} series of bytes and of packets"
            ),
            "ms",
            cost,
        )
        .target(Target::AtMost(15.0)),
        Row::new(
            format!("growth of memory over {times} scrapes, behind as many"),
            "MiB",
            growth,
        )
        .target(Target::AtMost(0.5)),
    ]
}

fn ask(daemon: &Daemon) {
    let answer = daemon.get("/metrics").expect("cannot scrape");
    assert_eq!(answer.status, 200);
}

/// Makes this many interfaces and returns their names.
pub(crate) fn make_interfaces(namespace: &Netns, count: u32) -> Vec<String> {
    let mut lines = String::new();
    let names: Vec<_> = (0..count).map(|n| format!("eth{n}")).collect();
    for pair in names.chunks(2) {
        let [a, b] = pair else { panic!("an odd number of interfaces") };
        lines += &format!("link add {a} type veth peer name {b}\n");
    }
    for name in &names {
        lines += &format!("link set {name} up\n");
    }
    namespace.ip_batch(&lines);
    names
}

/// Returns the bytes that a process has in memory.
fn resident_bytes(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(path).expect("a running process");
    resident_but(&text, MAPPED_TABLE)
}

/// Returns the CPU time that a process has taken, in seconds.
fn cpu_seconds(pid: u32) -> f64 {
    let text =
        fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // The name, in brackets, may have anything in it.
    let (_, fields) = text.rsplit_once(") ").expect("a name");
    let ticks = fields.split(' ').skip(11).take(2);
    // USER_HZ is 100 on everything that Rust's standard library runs on.
    ticks.map(|field| field.parse::<f64>().expect("a number")).sum::<f64>()
        / 100.0
}
