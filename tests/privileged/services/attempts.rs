//! Attempts to connect to services, also in floods.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;

use super::setup;
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::LOCAL4;
use crate::harness::flood::{address, frames_from};
use crate::harness::frames::{Packet, Transport};
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::Volume;
use crate::harness::mmdb::{Value as Record, Writer};
use crate::harness::watch::{accounted, unattributed};

/// Returns the attempts by country and version.
fn attempts(scrape: &Scrape, service: &str) -> BTreeMap<(String, String), u64> {
    let name = "geoip_service_connection_attempts_total";
    scrape
        .matching(name, &[("service", service)])
        .map(|(labels, value)| {
            let key = (labels["country"].clone(), labels["ip_version"].clone());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let value = value as u64;
            (key, value)
        })
        .collect()
}

fn syn(source: u16, destination: u16) -> Transport {
    Transport::Syn { source, destination }
}

/// The country with this number, of two letters.
fn country(number: u32) -> String {
    let letter = |it: u32| char::from(b'A' + u8::try_from(it % 26).unwrap());
    [letter(number / 26), letter(number)].iter().collect()
}

/// Returns a database with two prefixes of 24 bits in each country.
fn database() -> Vec<u8> {
    let mut writer = Writer::new(6, 24);
    for number in 0..2 * COUNTRIES {
        let address = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + (number << 8);
        let prefix = format!("{}/24", Ipv4Addr::from(address));
        let code = country(number % COUNTRIES).leak();
        let code = Record::Text(code);
        let of_country = Record::Map(vec![("iso_code", code)]);
        writer.insert(&prefix, &Record::Map(vec![("country", of_country)]));
    }
    writer.finish("GeoLite2-Country")
}

const COUNTRIES: u32 = 200;
const ATTEMPTS: u32 = 1_000_000;

#[test]
fn a_million_attempts_from_two_hundred_countries_are_exact() {
    let lab = Lab::new();
    let database = database();
    let setup = setup(&lab).set("poll_interval", "50ms");
    let path = setup.path("countries.mmdb");
    fs::write(&path, database).unwrap();
    let daemon = setup.set("geoip_db", path.to_str().unwrap()).start();
    let frame = |number: u32| {
        let prefix = u32::from(Ipv4Addr::new(198, 18, 0, 0)) + (number << 8);
        Packet::new(Ipv4Addr::from(prefix + 7), LOCAL4)
            .transport(syn(40_000, 443))
            .payload(0)
            .frame()
    };
    // The benchmark addresses are 512 prefixes: two for each country.
    let frames: Vec<_> = (0..2 * COUNTRIES).map(frame).collect();
    let sender = lab.inbound();
    let mut sent = Volume::default();
    for _ in 0..ATTEMPTS / (2 * COUNTRIES) {
        sent = sent + sender.send(&frames);
    }
    assert_eq!(sent.packets, u64::from(ATTEMPTS));
    let expected: BTreeMap<_, _> = (0..COUNTRIES)
        .map(|it| ((country(it), "4".to_owned()), 5_000))
        .collect();
    daemon.await_scrape("all attempts", |scrape| {
        let seen = attempts(scrape, "web");
        match seen == expected {
            true => Ok(()),
            false => {
                Err(format!("{} of {ATTEMPTS}", seen.values().sum::<u64>()))
            }
        }
    });
    let scrape = daemon.scrape();
    let bytes = scrape.sum("geoip_service_bytes_received_total", &[]);
    assert_eq!(bytes, sent.bytes);
}

/// A flood of prefixes for which the kernel has no room: the attempts without a
/// country are shown as `other`, and none is missing.
#[test]
fn attempts_in_a_flood_of_prefixes_are_all_counted() {
    flood(8_192);
}

/// Without a flow table, the kernel evicts flows that nobody has read.
#[test]
fn attempts_whose_flows_are_evicted_are_all_counted() {
    flood(1_000);
}

fn flood(map_max_entries: u32) {
    const FLOOD: u32 = 40_000;
    let lab = Lab::new();
    let daemon = setup(&lab)
        .set("map_max_entries", map_max_entries)
        .set("ipv4_prefix_length", 32)
        .set("poll_interval", "1h")
        .start();
    let frames: Vec<_> = (0..FLOOD)
        .map(|number| {
            let remote = address(number);
            Packet::new(remote, LOCAL4)
                .transport(syn(40_000, 80))
                .payload(0)
                .frame()
        })
        .collect();
    let mut total = Volume::default();
    for _ in 0..2 {
        total = total + lab.inbound().send(&frames);
        // Packets of no service are unattributed then.
        lab.inbound().send(frames_from(0..FLOOD));
        daemon.reload();
    }
    let scrape = daemon.scrape();
    let seen = attempts(&scrape, "web");
    assert_eq!(seen.values().sum::<u64>(), total.packets, "{seen:?}");
    assert!(seen[&("other".to_owned(), "4".to_owned())] > 1_000, "{seen:?}");
    let bytes = scrape.sum("geoip_service_bytes_received_total", &[]);
    assert_eq!(bytes, total.bytes);
    // Traffic keeps its identity.
    let all = Volume::of(&frames_from(0..FLOOD)).times(2) + total;
    assert_eq!(accounted(&scrape, WAN, "received"), all.bytes);
    assert!(unattributed(&scrape) > 0);
}
