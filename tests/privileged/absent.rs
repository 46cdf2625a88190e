//! Interfaces that are gone lose their series after a time, and nothing of
//! their counters.

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::flood::frames_from;
use crate::harness::lab::Lab;
use crate::harness::link::connect;
use crate::harness::send::Sender;

/// Makes an interface, lets it receive and removes it. Returns the bytes.
fn pass(lab: &Lab, daemon: &Daemon, name: &str) -> u64 {
    let peer = format!("p{name}");
    connect(&lab.machine, name, &lab.world, &peer);
    let label = [("interface", name)];
    daemon.await_sum("geoip_interface_attached", &label, 1);
    let volume = Sender::open(&lab.world, &peer).send(frames_from(0..20));
    lab.machine.ip(&format!("link del {name}"));
    volume.bytes
}

/// Returns the names of these interfaces that have series.
fn shown(scrape: &Scrape) -> Vec<&str> {
    let names =
        scrape.values_of("geoip_non_ip_bytes_received_total", "interface");
    names.into_iter().filter(|name| name.starts_with("veth")).collect()
}

fn received(scrape: &Scrape, name: &str) -> u64 {
    scrape.sum("geoip_bytes_received_total", &[("interface", name)])
}

#[test]
fn interfaces_that_come_and_go_leave_no_series_and_no_count_is_lost() {
    let lab = Lab::new();
    let mut daemon = Setup::new(&lab.machine)
        .set("interfaces", "any")
        .set("absent_interface_retention", "1h")
        .start();
    let names: Vec<_> = (0..8).map(|number| format!("veth{number}")).collect();
    let bytes = names.iter().map(|name| pass(&lab, &daemon, name));
    let bytes: Vec<_> = bytes.collect();
    daemon.await_scrape("all of them are shown", |scrape| {
        let found = names.iter().map(|name| received(scrape, name));
        let found: Vec<_> = found.collect();
        if found == bytes { Ok(()) } else { Err(format!("{found:?}")) }
    });
    daemon.await_sum("geoip_interfaces_absent", &[], 8);

    daemon.configure("absent_interface_retention", "1s");
    daemon.reload();
    daemon.await_scrape("none is shown", |scrape| match shown(scrape) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
    daemon.await_sum("geoip_interfaces_absent", &[], 0);
    daemon.await_sum("geoip_interfaces_remembered", &[], 8);
    daemon.await_sum("geoip_ebpf_packets_total", &[], 8 * 20);

    // One of them returns, and is shown for as long as it is there.
    daemon.configure("absent_interface_retention", "1h");
    daemon.reload();
    let again = pass(&lab, &daemon, "veth3");
    daemon.await_scrape("its true value", |scrape| {
        let found = received(scrape, "veth3");
        let expected = bytes[3] + again;
        match found == expected {
            true => Ok(()),
            false => Err(format!("{found} instead of {expected}")),
        }
    });
    assert_eq!(shown(&daemon.scrape()), ["veth3"]);
    daemon.await_sum("geoip_interfaces_remembered", &[], 7);
}
