//! The database is replaced a thousand times under traffic.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;

use crate::harness::daemon::{Setup, write_whole};
use crate::harness::fixtures::data;
use crate::harness::lab::{Lab, WAN};
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
    let mut before = (0, 0);
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
                    before = (daemon.resident_bytes(), daemon.open_files());
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
    let (memory, files) = before;
    let now = daemon.resident_bytes();
    eprintln!(
        "{:?} received, {memory} bytes resident, then {now}",
        traffic.total("received")
    );
    assert!(now < memory + PLAY, "{now} bytes resident, {memory} before");
    // Connections of scrapes that are still closing count, then as now.
    await_until(PATIENCE, "no descriptor leaked", || {
        match daemon.open_files() {
            now if now <= files => Ok(()),
            now => Err(format!("{now} open files, {files} before")),
        }
    });
}
