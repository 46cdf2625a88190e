//! Whether the exporter starts at all, how it attaches, and whether it puts its
//! flow table in front of the map: not where a packet may interrupt another.

use std::fs;

use crate::harness::daemon::Setup;
use crate::harness::lab::{Lab, WAN};
use crate::harness::wait::PATIENCE;

/// `make test-kernels` shows what this prints.
#[test]
fn it_loads_attaches_and_says_how() {
    let lab = Lab::new();
    let mut daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    let line = daemon.await_log("the programs", 0, |line| {
        line.message() == "loaded the eBPF programs"
    });
    daemon.await_log(WAN, 0, |line| line.message() == "attached");
    eprintln!("attached by {}", line.get("attached_by").unwrap());
    let bytes = daemon.scrape().value("geoip_ebpf_flow_table_bytes", &[]);
    let is_used = bytes.unwrap() > 0.0;
    eprintln!("flow table {}", if is_used { "used" } else { "off" });
    // Debian's name for them, which the exporter does not look at.
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(is_used, !release.contains("-rt-"), "{release}");
    daemon.signal(crate::harness::sys::Signal::Terminate);
    assert_eq!(daemon.wait(PATIENCE).code(), Some(0));
}
