//! Which privileges it needs, and what it does without the others.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::fixtures::data;
use crate::harness::http;
use crate::harness::lab::{Lab, PEER, WAN};
use crate::harness::link::{connect, set_up};
use crate::harness::log_line::LogLine;
use crate::harness::process::{Background, output_of};
use crate::harness::sys::Signal;
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_until};

/// All that it needs, as `setpriv` writes it.
pub(crate) const NEEDED: &str = "-all,+bpf,+net_admin,+perfmon";

/// CAP_NET_ADMIN, as `/proc/PID/status` shows it.
const NET_ADMIN: &str = "0000000000001000";

const NOTHING: &str = "0000000000000000";

/// The capabilities with which a reload turns connections on.
const BPF_AND_PERFMON: &str = "000000c000000000";

const OF_CONNECTIONS: &str = "CAP_BPF (thread connections), \
    CAP_PERFMON (thread connections)";

/// Runs the exporter as nobody with these capabilities, from a copy that
/// nobody may read wherever this repository lies.
pub(crate) fn as_nobody(setup: Setup, capabilities: &str) -> Setup {
    let directory = setup.path("");
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&directory, open).unwrap();
    let database = setup.path("country.mmdb");
    fs::copy(data("country-maxmind.mmdb"), &database).unwrap();
    let program = setup.path("geoip-exporter");
    // By another process: one that is forked here meanwhile would hold the copy
    // open for writing, and it could not be executed.
    let mut copy = Command::new("cp");
    output_of(copy.arg(env!("CARGO_BIN_EXE_geoip-exporter")).arg(&program));
    setup.set("geoip_db", database.to_str().unwrap()).program(&program).through(
        &[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            &format!("--inh-caps={capabilities}"),
            &format!("--ambient-caps={capabilities}"),
            &format!("--bounding-set={capabilities}"),
            // Cleared when the user changed; nobody else would end it.
            "--pdeathsig=KILL",
        ],
    )
}

/// Returns a field of the status of each thread, by the thread's name.
fn of_threads(daemon: &Daemon, field: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let tasks = format!("/proc/{}/task", daemon.pid());
    for task in fs::read_dir(tasks).unwrap() {
        let path = task.unwrap().path().join("status");
        let status = fs::read_to_string(path).unwrap();
        let value = |key: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(key));
            line.and_then(|l| l.strip_prefix(':')).unwrap().trim().to_owned()
        };
        found.entry(value("Name")).or_default().push(value(field));
    }
    found
}

/// Checks which capability the poller has, that no other thread has one but
/// that of connections, and that every thread is confined.
fn assert_confined(daemon: &Daemon, of_poller: &str) {
    for set in ["CapPrm", "CapEff"] {
        for (thread, values) in of_threads(daemon, set) {
            let expected = match thread.as_str() {
                "poller" => of_poller,
                "connections" => BPF_AND_PERFMON,
                _ => NOTHING,
            };
            assert!(
                values.iter().all(|value| value == expected),
                "{set} of {thread}: {values:?}"
            );
        }
    }
    for (field, expected) in [
        ("CapInh", NOTHING),
        ("CapAmb", NOTHING),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        let found = of_threads(daemon, field);
        let mut values = found.values().flatten();
        assert!(values.all(|value| value == expected), "{field}: {found:?}");
    }
}

#[test]
fn three_capabilities_are_enough_for_everything() {
    let lab = Lab::new();
    connect(&lab.machine, "wan1", &lab.world, "peer1");
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let mut daemon = as_nobody(setup, NEEDED).start();
    await_kept(&mut daemon, OF_CONNECTIONS);
    assert_confined(&daemon, NOTHING);

    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);

    // The list is fixed, its interface is not.
    let position = daemon.log_position();
    lab.machine.ip("link del wan0");
    connect(&lab.machine, WAN, &lab.world, PEER);
    await_attached(&mut daemon, position, WAN);
    traffic.reconnect(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);

    // A reload that changes the list, and names another database.
    let database = daemon.path("other.mmdb");
    fs::copy(data("country-dbip.mmdb"), &database).unwrap();
    daemon.configure("interfaces", "any");
    daemon.configure("geoip_db", database.to_str().unwrap());
    let position = daemon.log_position();
    daemon.reload();
    await_attached(&mut daemon, position, "wan1");
    let path = ("path", database.to_str().unwrap());
    daemon.await_sum("geoip_database_info", &[path], 1);
    let position = daemon.log_position();
    connect(&lab.machine, "wan2", &lab.world, "peer2");
    await_attached(&mut daemon, position, "wan2");
    assert_confined(&daemon, NOTHING);

    daemon.signal(Signal::Terminate);
    let status = daemon.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{status}");
}

