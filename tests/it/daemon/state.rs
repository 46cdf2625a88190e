//! Counters that go on after a restart.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::fake::FakeHost;
use super::kernel::Packet;
use super::running::{BASE, Running, Scrape, with_database, without_ticks};
use geoip_exporter::accounting::Direction;

fn with_state(directory: &Path) -> String {
    with_database(&format!(
        "state_directory = {directory:?}\npin_directory = \"\"\n"
    ))
}

fn start(directory: &Path) -> Running {
    let host = FakeHost::new(&[(2, "eth0")]);
    Running::start(host, &with_state(directory))
}

fn file(directory: &Path) -> PathBuf {
    directory.join("counters.state")
}

/// Returns the samples of all counters that this process made itself.
fn counters(scrape: &Scrape) -> Vec<(String, f64)> {
    let samples = scrape.0.iter();
    samples
        .filter(|(series, _)| {
            let name = series.split('{').next().unwrap_or_default();
            name.starts_with("geoip_") && name.ends_with("_total")
        })
        .map(|(series, &value)| (series.clone(), value))
        .collect()
}

fn exchange(daemon: &Running) {
    daemon.host.receive(2, "192.0.2.7", 1_000);
    daemon.host.receive(2, "2001:db8::7", 300);
    daemon.host.send(2, "198.51.100.9", 20);
    let arp = Packet {
        ifindex: 2,
        direction: Direction::Received,
        remote: None,
        packets: 1,
        bytes: 60,
    };
    daemon.host.kernel().count(&arp);
}

#[test]
fn all_counters_go_on_after_a_stop() {
    let state = TempDir::new().unwrap();
    let daemon = start(state.path());
    exchange(&daemon);
    let before = daemon.settled();
    daemon.stop();

    let daemon = start(state.path());
    let log = daemon.host.log.text();
    assert!(log.contains("counters continue"), "{log}");
    let after = daemon.settled();
    assert_eq!(counters(&after), counters(&before));
    exchange(&daemon);
    let twice = daemon.settled();
    assert_eq!(twice.get("geoip_state_saved"), 1.0);
    for (series, value) in counters(&before) {
        assert_eq!(twice.get(&series), 2.0 * value, "{series}");
    }
    daemon.stop();
}

#[test]
fn what_the_last_poll_found_is_saved_at_a_stop() {
    let state = TempDir::new().unwrap();
    let lines =
        format!("state_directory = {:?}\npin_directory = \"\"\n", state.path());
    let host = FakeHost::new(&[(2, "eth0")]);
    let daemon = Running::start(host.clone(), &without_ticks(&lines));
    host.wait_until("the first poll", |kernel| kernel.reads == 1);
    host.receive(2, "192.0.2.7", 1_000);
    daemon.stop();

    let daemon = start(state.path());
    assert_eq!(daemon.settled().received("DE", "eth0"), 1_000.0);
    daemon.stop();
}

/// A kill would leave the file as it is right after the scrape.
#[test]
fn what_a_scrape_showed_was_saved_before() {
    let mut state = TempDir::new().unwrap();
    let mut shown = 0.0;
    for round in 1..5 {
        let daemon = start(state.path());
        daemon.host.receive(2, "192.0.2.7", 1_000 * round);
        let before = shown;
        shown = daemon.settled().received("DE", "eth0");
        let left = TempDir::new().unwrap();
        fs::copy(file(state.path()), file(left.path())).unwrap();
        assert_eq!(shown, before + 1_000.0 * round as f64);
        daemon.stop();
        state = left;
    }
    let daemon = start(state.path());
    assert_eq!(daemon.settled().received("DE", "eth0"), shown);
    daemon.stop();
}

#[test]
fn nothing_is_kept_without_the_setting() {
    let host = FakeHost::new(&[(2, "eth0")]);
    let daemon = Running::start_in(
        &[("STATE_DIRECTORY", "/nonexistent")],
        host,
        &with_database(""),
    );
    exchange(&daemon);
    assert_eq!(daemon.settled().find("geoip_state_saved"), None);
    let log = daemon.host.log.text();
    assert!(!log.contains("counters"), "{log}");
    daemon.stop();
}

#[test]
fn a_directory_that_is_missing_is_made() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("a/b");
    let daemon = start(&state);
    exchange(&daemon);
    daemon.settled();
    daemon.stop();
    assert!(file(&state).is_file());
}

