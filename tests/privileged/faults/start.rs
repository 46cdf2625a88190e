//! System calls that fail while the exporter starts.

use super::*;
use crate::harness::log_line::LogLine;

#[test]
fn where_membarrier_is_refused_it_counts_without_the_table() {
    let lab = Lab::new();
    let fault = Fault::of(MEMBARRIER_QUERY);
    fault.fail(EPERM);
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let mut daemon = setup.with_fault(&fault).start();
    daemon.await_log("why there is no table", 0, |line| {
        line.text().contains("MEMBARRIER_CMD_GLOBAL")
    });
    daemon.await_sum("geoip_ebpf_flow_table_bytes", &[], 0);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
}

#[test]
fn what_the_start_cannot_do_without_ends_it_in_one_line() {
    for (call, passes, errno, reason) in [
        (MAP_CREATE, 0, ENOMEM, "Cannot allocate memory"),
        (MAP_CREATE, 4, ENOMEM, "Cannot allocate memory"),
        (PROG_LOAD, 5, ENOMEM, "Cannot allocate memory"),
        (PROG_LOAD, 9, EIO, "Input/output error"),
        (MAP_SHARED, 0, ENOMEM, "Cannot allocate memory"),
        (MAP_SHARED, 2, ENOMEM, "Cannot allocate memory"),
        (PROG_QUERY, 0, ENOMEM, "ask the kernel for TCX"),
        (NETLINK_SOCKET, 0, EMFILE, "netlink"),
    ] {
        fail_start(call, passes, errno, reason);
    }
}

#[test]
fn a_start_without_threads_ends_in_one_line() {
    let fail = |call, passes| {
        fail_start(call, passes, EAGAIN, "temporarily unavailable");
    };
    (0..7).for_each(|passes| fail(NEW_THREAD, passes));
    // Those that the web server starts.
    (0..5).for_each(|passes| fail(NEW_THREAD_IN_SANDBOX, passes));
}

fn fail_start(call: Call, passes: u64, errno: i32, reason: &str) {
    let lab = Lab::new();
    let fault = Fault::of(call);
    fault.fail_behind(passes, errno);
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let (status, said) = setup.with_fault(&fault).start_refused();
    let case = format!("{call:?} behind {passes}: {status}\n{said}");
    assert!(matches!(status.code(), Some(69..=71)), "{case}");
    assert!(!said.contains("panicked"), "{case}");
    let reason = reason.to_lowercase();
    assert!(said.to_lowercase().contains(&reason), "{case}");
    for hook in HOOKS {
        assert_eq!(attached(&lab.machine, WAN, hook).len(), 0, "{case}");
    }
}

#[test]
fn a_limit_of_open_files_that_cannot_be_raised_is_lived_with() {
    let lab = Lab::new();
    let fault = Fault::of(OPEN_FILES_LIMIT);
    fault.fail(EPERM);
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let daemon = setup.with_fault(&fault).start();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    assert!(fault.failures() > 0);
}

/// The next interface lacks the same: a line for each would be thousands.
#[test]
fn a_limit_of_open_files_that_is_reached_is_one_line_and_names_it() {
    let lab = Lab::new();
    for number in 0..30 {
        connect(
            &lab.machine,
            &format!("v{number}"),
            &lab.world,
            &format!("w{number}"),
        );
    }
    let setup = Setup::new(&lab.machine).set("interfaces", "any");
    let mut daemon = setup.inside(&["prlimit", "--nofile=64:64"]).start();
    let line = daemon.await_log("who is left out", 0, |line| {
        line.message() == "there are more interfaces than can be counted"
    });
    let error = line.get("error").unwrap();
    assert!(error.contains("too many open files"), "{error}");
    assert!(error.contains("LimitNOFILE="), "{error}");
    let number = |key: &str| line.get(key).unwrap().parse::<u32>().unwrap();
    assert!(number("left_out") >= 1 && number("counted") >= 1, "{line:?}");
    let log = daemon.log();
    let is_single =
        |line: &LogLine| line.message() == "interface is not counted";
    assert_eq!(log.iter().filter(|line| is_single(line)).count(), 0);
}
