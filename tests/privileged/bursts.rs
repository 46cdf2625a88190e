//! Prometheus computes an increase from the second sample of a series on. What
//! came before the first is not lost.

use crate::harness::daemon::Setup;
use crate::harness::exposition::whole;
use crate::harness::fixtures::{LOCAL4, REMOTES};
use crate::harness::frames::Packet;
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::Volume;
use crate::harness::prometheus::Prometheus;

/// The query of the documents that loses nothing.
const INCREASE: &str = "geoip_bytes_received_total \
    - (geoip_bytes_received_total offset 30d or geoip_bytes_received_total * 0)";

/// Sends a megabyte from each of four countries at once, and returns their
/// codes with the bytes on the wire.
fn burst(lab: &Lab) -> [(&'static str, u64); 4] {
    let sender = lab.inbound();
    let four = [REMOTES[0], REMOTES[1], REMOTES[2], REMOTES[3]];
    four.map(|remote| {
        let packet = Packet::new(remote.ipv4, LOCAL4).payload(1_000);
        let frames = vec![packet.frame(); 1_000];
        let Volume { packets, bytes } = sender.send(&frames);
        assert_eq!(packets, 1_000);
        assert!(bytes > 1_000_000);
        (remote.country, bytes)
    })
}

fn of(country: &str) -> String {
    format!(
        "geoip_bytes_received_total{{country=\"{country}\",ip_version=\"4\"}}"
    )
}

fn await_burst(prometheus: &Prometheus, burst: &[(&str, u64)]) {
    let all = burst.iter().map(|(_, bytes)| bytes).sum();
    prometheus.await_query("sum(geoip_bytes_received_total)", all);
}

#[test]
fn a_burst_of_countries_shown_at_zero_is_in_the_increase_in_full() {
    let lab = Lab::new();
    let codes: Vec<_> = REMOTES[..4].iter().map(|r| r.country).collect();
    let daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("countries_at_zero", codes)
        .start();
    let prometheus = Prometheus::start(&lab.machine, daemon.address());
    prometheus.await_query("count(geoip_bytes_received_total)", 8);
    let burst = burst(&lab);
    await_burst(&prometheus, &burst);
    for (country, bytes) in burst {
        let increase = format!("increase({}[1m])", of(country));
        let increase = prometheus.query(&increase).unwrap();
        // It is extrapolated, to the end of the minute only: the first sample
        // is zero.
        assert!(increase >= bytes as f64, "{increase} of {bytes}, {country}");
        let first = format!("min_over_time({}[1m])", of(country));
        assert_eq!(prometheus.query(&first), Some(0.0), "{country}");
    }
}

#[test]
fn the_query_of_the_documents_loses_nothing_of_a_series_that_begins() {
    let document = include_str!("../../docs/metrics.md");
    let words = |text: &str| {
        text.split_whitespace().map(String::from).collect::<Vec<_>>().join(" ")
    };
    assert!(words(document).contains(&words(INCREASE)), "it is not documented");

    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    let prometheus = Prometheus::start(&lab.machine, daemon.address());
    prometheus.await_query("up", 1);
    let burst = burst(&lab);
    await_burst(&prometheus, &burst);
    for (country, bytes) in burst {
        let of_country =
            INCREASE.replace("geoip_bytes_received_total", &of(country));
        let increase = prometheus.query(&of_country).map(whole);
        assert_eq!(increase, Some(bytes), "{country}");
        // Prometheus asks for OpenMetrics.
        let created = of(country).replace("_total", "_created");
        assert!(prometheus.query(&created).is_some(), "{country}");
    }
}
