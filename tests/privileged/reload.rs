//! SIGHUP, under traffic, with good and bad configurations and databases.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::fixtures::write_whole;
use crate::harness::fixtures::{JAPAN, NOWHERE, data};
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::connect;
use crate::harness::sys::Signal;
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_until};

/// Runs `work` while traffic flows, and returns the traffic when it stopped.
fn under_traffic(traffic: Traffic, work: impl FnOnce()) -> Traffic {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let mut traffic = traffic;
            while !stop.load(Ordering::Relaxed) {
                traffic.exchange();
            }
            traffic
        });
        // Also when `work` panics, or the scope would wait for ever.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let stop = Stop(&stop);
        work();
        drop(stop);
        sending.join().unwrap()
    })
}

fn start(lab: &Lab) -> Daemon {
    Setup::new(&lab.machine).set("interfaces", WAN).start()
}

#[test]
fn reloads_under_traffic_lose_and_double_nothing() {
    let lab = Lab::new();
    let mut daemon = start(&lab);
    daemon.reload();
    let open_files = daemon.open_files();
    let traffic = under_traffic(Traffic::new(&lab), || {
        for round in 0..30 {
            match round % 3 {
                0 => daemon.configure("poll_interval", "10ms"),
                1 => daemon.configure("interfaces", "wan0, eth9,wan0"),
                _ => daemon.configure("flow_batch_size", 1 + round),
            }
            daemon.reload();
            if round % 5 == 0 {
                daemon.configure_text("poll_intervall = \"1s\"\n");
                daemon.reload_refused("poll_intervall");
                daemon.restore_configuration();
            }
        }
    });
    assert!(traffic.total("received").packets > 1_000);
    traffic.await_booked(&daemon);
    // Connections of scrapes that are still closing count, then as now.
    await_until(PATIENCE, "no descriptor leaked", || {
        match daemon.open_files() {
            now if now <= open_files => Ok(()),
            now => Err(format!("{now} open files, {open_files} before")),
        }
    });
    assert!(daemon.is_running());
}

#[test]
fn a_burst_of_signals_is_as_good_as_one() {
    let lab = Lab::new();
    let daemon = start(&lab);
    let traffic = under_traffic(Traffic::new(&lab), || {
        for _ in 0..200 {
            daemon.signal(Signal::Hangup);
        }
        daemon.reload();
    });
    traffic.await_booked(&daemon);
}

#[test]
fn a_faulty_configuration_changes_nothing_and_each_fault_is_logged() {
    let lab = Lab::new();
    let mut daemon = start(&lab);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);

    let position = daemon.log_position();
    // Three faults, and one good change that must not be applied.
    daemon.configure_text(
        "interfaces = \"lo\"\npoll_interval = \"0s\"\n\
         flow_batch_size = -1\nmetrics_path = \"metrics\"\n",
    );
    daemon.signal(Signal::Hangup);
    let mut faults = Vec::new();
    for key in ["poll_interval", "flow_batch_size", "metrics_path"] {
        faults.push(
            daemon.await_log(key, position, |line| line.text().contains(key)),
        );
    }
    daemon.await_sum("geoip_config_last_reload_successful", &[], 0);
    traffic.exchange();
    traffic.await_booked(&daemon);
    assert_eq!(
        daemon.scrape().values_of("geoip_interface_status", "interface"),
        [WAN],
    );

    daemon.restore_configuration();
    daemon.reload();
    traffic.exchange();
    traffic.await_booked(&daemon);
}

#[test]
fn settings_take_effect_and_those_that_need_a_restart_are_named() {
    let lab = Lab::new();
    let mut daemon = start(&lab);
    daemon.configure("poll_interval", "70ms");
    daemon.configure("flow_batch_size", 77);
    daemon.configure("map_max_entries", 7_777);
    let position = daemon.log_position();
    daemon.reload();
    daemon.await_log("what needs a restart", position, |line| {
        line.get("level").is_some_and(|level| level == "warn")
            && line.text().contains("map_max_entries")
    });
    let scrape = daemon.scrape();
    let value = |name| scrape.value(name, &[]);
    assert_eq!(value("geoip_config_poll_interval_seconds"), Some(0.07));
    assert_eq!(value("geoip_config_flow_batch_size"), Some(77.0));
    assert_eq!(value("geoip_config_map_max_entries"), Some(100_000.0));

    daemon.configure("metrics_path", "/other");
    daemon.signal(Signal::Hangup);
    await_until(PATIENCE, "the page moved", || {
        match daemon.get("/other").map(|response| response.status) {
            Ok(200) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    assert_eq!(daemon.get("/metrics").unwrap().status, 404);
}

#[test]
fn interfaces_come_and_go_with_a_reload_and_totals_stay() {
    let lab = Lab::new();
    connect(&lab.machine, "wan1", &lab.world, "peer1");
    let mut daemon = start(&lab);
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);

    daemon.configure("interfaces", "wan1");
    daemon.reload();
    // Not counted: the link is not, at the moment. Not booked either.
    Traffic::new(&lab).exchange();
    traffic.await_booked(&daemon);
    assert_eq!(
        daemon.scrape().values_of("geoip_interface_status", "interface"),
        ["wan1"]
    );

    daemon.configure("interfaces", "wan0,wan1");
    daemon.reload();
    traffic.exchange();
    traffic.await_booked(&daemon);
}

#[test]
fn a_reload_opens_the_database_anew_and_old_totals_stay() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("geoip_db_watch", false);
    let database = setup.path("country.mmdb");
    fs::copy(data("country-maxmind.mmdb"), &database).unwrap();
    let mut daemon = setup.set("geoip_db", database.to_str().unwrap()).start();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);

    // It does not know a single IPv6 address.
    let ipv4_only = fs::read(data("country-ipv4-only.mmdb")).unwrap();
    write_whole(&database, &ipv4_only);
    // Nobody watches the file: nothing changed yet.
    traffic.exchange();
    traffic.await_booked(&daemon);

    daemon.reload();
    traffic.relocate(|remote, ip_version| match ip_version {
        "4" => remote.country,
        _ => NOWHERE.country,
    });
    traffic.exchange();
    traffic.await_booked(&daemon);

    // One that does not open leaves the last one serving.
    let broken = fs::read(data("damaged-truncated.mmdb")).unwrap();
    write_whole(&database, &broken);
    daemon.reload_refused("country.mmdb");
    traffic.receive(JAPAN, 3);
    traffic.await_booked(&daemon);
}

#[test]
fn a_database_that_appears_later_is_picked_up() {
    for watched in [true, false] {
        let lab = Lab::new();
        let setup = Setup::new(&lab.machine)
            .set("interfaces", WAN)
            .set("geoip_db_watch", watched);
        let database = setup.path("country.mmdb");
        let daemon = setup.set("geoip_db", database.to_str().unwrap()).start();
        let mut traffic = Traffic::new(&lab);
        traffic.relocate(|_, _| NOWHERE.country);
        traffic.exchange();
        traffic.await_booked(&daemon);
        // There is still none, which stops no reload.
        daemon.reload();

        let good = fs::read(data("country-maxmind.mmdb")).unwrap();
        write_whole(&database, &good);
        if !watched {
            daemon.reload();
        }
        daemon.await_scrape("the database is open", |scrape| {
            scrape
                .value("geoip_database_info", &[])
                .map(drop)
                .ok_or_else(|| "no geoip_database_info".to_owned())
        });
        traffic.relocate(|remote, _| remote.country);
        traffic.exchange();
        traffic.await_booked(&daemon);
    }
}