#[test]
fn a_file_that_is_of_no_use_is_set_aside_and_counting_starts_at_zero() {
    let state = TempDir::new().unwrap();
    let daemon = start(state.path());
    exchange(&daemon);
    daemon.settled();
    daemon.stop();
    for (bytes, expected) in [
        (b"geoip-exporter state\n\x02\0\0".to_vec(), "cut short"),
        (Vec::new(), "cut short"),
        (b"#!/bin/sh\n".to_vec(), "not a state file of geoip-exporter"),
        (b"geoip-exporter state\n\x09\0\0\0...".to_vec(), "version 9"),
    ] {
        fs::write(file(state.path()), &bytes).unwrap();
        let daemon = start(state.path());
        exchange(&daemon);
        assert_eq!(daemon.settled().received("DE", "eth0"), 1_000.0);
        let log = daemon.host.log.text();
        let warnings: Vec<_> =
            log.lines().filter(|line| line.contains("WARN")).collect();
        assert_eq!(warnings.len(), 1, "{log}");
        assert!(warnings[0].contains(expected), "{log}");
        daemon.stop();
        let aside = fs::read_dir(state.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().contains(".damaged-"))
            .unwrap();
        assert_eq!(fs::read(&aside).unwrap(), bytes);
        fs::remove_file(aside).unwrap();
        let daemon = start(state.path());
        assert_eq!(daemon.settled().received("DE", "eth0"), 1_000.0);
        daemon.stop();
    }
}

/// Returns the samples of the poller's own counters.
fn of_the_poller(scrape: &Scrape) -> Vec<(String, f64)> {
    let mut all = counters(scrape);
    all.retain(|(series, _)| series.starts_with("geoip_ebpf_lookup"));
    all
}

#[test]
fn a_damaged_section_costs_its_own_counters_and_is_said() {
    let state = TempDir::new().unwrap();
    let daemon = start(state.path());
    exchange(&daemon);
    let before = daemon.settled();
    daemon.stop();
    let good = fs::read(file(state.path())).unwrap();
    let find = |text: &[u8]| {
        good.windows(text.len()).position(|at| at == text).unwrap()
    };
    let changed = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        // The content of a section, its header, the end of the file.
        (changed(find(b"eth0")), "section traffic: its checksum is wrong"),
        (changed(find(b"traffic")), "section traffic: it is missing"),
        (changed(find(b"earlier")), "section exporter: its checksum is wrong"),
        (good[..find(b"earlier")].to_vec(), "section exporter: its checksum"),
        (good[..good.len() - 1].to_vec(), "section of another release, or"),
    ];
    for (bytes, expected) in cases {
        fs::write(file(state.path()), &bytes).unwrap();
        let daemon = start(state.path());
        let after = daemon.settled();
        let (received, polls) = match expected.split(':').next().unwrap() {
            "section traffic" => (0.0, of_the_poller(&before)),
            "section exporter" => (1_000.0, of_the_poller(&after)),
            _ => (1_000.0, of_the_poller(&before)),
        };
        assert_eq!(after.received("DE", "eth0"), received, "{expected}");
        assert_eq!(of_the_poller(&after), polls, "{expected}");
        let log = daemon.host.log.text();
        assert!(log.contains(expected), "{expected}: {log}");
        assert!(log.contains("copied_to: "), "{log}");
        daemon.stop();
        let copy = fs::read_dir(state.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().contains(".damaged-"))
            .unwrap();
        assert_eq!(fs::read(&copy).unwrap(), bytes);
        fs::remove_file(copy).unwrap();
    }
}

/// As it was written by the release before there were sections.
#[test]
fn counters_of_an_older_form_go_on() {
    let state = TempDir::new().unwrap();
    for form in 2..=crate::state_forms::NEWEST {
        let saved = crate::state_forms::path(form, "counters");
        assert!(saved.exists(), "{}", saved.display());
        fs::copy(saved, file(state.path())).unwrap();
        let daemon = start(state.path());
        daemon.host.receive(2, "192.0.2.7", 5);
        let scrape = daemon.settled();
        // 1,021,000 were saved.
        assert_eq!(scrape.received("DE", "eth0"), 1_021_005.0);
        assert_eq!(scrape.get("geoip_ebpf_packets_total"), 123_457.0);
        assert_eq!(scrape.get("geoip_ebpf_evictions_total"), 105.0);
        let own = match form {
            ..5 => [0.0; 2],
            _ => [1_041_000.0, 1_051_000.0],
        };
        let shown = ["PRIVATE", "my office"];
        let shown = shown.map(|label| scrape.received(label, "eth0"));
        assert_eq!(shown, own, "form {form}");
        daemon.stop();
    }
}

