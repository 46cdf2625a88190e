//! What was left and cannot be gone on with, or cannot be left.

use std::fs;

use aya::maps::{Array, Map, MapData};
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_ARRAY;
use geoip_exporter::kernel::pinned_maps;
use libc::{EIO, ENOSPC, EPERM};

use super::{Kept, end, said};
use crate::harness::bpffs::Bpffs;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::faults::{Call, Fault};
use crate::harness::lab::WAN;
use crate::harness::sys::Signal;
use crate::harness::traffic::Traffic;

const OBJ_PIN: Call = Call::bpf(6);
const OBJ_GET: Call = Call::bpf(7);
const LINK_UPDATE: Call = Call::bpf(29);

/// The maps without which the counts of no other mean anything.
const TOTALS: [&str; 5] =
    ["totals", "statistics", "interfaces", "far_interfaces", "marks"];

/// Returns the one notice in which the daemon says that something is not
/// counted or left out.
fn notice(daemon: &mut Daemon) -> String {
    let log = daemon.log();
    let notices: Vec<_> = log.iter().filter_map(|l| l.get("notice")).collect();
    assert_eq!(notices.len(), 1, "{notices:?}");
    notices[0].clone()
}

/// Lets an exporter count and end, something happen, and another one start,
/// which counts anew on what there is, and says why. The counters go on.
fn starts_clean(
    then: impl FnOnce(&Kept),
    next: impl FnOnce(Setup) -> Setup,
) -> String {
    let kept = Kept::new();
    let mut traffic = Traffic::new(&kept.lab);
    let daemon = kept.setup().start();
    traffic.exchange();
    traffic.await_booked(&daemon);
    end(daemon, Signal::Terminate);
    then(&kept);
    // Nobody will know.
    Traffic::new(&kept.lab).exchange();
    let mut daemon = next(kept.setup()).start();
    assert!(!said(&mut daemon, "adopted the pinned maps"));
    assert_eq!(kept.programs(WAN), 2, "the old ones are gone");
    traffic.await_booked(&daemon);
    traffic.exchange();
    traffic.await_booked(&daemon);
    let notice = notice(&mut daemon);
    end(daemon, Signal::Terminate);
    notice
}

fn marks(kept: &Kept) -> Array<MapData, u64> {
    let map = MapData::from_pin(kept.pins().join("marks")).unwrap();
    Map::Array(map).try_into().unwrap()
}

#[test]
fn maps_of_another_build_that_means_something_else_are_not_counted_on_in() {
    let change = |kept: &Kept| marks(kept).set(1, 99, 0).unwrap();
    let said = starts_clean(change, |setup| setup);
    assert!(said.contains("version of the maps: they have 99"), "{said}");
}

#[test]
fn maps_that_the_saved_counters_do_not_belong_to_are_not_counted_on_in() {
    let change = |kept: &Kept| marks(kept).set(0, 1, 0).unwrap();
    let said = starts_clean(change, |setup| setup);
    let reason = "the saved counters do not belong to it";
    assert!(said.contains(reason), "{said}");
}

#[test]
fn maps_whose_making_was_broken_off_are_not_counted_on_in() {
    let change = |kept: &Kept| marks(kept).set(0, 0, 0).unwrap();
    let said = starts_clean(change, |setup| setup);
    assert!(said.contains("did not end well"), "{said}");
}

#[test]
fn a_map_of_the_totals_that_is_missing_is_named() {
    let change =
        |kept: &Kept| fs::remove_file(kept.pins().join("totals")).unwrap();
    let said = starts_clean(change, |setup| setup);
    assert!(said.contains("its map totals is missing"), "{said}");
}

/// Pins an array in the place of a map.
pub(super) fn put(
    kept: &Kept,
    name: &str,
    value_size: u32,
    entries: u32,
    flags: u32,
) {
    let path = kept.pins().join(name);
    fs::remove_file(&path).unwrap();
    let array = BPF_MAP_TYPE_ARRAY as u32;
    let map =
        aya_obj::Map::new_from_params(array, 4, value_size, entries, flags);
    MapData::create(map, "other", None).unwrap().pin(&path).unwrap();
}

#[test]
fn every_map_of_the_totals_of_another_shape_is_replaced_and_named() {
    for name in TOTALS {
        let said = starts_clean(|kept| put(kept, name, 12, 3, 0), |it| it);
        let named = format!("its map {name} has ");
        // That one is mapped before it is looked at.
        let is_marks = name == "marks" && said.contains("cannot be read");
        assert!(said.contains(&named) || is_marks, "{name}: {said}");
    }
}

#[test]
fn pins_that_cannot_be_opened_are_not_counted_on_in() {
    let fault = Fault::of(OBJ_GET);
    fault.fail(EIO);
    let said = starts_clean(|_| {}, |setup| setup.with_fault(&fault));
    assert!(said.contains("Input/output error"), "{said}");
}

/// Its state is with them: without it they would count for nobody.
#[test]
fn pins_without_saved_counters_are_replaced() {
    let kept = Kept::new();
    let mut traffic = Traffic::new(&kept.lab);
    let daemon = kept.setup().start();
    Traffic::new(&kept.lab).exchange();
    end(daemon, Signal::Terminate);
    fs::remove_file(kept.state.path().join("counters.state")).unwrap();
    let mut daemon = kept.setup().start();
    traffic.exchange();
    traffic.await_booked(&daemon);
    let notice = notice(&mut daemon);
    assert!(notice.contains("saved counters do not belong"), "{notice}");
}

