//! Bytes by network: real traffic, a real Prometheus, and databases that are
//! replaced meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::Ordering;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::{Scrape, whole};
use crate::harness::fixtures::{data, write_whole};
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::statistics;
use crate::harness::prometheus::{Prometheus, promtool_check};
use crate::harness::traffic::{Subject, Traffic};
use crate::harness::watch::during;

const DIRECTIONS: [&str; 2] = ["received", "sent"];

/// The layouts of databases of networks. All of them know the same ones.
const LAYOUTS: [&str; 6] = [
    "asn.mmdb",
    "asn-isp.mmdb",
    "asn-dbip.mmdb",
    "asn-ipinfo.mmdb",
    "country-asn.mmdb",
    "enterprise.mmdb",
];

/// Returns the network of the remote end that is in this country.
fn asn(Subject { country, ip_version, .. }: &Subject) -> &'static str {
    match (&**country, &**ip_version) {
        ("DE", "4") => "64496",
        ("DE", "6") => "64511",
        ("US", "4") => "64497",
        ("JP", "4") => "64499",
        _ => "UNKNOWN",
    }
}

/// Returns the bytes that were sent through a link, by direction and network.
fn booked(traffic: &Traffic) -> BTreeMap<(&'static str, &'static str), u64> {
    let mut booked = BTreeMap::new();
    for (subject, volume) in traffic.booked() {
        let of = (subject.direction, asn(subject));
        *booked.entry(of).or_default() += volume.bytes;
    }
    booked
}

fn bytes(scrape: &Scrape, direction: &str, asn: &str) -> u64 {
    let name = format!("geoip_as_bytes_{direction}_total");
    whole(scrape.value(&name, &[("asn", asn)]).unwrap_or_default())
}

/// Returns all bytes of networks, with those that lost it.
fn all(scrape: &Scrape, direction: &str) -> u64 {
    scrape.sum(&format!("geoip_as_bytes_{direction}_total"), &[])
        + scrape
            .sum(&format!("geoip_as_unattributed_bytes_{direction}_total"), &[])
}

/// Waits until the networks are all that was sent.
fn await_whole(daemon: &Daemon, traffic: &Traffic) -> Scrape {
    for direction in DIRECTIONS {
        let expected = traffic.total(direction).bytes;
        daemon.await_scrape("all bytes of networks", |scrape| {
            match all(scrape, direction) {
                seen if seen == expected => Ok(()),
                seen => Err(format!("{seen} of {expected} {direction}")),
            }
        });
    }
    daemon.await_polls();
    daemon.scrape()
}

#[test]
fn a_real_prometheus_joins_networks_with_their_names() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("counted_once", WAN)
        .set("networks", true)
        .set("country_info", true)
        .set("asn_db", data("asn.mmdb").to_str().unwrap())
        .start();
    let mut traffic = Traffic::new(&lab);
    traffic.exchange();
    traffic.await_booked(&daemon);
    let first = await_whole(&daemon, &traffic);
    assert_eq!(first.sum("geoip_as_info", &[]), 6, "all are shown");
    assert_eq!(promtool_check(&lab.machine, &first.text), "");
    let before = booked(&traffic);
    traffic.exchange();
    traffic.exchange();
    let second = await_whole(&daemon, &traffic);
    for ((direction, asn), sum) in booked(&traffic) {
        let growth =
            bytes(&second, direction, asn) - bytes(&first, direction, asn);
        assert_eq!(
            growth,
            sum - before[&(direction, asn)],
            "{direction} {asn}"
        );
    }
    for direction in DIRECTIONS {
        let other = bytes(&first, direction, "other");
        assert_eq!(bytes(&second, direction, "other"), other);
    }

    let prometheus = Prometheus::start(&lab.machine, daemon.address());
    prometheus.await_query("up", 1);
    let joined = |direction: &str, info: &str| {
        format!(
            "sum(geoip_as_bytes_{direction}_total * on (asn) group_left (name) \
             geoip_as_info{info})"
        )
    };
    for direction in DIRECTIONS {
        let whole = traffic.total(direction).bytes;
        prometheus.await_query(&joined(direction, ""), whole);
        prometheus.await_query(
            &joined(direction, "{name=\"Example Networks\"}"),
            bytes(&second, direction, "64496"),
        );
        let of_country = |subject: &Subject| {
            subject.direction == direction && subject.country == "DE"
        };
        let germany = traffic.booked().iter().filter(|(s, _)| of_country(s));
        prometheus.await_query(
            &format!(
                "sum(geoip_bytes_{direction}_total * on (country) group_left \
                 (name, continent) geoip_country_info{{name=\"Germany\",\
                 continent=\"EU\"}})"
            ),
            germany.map(|(_, volume)| volume.bytes).sum(),
        );
    }
}

/// Good and damaged databases, and none, in every way of replacing a file. No
/// byte is lost, and none is booked for another network than its own.
#[test]
fn networks_are_exact_while_their_database_is_replaced_under_traffic() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine);
    let path = setup.path("asn.mmdb");
    let good = LAYOUTS.map(|name| fs::read(data(name)).unwrap());
    let bad = ["damaged-asn.mmdb", "country-maxmind.mmdb"]
        .map(|name| fs::read(data(name)).unwrap());
    fs::write(&path, &good[0]).unwrap();
    let mut daemon = setup
        .set("interfaces", WAN)
        .set("counted_once", WAN)
        .set("geoip_db_watch", false)
        .set("networks", true)
        .set("poll_interval", "10ms")
        .set("asn_db", path.to_str().unwrap())
        .start();
    let mut first = Traffic::new(&lab);
    first.exchange();
    let scrape = await_whole(&daemon, &first);
    let rest = DIRECTIONS.map(|of| bytes(&scrape, of, "other"));
    drop(first);
    let ((), traffic) = during(
        |stop| {
            let mut traffic = Traffic::new(&lab);
            while !stop.load(Ordering::Relaxed) {
                traffic.exchange();
            }
            traffic
        },
        || {
            for round in 0..120 {
                write_whole(&path, &good[round % good.len()]);
                daemon.reload();
                if round % 10 == 0 {
                    write_whole(&path, &bad[round / 10 % 2]);
                    daemon.reload_refused("asn.mmdb");
                    fs::remove_file(&path).unwrap();
                    daemon.reload_refused("asn.mmdb");
                }
            }
        },
    );
    let wire = statistics(&lab.machine, WAN);
    for (direction, expected) in
        [("received", wire.received.bytes), ("sent", wire.sent.bytes)]
    {
        let total = format!("geoip_non_ip_bytes_{direction}_total");
        daemon.await_scrape("all bytes", |scrape| {
            match all(scrape, direction) + scrape.sum(&total, &[]) {
                seen if seen == expected => Ok(()),
                seen => Err(format!("{seen} of {expected} {direction}")),
            }
        });
    }
    let last = daemon.scrape();
    for ((direction, asn), sum) in booked(&traffic) {
        let growth =
            bytes(&last, direction, asn) - bytes(&scrape, direction, asn);
        assert_eq!(growth, sum, "{direction} {asn}");
    }
    assert_eq!(DIRECTIONS.map(|of| bytes(&last, of, "other")), rest);
    assert_eq!(last.sum("geoip_as_unattributed_bytes_sent_total", &[]), 0);
}
