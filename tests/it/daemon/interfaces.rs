//! Interfaces come, go and change their names.

use std::time::Duration;

use super::fake::FakeHost;
use super::running::{Running, with_database};

fn start(devices: &[(u32, &str)], lines: &str) -> Running {
    Running::start(FakeHost::new(devices), &with_database(lines))
}

#[test]
fn an_interface_that_was_made_anew_goes_on_with_its_series() {
    let daemon = start(&[(2, "eth0")], "interfaces = [\"eth0\"]\n");
    let host = &daemon.host;
    host.receive(2, "192.0.2.7", 1_000);
    // Gone before anything read it, and back under another number.
    host.remove(2);
    host.add(7, "eth0");
    host.wait_until("attached anew", |kernel| kernel.attached() == [7]);
    host.receive(7, "192.0.2.7", 200);
    assert_eq!(daemon.settled().received("DE", "eth0"), 1_200.0);
    host.wait_until("the old number is free", |k| k.numbers_in_use() == 1);
    assert_eq!(daemon.settled().received("DE", "eth0"), 1_200.0);
    daemon.stop();
}

/// The kernel gives an ifindex out again.
#[test]
fn another_device_with_the_same_ifindex_is_not_taken_for_the_old_one() {
    let daemon = start(&[(2, "eth0")], "");
    let host = &daemon.host;
    host.receive(2, "192.0.2.7", 1_000);
    host.remove(2);
    host.add(2, "eth1");
    host.wait_until("attached anew", |kernel| kernel.is_counted(2));
    host.receive(2, "192.0.2.7", 30);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("DE", "eth0"), 1_000.0);
    assert_eq!(scrape.received("DE", "eth1"), 30.0);
    daemon.stop();
}

/// A device that leaves for another network namespace and returns keeps its
/// ifindex and its name, but not what was attached to it.
#[test]
fn a_device_gone_and_back_in_one_piece_of_news_is_attached_anew() {
    for name in ["eth0", "eth1"] {
        let daemon = start(&[(2, "eth0")], "");
        let host = &daemon.host;
        host.receive(2, "192.0.2.7", 1_000);
        host.replace(2, name);
        host.wait_until("attached anew", |kernel| kernel.is_counted(2));
        host.receive(2, "203.0.113.1", 30);
        let scrape = daemon.settled();
        assert_eq!(scrape.received("DE", "eth0"), 1_000.0);
        assert_eq!(scrape.received("JP", name), 30.0);
        daemon.stop();
    }
}

#[test]
fn a_device_replaced_while_no_news_came_is_found_by_the_next_list() {
    let daemon = start(&[(2, "eth0")], "");
    let host = &daemon.host;
    host.receive(2, "192.0.2.7", 1_000);
    host.remove_silently(2);
    host.add_silently(2, "eth0");
    host.receive(2, "192.0.2.7", 1); // Nobody is attached: nobody sees it.
    host.list();
    host.wait_until("attached anew", |kernel| kernel.attached() == [2]);
    daemon.wait_for("the new one is counted", |scrape| {
        host.receive(2, "192.0.2.7", 200);
        scrape.received("DE", "eth0") > 1_000.0
    });
    let seen: u64 = host.kernel().seen.values().map(|v| v.bytes).sum();
    let scrape = daemon.settled();
    assert_eq!(scrape.received("DE", "eth0"), seen as f64);
    daemon.stop();
}

#[test]
fn a_renamed_interface_is_counted_under_its_new_name_by_any() {
    let daemon = start(&[(2, "eth0")], "interfaces = \"any\"\n");
    let host = &daemon.host;
    host.receive(2, "192.0.2.7", 1_000);
    daemon.settled();
    host.change(2, |device| device.name = "wan0".into());
    host.log.wait_for(0, &["renamed, interface: wan0"]);
    host.receive(2, "192.0.2.7", 200);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("DE", "eth0"), 1_000.0);
    assert_eq!(scrape.received("DE", "wan0"), 200.0);
    assert_eq!(scrape.status("eth0"), None);
    assert_eq!(scrape.attached("eth0"), None);
    assert_eq!(scrape.attached("wan0"), Some(1.0));
    daemon.stop();
}

#[test]
fn a_renamed_interface_is_left_by_a_list_that_does_not_name_it() {
    let daemon = start(&[(2, "eth0")], "interfaces = \"eth0, wan1\"\n");
    let host = &daemon.host;
    host.receive(2, "192.0.2.7", 1_000);
    host.change(2, |device| device.name = "wan0".into());
    let scrape = daemon
        .wait_for("not found", |scrape| scrape.status("eth0") == Some(2.0));
    assert_eq!(scrape.status("wan0"), None);
    assert_eq!(host.kernel().attached(), [0; 0]);
    host.receive(2, "192.0.2.7", 5); // Seen by nobody.

    host.change(2, |device| device.name = "wan1".into());
    host.wait_until("attached", |kernel| kernel.attached() == [2]);
    host.receive(2, "192.0.2.7", 30);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("DE", "eth0"), 1_000.0);
    assert_eq!(scrape.received("DE", "wan1"), 30.0);
    daemon.stop();
}

