//! What Prometheus gets to see: the page as text, its rules, and the socket
//! it comes through.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, UNIX_EPOCH};

use crossbeam_channel::Sender;
use flate2::read::GzDecoder;
use geoip_exporter::accounting::{
    Direction, Family, FlowKey, InterfaceId, InterfaceTotal, IpVersion, Origin,
    TrafficDelta, Volume,
};
use geoip_exporter::collectors::exporter::{
    Build, Database, ExporterCollector, FlowTable, LastReload, PollStatistics,
    Settings,
};
use geoip_exporter::collectors::interfaces::{
    InterfacesCollector, State, Status,
};
use geoip_exporter::collectors::traffic::{TrafficAccount, TrafficCollector};
use geoip_exporter::geoip::Country;
use geoip_exporter::http::pages::{Healthy, Index, Metrics, Ready};
use geoip_exporter::http::{self, Routes, Server};
use geoip_exporter::metrics::encode::Format;
use geoip_exporter::metrics::published::{Feed, Publisher, Sink};
use geoip_exporter::metrics::{Process, Registry};

const BUILD: Build = Build { version: "1.2.3", revision: "0123abc" };

/// Feeds an account what two interfaces saw, one of them with a name that
/// needs escaping.
fn traffic() -> Feed<TrafficAccount> {
    use Direction::{Received, Sent};
    use IpVersion::{V4, V6};

    let mut feed = Feed::new(TrafficAccount::new());
    feed.name_interface(InterfaceId(2), &"wan\\\"0\"".into());
    feed.name_interface(InterfaceId(1), &"eth0".into());
    for (id, direction, ip_version, code, packets, bytes) in [
        (1, Received, V4, "US", 3, 4_500),
        (1, Sent, V4, "US", 2, 120),
        (1, Received, V6, "DE", 1, 9_007_199_254_740_991),
        (1, Received, V4, "", 1, 60),
        (2, Sent, V4, "DE", 5, 500),
    ] {
        let key = FlowKey {
            interface: InterfaceId(id),
            direction,
            ip_version,
            remote: [0; 16],
        };
        let volume = Volume { packets, bytes };
        let country = Country::from_code(code).unwrap_or_default();
        feed.credit(&TrafficDelta { key, volume }, &Origin { country });
    }
    for (id, direction, family, packets, bytes) in [
        (1, Received, Family::Ip(V4), 6, 5_060),
        (1, Received, Family::NonIp, 2, 84),
        (2, Sent, Family::Ip(V4), 5, 500),
    ] {
        feed.observe_totals(&[InterfaceTotal {
            interface: InterfaceId(id),
            direction,
            family,
            volume: Volume { packets, bytes },
        }]);
    }
    feed.publish();
    feed
}

fn exporter(feed: &Feed<TrafficAccount>) -> ExporterCollector {
    ExporterCollector {
        build: BUILD,
        settings: Publisher::new(Settings {
            map_max_entries: 100_000,
            poll_interval: Duration::from_millis(2500),
            flow_batch_size: 10_000,
        })
        .reader(),
        last_reload: Publisher::new(LastReload {
            successful: true,
            success_time: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        })
        .reader(),
        database: Publisher::new(Some(Database {
            path: "/usr/share/GeoIP/GeoLite2-Country.mmdb".into(),
            database_type: "GeoLite2-Country".into(),
            build_timestamp_seconds: 1_690_000_000,
        }))
        .reader(),
        polls: Publisher::new(PollStatistics {
            polls: 10,
            is_ready: true,
            poll_failures: 1,
            lookup_failures: 7,
            update_failures: 0,
            map_packets: 3,
            new_keys: 7,
            evictions: 2,
            map_entries: 5,
            flow_table: FlowTable {
                bytes: 8_000_000,
                max_entries: 200_000,
                entries: 6,
                reclaims: 1,
            },
            minimum_eviction_age: None,
            map_read_duration: Duration::from_micros(1250),
            poll_duration: Duration::from_micros(2750),
        })
        .reader(),
        traffic: feed.reader(),
    }
}

/// Everything the exporter exports but `process_*`, which no two runs share.
fn registry() -> Registry {
    let feed = traffic();
    let interfaces = Publisher::new(
        [
            ("wan\\\"0\"", Status::Down, true),
            ("eth0", Status::Up, true),
            ("eth1", Status::NotFound, false),
            ("eth2", Status::Up, false),
        ]
        .map(|(name, status, is_attached)| {
            (Arc::from(name), State { status, is_attached })
        })
        .into(),
    );
    let mut registry = Registry::new();
    registry.register(TrafficCollector::new(feed.reader()));
    registry.register(InterfacesCollector::new(interfaces.reader()));
    registry.register(exporter(&feed));
    registry
}

