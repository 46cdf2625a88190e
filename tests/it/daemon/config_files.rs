//! `config_watch`: a changed configuration is loaded without a signal.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::fake::FakeHost;
use super::running::{BASE, Running};

const SUCCESS: &str = "geoip_config_last_reload_successful";
const BATCH: &str = "geoip_config_flow_batch_size";

fn start(lines: &str) -> Running {
    let host = FakeHost::new(&[(2, "eth0")]);
    Running::start(host, &format!("{BASE}{lines}"))
}

/// Puts a content in the place of the folder, as the kubelet does: the file is a
/// link into `..data`, which is a link that is replaced in one step.
fn swap(folder: &Path, name: &str, content: &str) {
    fs::create_dir(folder.join(name)).unwrap();
    fs::write(folder.join(name).join("geoip-exporter.toml"), content).unwrap();
    symlink(name, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[test]
fn a_changed_file_is_loaded_only_if_it_is_watched() {
    let daemon = start("config_watch = true\n");
    let mark = daemon.host.log.mark();
    daemon.configure(&format!("{BASE}flow_batch_size = 77\n"));
    let log = daemon.host.log.wait_for(mark, &["INFO reloaded"]);
    assert!(log.contains("flow_batch_size, config_watch"), "{log}");
    assert_eq!(daemon.settled().get(BATCH), 77.0);

    // The new file turns it off, and a signal turns it on again.
    let mark = daemon.host.log.mark();
    let watched = format!("{BASE}config_watch = true\nflow_batch_size = 5\n");
    daemon.configure(&watched);
    let told = daemon.reload();
    assert!(told.contains("flow_batch_size, config_watch"), "{told}");
    daemon.configure(&watched.replace("= 5", "= 6"));
    daemon.wait_for("the next size", |scrape| scrape.get(BATCH) == 6.0);
    let log = daemon.host.log.since(mark);
    assert_eq!(log.matches("INFO reloaded").count(), 2, "{log}");
    daemon.stop();
}

#[test]
fn a_config_map_that_is_swapped_is_loaded_and_a_wrong_one_is_not() {
    let daemon = start("");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("geoip-exporter.toml");
    let with = |lines: &str| format!("{BASE}config_watch = true\n{lines}");
    swap(folder.path(), "..1", &with("flow_batch_size = 11\n"));
    symlink("..data/geoip-exporter.toml", &file).unwrap();
    let own = daemon.file("geoip-exporter.toml");
    fs::remove_file(&own).unwrap();
    symlink(&file, own).unwrap();
    daemon.reload();
    assert_eq!(daemon.settled().get(BATCH), 11.0);

    swap(folder.path(), "..2", &with("flow_batch_size = 22\n"));
    fs::remove_dir_all(folder.path().join("..1")).unwrap();
    daemon.wait_for("the second", |scrape| scrape.get(BATCH) == 22.0);
    let mark = daemon.host.log.mark();
    swap(folder.path(), "..3", &with("flow_batch_size = -1\n"));
    daemon.host.log.wait_for(mark, &["not reloaded"]);
    let scrape = daemon.settled();
    assert_eq!((scrape.get(BATCH), scrape.get(SUCCESS)), (22.0, 0.0));
    swap(folder.path(), "..4", &with("flow_batch_size = 44\n"));
    daemon.wait_for("the fourth", |scrape| scrape.get(BATCH) == 44.0);
    daemon.stop();
}

#[test]
fn a_file_that_appears_in_the_directory_is_loaded_and_others_are_not() {
    let daemon = start("config_watch = true\n");
    let folder = daemon.file("geoip-exporter.d");
    let mark = daemon.host.log.mark();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("notes.txt"), "flow_batch_size = 1\n").unwrap();
    fs::write(folder.join("a.toml"), "flow_batch_size = 33\n").unwrap();
    daemon.wait_for("the file", |scrape| scrape.get(BATCH) == 33.0);
    fs::write(folder.join("other.txt"), "").unwrap();
    fs::remove_file(folder.join("a.toml")).unwrap();
    daemon.wait_for("the default", |scrape| scrape.get(BATCH) == 10_000.0);
    let log = daemon.host.log.since(mark);
    assert_eq!(log.matches("INFO reloaded").count(), 2, "{log}");
    daemon.stop();
}

/// The beginning of the line of a fault.
const FAULT: &str = "ERROR configuration";

#[test]
fn a_signal_before_the_watch_logs_a_fault_once() {
    let daemon = start("config_watch = true\nlog_level = \"debug\"\n");
    let log = &daemon.host.log;
    let mark = log.mark();
    let with = |size: &str| {
        format!(
            "{BASE}config_watch = true\nlog_level = \"debug\"\n\
             flow_batch_size = {size}\n"
        )
    };
    daemon.configure(&with("-1"));
    daemon.reload();
    let opening = "opening a changed file";
    log.wait_for(mark, &[opening]);
    // Once the watch opens the next change, it has told of this one.
    let next = log.mark();
    fs::create_dir(daemon.file("geoip-exporter.d")).unwrap();
    log.wait_for(next, &[opening]);
    daemon.configure(&with("55"));
    daemon.wait_for("the good one", |scrape| scrape.get(BATCH) == 55.0);
    let said = log.since(mark);
    assert_eq!(said.matches(FAULT).count(), 1, "{said}");
    daemon.stop();
}

#[test]
fn a_signal_after_the_watch_logs_no_fault_again_unless_a_file_changed() {
    let daemon = start("config_watch = true\n");
    let mark = daemon.host.log.mark();
    let with = |lines: &str| format!("{BASE}config_watch = true\n{lines}");
    daemon.configure(&with("flow_batch_size = -1\n"));
    let log = daemon.host.log.wait_for(mark, &["ERROR not reloaded"]);
    assert!(!log.contains("faults: "), "{log}");
    let told = daemon.reload();
    assert!(!told.contains(FAULT), "{told}");
    let same = "not reloaded; everything stays as it was, faults: those of \
                the reload before";
    assert!(told.contains(same), "{told}");
    assert_eq!(daemon.settled().get(SUCCESS), 0.0);
    // Somebody who asks again is told again.
    let told = daemon.reload();
    assert_eq!(told.matches(FAULT).count(), 1, "{told}");
    // The file has changed, and its fault has not.
    let mark = daemon.host.log.mark();
    daemon.configure(&with("flow_batch_size = -1\n# by hand\n"));
    daemon.host.log.wait_for(mark, &["ERROR not reloaded"]);
    let log = daemon.host.log.since(mark);
    assert_eq!(log.matches(FAULT).count(), 1, "{log}");
    daemon.stop();
}