#[test]
fn a_save_that_fails_is_said_once_and_counting_goes_on() {
    let state = TempDir::new().unwrap();
    let daemon = start(state.path());
    let log = &daemon.host.log;
    exchange(&daemon);
    daemon.settled();
    // In the way of the file that is to be renamed.
    let blocked = state.path().join("counters.state.new");
    fs::create_dir(&blocked).unwrap();
    let mark = log.mark();
    for round in 2..5 {
        exchange(&daemon);
        let expected = 1_000.0 * round as f64;
        assert_eq!(daemon.settled().received("DE", "eth0"), expected);
    }
    assert_eq!(daemon.settled().get("geoip_state_saved"), 0.0);
    let said = log.since(mark);
    assert_eq!(said.matches("cannot save the counters").count(), 1, "{said}");
    // It would set back what was shown.
    assert!(!file(state.path()).exists());
    fs::remove_dir(&blocked).unwrap();
    exchange(&daemon);
    daemon.settled();
    log.wait_for(mark, &["saving the counters again"]);
    daemon.stop();
    let daemon = start(state.path());
    assert_eq!(daemon.settled().received("DE", "eth0"), 5_000.0);
    daemon.stop();
}

#[test]
fn a_directory_that_goes_away_is_said_once_and_counting_goes_on() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    let daemon = start(&state);
    exchange(&daemon);
    daemon.settled();
    let mark = daemon.host.log.mark();
    fs::remove_dir_all(&state).unwrap();
    for round in 2..5 {
        exchange(&daemon);
        let scrape = daemon.settled();
        assert_eq!(scrape.received("DE", "eth0"), 1_000.0 * round as f64);
        assert_eq!(scrape.get("geoip_state_saved"), 0.0);
    }
    let said = daemon.host.log.since(mark);
    assert_eq!(said.matches("cannot save the counters").count(), 1, "{said}");
    daemon.stop();
}

#[test]
fn two_exporters_do_not_share_a_directory() {
    let state = TempDir::new().unwrap();
    let first = start(state.path());
    exchange(&first);
    first.settled();
    let second = start(state.path());
    let log = second.host.log.text();
    assert!(log.contains("is used by another process"), "{log}");
    exchange(&second);
    exchange(&second);
    assert_eq!(second.settled().received("DE", "eth0"), 2_000.0);
    second.stop();
    first.stop();
    let next = start(state.path());
    assert_eq!(next.settled().received("DE", "eth0"), 1_000.0);
    next.stop();
}

/// As `/var/lib` may be on a disk that is gone, or nobody made it.
#[test]
fn a_directory_that_cannot_be_used_does_not_keep_it_from_counting() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let daemon = start(&path);
    exchange(&daemon);
    assert_eq!(daemon.settled().received("DE", "eth0"), 1_000.0);
    let log = daemon.host.log.text();
    assert!(log.contains("counters begin at zero and are not saved"), "{log}");
    assert_eq!(daemon.settled().find("geoip_state_saved"), Some(0.0));
    let (status, said) = daemon.get("/api/v1/history");
    let expected = "404: a state_directory that can be used turns this page on";
    assert_eq!((status, said.trim_end()), (404, expected));
    daemon.stop();
}

#[test]
fn interfaces_that_are_gone_keep_their_counters() {
    let state = TempDir::new().unwrap();
    let daemon = start(state.path());
    daemon.host.add(7, "wg0");
    daemon.host.log.wait_for(0, &["attached, interface: wg0"]);
    daemon.host.receive(7, "192.0.2.7", 500);
    daemon.settled();
    daemon.host.remove(7);
    daemon.stop();

    let daemon = start(state.path());
    assert_eq!(daemon.settled().received("DE", "wg0"), 500.0);
    daemon.host.add(9, "wg0");
    daemon.host.log.wait_for(0, &["attached, interface: wg0"]);
    daemon.host.receive(9, "192.0.2.7", 30);
    assert_eq!(daemon.settled().received("DE", "wg0"), 530.0);
    daemon.stop();
}

#[test]
fn a_new_directory_needs_a_restart() {
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), BASE);
    let folder = TempDir::new().unwrap();
    daemon.configure(&with_state(folder.path()));
    let said = daemon.reload();
    let expected = "in force only after a restart: state_directory";
    assert!(said.contains(expected), "{said}");
    daemon.stop();
    assert!(!file(folder.path()).exists());
}
