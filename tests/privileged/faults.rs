//! System calls that fail: what still counts, what is said, and that nothing
//! is lost or counted twice once they work again. `docs/faults.md` is the
//! table of what happens; each row of it names its test.

mod start;

use aya::programs::TcAttachType;
use libc::{EAGAIN, EIO, EMFILE, ENOMEM, ENOSPC, EPERM};

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::faults::{Call, Fault};
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::connect;
use crate::harness::sys::Signal;
use crate::harness::tcx::attached;
use crate::harness::traffic::{Traffic, await_books, books};
use crate::harness::wait::{PATIENCE, await_equal};

/// Commands of bpf(2).
const MAP_CREATE: Call = Call::bpf(0);
const MAP_LOOKUP: Call = Call::bpf(1);
const MAP_UPDATE: Call = Call::bpf(2);
const MAP_DELETE: Call = Call::bpf(3);
const PROG_LOAD: Call = Call::bpf(5);
const PROG_TEST_RUN: Call = Call::bpf(10);
const OBJ_GET_INFO: Call = Call::bpf(15);
const PROG_QUERY: Call = Call::bpf(16);
const MAP_LOOKUP_BATCH: Call = Call::bpf(24);
const LINK_CREATE: Call = Call::bpf(28);

/// Asks for the name of an interface.
const NAME_OF_INTERFACE: Call = Call::with(libc::SYS_ioctl, 1, 0x8910);
const NETLINK_SOCKET: Call = Call::with(libc::SYS_socket, 0, 16);
/// What maps the memory of a map, and nothing else.
const MAP_SHARED: Call = Call::with(libc::SYS_mmap, 3, 1);
const MEMBARRIER_QUERY: Call = Call::with(libc::SYS_membarrier, 0, 0);
const MEMBARRIER_GLOBAL: Call = Call::with(libc::SYS_membarrier, 0, 1);
const OPEN_FILES_LIMIT: Call = Call::any(libc::SYS_prlimit64);
const NEW_THREAD: Call = Call::any(libc::SYS_clone3);
/// The call before has no effect there.
const NEW_THREAD_IN_SANDBOX: Call = Call::any(libc::SYS_clone);
const WRITE: Call = Call::any(libc::SYS_write);

/// Describes an exporter that counts every flow in the map alone, and reads it
/// flow by flow.
fn map_alone(lab: &Lab, fault: &Fault) -> Setup {
    Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("map_max_entries", 1_000)
        .set("flow_batch_size", 3)
        .with_fault(fault)
}

fn messages(daemon: &mut Daemon, message: &str) -> usize {
    daemon.log().iter().filter(|line| line.message() == message).count()
}

/// Lets polls fail, and sees that nothing moves, that it is said once, and
/// that the first poll that works finds everything.
fn fail_polls(
    daemon: &mut Daemon,
    traffic: &mut Traffic,
    fault: &Fault,
    (passes, errno): (u64, i32),
) {
    let before = books(&daemon.scrape());
    let failed = |scrape: &Scrape| scrape.sum("geoip_poll_failures_total", &[]);
    let failures = failed(&daemon.scrape());
    let position = daemon.log_position();
    let said = messages(daemon, "cannot poll; trying again");
    fault.fail_behind(passes, errno);
    traffic.exchange();
    fault.await_failures(5);
    let scrape = daemon.scrape();
    assert_eq!(books(&scrape), before, "half a poll");
    assert!(failed(&scrape) > failures);
    assert_eq!(messages(daemon, "cannot poll; trying again"), said + 1);

    fault.mend();
    traffic.await_booked(daemon);
    daemon.await_log("that it polls again", position, |line| {
        line.message().starts_with("polling again")
    });
    let failures = failed(&daemon.scrape());
    daemon.await_polls();
    assert_eq!(failed(&daemon.scrape()), failures);
}

#[test]
fn a_batch_that_cannot_be_read_is_read_by_the_next_poll() {
    let lab = Lab::new();
    let fault = Fault::of(MAP_LOOKUP_BATCH);
    let mut daemon = map_alone(&lab, &fault).start();
    let mut traffic = Traffic::new(&lab);
    fail_polls(&mut daemon, &mut traffic, &fault, (0, ENOMEM));
}

#[test]
fn a_sweep_that_breaks_off_half_way_credits_nothing() {
    let lab = Lab::new();
    let fault = Fault::of(MAP_LOOKUP_BATCH);
    let mut daemon = map_alone(&lab, &fault).start();
    let mut traffic = Traffic::new(&lab);
    fail_polls(&mut daemon, &mut traffic, &fault, (2, EIO));
}

