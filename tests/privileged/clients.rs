//! Clients that take all they can get from the exporter as it was built, with
//! a page as large as that of a busy machine, and a scrape beside them.
//!
//! For as long as `CLIENTS_SECONDS` says.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use geoip_exporter::accounting::{
    Account as _, Direction, FlowKey, InterfaceId, IpVersion, Origin, Volume,
};
use geoip_exporter::collectors::traffic::TrafficAccount;
use geoip_exporter::geoip::Country;
use geoip_exporter::metrics::published::Feed;
use geoip_exporter::state::{State, encode};
use tempfile::TempDir;

use crate::harness::daemon::Setup;
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::connect;
use crate::harness::process::threads_of;
use crate::harness::sys;

/// What a scrape may take beside any clients; more in a build that is not
/// optimised, and shares the machine with other tests.
const IN_TIME: Duration =
    Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

/// What clients may take: 64 MiB of answers, pages in the making, requests
/// and what the allocator keeps of them.
const MEMORY: u64 = 128 << 20;

const IDLE: usize = 2_000;
const SCRAPERS: usize = 50;
const SLOW: usize = 100;
const GREEDY: usize = 100;
const HALF_OPEN: usize = 200;

const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// Enough for 16,000 series of bytes; a build that is not optimised takes ten
/// times as long for each.
const INTERFACES: u32 = if cfg!(debug_assertions) { 2 } else { 16 };

fn duration() -> Duration {
    let seconds = std::env::var("CLIENTS_SECONDS").ok();
    let seconds = seconds.map_or(10, |text| {
        text.parse().expect("CLIENTS_SECONDS is a whole number of seconds")
    });
    Duration::from_secs(seconds)
}

/// Writes what an exporter leaves that has exchanged something with 250
/// countries over so many interfaces, both ways and in both versions.
fn write_state(directory: &TempDir) {
    let mut account = TrafficAccount::new();
    let letters = || b'A'..=b'Z';
    let codes = letters().flat_map(|a| letters().map(move |b| [a, b]));
    let codes: Vec<_> = codes.take(250).collect();
    for number in 0..INTERFACES {
        let interface = InterfaceId(number);
        account.name_interface(interface, &format!("old{number}").into());
        for direction in [Direction::Received, Direction::Sent] {
            for ip_version in [IpVersion::V4, IpVersion::V6] {
                let remote = [0; 16];
                let key = FlowKey { interface, direction, ip_version, remote };
                let packets = 123_456_789_012;
                let volume = Volume { packets, bytes: packets * 987 };
                for code in &codes {
                    let code = std::str::from_utf8(code).unwrap();
                    let country = Country::from_code(code).unwrap();
                    account.credit(&key, volume, Origin { country });
                }
            }
        }
    }
    let traffic = Feed::new(account).reader().get();
    let state = State { traffic, ..State::default() };
    let path = directory.path().join("counters.state");
    fs::write(path, encode(&state)).unwrap();
}

/// What a client does until it is over.
type Kind = fn(&Clients);

/// What all clients know.
struct Clients {
    server: SocketAddr,
    is_over: AtomicBool,
    /// How often each kind did what it does.
    connections: AtomicU64,
    scrapes: AtomicU64,
    slowest: AtomicU64,
}

impl Clients {
    fn go_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    fn connect(&self) -> TcpStream {
        self.connections.fetch_add(1, Ordering::Relaxed);
        TcpStream::connect(self.server).expect("the port is open")
    }