/// One link that cannot be taken over is made anew.
#[test]
fn a_link_that_cannot_be_taken_over_is_replaced() {
    let kept = Kept::new();
    let mut traffic = Traffic::new(&kept.lab);
    let daemon = kept.setup().start();
    traffic.exchange();
    end(daemon, Signal::Terminate);
    traffic.exchange();
    let fault = Fault::of(LINK_UPDATE);
    fault.fail(EPERM);
    let mut daemon = kept.setup().with_fault(&fault).start();
    assert!(said(&mut daemon, "adopted the pinned maps"));
    assert!(said(&mut daemon, "attached"));
    assert_eq!(kept.programs(WAN), 2);
    traffic.exchange();
    traffic.await_booked(&daemon);
    assert_eq!(kept.link_pins().len(), 2);
}

/// What cannot be left is said, and counted as long as the exporter runs.
fn counts_without_pins(setup: impl Fn(&Kept) -> Setup, reason: &str) {
    let kept = Kept::new();
    let mut traffic = Traffic::new(&kept.lab);
    for _ in 0..2 {
        let mut daemon = setup(&kept).start();
        traffic.await_booked(&daemon);
        traffic.exchange();
        traffic.await_booked(&daemon);
        let log = daemon.log();
        let warnings: Vec<_> = log
            .iter()
            .filter(|line| line.get("level").as_deref() == Some("warn"))
            .collect();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let text = format!("{:?}", warnings[0]);
        assert!(text.contains("is not counted while the exporter"), "{text}");
        assert!(text.contains(reason), "{text}");
        end(daemon, Signal::Terminate);
        assert_eq!(kept.programs(WAN), 0);
    }
}

#[test]
fn a_directory_that_keeps_no_maps_is_named() {
    counts_without_pins(
        |kept| {
            let path = kept.state.path().to_str().unwrap();
            kept.setup().set("pin_directory", path)
        },
        "is not in bpffs: mount it",
    );
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    counts_without_pins(
        |kept| kept.setup().set("pin_directory", "/proc/none"),
        "cannot use /proc/none",
    );
}

#[test]
fn maps_that_cannot_be_pinned_count_as_long_as_the_exporter_runs() {
    let fault = Fault::of(OBJ_PIN);
    fault.fail(ENOSPC);
    counts_without_pins(
        |kept| kept.setup().with_fault(&fault),
        "No space left on device",
    );
}

/// All maps can be, the first link not.
#[test]
fn links_that_cannot_be_pinned_count_as_long_as_the_exporter_runs() {
    let kept = Kept::new();
    let mut traffic = Traffic::new(&kept.lab);
    let fault = Fault::of(OBJ_PIN);
    fault.fail_behind(pinned_maps().count() as u64, ENOSPC);
    let mut daemon = kept.setup().with_fault(&fault).start();
    traffic.exchange();
    traffic.await_booked(&daemon);
    let notice = notice(&mut daemon);
    let expected =
        "traffic of interface wan0 is not counted while the exporter";
    assert!(notice.contains(expected), "{notice}");
    end(daemon, Signal::Terminate);
    assert_eq!(kept.programs(WAN), 0);

    fault.mend();
    let daemon = kept.setup().start();
    traffic.exchange();
    traffic.await_booked(&daemon);
    assert_eq!(kept.link_pins().len(), 2);
}

#[test]
fn two_exporters_do_not_share_their_pins() {
    let kept = Kept::new();
    let first = kept.setup().start();
    let state = tempfile::TempDir::new().unwrap();
    let path = state.path().to_str().unwrap();
    let mut second = kept.setup().set("state_directory", path).start();
    let log = second.log();
    let warned = log.iter().filter_map(|line| line.get("error"));
    let warned: Vec<_> = warned.collect();
    assert!(warned[0].contains("is used by another exporter"), "{warned:?}");
    let mut traffic = Traffic::new(&kept.lab);
    traffic.exchange();
    for daemon in [&first, &second] {
        traffic.await_booked(daemon);
    }
    end(second, Signal::Terminate);
    assert_eq!(kept.programs(WAN), 2);
    end(first, Signal::Terminate);
    assert_eq!(kept.link_pins().len(), 2);
}

/// A start that fails leaves nothing; one that fails on what others left,
/// leaves that.
#[test]
fn a_start_that_fails_pins_nothing_and_removes_nothing() {
    let kept = Kept::new();
    let fails = || {
        let fault = Fault::of(Call::any(libc::SYS_clone3));
        // The log, signals, the database: the poller is not the first.
        fault.fail_behind(4, libc::EAGAIN);
        let (status, said) = kept.setup().with_fault(&fault).start_refused();
        assert_eq!(status.code(), Some(70), "{said}");
    };
    fails();
    assert_eq!(Bpffs::names(&kept.pins()), [""; 0]);
    assert_eq!(kept.programs(WAN), 0);
    let mut traffic = Traffic::new(&kept.lab);
    let daemon = kept.setup().start();
    traffic.exchange();
    end(daemon, Signal::Terminate);
    traffic.exchange();
    fails();
    traffic.exchange();
    traffic.await_booked(&kept.setup().start());
}
