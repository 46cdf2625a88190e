//! Known frames in, exact bytes and packets out.

use crate::harness::daemon::Setup;
use crate::harness::fixtures::{GERMANY, JAPAN, LOCAL4, NOWHERE};
use crate::harness::frames::{ARP, LLDP, Packet, non_ip};
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::{Volume, statistics};
use crate::harness::traffic::{Traffic, assert_books, books};

#[test]
fn every_country_direction_and_family_is_counted_to_the_byte() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    let mut traffic = Traffic::new(&lab);
    for _ in 0..50 {
        traffic.exchange();
    }
    traffic.await_booked(&daemon);

    // And the kernel, which was not asked so far, says the same.
    let seen = statistics(&lab.machine, WAN);
    assert_eq!(seen.received, traffic.total("received"));
    assert_eq!(seen.sent, traffic.total("sent"));
    let scrape = daemon.scrape();
    assert_eq!(
        scrape.sum("geoip_ebpf_packets_total", &[]),
        seen.received.packets + seen.sent.packets
    );
    assert_eq!(scrape.sum("geoip_ebpf_evictions_total", &[]), 0);
    // Four remotes, two families, two directions.
    assert_eq!(scrape.sum("geoip_ebpf_map_entries", &[]), 16);
    assert_eq!(scrape.sum("geoip_ebpf_new_keys_total", &[]), 16);
}

/// The shortest interval and the longest: what passes is counted to the byte,
/// and a reload polls in any case.
#[test]
fn the_interval_of_polls_may_be_half_a_millisecond_or_a_day() {
    for interval in ["500us", "24h"] {
        let lab = Lab::new();
        let daemon = Setup::new(&lab.machine)
            .set("interfaces", WAN)
            .set("poll_interval", interval)
            .start();
        daemon.await_sum("geoip_interface_attached", &[], 1);
        let mut traffic = Traffic::new(&lab);
        for _ in 0..20 {
            traffic.exchange();
        }
        daemon.reload();
        assert_books(&daemon.scrape(), traffic.booked());
    }
}

#[test]
fn no_traffic_series_exists_before_the_first_packet() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    daemon.await_polls();
    let scrape = daemon.scrape();
    assert!(books(&scrape).is_empty(), "{}", scrape.text);
    assert_eq!(
        scrape.value("geoip_interface_status", &[("interface", WAN)]),
        Some(0.0)
    );
    let mut traffic = Traffic::new(&lab);
    traffic.receive(JAPAN, 1);
    traffic.await_booked(&daemon);
}

#[test]
fn frames_without_an_ip_header_belong_to_no_country() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    let mut traffic = Traffic::new(&lab);
    traffic.receive(GERMANY, 1);
    let mut cut_short = Packet::new(JAPAN.ipv4, LOCAL4).frame();
    cut_short.truncate(14 + 19);
    let received = [non_ip(ARP, 46), non_ip(LLDP, 200), cut_short];
    let sent = [non_ip(ARP, 28)];
    lab.inbound().send(&received);
    lab.outbound().send(&sent);
    for (direction, frames) in
        [("received", received.as_slice()), ("sent", sent.as_slice())]
    {
        daemon.await_sum(
            &format!("geoip_non_ip_bytes_{direction}_total"),
            &[("interface", WAN)],
            Volume::of(frames).bytes,
        );
    }
    traffic.await_booked(&daemon);
}

#[test]
fn prefixes_are_as_long_as_configured() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("ipv4_prefix_length", 32)
        .set("ipv6_prefix_length", 128)
        .start();
    // 198.51.100.0/25 is in the United States, the other half in Canada.
    let from =
        |last: u8| Packet::new([198, 51, 100, last], LOCAL4).payload(6).frame();
    lab.inbound().send([from(1), from(2), from(200)]);
    let bytes = "geoip_bytes_received_total";
    let length = from(1).len() as u64;
    daemon.await_sum(bytes, &[("country", "US")], 2 * length);
    daemon.await_sum(bytes, &[("country", "CA")], length);
    daemon.await_sum("geoip_ebpf_map_entries", &[], 3);
}

#[test]
fn without_a_database_every_byte_is_counted_as_unknown() {
    let lab = Lab::new();
    let setup = Setup::new(&lab.machine).set("interfaces", WAN);
    let nothing = setup.path("nothing.mmdb");
    let mut daemon = setup.set("geoip_db", nothing.to_str().unwrap()).start();
    daemon.await_log("warning about the database", 0, |line| {
        line.get("level").is_some_and(|level| level == "warn")
            && line.text().contains("nothing.mmdb")
    });
    let mut traffic = Traffic::new(&lab);
    traffic.relocate(|_, _| NOWHERE.country);
    traffic.exchange();
    traffic.await_booked(&daemon);
}
