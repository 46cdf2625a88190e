//! The database is replaced under traffic, once by what is of no use, and a
//! thousand times.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::harness::daemon::Setup;
use crate::harness::fixtures::{data, write_whole};
use crate::harness::lab::{Lab, WAN};
use crate::harness::process::threads_of;
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_until};
use crate::harness::watch::during;

const REPLACEMENTS: usize = 1_000;

/// Until here every buffer has got its size.
const WARM: usize = 100;

/// A leak of each twentieth database is more.
const PLAY: u64 = 8 << 20;

/// All of them know the same countries, each in its own layout.
const LAYOUTS: [&str; 4] = [
    "country-maxmind.mmdb",
    "country-dbip.mmdb",
    "country-ipinfo.mmdb",
    "country-flat.mmdb",
];

/// Returns a database with so many more bytes in it that one that is kept
/// shows.
fn padded(name: &str) -> Vec<u8> {
    const PADDING: usize = 256 << 10;
    const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
    let mut bytes = fs::read(data(name)).unwrap();
    let mut places = bytes.windows(MARKER.len());
    let end_of_data = places.rposition(|place| place == MARKER).unwrap();
    bytes.splice(end_of_data..end_of_data, vec![0; PADDING]);
    bytes
}

/// Writes into the file that is there.
fn rewrite(path: &Path, content: &[u8]) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.write_all(content).unwrap();
    file.set_len(content.len() as u64).unwrap();
}

#[test]
fn a_thousand_databases_under_traffic_leak_nothing() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("geoip_db_watch", false)
        .set("log_level", "info");
    let path = setup.path("country.mmdb");
    let contents = LAYOUTS.map(padded);
    fs::write(&path, &contents[0]).unwrap();
    let setup = setup.set("geoip_db", path.to_str().unwrap());
    let daemon = setup.start();
    let mut before = (0, 0, 0);
    let ((), traffic) = during(
        |stop| {
            let mut traffic = Traffic::new(&lab);
            while !stop.load(Ordering::Relaxed) {
                traffic.exchange();
            }
            traffic
        },
        || {
            for round in 0..REPLACEMENTS {
                if round == WARM {
                    let (memory, files) =
                        (daemon.resident_bytes(), daemon.open_files());
                    before = (memory, files, threads_of(daemon.pid()));
                }
                let content = &contents[round % contents.len()];
                match round % 3 {
                    0 => rewrite(&path, content),
                    _ => write_whole(&path, content),
                }
                daemon.reload();
            }
        },
    );
    // Each in its own country, whichever database found it.
    traffic.await_booked(&daemon);
    let (memory, files, threads) = before;
    let now = daemon.resident_bytes();
    eprintln!(
        "{:?} received, {memory} bytes resident, then {now}",
        traffic.total("received")
    );
    assert!(now < memory + PLAY, "{now} bytes resident, {memory} before");
    assert_eq!(threads_of(daemon.pid()), threads);
    // Connections of scrapes that are still closing count, then as now.
    await_until(PATIENCE, "no descriptor leaked", || {
        match daemon.open_files() {
            now if now <= files => Ok(()),
            now => Err(format!("{now} open files, {files} before")),
        }
    });
}

#[test]
fn a_metric_says_that_the_last_good_one_serves_on() {
    const LOADED: &str = "geoip_database_last_load_successful";
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let path = setup.path("country.mmdb");
    let good = fs::read(data("country-maxmind.mmdb")).unwrap();
    fs::write(&path, &good).unwrap();
    let daemon = setup.set("geoip_db", path.to_str().unwrap()).start();
    daemon.await_sum(LOADED, &[], 1);
    let mut traffic = Traffic::new(&lab);
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let truncate = |path: &Path| rewrite(path, &good[..good.len() / 2]);
    let damage = |path: &Path| {
        write_whole(path, &fs::read(data("damaged-cyclic.mmdb")).unwrap());
    };
    let spoils: [&dyn Fn(&Path); 3] = [&remove, &truncate, &damage];
    for spoil in spoils {
        spoil(&path);
        daemon.await_sum(LOADED, &[], 0);
        traffic.exchange();
        traffic.await_booked(&daemon);
        daemon.await_sum("geoip_database_info", &[], 1);
        write_whole(&path, &good);
        daemon.await_sum(LOADED, &[], 1);
        traffic.exchange();
        traffic.await_booked(&daemon);
    }
}