    /// Opens so many, each as `begin` leaves it, and keeps what the exporter
    /// does not close.
    fn hold(&self, count: usize, begin: impl Fn(&mut TcpStream)) {
        let mut held = Vec::new();
        while held.len() < count && self.go_on() {
            let mut client = self.connect();
            begin(&mut client);
            held.push(client);
        }
        while self.go_on() {
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends so many requests a byte at a time.
    fn trickle(&self, count: usize) {
        let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nA: ";
        let mut slow: Vec<(TcpStream, usize)> = Vec::new();
        while self.go_on() {
            while slow.len() < count {
                slow.push((self.connect(), 0));
            }
            slow.retain_mut(|(client, at)| {
                let byte = request.get(*at).copied().unwrap_or(b'a');
                *at += 1;
                client.write_all(&[byte]).is_ok()
            });
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends what is no request, or too large.
    fn babble(&self) {
        let long = "x".repeat(20_000);
        let wrong = [
            "hello\r\n\r\n".to_owned(),
            format!("GET /{long} HTTP/1.1\r\n\r\n"),
            format!("GET / HTTP/1.1\r\nA: {long}\r\n\r\n"),
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n"
                .into(),
            "\x16\x03\x01\x02\0\x01\0\x01\x00\x03\x03".into(),
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(),
        ];
        for request in wrong.iter().cycle() {
            if !self.go_on() {
                return;
            }
            let mut client = self.connect();
            // It may be told before it has sent everything.
            let _ = client.write_all(request.as_bytes());
            let _ = client.read(&mut [0; 100]);
        }
    }

    /// Asks and returns the time and the bytes that it took.
    fn scrape(&self) -> (Duration, usize) {
        let asked = Instant::now();
        let mut client = TcpStream::connect(self.server).unwrap();
        client.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        (asked.elapsed(), answer.len())
    }

    /// Scrapes all the time.
    fn scrape_on(&self) {
        while self.go_on() {
            let (took, _) = self.scrape();
            self.scrapes.fetch_add(1, Ordering::Relaxed);
            let took = took.as_millis().try_into().unwrap();
            self.slowest.fetch_max(took, Ordering::Relaxed);
        }
    }
}

/// Connects from a machine that then vanishes without a word, half of them with
/// a page on its way, and returns what keeps the sockets.
fn vanish(lab: &Lab, port: u16) -> Vec<TcpStream> {
    connect(&lab.machine, "gone0", &lab.world, "gone1");
    lab.machine.ip("address add 203.0.113.1/24 dev gone0");
    lab.world.ip("address add 203.0.113.2/24 dev gone1");
    let server = SocketAddr::from(([203, 0, 113, 1], port));
    let clients = (0..HALF_OPEN).map(|number| {
        let mut client = TcpStream::connect(server).unwrap();
        if number % 2 == 0 {
            client.write_all(REQUEST).unwrap();
            client.read_exact(&mut [0; 100]).unwrap();
        }
        client
    });
    let clients = lab.world.run(|| clients.collect());
    lab.world.ip("link set gone1 down");
    clients
}

/// Does all of `kinds` at once while a scrape every now and then is answered
/// in time, and returns what happened.
fn attack(kinds: &[Kind]) {
    attack_behind(|_, _| (), kinds);
}

/// The same, while what `prepare` returns is there.
fn attack_behind<T>(prepare: impl FnOnce(&Lab, u16) -> T, kinds: &[Kind]) {
    sys::raise_open_files();
    let (lab, state) = (Lab::new(), TempDir::new().unwrap());
    write_state(&state);
    let mut daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("listen_address", "0.0.0.0:0")
        .set("log_level", "info")
        .set("state_directory", state.path().to_str().unwrap())
        .set("pin_directory", "")
        .start();
    let clients = Clients {
        server: ([127, 0, 0, 1], daemon.address().port()).into(),
        is_over: AtomicBool::new(false),
        connections: AtomicU64::new(0),
        scrapes: AtomicU64::new(0),
        slowest: AtomicU64::new(0),
    };
    let (mut most, mut slowest) = (0, Duration::ZERO);
    let scrape = || lab.machine.run(|| clients.scrape());
    let (_, usual) = scrape();
    let _prepared = prepare(&lab, daemon.address().port());
    let (workers, memory) = (threads_of(daemon.pid()), daemon.resident_bytes());
    let mut count = 0;
    thread::scope(|scope| {
        let _over = Over(&clients.is_over);
        for &kind in kinds {
            let (machine, clients) = (&lab.machine, &clients);
            scope.spawn(move || machine.run(|| kind(clients)));
        }
        let until = Instant::now() + duration();
        while Instant::now() < until {
            let (took, bytes) = scrape();
            // Numbers of the exporter itself change their length.
            assert!(bytes.abs_diff(usual) < 2_000, "{bytes} of {usual}");
            slowest = slowest.max(took);
            count += 1;
            most = most.max(daemon.resident_bytes().saturating_sub(memory));
            assert_eq!(threads_of(daemon.pid()), workers);
            thread::sleep(Duration::from_millis(100));
        }
    });
    eprintln!(
        "{count} scrapes of {usual} bytes, the longest {slowest:?}; {most} \
         bytes of memory more at most; {} connections; {} scrapes beside, \
         the longest {} ms",
        clients.connections.load(Ordering::Relaxed),
        clients.scrapes.load(Ordering::Relaxed),
        clients.slowest.load(Ordering::Relaxed),
    );
    assert!(slowest < IN_TIME, "{slowest:?}");
    assert!(most < MEMORY, "{most} bytes of memory");
    assert!(daemon.is_running());
    let log = daemon.log();
    assert!(log.iter().all(|line| !line.text().contains("panic")), "{log:?}");
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn idle(clients: &Clients) {
    clients.hold(IDLE, |_| {});
}

fn slow(clients: &Clients) {
    clients.trickle(SLOW);
}

/// Asks for the page and never reads it.
fn greedy(clients: &Clients) {
    clients.hold(GREEDY, |client| {
        let _ = client.write_all(&REQUEST.repeat(10));
    });
}

fn babbling(clients: &Clients) {
    clients.babble();
}

fn scraping(clients: &Clients) {
    clients.scrape_on();
}

#[test]
fn two_thousand_idle_connections_are_no_burden() {
    attack(&[idle]);
}

#[test]
fn clients_that_vanished_without_a_word_hold_nobody() {
    attack_behind(vanish, &[]);
}

#[test]
fn fifty_scrapers_of_a_large_page_are_all_answered() {
    attack(&[scraping as Kind; SCRAPERS]);
}

#[test]
fn whatever_clients_do_at_once_a_scrape_is_answered_in_time() {
    attack(&[idle, slow, greedy, babbling, scraping, scraping]);
}
