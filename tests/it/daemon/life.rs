//! How the daemon starts and ends.

use std::net::TcpListener;

use geoip_exporter::daemon::lifecycle::Event;
use geoip_exporter::kernel::ProbeSettings;
use geoip_exporter::sysexits;

use super::fake::FakeHost;
use super::running::{
    BASE, Running, start_error, with_database, without_ticks,
};

fn start(lines: &str) -> Running {
    Running::start(FakeHost::new(&[(2, "eth0")]), &with_database(lines))
}

#[test]
fn the_settings_reach_the_kernel_side() {
    let daemon = start(
        "map_max_entries = 17\nipv4_prefix_length = 32\n\
         ipv6_prefix_length = 64\nflow_batch_size = 5\n",
    );
    let scrape = daemon.settled();
    let kernel = daemon.host.kernel();
    let expected = ProbeSettings {
        map_max_entries: 17.try_into().unwrap(),
        ipv4_prefix_length: 32,
        ipv6_prefix_length: 64,
        has_classes: false,
    };
    assert_eq!(kernel.settings, Some(expected));
    assert_eq!(kernel.batch_size, 5);
    drop(kernel);
    assert_eq!(scrape.get("geoip_config_map_max_entries"), 17.0);
    assert_eq!(scrape.get("geoip_config_flow_batch_size"), 5.0);
    assert_eq!(scrape.get("geoip_config_poll_interval_seconds"), 0.01);
    assert_eq!(scrape.get("geoip_config_last_reload_successful"), 1.0);
    let built = scrape.sum("geoip_database_build_timestamp_seconds");
    assert!(built > 0.0);
    daemon.stop();
}

#[test]
fn the_pages_answer() {
    let daemon = start("");
    daemon.settled();
    assert_eq!(daemon.get("/-/healthy").0, 200);
    assert_eq!(daemon.get("/-/ready").0, 200);
    let (status, page) = daemon.get("/");
    assert_eq!(status, 200);
    assert!(page.contains("eth0") && page.contains("/metrics"), "{page}");
    assert_eq!(daemon.get("/nothing").0, 404);
    daemon.stop();
}

#[test]
fn the_metrics_may_stand_in_the_place_of_the_landing_page() {
    let daemon = start("metrics_path = \"/\"\n");
    let (status, page) = daemon.get("/");
    assert_eq!(status, 200);
    assert!(page.contains("\ngeoip_build_info{"), "{page}");
    assert_eq!(daemon.get("/-/healthy").0, 200);
    assert_eq!(daemon.get("/metrics").0, 404);
    daemon.stop();
}

/// Nobody can scrape it any more, but what is written down somewhere else in
/// the end must be whole.
#[test]
fn the_last_poll_comes_after_the_order_to_stop() {
    let host = FakeHost::new(&[(2, "eth0")]);
    let config = without_ticks("log_level = \"debug\"\n");
    let daemon = Running::start(host.clone(), &config);
    host.log.wait_for(0, &["polled, flows: 0"]);
    host.receive(2, "192.0.2.7", 1_000);
    let mark = host.log.mark();
    daemon.terminate();
    daemon.end().unwrap();
    let kernel = host.kernel();
    assert!(kernel.is_dropped, "the probe outlived the daemon");
    assert_eq!((kernel.reads, kernel.attached()), (2, Vec::new()));
    drop(kernel);
    let log = host.log.since(mark);
    assert!(log.contains("polled, flows: 1"), "{log}");
    assert!(log.contains("INFO stopped"), "{log}");
}

#[test]
fn a_second_order_to_stop_changes_nothing_here() {
    let daemon = start("");
    daemon.terminate();
    // It may have ended by now, and hears neither.
    let _ = daemon.events.send(Event::Terminate);
    let _ = daemon.events.send(Event::Hangup);
    daemon.end().unwrap();
}

#[test]
fn a_panic_of_the_poller_ends_the_daemon() {
    let daemon = start("");
    daemon.host.settle();
    daemon.host.kernel().failures.panics = true;
    let error = daemon.end().unwrap_err();
    assert_eq!(error.to_string(), "the poller thread ended: it panicked");
    assert_eq!(error.exit_code(), sysexits::SOFTWARE);
}

#[test]
fn the_end_of_the_news_of_devices_ends_the_daemon() {
    let daemon = start("");
    daemon.host.end_news(false);
    let error = daemon.end().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the interfaces thread ended: it ended without being asked to"
    );
    assert_eq!(error.exit_code(), sysexits::SOFTWARE);
}

/// A moment without a free file descriptor must not cost the counters.
#[test]
fn news_of_devices_that_cannot_be_read_are_waited_for() {
    let daemon = start("");
    let mark = daemon.host.log.mark();
    daemon.host.end_news(true);
    daemon.host.log.wait_for(mark, &["cannot follow interfaces"]);
    daemon.host.add(7, "eth7");
    daemon.host.log.wait_for(mark, &["following interfaces again"]);
    daemon.host.log.wait_for(mark, &["attached", "eth7"]);
    daemon.stop();
}

#[test]
fn a_start_without_the_right_to_attach_fails() {
    let host = FakeHost::new(&[(2, "eth0")]);
    host.kernel().failures.permission = true;
    let error = start_error(&host, &with_database(""));
    assert_eq!(error.exit_code(), sysexits::NOPERM);
    assert!(error.to_string().contains("cannot attach to eth0"), "{error}");
    assert!(host.kernel().is_dropped);
}

#[test]
fn a_busy_port_fails_the_start_before_anything_is_loaded() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let host = FakeHost::new(&[(2, "eth0")]);
    let config = BASE.replace("127.0.0.1:0", &address.to_string());
    let error = start_error(&host, &config);
    assert_eq!(error.exit_code(), sysexits::UNAVAILABLE);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert_eq!(host.kernel().settings, None);
}

#[test]
fn a_wrong_configuration_fails_the_start_before_anything_is_done() {
    let host = FakeHost::new(&[(2, "eth0")]);
    let error = start_error(&host, "poll_interval = \"0s\"\ncolour = 1\n");
    assert_eq!(error.exit_code(), sysexits::CONFIG);
    assert_eq!(error.to_string().lines().count(), 2, "{error}");
    assert_eq!(host.kernel().settings, None);
    assert_eq!(host.log.text(), "");
}
