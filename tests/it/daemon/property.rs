//! Whatever happens in whatever order: no byte is lost or counted twice.

use std::path::Path;

use geoip_exporter::accounting::Direction;
use proptest::prelude::*;
use tempfile::TempDir;

use super::fake::FakeHost;
use super::kernel::Packet;
use super::running::{Running, Scrape, database, with_database};

/// Few, so that what was evicted comes back.
const REMOTES: [&str; 3] = ["192.0.2.7", "10.0.0.1", "2001:db8:1::1"];

const DEVICES: [(u32, &str); 2] = [(2, "eth0"), (3, "eth1")];

const NAMES: [&str; 3] = ["eth0", "eth1", "wan0"];

const INTERFACES: [&str; 4] =
    ["\"any\"", "[\"eth0\"]", "[\"eth1\", \"wan0\"]", "[\"eth0\", \"eth1\"]"];

#[derive(Clone, Debug)]
enum Step {
    /// Counted at once, or in the middle of the next sweep.
    Packet(Packet, bool),
    Evict(usize),
    /// Makes the device, or one like it in its place.
    Add(u32, usize),
    Remove(u32),
    Rename(u32, usize),
    List,
    Reload(usize),
    BadReload,
    FailAttaching(bool),
    FailReads(bool),
    FailRemovals(bool),
    Scrape,
    /// Stops the daemon and starts another one.
    Stop,
    /// Kills it after so many calls of the probe.
    Kill(u64),
    /// Stops it, and kills the next one after so many calls.
    KillNext(u64),
}

fn packets() -> impl Strategy<Value = Step> {
    let remote = proptest::option::weighted(0.9, 0..REMOTES.len());
    let numbers = (2..4_u32, any::<bool>(), remote, 1..4_u64, 1..9_999_u64);
    (numbers, any::<bool>()).prop_map(|(numbers, mid_read)| {
        let (ifindex, is_sent, remote, packets, bytes) = numbers;
        let direction =
            if is_sent { Direction::Sent } else { Direction::Received };
        let remote = remote.map(|i| REMOTES[i].parse().unwrap());
        let packet = Packet { ifindex, direction, remote, packets, bytes };
        Step::Packet(packet, mid_read)
    })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => packets(),
        4 => (0..4_usize).prop_map(Step::Evict),
        1 => (2..4_u32, 0..NAMES.len()).prop_map(|(i, n)| Step::Add(i, n)),
        1 => (2..4_u32).prop_map(Step::Remove),
        1 => (2..4_u32, 0..NAMES.len()).prop_map(|(i, n)| Step::Rename(i, n)),
        1 => Just(Step::List),
        1 => (0..INTERFACES.len()).prop_map(Step::Reload),
        1 => Just(Step::BadReload),
        1 => any::<bool>().prop_map(Step::FailAttaching),
        1 => any::<bool>().prop_map(Step::FailReads),
        1 => any::<bool>().prop_map(Step::FailRemovals),
        4 => Just(Step::Scrape),
    ]
}

/// The steps, among them the ends of daemons.
fn steps_and_ends() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => steps(),
        1 => Just(Step::Stop),
        1 => (0..30_u64).prop_map(Step::Kill),
        // A start makes some ten calls before and in its first poll.
        1 => (0..30_u64).prop_map(Step::KillNext),
    ]
}

fn config(interfaces: usize, state: Option<&Path>) -> String {
    let interfaces = INTERFACES[interfaces];
    let asn_db = database("asn.mmdb");
    let lines = format!(
        "map_max_entries = 4\ninterfaces = {interfaces}\nhost = true\n\
         networks = true\nasn_db = {asn_db:?}\n"
    );
    let state = state.map_or_else(String::new, |directory| {
        format!("state_directory = {directory:?}\npin_directory = \"\"\n")
    });
    with_database(&(lines + &state))
}

/// Does one step; what cannot be done is left out.
fn take(step: &Step, daemon: &Running, state: Option<&Path>) {
    let host = &daemon.host;
    let has = |ifindex| host.kernel().has(ifindex);
    match step {
        Step::Packet(packet, false) => host.kernel().count(packet),
        Step::Packet(packet, true) => host.kernel().mid_read.push(*packet),
        Step::Evict(number) => {
            let mut kernel = host.kernel();
            let flow = kernel.flows().get(*number).copied();
            if let Some(flow) = flow {
                kernel.evict(&flow);
            }
        }
        Step::Add(ifindex, name) if has(*ifindex) => {
            host.replace(*ifindex, NAMES[*name]);
        }
        Step::Add(ifindex, name) => host.add(*ifindex, NAMES[*name]),
        Step::Remove(ifindex) if has(*ifindex) => host.remove(*ifindex),
        Step::Rename(ifindex, name) if has(*ifindex) => {
            host.change(*ifindex, |device| device.name = NAMES[*name].into());
        }
        Step::Remove(_) | Step::Rename(..) => {}
        Step::List => host.list(),
        Step::Reload(interfaces) => {
            daemon.configure(&config(*interfaces, state));
            daemon.reload();
        }
        Step::BadReload => {
            daemon.configure("poll_interval = \"never\"\n");
            daemon.reload();
        }
        Step::FailAttaching(fail) => {
            host.kernel().failures.attaching = *fail;
        }
        Step::FailReads(fail) => host.kernel().failures.reads = *fail,
        Step::FailRemovals(fail) => {
            host.kernel().failures.removing_flows = *fail;
        }
        Step::Scrape | Step::Stop | Step::Kill(_) | Step::KillNext(_) => {}
    }
}