fn page(registry: &Registry, format: Format) -> String {
    let mut page = Vec::new();
    registry.write(format, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

/// Compares with a file; with `WRITE_GOLDEN` set, writes it.
fn assert_golden(actual: &str, name: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    let differs = |(a, e): &(&str, &str)| a != e;
    let first = actual.lines().zip(expected.lines()).find(differs);
    assert!(
        actual == expected,
        "{name} differs, first in {first:?}; where the change is meant, run \
         with WRITE_GOLDEN=1 and read the difference"
    );
}

#[test]
fn the_text_page_is_the_golden_one() {
    assert_golden(&page(&registry(), Format::Text), "metrics.txt");
}

#[test]
fn the_open_metrics_page_is_the_golden_one() {
    let page = page(&registry(), Format::OpenMetrics);
    assert_golden(&page, "metrics.openmetrics.txt");
}

/// The labels of the reference's series are known to dashboards by now.
const LABELS: [(&str, &[&str]); 10] = [
    ("geoip_bytes_", &["country", "interface", "ip_version"]),
    ("geoip_packets_", &["country", "interface", "ip_version"]),
    ("geoip_unattributed_", &["interface", "ip_version"]),
    ("geoip_non_ip_", &["interface"]),
    ("geoip_interface_status", &["interface"]),
    ("geoip_interface_attached", &["interface"]),
    ("geoip_build_info", &["version", "revision"]),
    ("geoip_database_info", &["path", "type"]),
    ("geoip_", &[]),
    ("process_", &[]),
];

#[test]
fn every_series_has_help_type_unit_and_its_labels() {
    let mut registry = registry();
    registry.register(Process::default());
    let page = page(&registry, Format::Text);
    let mut announced = HashSet::new();
    let mut series = HashSet::new();
    let mut current = ("", "");
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(announced.insert(name), "{name} comes twice");
            assert!(text.ends_with('.') && text.len() > 10, "{line}");
            let kind = lines.next().unwrap();
            let kind = kind.strip_prefix("# TYPE ").unwrap();
            current = kind.split_once(' ').unwrap();
            assert_eq!(current.0, name);
            assert_eq!(
                current.1 == "counter",
                name.ends_with("_total"),
                "{name} is a {}",
                current.1
            );
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(series.insert(sample), "{sample} comes twice");
        let name = sample.split('{').next().unwrap();
        assert_eq!(name, current.0, "a sample outside of its family");
        let (_, labels) =
            LABELS.iter().find(|(prefix, _)| name.starts_with(prefix)).unwrap();
        let found: Vec<_> = sample
            .split(['{', ','])
            .skip(1)
            .map(|label| label.split('=').next().unwrap())
            .collect();
        assert_eq!(found, *labels, "{line}");
    }
    assert!(announced.contains("process_resident_memory_bytes"), "{page}");
}

#[test]
fn a_family_is_announced_under_one_name_in_both_formats() {
    let mut registry = registry();
    registry.register(Process::default());
    let names = |format, strip: &[&str]| -> Vec<String> {
        page(&registry, format)
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .map(|line| line.split(' ').next().unwrap())
            .map(|name| {
                strip
                    .iter()
                    .find_map(|suffix| name.strip_suffix(suffix))
                    .unwrap_or(name)
                    .to_owned()
            })
            .collect()
    };
    let open = names(Format::OpenMetrics, &[]);
    assert_eq!(open, names(Format::Text, &["_total", "_info"]));
    assert_eq!(open.iter().collect::<HashSet<_>>().len(), open.len());
}

#[test]
fn before_traffic_and_database_their_series_do_not_exist() {
    let feed = Feed::new(TrafficAccount::new());
    let mut registry = Registry::new();
    registry.register(TrafficCollector::new(feed.reader()));
    registry.register(ExporterCollector {
        database: Publisher::new(None).reader(),
        ..exporter(&feed)
    });
    let page = page(&registry, Format::Text);
    for absent in ["geoip_bytes_", "geoip_packets_", "geoip_database_"] {
        assert!(!page.contains(absent), "{absent} in {page}");
    }
    assert!(page.contains("\ngeoip_ebpf_packets_total 0\n"), "{page}");
}

/// A server on loopback that stops when it is dropped.
struct Running {
    address: SocketAddr,
    stop: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<Result<(), http::Error>>>,
}

impl Running {
    fn start() -> Self {
        let path = Publisher::new("/metrics".to_owned()).reader();
        let interfaces = Publisher::new(BTreeMap::new()).reader();
        let polls = Publisher::new(PollStatistics::default()).reader();
        let routes = Routes::new(path.clone())
            .with(Metrics { path: path.clone(), registry: registry() })
            .with(Healthy)
            .with(Ready { polls })
            .with(Index {
                build: BUILD,
                metrics_path: path,
                interfaces,
                links: vec![],
            });
        let server = Server::bind(loopback()).unwrap().pool_size(2);
        let address = server.local_addr();
        let (stop, stopped) = crossbeam_channel::bounded(0);
        let thread = thread::spawn(move || server.run(routes, &stopped));
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Sends a request on a connection of its own and returns all that came
    /// back: head and body.
    fn ask(&self, request: &str) -> (String, Vec<u8>) {
        let request =
            format!("{request}\r\nHost: test\r\nConnection: close\r\n\r\n");
        let mut connection = TcpStream::connect(self.address).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let body = answer.split_off(end.unwrap() + 4);
        (String::from_utf8(answer).unwrap(), body)
    }

    fn stop(&mut self) -> Result<(), http::Error> {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop().unwrap();
        }
    }
}

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

#[test]
fn a_scrape_over_a_socket_is_the_page() {
    let server = Running::start();
    let (head, body) = server.ask("GET /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let expected = page(&registry(), Format::Text);
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

#[test]
fn a_compressed_scrape_over_a_socket_is_the_page() {
    let server = Running::start();
    let (head, body) =
        server.ask("GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip");
    assert_eq!(header(&head, "Content-Encoding"), Some("gzip"));
    let mut unpacked = String::new();
    GzDecoder::new(&*body).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, page(&registry(), Format::Text));
}

#[test]
fn the_answer_to_head_is_that_to_get_without_the_body() {
    let server = Running::start();
    let (get, page) = server.ask("GET /metrics HTTP/1.1");
    let (head, body) = server.ask("HEAD /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(body.is_empty());
    for name in ["Content-Type", "Content-Length", "X-Content-Type-Options"] {
        assert_eq!(header(&head, name), header(&get, name), "{name}");
    }
    let length = page.len().to_string();
    assert_eq!(header(&head, "Content-Length"), Some(&*length));
}

#[test]
fn wrong_methods_and_wrong_paths_get_their_status_and_a_hint() {
    let server = Running::start();
    let (head, body) = server.ask("POST /metrics HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 405 "), "{head}");
    assert_eq!(header(&head, "Allow"), Some("GET, HEAD"));
    assert!(!body.is_empty());
    let (head, body) = server.ask("GET /nothing HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("/metrics"));
    let (head, _) = server.ask("GET /-/ready HTTP/1.1");
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
}

#[test]
fn a_busy_port_is_named() {
    let taken = TcpListener::bind(loopback()).unwrap();
    let address = taken.local_addr().unwrap();
    let message = Server::bind(address).unwrap_err().to_string();
    let start = format!("cannot listen on {address}: the port is in use");
    assert!(message.starts_with(&start), "{message}");
    assert!(message.contains("--listen-address"), "{message}");
}

#[test]
fn an_address_of_somebody_else_is_named() {
    let error = Server::bind("192.0.2.1:0".parse().unwrap()).unwrap_err();
    assert!(
        matches!(error, http::Error::AddressNotAvailable { .. }),
        "{error}"
    );
}

/// The library's own loop goes on as long as requests come.
#[test]
fn a_client_that_never_pauses_does_not_keep_the_server_from_stopping() {
    let mut server = Running::start();
    let address = server.address;
    let asking = Arc::new(AtomicBool::new(true));
    let (answered, first_answer) = crossbeam_channel::bounded(1);
    let client = thread::spawn({
        let asking = Arc::clone(&asking);
        move || {
            let mut connection = TcpStream::connect(address).unwrap();
            let mut some = [0; 4096];
            while asking.load(Ordering::Relaxed) {
                let request = b"GET /-/healthy HTTP/1.1\r\nHost: test\r\n\r\n";
                if connection.write_all(request).is_err()
                    || !matches!(connection.read(&mut some), Ok(1..))
                {
                    break;
                }
                let _ = answered.try_send(());
            }
        }
    });
    first_answer.recv().unwrap();
    let asked = Instant::now();
    server.stop().unwrap();
    let took = asked.elapsed();
    asking.store(false, Ordering::Relaxed);
    client.join().unwrap();
    assert!(took < Duration::from_secs(2), "stopping took {took:?}");
}

/// The library under the server gives up listening when a connection cannot
/// be accepted. The test calls itself in a process with few descriptors.
#[test]
fn clients_that_take_every_descriptor_do_not_silence_the_server_for_good() {
    const INNER: &str = "GEOIP_TEST_FEW_DESCRIPTORS";
    if std::env::var_os(INNER).is_none() {
        let name = thread::current().name().unwrap().to_owned();
        let status = Command::new("sh")
            .args(["-c", "ulimit -n 64 && exec \"$0\" --exact \"$1\""])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env(INNER, "1")
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
        return;
    }

    let server = Running::start();
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.pop();
        while let Ok(client) = TcpStream::connect(server.address) {
            clients.push(client);
        }
    }
    drop(clients);
    let give_up = Instant::now() + Duration::from_secs(20);
    let request = b"GET /-/healthy HTTP/1.0\r\n\r\n";
    let mut answer = Vec::new();
    while !answer.ends_with(b"geoip-exporter is healthy\n") {
        assert!(Instant::now() < give_up, "the server is silent");
        // Nothing tells a client that a port is open again but trying.
        thread::sleep(Duration::from_millis(50));
        answer.clear();
        if let Ok(mut client) = TcpStream::connect(server.address) {
            let _ = client.write_all(request);
            let _ = client.read_to_end(&mut answer);
        }
    }
}