#[test]
fn a_flow_that_cannot_be_read_is_read_by_the_next_poll() {
    let lab = Lab::new();
    let fault = Fault::of(MAP_LOOKUP);
    let mut daemon = map_alone(&lab, &fault).start();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    for answer in [(0, ENOMEM), (3, EIO), (0, EPERM)] {
        fail_polls(&mut daemon, &mut traffic, &fault, answer);
    }
}

#[test]
fn a_clock_that_cannot_be_read_fails_the_poll_and_no_more() {
    let lab = Lab::new();
    let fault = Fault::of(PROG_TEST_RUN);
    let mut daemon = map_alone(&lab, &fault).start();
    let mut traffic = Traffic::new(&lab);
    for answer in [(0, ENOMEM), (0, EPERM)] {
        fail_polls(&mut daemon, &mut traffic, &fault, answer);
    }
}

/// Lets a call fail while an interface comes, and sees that the others count
/// on, that nothing is left half-way, and that a reload takes it in.
fn fail_attaching(call: Call, (passes, errno): (u64, i32), reason: &str) {
    let lab = Lab::new();
    let fault = Fault::of(call);
    let setup = Setup::new(&lab.machine).set("interfaces", "any");
    let mut daemon = setup.with_fault(&fault).start();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);

    let position = daemon.log_position();
    fault.fail_behind(passes, errno);
    connect(&lab.machine, "wan1", &lab.world, "peer1");
    let line = daemon.await_log("why it is not counted", position, |line| {
        line.message() == "interface is not counted"
    });
    assert_eq!(line.get("interface").as_deref(), Some("wan1"));
    let error = line.get("error").unwrap();
    assert!(error.contains(reason), "{error}");
    let new = [("interface", "wan1")];
    daemon.await_sum("geoip_interface_attached", &new, 0);
    // It may be being tried again at this moment.
    for hook in HOOKS {
        await_equal("programs on it", &0, || {
            attached(&lab.machine, "wan1", hook).len()
        });
    }
    traffic.exchange();
    traffic.await_booked(&daemon);

    fault.mend();
    daemon.reload();
    daemon.await_sum("geoip_interface_attached", &new, 1);
    for hook in HOOKS {
        assert_eq!(attached(&lab.machine, "wan1", hook).len(), 1, "{hook:?}");
    }
    let mut other = Traffic::between(&lab.machine, "wan1", &lab.world, "peer1");
    other.exchange();
    traffic.exchange();
    let mut both = traffic.booked().clone();
    both.extend(other.booked().clone());
    await_books(&daemon, &both);
}

const HOOKS: [TcAttachType; 2] = [TcAttachType::Ingress, TcAttachType::Egress];

#[test]
fn an_interface_that_cannot_be_attached_to_waits_and_the_others_count() {
    fail_attaching(LINK_CREATE, (0, ENOMEM), "Cannot allocate memory");
    // The second of its two programs.
    fail_attaching(LINK_CREATE, (1, ENOMEM), "Cannot allocate memory");
}

#[test]
fn a_right_that_was_given_up_and_is_asked_for_is_named() {
    fail_attaching(LINK_CREATE, (0, EPERM), "sandbox = false");
}

#[test]
fn a_link_that_cannot_be_asked_for_its_number_is_let_go() {
    fail_attaching(OBJ_GET_INFO, (0, ENOMEM), "Cannot allocate memory");
}

#[test]
fn an_interface_that_cannot_be_given_a_number_is_let_go() {
    fail_attaching(MAP_UPDATE, (0, ENOMEM), "Cannot allocate memory");
}

#[test]
fn an_interface_that_cannot_be_asked_for_its_name_is_not_counted() {
    fail_attaching(NAME_OF_INTERFACE, (0, ENOMEM), "Cannot allocate memory");
    fail_attaching(NAME_OF_INTERFACE, (1, ENOMEM), "Cannot allocate memory");
}

#[test]
fn an_interface_whose_programs_cannot_be_listed_is_counted() {
    let lab = Lab::unplugged();
    let fault = Fault::of(PROG_QUERY);
    let setup = Setup::new(&lab.machine).set("interfaces", "any");
    let daemon = setup.with_fault(&fault).start();
    fault.fail(ENOMEM);
    connect(&lab.machine, WAN, &lab.world, "peer0");
    daemon.await_sum("geoip_interface_attached", &[("interface", WAN)], 1);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    assert!(fault.failures() > 0);
}