/// Ends a daemon as the step says, and returns the next one. Meanwhile packets
/// pass.
fn restart(daemon: Running, step: &Step, config: &str) -> Running {
    let host = daemon.host.again();
    let pass = || {
        for (ifindex, _) in DEVICES {
            host.receive(ifindex, REMOTES[0], 77);
        }
    };
    let kill = |daemon: Running| {
        host.await_kill();
        daemon.stop();
        host.forget_since_kill();
        pass();
    };
    match step {
        Step::Kill(calls) => {
            host.kill_after(*calls);
            kill(daemon);
        }
        Step::KillNext(calls) => {
            daemon.stop();
            pass();
            host.kill_after(*calls);
            kill(Running::start(host.again(), config));
        }
        _ => {
            daemon.stop();
            pass();
        }
    }
    Running::start(host.again(), config)
}

/// Fails where a counter has gone back or away; a zero may go away with its
/// interface.
fn assert_grown(before: &Scrape, after: &Scrape) {
    let counters = before.0.iter().filter(|(series, value)| {
        let name = series.split('{').next().unwrap_or_default();
        name.ends_with("_total") && **value > 0.0
    });
    for (series, &value) in counters {
        assert!(after.get(series) >= value, "{series} was {value}");
    }
}

/// Takes all steps and looks for every byte.
fn run(
    host: FakeHost,
    steps: &[Step],
    state: Option<&Path>,
) -> Result<(), TestCaseError> {
    let mut daemon = Running::start(host, &config(0, state));
    let mut last = daemon.scrape();
    let (mut interfaces, mut is_killed) = (0, false);
    // A process that ends before it saved anything leaves no word on whether
    // an interface was an edge, which the next one needs if that is gone.
    let mut are_edges_forgotten = false;
    for step in steps {
        take(step, &daemon, state);
        match (step, state) {
            (Step::Scrape, _) => {
                let scrape = daemon.settled();
                assert_grown(&last, &scrape);
                last = scrape;
            }
            (Step::Reload(chosen), _) => interfaces = *chosen,
            (Step::Stop | Step::Kill(_) | Step::KillNext(_), Some(_)) => {
                is_killed |= !matches!(step, Step::Stop);
                let is_failing = daemon.host.kernel().failures.reads;
                are_edges_forgotten |= is_killed || is_failing;
                daemon = restart(daemon, step, &config(interfaces, state));
            }
            _ => {}
        }
    }
    daemon.host.kernel().failures = Default::default();
    daemon.host.list();
    let scrape = daemon.wait_for("all that is found is attached", |s| {
        let counted = daemon.host.kernel().counted_names();
        NAMES.iter().all(|name| {
            let is_found = s.status(name).is_some_and(|v| v < 2.0);
            let is_attached = s.attached(name) == Some(1.0);
            is_found == is_attached && is_attached == counted.contains(*name)
        })
    });
    assert_grown(&last, &scrape);

    let (seen, evictions, lost) = {
        let kernel = daemon.host.kernel();
        (kernel.seen.clone(), kernel.evictions, kernel.lost)
    };
    for (direction, word) in
        [(Direction::Received, "received"), (Direction::Sent, "sent")]
    {
        let total =
            |unit: &str| scrape.sum(&format!("geoip_{unit}_{word}_total"));
        let truth: u64 = seen
            .iter()
            .filter(|((seen_in, _), _)| *seen_in == direction)
            .map(|(_, volume)| volume.bytes)
            .sum();
        let found = total("bytes")
            + total("unattributed_bytes")
            + total("non_ip_bytes");
        prop_assert_eq!(found, truth as f64, "{}", word);
        // Every device leads outside, and none stands on another.
        let whole = total("host_bytes")
            + total("host_unattributed_bytes")
            + total("host_non_ip_bytes");
        prop_assert!(whole <= truth as f64, "whole machine, {word}");
        // All networks have series here.
        let networks = total("as_bytes") + total("as_unattributed_bytes");
        let non_ip = total("host_non_ip_bytes");
        prop_assert_eq!(networks + non_ip, whole, "networks, {}", word);
        if !are_edges_forgotten {
            prop_assert_eq!(whole, truth as f64, "whole machine, {}", word);
        }
    }
    let unattributed = scrape.sum("geoip_unattributed_bytes_received_total")
        + scrape.sum("geoip_unattributed_bytes_sent_total");
    if is_killed {
        // With it what a process had credited and not saved.
        prop_assert!(unattributed >= lost as f64);
    } else {
        prop_assert_eq!(unattributed, lost as f64);
    }
    let packets: u64 = seen.values().map(|volume| volume.packets).sum();
    prop_assert_eq!(scrape.get("geoip_ebpf_packets_total"), packets as f64);
    if !is_killed {
        let counted = scrape.get("geoip_ebpf_evictions_total");
        prop_assert_eq!(counted, evictions as f64);
    }
    daemon.stop();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_byte_the_hooks_saw_is_somewhere(
        steps in prop::collection::vec(steps(), 1..120),
    ) {
        run(FakeHost::new(&DEVICES), &steps, None)?;
    }

    #[test]
    fn every_byte_is_somewhere_where_there_is_a_flow_table(
        steps in prop::collection::vec(steps(), 1..120),
    ) {
        run(FakeHost::with_table(&DEVICES), &steps, None)?;
    }

    /// However early a daemon is killed, or another one takes over.
    #[test]
    fn every_byte_is_somewhere_through_stops_and_kills(
        has_table in any::<bool>(),
        steps in prop::collection::vec(steps_and_ends(), 1..60),
    ) {
        let state = TempDir::new().unwrap();
        let host = match has_table {
            true => FakeHost::with_table(&DEVICES),
            false => FakeHost::new(&DEVICES),
        };
        let host = host.keeping(state.path().join("counters.state"));
        run(host, &steps, Some(state.path()))?;
    }
}