/// Waits until that is what was kept.
fn await_kept(daemon: &mut Daemon, expected: &str) {
    daemon.await_log("what was kept", 0, |line| {
        line.message() == "privileges"
            && line.get("kept").as_deref() == Some(expected)
    });
}

#[test]
fn one_capability_stays_where_interfaces_may_appear() {
    let lab = Lab::new();
    for interfaces in ["any", "wan0,lan0"] {
        let setup = Setup::new(&lab.machine).set("interfaces", interfaces);
        let mut daemon = as_nobody(setup, NEEDED).start();
        let of_poller = "CAP_NET_ADMIN (thread poller)";
        let (bpf, perfmon) = OF_CONNECTIONS.split_once(", ").unwrap();
        await_kept(&mut daemon, &format!("{bpf}, {of_poller}, {perfmon}"));
        assert_confined(&daemon, NET_ADMIN);
    }
}

/// What the kernel says of a device only to those who have it, the link says.
#[test]
fn a_device_that_took_anothers_number_is_found_without_any_capability() {
    let lab = Lab::unplugged();
    let add = |name: &str, peer: &str| {
        lab.machine.ip(&format!(
            "link add {name} index 4000 type veth peer name {peer} netns {}",
            lab.world.path()
        ));
        set_up(&lab.world, peer);
        set_up(&lab.machine, name);
    };
    add(WAN, PEER);
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let mut daemon = as_nobody(setup, NEEDED).start();
    await_kept(&mut daemon, OF_CONNECTIONS);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    // Both before the daemon hears of either.
    let position = daemon.log_position();
    daemon.at_once(|| {
        lab.machine.ip("link del wan0");
        add(WAN, PEER);
    });
    await_attached(&mut daemon, position, WAN);
    traffic.reconnect(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
}

fn await_attached(daemon: &mut Daemon, from: usize, interface: &str) {
    daemon.await_log(&format!("{interface} attached"), from, |line| {
        line.message() == "attached"
            && line.get("interface").as_deref() == Some(interface)
    });
}

/// As in a container, where a user has no capability but those of the file.
#[test]
fn capabilities_that_a_file_only_permits_are_taken() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let setup = as_nobody(setup, "-all");
    let program = setup.path("geoip-exporter");
    let mut grant = Command::new("setcap");
    let permitted = "cap_bpf,cap_net_admin,cap_perfmon+p";
    output_of(grant.arg(permitted).arg(&program));
    let bounded = format!("--bounding-set={NEEDED}");
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let rest = ["--inh-caps=-all", &bounded, "--pdeathsig=KILL"];
    let mut daemon = setup.through(&[&user[..], &rest].concat()).start();
    await_kept(&mut daemon, OF_CONNECTIONS);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
}

#[test]
fn missing_rights_are_named() {
    for (rights, missing) in [
        ("-all", "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON"),
        ("-all,+net_admin,+perfmon", "CAP_BPF"),
        ("-all,+bpf,+perfmon", "CAP_NET_ADMIN"),
        ("-all,+bpf,+net_admin", "CAP_PERFMON"),
    ] {
        let lab = Lab::new();
        let setup = Setup::new(&lab.machine).set("interfaces", WAN);
        let (status, said) = as_nobody(setup, rights).start_refused();
        assert_eq!(status.code(), Some(77), "with {rights}: {said}");
        assert!(said.contains(&format!("missing {missing})")), "{said}");
        for remedy in ["setcap cap_bpf,", "AmbientCapabilities=CAP_BPF"] {
            assert!(said.contains(remedy), "{said}");
        }
    }
}