/// Devices are listed after events were lost; each is then asked whether it
/// is still the one that was attached to.
#[test]
fn an_interface_that_cannot_be_asked_whether_it_is_attached_counts_on() {
    let lab = Lab::new();
    let fault = Fault::of(PROG_QUERY);
    let setup = Setup::new(&lab.machine).set("interfaces", "any");
    let mut daemon = setup.set("log_level", "trace").with_fault(&fault).start();
    let mut traffic = Traffic::new(&lab);
    let position = daemon.log_position();
    fault.fail(ENOMEM);
    lose_events(&mut daemon, &lab, position);
    fault.await_failures(0);
    traffic.exchange();
    traffic.await_booked(&daemon);
    assert_eq!(messages(&mut daemon, "detached"), 0);
}

/// Lets more happen than the kernel keeps, and waits for the list of devices
/// that follows.
fn lose_events(daemon: &mut Daemon, lab: &Lab, position: usize) {
    daemon.at_once(|| crate::life::lost::flood(&lab.machine));
    daemon.await_log("list of all devices", position, |line| {
        line.get("event").is_some_and(|event| event.starts_with("Listed"))
    });
    daemon.await_polls();
}

#[test]
fn devices_that_cannot_be_listed_are_listed_later() {
    let lab = Lab::new();
    let fault = Fault::of(NETLINK_SOCKET);
    let setup = Setup::new(&lab.machine).set("interfaces", "any");
    let mut daemon = setup.with_fault(&fault).start();
    let mut traffic = Traffic::new(&lab);
    let position = daemon.log_position();
    fault.fail(EMFILE);
    daemon.at_once(|| {
        crate::life::lost::flood(&lab.machine);
        connect(&lab.machine, "wan1", &lab.world, "peer1");
    });
    daemon.await_log("that it cannot list", position, |line| {
        line.text().contains("network interfaces over netlink")
    });
    traffic.exchange();
    traffic.await_booked(&daemon);
    fault.mend();
    let new = [("interface", "wan1")];
    daemon.await_sum("geoip_interface_attached", &new, 1);
}

#[test]
fn a_flow_that_cannot_be_removed_is_removed_later() {
    let lab = Lab::new();
    let fault = Fault::of(MAP_DELETE);
    let mut daemon = map_alone(&lab, &fault).start();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    let entries = daemon.scrape().sum("geoip_ebpf_map_entries", &[]);
    assert!(entries > 0);

    fault.fail(ENOMEM);
    let position = daemon.log_position();
    lab.machine.ip("link del wan0");
    fault.await_failures(3);
    connect(&lab.machine, WAN, &lab.world, "peer0");
    daemon.await_log("attached", position, |l| l.message() == "attached");
    traffic.reconnect(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    daemon.await_sum("geoip_ebpf_map_entries", &[], 2 * entries);
    fault.mend();
    daemon.await_sum("geoip_ebpf_map_entries", &[], entries);
    traffic.await_booked(&daemon);
}

#[test]
fn without_a_grace_period_the_table_waits_and_counting_goes_on() {
    let lab = Lab::new();
    let fault = Fault::of(MEMBARRIER_GLOBAL);
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let mut daemon = setup.with_fault(&fault).start();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    let entries = "geoip_ebpf_flow_table_entries";
    let used = daemon.scrape().sum(entries, &[]);
    assert!(used > 0);

    fault.fail(EPERM);
    let position = daemon.log_position();
    lab.machine.ip("link del wan0");
    fault.await_failures(3);
    connect(&lab.machine, WAN, &lab.world, "peer0");
    daemon.await_log("attached", position, |l| l.message() == "attached");
    traffic.reconnect(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    assert!(daemon.scrape().sum(entries, &[]) > used);
    fault.mend();
    daemon.await_scrape("the old flows are gone", |scrape| {
        match scrape.sum(entries, &[]) {
            now if now <= used => Ok(()),
            now => Err(format!("{now} of {used}")),
        }
    });
    traffic.await_booked(&daemon);
}

#[test]
fn a_full_disk_for_the_log_costs_lines_and_no_bytes() {
    let lab = Lab::new();
    let fault = Fault::of(WRITE).on_file(2);
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let mut daemon = setup.with_fault(&fault).start();
    let mut traffic = Traffic::new(&lab);
    fault.fail(ENOSPC);
    traffic.exchange();
    traffic.await_booked(&daemon);
    fault.await_failures(3);
    fault.mend();
    let position = daemon.log_position();
    daemon.reload();
    daemon.await_log("reloaded", position, |l| l.message() == "reloaded");
    traffic.exchange();
    traffic.await_booked(&daemon);
    fault.fail(ENOSPC);
    daemon.signal(Signal::Terminate);
    assert_eq!(daemon.wait(PATIENCE).code(), Some(0));
}