#[test]
fn a_missing_interface_is_named_once_and_counted_when_it_appears() {
    let daemon = start(&[(2, "eth0")], "interfaces = [\"eth0\", \"ppp0\"]\n");
    let host = &daemon.host;
    let scrape = daemon.settled();
    assert_eq!(scrape.status("eth0"), Some(0.0));
    assert_eq!(scrape.status("ppp0"), Some(2.0));
    host.change(2, |device| device.is_up = false);
    daemon.wait_for("down", |scrape| scrape.status("eth0") == Some(1.0));
    let log = host.log.text();
    let warnings = log.matches("interface not found").count();
    assert_eq!(warnings, 1, "{log}");

    host.add(9, "ppp0");
    host.wait_until("attached", |kernel| kernel.attached() == [2, 9]);
    host.receive(9, "203.0.113.1", 30);
    let scrape =
        daemon.wait_for("up", |scrape| scrape.status("ppp0") == Some(0.0));
    assert_eq!(scrape.received("JP", "ppp0"), 30.0);

    host.remove(9);
    let scrape = daemon
        .wait_for("not found", |scrape| scrape.status("ppp0") == Some(2.0));
    // Counters do not disappear.
    assert_eq!(scrape.received("JP", "ppp0"), 30.0);
    daemon.stop();
}

#[test]
fn an_interface_that_is_down_is_counted_and_shown_as_down() {
    let daemon = start(&[(2, "eth0")], "");
    daemon.host.change(2, |device| device.is_up = false);
    daemon.wait_for("down", |scrape| scrape.status("eth0") == Some(1.0));
    assert_eq!(daemon.host.kernel().attached(), [2]);
    daemon.host.change(2, |device| device.is_up = true);
    daemon.wait_for("up", |scrape| scrape.status("eth0") == Some(0.0));
    daemon.stop();
}

/// A number given out again too early would mix two interfaces' traffic.
#[test]
fn a_number_stays_taken_until_its_flows_are_removed() {
    let daemon = start(&[(2, "eth0"), (3, "eth1")], "");
    let host = &daemon.host;
    host.receive(2, "192.0.2.7", 1_000);
    host.kernel().failures.removing_flows = true;
    host.remove(2);
    host.wait_until("detached", |kernel| kernel.attached() == [3]);
    host.settle();
    host.add(4, "eth2");
    host.wait_until("attached", |kernel| kernel.attached() == [3, 4]);
    assert_eq!(host.kernel().numbers_in_use(), 3);
    host.receive(4, "192.0.2.7", 200);
    daemon.settled();
    host.kernel().failures.removing_flows = false;
    host.wait_until("released", |kernel| kernel.numbers_in_use() == 2);
    let scrape = daemon.settled();
    assert_eq!(scrape.received("DE", "eth0"), 1_000.0);
    assert_eq!(scrape.received("DE", "eth2"), 200.0);
    assert_eq!(scrape.get("geoip_ebpf_evictions_total"), 0.0);
    daemon.stop();
}

#[test]
fn an_interface_that_cannot_be_attached_is_tried_again() {
    let daemon = start(&[(2, "eth0")], "");
    let host = &daemon.host;
    host.kernel().failures.attaching = true;
    host.add(3, "eth1");
    host.log.wait_for(0, &["interface is not counted"]);
    assert_eq!(host.kernel().attached(), [2]);
    let scrape = daemon.settled();
    assert_eq!(scrape.status("eth1"), Some(0.0));
    assert_eq!(scrape.attached("eth1"), Some(0.0));
    assert_eq!(scrape.attached("eth0"), Some(1.0));
    let (_, page) = daemon.get("/");
    assert!(page.contains("<td>eth1</td><td>up, not counted</td>"), "{page}");

    host.kernel().failures.attaching = false;
    host.list();
    host.wait_until("attached", |kernel| kernel.attached() == [2, 3]);
    assert_eq!(daemon.settled().attached("eth1"), Some(1.0));
    let (_, page) = daemon.get("/");
    assert!(page.contains("<td>eth1</td><td>up</td>"), "{page}");
    daemon.stop();
}

#[test]
fn an_interface_that_cannot_be_attached_at_the_start_is_shown_as_such() {
    let host = FakeHost::new(&[(2, "eth0")]);
    host.kernel().failures.attaching = true;
    let interfaces = "interfaces = [\"eth0\", \"ppp0\"]\n";
    let daemon = Running::start(host, &with_database(interfaces));
    let scrape = daemon.settled();
    assert_eq!(scrape.attached("eth0"), Some(0.0));
    assert_eq!(scrape.attached("ppp0"), Some(0.0));
    assert_eq!(scrape.sum("geoip_interface_attached"), 0.0);

    daemon.host.kernel().failures.attaching = false;
    // A reload is another chance.
    daemon.reload();
    let scrape = daemon.settled();
    assert_eq!(scrape.attached("eth0"), Some(1.0));
    assert_eq!(scrape.attached("ppp0"), Some(0.0));
    daemon.stop();
}

/// A large map and a short interval must not keep the daemon from attaching.
#[test]
fn polls_that_take_longer_than_the_interval_leave_time_to_attach() {
    let daemon = start(&[(2, "eth0")], "");
    let host = &daemon.host;
    host.kernel().failures.slow_reads = Duration::from_millis(30);
    host.settle();
    host.add(3, "eth1");
    host.wait_until("attached", |kernel| kernel.is_counted(3));
    daemon.stop();
}
