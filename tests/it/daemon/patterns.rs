//! Interfaces that are chosen by patterns, exclusions and what they are.

use geoip_exporter::kernel::InterfaceName;

use super::fake::FakeHost;
use super::running::{Running, with_database};

fn start(devices: &[(u32, &str)], interfaces: &str) -> Running {
    let lines = format!("interfaces = {interfaces}\n");
    Running::start(FakeHost::new(devices), &with_database(&lines))
}

#[test]
fn a_device_that_appears_later_is_counted_if_the_patterns_choose_it() {
    let daemon = start(
        &[(1, "lo"), (2, "eth0"), (3, "veth1"), (4, "docker0")],
        "[\"any\", \"!veth*\", \"!docker*\", \"wan0\"]",
    );
    let host = &daemon.host;
    host.wait_until("attached", |kernel| kernel.attached() == [2]);
    host.add(5, "veth2");
    host.add(6, "wg0");
    host.wait_until("attached", |kernel| kernel.attached() == [2, 6]);
    // A rename takes it out, and another one in.
    host.change(6, |device| device.name = "veth9".into());
    host.wait_until("detached", |kernel| kernel.attached() == [2]);
    host.change(5, |device| device.name = "tun0".into());
    host.wait_until("attached", |kernel| kernel.attached() == [2, 5]);
    let scrape = daemon.settled();
    // Of what is excluded nothing is shown, of a full name that is missing it
    // is.
    assert_eq!(scrape.status("veth1"), None);
    assert_eq!(scrape.status("wan0"), Some(2.0));
    assert_eq!(scrape.status("tun0"), Some(0.0));
    daemon.stop();
}

#[test]
fn the_log_says_what_each_pattern_matches_at_the_start_and_at_a_reload() {
    let daemon = start(
        &[(1, "lo"), (2, "eth0"), (3, "eth9"), (4, "wg0")],
        "[\"eth*\", \"!eth9\", \"tun*\", \"wg0\"]",
    );
    let log = &daemon.host.log;
    let lines = [
        "pattern matches, pattern: eth*, interfaces: eth0, eth9",
        "pattern excludes, pattern: !eth9, interfaces: eth9",
        "WARN pattern matches no interface; one is counted as soon as it \
         appears, pattern: tun*",
    ];
    for line in lines {
        log.wait_for(0, &[line]);
    }
    // A full name says it by "attached".
    assert!(!log.text().contains("pattern: wg0"), "{}", log.text());
    let from = log.mark();
    daemon.host.add(5, "eth5");
    daemon.host.wait_until("attached", |kernel| kernel.is_counted(5));
    assert!(!log.since(from).contains("pattern"), "{}", log.text());
    daemon.reload();
    log.wait_for(
        from,
        &["pattern matches, pattern: eth*, interfaces: eth0, eth9, eth5"],
    );
    daemon.stop();
}

#[test]
fn a_line_of_the_log_lists_twenty_interfaces_at_most() {
    let names: Vec<_> = (0..25).map(|at| format!("eth{at}")).collect();
    let devices: Vec<_> = (2..).zip(names.iter().map(String::as_str)).collect();
    let daemon = start(&devices, "\"any\"");
    daemon.host.log.wait_for(
        0,
        &["pattern: any, interfaces: eth0, eth1, eth2, eth3, eth4, eth5, \
          eth6, eth7, eth8, eth9, eth10, eth11, eth12, eth13, eth14, eth15, \
          eth16, eth17, eth18, eth19 and 5 more"],
    );
    daemon.stop();
}

#[test]
fn uplinks_are_on_a_bus_or_else_have_a_default_route() {
    let host = FakeHost::new(&[(1, "lo"), (2, "eth0"), (3, "veth0")]);
    host.route_by(&[3]);
    let config = with_database("interfaces = \"uplinks\"\n");
    let daemon = Running::start(host, &config);
    let host = &daemon.host;
    host.wait_until("attached", |kernel| kernel.attached() == [3]);
    host.log.wait_for(
        0,
        &["pattern matches, pattern: uplinks (by a default route), \
           interfaces: veth0"],
    );
    host.route_by(&[2, 3]);
    host.wait_until("attached", |kernel| kernel.attached() == [2, 3]);
    host.route_by(&[2]);
    host.wait_until("detached", |kernel| kernel.attached() == [2]);
    // A card is plugged in: then it is what counts.
    host.add(4, "enp1s0");
    host.change(4, |device| device.is_on_bus = true);
    host.wait_until("attached", |kernel| kernel.attached() == [4]);
    host.remove(4);
    host.wait_until("attached", |kernel| kernel.attached() == [2]);
    daemon.stop();
}

/// What is counted goes on being counted until it is known what is an uplink.
#[test]
fn a_reload_to_uplinks_waits_for_the_default_routes() {
    let daemon = start(&[(2, "eth0"), (3, "veth0")], "\"any\"");
    let host = &daemon.host;
    host.wait_until("attached", |kernel| kernel.attached() == [2, 3]);
    host.route_by(&[2]);
    host.receive(2, "192.0.2.7", 1_000);
    daemon.configure(&with_database("interfaces = \"uplinks\"\n"));
    daemon.reload();
    // As soon as it is done, also at the interface that is left.
    assert_eq!(host.kernel().attached(), [2]);
    host.receive(2, "192.0.2.7", 200);
    assert_eq!(daemon.settled().received("DE", "eth0"), 1_200.0);
    let log = host.log.text();
    assert!(!log.contains("detached, interface: eth0"), "{log}");
    assert!(!log.contains("matches no interface"), "{log}");
    assert!(host.kernel().are_routes_wanted);
    daemon.configure(&with_database("interfaces = \"any\"\n"));
    daemon.reload();
    assert_eq!(host.kernel().attached(), [2, 3]);
    assert!(!host.kernel().are_routes_wanted);
    daemon.stop();
}

/// Names need not be text: two that differ in such bytes are two interfaces.
#[test]
fn names_that_are_no_text_are_counted_apart_and_can_be_listed() {
    let daemon = start(&[(2, "eth0")], r#"['a\xff', 'a\xfe', 'we\"ird']"#);
    let host = &daemon.host;
    for (ifindex, name) in
        [(3, &b"a\xff"[..]), (4, b"a\xfe"), (5, b"we\"ird"), (6, b"a\xfd")]
    {
        host.add(ifindex, "new");
        host.change(ifindex, |device| device.name = InterfaceName::new(name));
    }
    host.wait_until("attached", |kernel| kernel.attached() == [3, 4, 5]);
    host.receive(3, "192.0.2.7", 1_000);
    host.receive(4, "192.0.2.7", 200);
    host.receive(5, "192.0.2.7", 30);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("DE", r"a\\xff"), 1_000.0);
    assert_eq!(scrape.received("DE", r"a\\xfe"), 200.0);
    assert_eq!(scrape.received("DE", r#"we\"ird"#), 30.0);
    daemon.stop();
}
