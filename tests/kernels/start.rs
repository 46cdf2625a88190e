//! Whether the exporter starts at all, and how it attaches.

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
    daemon.signal(crate::harness::sys::Signal::Terminate);
    assert_eq!(daemon.wait(PATIENCE).code(), Some(0));
}