#[test]
fn root_gives_up_what_it_does_not_need() {
    let lab = Lab::new();
    let mut daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    daemon.await_log("what was kept in the end", 0, |line| {
        let kept = line.get("kept").unwrap_or_default();
        line.message() == "privileges" && !kept.contains("CAP_NET_ADMIN")
    });
    let mut threads = of_threads(&daemon, "CapPrm");
    // These read files that may belong to anybody; the main thread, whose name
    // others have until they have their own, has others do it.
    let read_search = "0000000000000004";
    for reader in ["database", "web-config"] {
        assert_eq!(threads.remove(reader).unwrap(), [read_search]);
    }
    let reader = threads.remove("geoip-exporter").unwrap();
    let others = reader.iter().filter(|value| *value != read_search);
    assert!(others.clone().all(|value| value == NOTHING), "{reader:?}");
    assert_eq!(reader.len() - others.count(), 1, "{reader:?}");
    assert_eq!(threads.remove("poller").unwrap(), [NOTHING]);
    assert_eq!(threads.remove("connections").unwrap(), [BPF_AND_PERFMON]);
    let rest: Vec<_> = threads.values().flatten().collect();
    assert!(rest.iter().all(|value| *value == NOTHING), "{threads:?}");
}

#[test]
fn without_the_sandbox_everything_is_kept_and_that_is_said() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let mut daemon = as_nobody(setup.set("sandbox", false), NEEDED).start();
    for (thread, values) in of_threads(&daemon, "CapPrm") {
        let all = "000000c000001000";
        assert!(values.iter().all(|value| value == all), "{thread}");
    }
    let said = daemon
        .await_log("what was kept", 0, |line| line.message() == "privileges");
    assert_eq!(said.get("system_calls").as_deref(), Some("not filtered"));
    let kept = said.get("kept").unwrap();
    for capability in ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"] {
        assert!(kept.contains(capability), "{kept}");
    }
}

/// A journal that hangs must not cost counts, nor keep the end waiting.
#[test]
fn a_standard_error_that_nobody_reads_stalls_nothing() {
    let lab = Lab::new();
    let directory = tempfile::TempDir::new().unwrap();
    let fifo = directory.path().join("fifo");
    let database = data("country-maxmind.mmdb");
    // The pipe is open for reading, too, so that it can be opened; it is full
    // after a few hundred lines.
    let script = format!(
        "mkfifo {fifo} && exec 3<>{fifo} && exec {program} \
         --interfaces {WAN} --listen-address 127.0.0.1:9100 \
         --poll-interval 10ms --log-level debug --geoip-db {database} 2>&3",
        fifo = fifo.display(),
        program = env!("CARGO_BIN_EXE_geoip-exporter"),
        database = database.display(),
    );
    let mut command = lab.machine.command("sh");
    command.args(["-c", &script]).stdin(Stdio::null());
    let mut process = Background::start("geoip-exporter", &mut command);
    let address = "127.0.0.1:9100".parse().unwrap();
    let polls = || {
        let page = http::get(&lab.machine, address, "/metrics")
            .map_err(|error| error.to_string())?;
        let line = page
            .body
            .lines()
            .find_map(|line| line.strip_prefix("geoip_poll_duration_seconds "));
        Ok::<_, String>(line.unwrap_or_default().to_owned())
    };
    let mut seen = std::collections::BTreeSet::new();
    // Each poll takes another time and is a line of 100 bytes: these are more
    // than a pipe holds.
    await_until(Duration::from_secs(60), "a thousand polls", || {
        seen.insert(polls()?);
        match seen.len() {
            0..1_000 => Err(format!("{} polls", seen.len())),
            _ => Ok(()),
        }
    });
    process.signal(Signal::Terminate);
    let status = process.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{status}");
}

/// Each thread gives up its own: a line that is written before the last one has
/// is wrong some of the time.
#[test]
fn what_was_kept_is_said_once_and_true() {
    let lab = Lab::new();
    for _ in 0..12 {
        let mut daemon =
            Setup::new(&lab.machine).set("interfaces", "any").start();
        daemon.await_log("what was kept", 0, is_report);
        daemon.signal(Signal::Terminate);
        assert_eq!(daemon.wait(PATIENCE).code(), Some(0));
        let log = daemon.log();
        let said: Vec<_> = log.iter().filter(|line| is_report(line)).collect();
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(
            said[0].get("kept").as_deref(),
            Some(
                "CAP_BPF (thread connections), \
                 CAP_DAC_READ_SEARCH (3 threads), \
                 CAP_NET_ADMIN (thread poller), \
                 CAP_PERFMON (thread connections)"
            )
        );
    }
}

fn is_report(line: &LogLine) -> bool {
    line.message() == "privileges"
}
