//! Clients that take all they can get from the exporter as it was built, with
//! a page as large as that of a busy machine, and a scrape beside them.
//!
//! An attack lasts `CLIENTS_SECONDS`. The page shows `CLIENTS_INTERFACES`, of
//! about 175 kB each. Each attack prints a line of the table in
//! docs/performance.md.

mod kinds;
mod service;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
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
use kinds::{Kind, REQUEST};
use service::{Clients, Service};

/// The time for a scrape beside any clients. It is longer in a build that is not
/// optimised, which shares the machine with other tests.
const IN_TIME: Duration =
    Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

/// The largest page that is held to this time, in bytes.
const LARGE: usize = 1_000_000;

/// The memory that clients may take: 64 MiB of answers, pages in the making,
/// requests, and the reserves of the allocator.
const MEMORY: u64 = 128 << 20;

const HALF_OPEN: usize = 2_000;

/// The interfaces on the page. A build that is not optimised takes ten times as
/// long for each.
const INTERFACES: u32 = if cfg!(debug_assertions) { 2 } else { 4 };

/// Returns a whole number from the environment.
fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is no whole number"))
    })
}

fn duration() -> Duration {
    Duration::from_secs(number("CLIENTS_SECONDS", 3).into())
}

/// Writes the state of an exporter that has counted traffic with 250 countries
/// over several interfaces, in both directions and both IP versions.
fn write_state(directory: &TempDir) {
    let mut account = TrafficAccount::new();
    let letters = || b'A'..=b'Z';
    let codes = letters().flat_map(|a| letters().map(move |b| [a, b]));
    let codes: Vec<_> = codes.take(250).collect();
    for number in 0..number("CLIENTS_INTERFACES", INTERFACES) {
        let interface = InterfaceId(number);
        account.name_interface(interface, &format!("old{number}").into());
        for direction in [Direction::Received, Direction::Sent] {
            for ip_version in [IpVersion::V4, IpVersion::V6] {
                let remote = [0; 16];
                let key = FlowKey {
                    interface,
                    direction,
                    ip_version,
                    class: 0,
                    remote,
                };
                let packets = 123_456_789_012;
                let volume = Volume { packets, bytes: packets * 987 };
                for code in &codes {
                    let code = std::str::from_utf8(code).unwrap();
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
    let traffic = Feed::new(account).reader().get();
    let state = State { traffic, ..State::default() };
    let path = directory.path().join("counters.state");
    fs::write(path, encode(&state)).unwrap();
}

/// Connects from a machine that then vanishes without closing its connections,
/// half of them with a page on its way. Returns the sockets.
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

/// Makes the attacks of `kinds` at once, scrapes beside them, and prints a line of
/// the table. Fails if a scrape was cut, or too late at the 99th percentile.
fn attack(name: &str, service: Service, kinds: &[Kind]) {
    attack_behind(name, service, |_, _| (), kinds);
}

/// The same, while the value that `prepare` returns exists.
fn attack_behind<T>(
    name: &str,
    service: Service,
    prepare: impl FnOnce(&Lab, u16) -> T,
    kinds: &[Kind],
) {
    sys::raise_open_files();
    let (lab, state) = (Lab::new(), TempDir::new().unwrap());
    write_state(&state);
    let mut daemon = Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("listen_address", "0.0.0.0:0")
        .set("log_level", "info")
        .set("poll_interval", "2s")
        .set("state_directory", state.path().to_str().unwrap())
        .set("pin_directory", "");
    if let Some(file) = &service.write(state.path()) {
        daemon = daemon.set("web_config_file", file.to_str().unwrap());
    }
    let mut daemon = daemon.start();
    let address = ([127, 0, 0, 1], daemon.address().port()).into();
    let clients = Clients::new(address, service, state.path());
    let (mut most, mut times, mut cuts) = (0, Vec::new(), Vec::new());
    let scrape = |number| lab.machine.run(|| clients.scrape(number));
    let (_, usual) = scrape(0).unwrap();
    let _prepared = prepare(&lab, daemon.address().port());
    let (workers, memory) = (threads_of(daemon.pid()), daemon.resident_bytes());
    thread::scope(|scope| {
        let _over = Over(&clients.is_over);
        for &kind in kinds {
            let (machine, clients) = (&lab.machine, &clients);
            scope.spawn(move || machine.run(|| kind(clients)));
        }
        let until = Instant::now() + duration();
        while Instant::now() < until {
            match scrape(times.len() + cuts.len() + 1) {
                // Numbers of the exporter itself change their length.
                Ok((took, bytes)) if bytes.abs_diff(usual) < 2_000 => {
                    times.push(took);
                }
                Ok((_, bytes)) => cuts.push(format!("{bytes} of {usual}")),
                Err(error) => cuts.push(error.to_string()),
            }
            most = most.max(daemon.resident_bytes().saturating_sub(memory));
            assert_eq!(threads_of(daemon.pid()), workers);
            thread::sleep(Duration::from_millis(20));
        }
    });
    times.sort();
    assert!(!times.is_empty(), "{cuts:?}");
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    eprintln!(
        "| {name} | {service:?} | {} | {:.1} | {:.1} | {:.1} | {} | {} | {:.1} |",
        times.len(),
        ms(at(50)),
        ms(at(99)),
        ms(at(100)),
        cuts.len(),
        clients.done.load(Ordering::Relaxed),
        most as f64 / f64::from(1 << 20),
    );
    assert_eq!(cuts, <[String; 0]>::default());
    // The time of a larger page depends on the machine.
    assert!(usual > LARGE || at(99) < IN_TIME, "{:?}", at(99));
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

#[test]
fn a_quiet_server_is_the_measure() {
    for service in [Service::Plain, Service::Secured] {
        attack("none", service, &[]);
    }
}

#[test]
fn idle_connections_are_no_burden() {
    for service in [Service::Plain, Service::Secured] {
        attack("2,000 connections that say nothing", service, &[kinds::idle]);
    }
}

#[test]
fn clients_that_vanished_without_a_word_hold_nobody() {
    attack_behind("2,000 that vanished", Service::Plain, vanish, &[]);
}

#[test]
fn fifty_scrapers_of_a_large_page_are_all_answered() {
    attack("50 scrapers", Service::Plain, &[kinds::scraping as Kind; 50]);
}

#[test]
fn line_feeds_without_end_hold_nobody() {
    let feeding: [Kind; 16] = [kinds::feeding; 16];
    attack("16 that send line feeds", Service::Plain, &feeding);
    let blank: [Kind; 16] = [kinds::sending_blank_lines; 16];
    attack("16 that send blank lines", Service::Plain, &blank);
    attack("16 that send line feeds", Service::Secured, &feeding);
}

#[test]
fn clients_that_ask_and_leave_hold_nobody() {
    let leaving: [Kind; 4] = [kinds::leaving; 4];
    for service in [Service::Plain, Service::Secured] {
        attack("4 that ask and leave", service, &leaving);
    }
}

#[test]
fn clients_that_ask_and_do_not_read_hold_nobody() {
    for service in [Service::Plain, Service::Secured] {
        attack("600 that ask and read nothing", service, &[kinds::greedy]);
        attack("600 that read slowly", service, &[kinds::dawdling]);
    }
}

#[test]
fn requests_of_many_forms_hold_nobody() {
    attack(
        "8 with other headers",
        Service::Plain,
        &[kinds::varying as Kind; 8],
    );
    attack("8 with 100 headers", Service::Plain, &[kinds::heading as Kind; 8]);
    attack(
        "8 with HTTP/1.0, ranges and long queries",
        Service::Plain,
        &[kinds::ranging as Kind; 8],
    );
}

#[test]
fn requests_that_trickle_hold_nobody() {
    for service in [Service::Plain, Service::Secured] {
        attack("100 that trickle requests", service, &[kinds::trickling]);
    }
    attack("600 that trickle bodies", Service::Plain, &[kinds::trickling_body]);
}

#[test]
fn clients_of_many_addresses_hold_nobody() {
    attack(
        "600 addresses that ask and read nothing",
        Service::Plain,
        &[kinds::greedy_from_everywhere],
    );
}

#[test]
fn clients_that_guess_passwords_hold_nobody() {
    attack("100 that guess", Service::Users, &[kinds::guessing as Kind; 100]);
}

#[test]
fn handshakes_hold_nobody() {
    let service = Service::Secured;
    attack("16 that shake hands", service, &[kinds::shaking as Kind; 16]);
    attack("600 half handshakes", service, &[kinds::half_shaking]);
    attack("600 that trickle handshakes", service, &[kinds::trickling_hello]);
    attack("2 that greet and leave", service, &[kinds::greeting as Kind; 2]);
    attack(
        "4 that greet and stay",
        service,
        &[kinds::greeting_and_staying as Kind; 4],
    );
}

#[test]
fn a_scrape_is_answered_in_time_beside_all_attacks_at_once() {
    let all: [Kind; 6] = [
        kinds::idle,
        kinds::trickling,
        kinds::greedy,
        kinds::babbling,
        kinds::scraping,
        kinds::scraping,
    ];
    attack("all sorts at once", Service::Plain, &all);
}
