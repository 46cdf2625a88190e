//! A pinned map that is missing, or has another shape, costs the feature that it
//! belongs to, and no other.

use std::fs;

use geoip_exporter::kernel::pinned_maps;

use super::refused::put;
use super::{Kept, end, said};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::lab::WAN;
use crate::harness::sys::Signal;
use crate::harness::traffic::Traffic;

/// The number of flows that the map alone holds, without a table, and one with
/// which the table holds them.
const WITHOUT_TABLE: u32 = 1_000;
const WITH_TABLE: u32 = 100_000;

/// Lets an exporter count and end, traffic pass, something happen to the pins,
/// and another exporter start, which counts on. Returns the notices of that one
/// after `check`.
fn goes_on(
    entries: u32,
    then: impl FnOnce(&Kept),
    next: impl FnOnce(Setup) -> Setup,
    check: impl Fn(&Daemon, &Traffic),
) -> Vec<String> {
    let kept = Kept::new();
    let setup = || kept.setup().set("map_max_entries", entries);
    let mut traffic = Traffic::new(&kept.lab);
    let daemon = setup().start();
    traffic.exchange();
    traffic.await_booked(&daemon);
    end(daemon, Signal::Terminate);
    traffic.exchange();
    then(&kept);
    let mut daemon = next(setup()).start();
    assert!(said(&mut daemon, "adopted the pinned maps"));
    assert_eq!(kept.programs(WAN), 2);
    check(&daemon, &traffic);
    traffic.exchange();
    check(&daemon, &traffic);
    let notices: Vec<_> =
        daemon.log().iter().filter_map(|line| line.get("notice")).collect();
    end(daemon, Signal::Terminate);
    // The new maps are pinned in place of the old ones, and fit.
    let mut daemon = setup_again(&kept, entries).start();
    assert!(daemon.log().iter().all(|line| line.get("notice").is_none()));
    check(&daemon, &traffic);
    notices
}

fn setup_again(kept: &Kept, entries: u32) -> Setup {
    kept.setup().set("map_max_entries", entries)
}

/// Every byte has its country.
fn all_attributed(daemon: &Daemon, traffic: &Traffic) {
    traffic.await_booked(daemon);
}

/// Every byte is counted, some without a country.
fn all_counted(daemon: &Daemon, traffic: &Traffic) {
    daemon.await_scrape("every byte is counted", |scrape| {
        let seen = ["received", "sent"].map(|direction| {
            ["bytes", "unattributed_bytes"].map(|it| {
                scrape.sum(&format!("geoip_{it}_{direction}_total"), &[])
            })
        });
        let expected = ["received", "sent"].map(|it| traffic.total(it).bytes);
        match seen.map(|it| it.iter().sum::<u64>()) == expected {
            true => Ok(()),
            false => Err(format!("{seen:?} instead of {expected:?}")),
        }
    });
}

/// The maps of a feature, the number of flows with which nothing is counted in
/// them, and the feature's name.
const FEATURES: [(&[&str], u32, &str); 3] = [
    (&["flows", "flow_filter", "admission"], WITH_TABLE, "map of flows"),
    (
        &["flow_table", "table_rests", "table_marks", "table_parts"],
        WITHOUT_TABLE,
        "flow table",
    ),
    (&["ipsec_states"], WITH_TABLE, "IPsec"),
];

#[test]
fn a_missing_map_costs_no_count_of_another_feature() {
    for (maps, entries, feature) in FEATURES {
        for map in maps {
            let remove =
                |kept: &Kept| fs::remove_file(kept.pins().join(map)).unwrap();
            let said = goes_on(entries, remove, |it| it, all_attributed);
            let [said] = said.as_slice() else { panic!("{said:?}") };
            assert!(said.starts_with(&format!("the {feature} ")), "{said}");
            let reason = format!("its map {map} is missing");
            assert!(said.contains(&reason), "{said}");
        }
    }
}

#[test]
fn a_map_of_another_shape_costs_no_count_of_another_feature() {
    for (maps, entries, feature) in FEATURES {
        for map in maps {
            let replace = |kept: &Kept| put(kept, map, 12, 3, 0);
            let said = goes_on(entries, replace, |it| it, all_attributed);
            let [said] = said.as_slice() else { panic!("{said:?}") };
            assert!(said.starts_with(&format!("the {feature} ")), "{said}");
            assert!(said.contains(&format!("its map {map} has ")), "{said}");
        }
    }
}

/// Each of what makes a map another one, by itself.
#[test]
fn a_map_of_other_sizes_or_flags_is_replaced_and_named() {
    for (value_size, entries, flags, expected) in [
        (16, 1, 1_024, "admission has value size 16, and 8 is needed"),
        (8, 2, 1_024, "admission has number of entries 2, and 1 is needed"),
        (8, 1, 0, "admission has flags 0, and 1024 is needed"),
    ] {
        let change =
            |kept: &Kept| put(kept, "admission", value_size, entries, flags);
        let said = goes_on(WITH_TABLE, change, |it| it, all_attributed);
        assert!(said[0].contains(expected), "{said:?}");
    }
}

/// The flows that were not read lose their country, and no byte is lost.
#[test]
fn without_the_maps_of_flows_every_byte_is_still_in_the_totals() {
    for (map, entries) in [("flow_table", WITH_TABLE), ("flows", WITHOUT_TABLE)]
    {
        let remove =
            |kept: &Kept| fs::remove_file(kept.pins().join(map)).unwrap();
        let said = goes_on(entries, remove, |it| it, all_counted);
        assert_eq!(said.len(), 1, "{said:?}");
    }
}

/// A setting that changes the meaning of flows does not change that of totals.
#[test]
fn settings_of_flows_cost_no_byte_of_the_totals() {
    for (key, value, expected) in [
        (
            "ipv4_prefix_length",
            25,
            "ipv4_prefix_length: they have 24, and 25 is needed",
        ),
        (
            "map_max_entries",
            200_000,
            "map_max_entries: they have 100000, and 200000 is needed",
        ),
    ] {
        let kept = Kept::new();
        let mut traffic = Traffic::new(&kept.lab);
        end(kept.setup().start(), Signal::Terminate);
        traffic.exchange();
        for start in 0..2 {
            let mut daemon = kept.setup().set(key, value).start();
            assert!(said(&mut daemon, "adopted the pinned maps"));
            all_counted(&daemon, &traffic);
            traffic.exchange();
            all_counted(&daemon, &traffic);
            let log = daemon.log();
            let notices: Vec<_> =
                log.iter().filter_map(|line| line.get("notice")).collect();
            assert_eq!(notices.len(), [2, 0][start], "{notices:?}");
            let is_named = notices.iter().any(|it| it.contains(expected));
            assert_eq!(is_named, start == 0, "{notices:?}");
            end(daemon, Signal::Terminate);
            traffic.exchange();
        }
    }
}

/// A map that is new in a release belongs to one feature of these tests, to the
/// totals, or to the classes, which are not in use here.
#[test]
fn every_pinned_map_is_tried() {
    let tried: usize = FEATURES.iter().map(|(maps, ..)| maps.len()).sum();
    assert_eq!(tried + 5 + 2, pinned_maps().count());
}
