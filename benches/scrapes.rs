//! The cost of a scrape: the page itself, without a socket.

use std::hint::black_box;
use std::sync::Arc;

use geoip_exporter::accounting::{
    Account as _, Direction, FlowKey, InterfaceId, IpVersion, Origin, Volume,
};
use geoip_exporter::collectors::traffic::{TrafficAccount, TrafficCollector};
use geoip_exporter::config::Config;
use geoip_exporter::geoip::Country;
use geoip_exporter::http::pages::Metrics;
use geoip_exporter::http::{Request, Routes, Site as _};
use geoip_exporter::metrics::Registry;
use geoip_exporter::metrics::published::{Feed, Publisher};

use crate::Effort;
use crate::database::codes;
use crate::report::{Row, Samples, Target};
use crate::sys::thread_time;

/// Returns an account of this many interfaces with this many countries, both
/// ways and in both versions.
fn account(interfaces: u32, countries: usize) -> TrafficAccount {
    let mut account = TrafficAccount::new();
    let countries: Vec<_> = codes().into_iter().take(countries).collect();
    for number in 0..interfaces {
        let interface = InterfaceId(number);
        let name: Arc<str> = format!("eth{number}").into();
        account.name_interface(interface, &name);
        for direction in [Direction::Received, Direction::Sent] {
            for ip_version in [IpVersion::V4, IpVersion::V6] {
                for (place, code) in countries.iter().enumerate() {
                    let key = FlowKey {
                        interface,
                        direction,
                        ip_version,
                        class: 0,
                        remote: [0; 16],
                    };
                    // As long as those of a machine that ran for a while.
                    let packets = 123_456_789_012 + place as u64;
                    let volume = Volume { packets, bytes: packets * 987 };
                    let country = Country::from_code(code).unwrap();
                    account.credit(
                        &key,
                        volume,
                        &Origin { country, ..Origin::default() },
                    );
                }
            }
        }
    }
    account
}

fn routes(interfaces: u32, countries: usize) -> Routes {
    let feed = Feed::new(account(interfaces, countries));
    let mut registry = Registry::new();
    let config = Publisher::new(Config::default()).reader();
    registry.register(TrafficCollector::new(feed.reader(), config.clone()));
    Routes::new(config.clone()).with(Metrics { config, registry })
}

/// Asks for the page and returns its lines, or its bytes if it is compressed.
fn scrape(routes: &Routes, coding: &str) -> Vec<u8> {
    let headers = vec![("Accept-Encoding".to_owned(), coding.to_owned())];
    let request = Request::new("GET", "/metrics", headers);
    routes.answer(&request).body
}

/// Returns the CPU time of a scrape in ms: as text, then compressed.
fn measure(interfaces: u32, countries: usize, effort: Effort) -> [f64; 2] {
    let routes = routes(interfaces, countries);
    let page = scrape(&routes, "identity");
    let lines = page.split(|&byte| byte == b'\n');
    let series = lines.filter(|line| line.starts_with(b"geoip_bytes_")).count();
    assert_eq!(series, 4 * interfaces as usize * countries);
    let mut samples = Samples::default();
    for _ in 0..effort.of(21, 3) {
        let times = ["identity", "gzip"].map(|coding| {
            let start = thread_time();
            black_box(scrape(&routes, coding));
            (thread_time() - start).as_secs_f64() * 1e3
        });
        samples.push(times.to_vec());
    }
    [samples.median(0), samples.median(1)]
}

/// Returns the rows of the table.
pub(crate) fn rows(effort: Effort) -> Vec<Row> {
    eprintln!("scrapes");
    let [text, gzip] = measure(16, 250, effort);
    let limit = Target::AtMost(15.0);
    vec![
        Row::new("scrape, 16,000 series of bytes and of packets", "ms", text)
            .target(limit),
        Row::new("the same, compressed", "ms", gzip).target(limit),
    ]
}

/// Returns the cost of a scrape as text with more interfaces, in ms.
pub(crate) fn by_interfaces(effort: Effort) -> Vec<(String, f64)> {
    let cost = |n: u32| (n.to_string(), measure(n, 250, effort)[0]);
    [1, 16, 256].map(cost).to_vec()
}

/// Returns the cost of a scrape as text with more countries, in ms.
pub(crate) fn by_countries(effort: Effort) -> Vec<(String, f64)> {
    let cost = |n: usize| (n.to_string(), measure(16, n, effort)[0]);
    [10, 50, 250].map(cost).to_vec()
}
