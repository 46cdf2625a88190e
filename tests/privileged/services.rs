//! Services: the bytes that clients exchange with local ports, and their
//! attempts to connect.

mod attempts;

use std::collections::BTreeMap;
use std::net::IpAddr;

use toml::Value;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::{
    GERMANY, JAPAN, LOCAL4, LOCAL6, Remote, UNITED_STATES,
};
use crate::harness::frames::{DOT1Q, Extension, Packet, Transport};
use crate::harness::lab::{Lab, WAN};
use crate::harness::sys::Signal;
use crate::harness::wait::PATIENCE;
use crate::harness::watch::unattributed;

/// Returns a table of services.
pub(crate) fn services(all: &[(&str, &[&str])]) -> Value {
    let service = |(name, ports): &(&str, &[&str])| {
        let mut table = toml::Table::new();
        table.insert("name".into(), (*name).into());
        let ports: Vec<Value> = ports.iter().map(|it| (*it).into()).collect();
        table.insert("ports".into(), ports.into());
        Value::Table(table)
    };
    all.iter().map(service).collect::<Vec<_>>().into()
}

const SERVICES: [(&str, &[&str]); 3] = [
    ("dns", &["53"]),
    ("tunnel", &["51820/udp"]),
    ("web", &["80/tcp", "443", "5000-5010/tcp"]),
];

fn setup(lab: &Lab) -> Setup {
    Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("service", services(&SERVICES))
}

/// Bytes by service, country and direction.
type Books = BTreeMap<(String, String, &'static str), u64>;

fn books(scrape: &Scrape) -> Books {
    let mut books = Books::new();
    for direction in ["received", "sent"] {
        let name = format!("geoip_service_bytes_{direction}_total");
        for (labels, value) in scrape.matching(&name, &[]) {
            let key = (
                labels["service"].clone(),
                labels["country"].clone(),
                direction,
            );
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            books.insert(key, value as u64);
        }
    }
    books
}

fn await_books(daemon: &Daemon, expected: &Books) {
    daemon.await_scrape("the bytes of services", |scrape| {
        let seen = books(scrape);
        match seen == *expected {
            true => Ok(()),
            false => Err(format!("{seen:#?}\ninstead of {expected:#?}")),
        }
    });
}

/// Sends packets both ways, and books them.
struct Clients<'a> {
    lab: &'a Lab,
    books: Books,
}

impl<'a> Clients<'a> {
    fn new(lab: &'a Lab) -> Self {
        Self { lab, books: Books::new() }
    }

    fn book(&mut self, service: &str, remote: Remote, sent: bool, bytes: u64) {
        if !service.is_empty() {
            let direction = if sent { "sent" } else { "received" };
            let key = (service.into(), remote.country.into(), direction);
            *self.books.entry(key).or_default() += bytes;
        }
    }

    /// Exchanges a packet of a service each way, or of none.
    fn exchange(
        &mut self,
        service: &str,
        remote: Remote,
        transport: impl Fn(u16, u16) -> Transport,
        port: u16,
        shape: impl Fn(Packet) -> Packet,
    ) {
        for is_ipv6 in [false, true] {
            let (there, here): (IpAddr, IpAddr) = match is_ipv6 {
                true => (remote.ipv6.into(), LOCAL6.into()),
                false => (remote.ipv4.into(), LOCAL4.into()),
            };
            let received = Packet::new(there, here)
                .transport(transport(40_000, port))
                .payload(33);
            let sent = Packet::new(here, there)
                .transport(transport(port, 40_000))
                .payload(1_200);
            let inbound = self.lab.inbound().send([shape(received).frame()]);
            self.book(service, remote, false, inbound.bytes);
            let outbound = self.lab.outbound().send([shape(sent).frame()]);
            self.book(service, remote, true, outbound.bytes);
        }
    }
}

fn udp(source: u16, destination: u16) -> Transport {
    Transport::Udp { source, destination }
}

fn tcp(source: u16, destination: u16) -> Transport {
    Transport::Tcp { source, destination }
}

fn echo(_: u16, _: u16) -> Transport {
    Transport::Echo
}

fn plain(packet: Packet) -> Packet {
    packet
}

/// Exchanges every kind of packet.
fn exchange_all(clients: &mut Clients<'_>) {
    for remote in [GERMANY, JAPAN] {
        clients.exchange("web", remote, tcp, 80, plain);
        clients.exchange("web", remote, tcp, 5010, plain);
        // QUIC.
        clients.exchange("web", remote, udp, 443, plain);
        clients.exchange("", remote, udp, 80, plain);
        clients.exchange("", remote, tcp, 5011, plain);
        clients.exchange("dns", remote, udp, 53, plain);
        clients.exchange("dns", remote, tcp, 53, plain);
        clients.exchange("tunnel", remote, udp, 51_820, plain);
        clients.exchange("", remote, echo, 80, plain);
        let tagged = |packet: Packet| packet.tag(DOT1Q, 7);
        clients.exchange("dns", remote, udp, 53, tagged);
        let extended = |packet: Packet| match packet.is_ipv6() {
            true => packet
                .extension(Extension::HopByHop)
                .extension(Extension::DestinationOptions),
            false => packet.ipv4_options(8),
        };
        clients.exchange("web", remote, tcp, 443, extended);
        let first = |packet: Packet| match packet.is_ipv6() {
            true => packet
                .extension(Extension::Fragment { offset_bytes: 0, more: true }),
            false => packet.ipv4_fragment(0, true),
        };
        clients.exchange("dns", remote, udp, 53, first);
        let second = |packet: Packet| match packet.is_ipv6() {
            true => packet.extension(Extension::Fragment {
                offset_bytes: 1_200,
                more: false,
            }),
            false => packet.ipv4_fragment(1_200, false),
        };
        clients.exchange("", remote, udp, 53, second);
    }
}

#[test]
fn bytes_of_services_are_those_of_their_frames() {
    let lab = Lab::new();
    let daemon = setup(&lab).start();
    let mut clients = Clients::new(&lab);
    exchange_all(&mut clients);
    await_books(&daemon, &clients.books);
    // The tables' first places, and new flows of classes of known remotes.
    exchange_all(&mut clients);
    await_books(&daemon, &clients.books);
    assert_eq!(unattributed(&daemon.scrape()), 0);
}

#[test]
fn without_services_there_are_no_series_of_them() {
    let lab = Lab::new();
    let daemon = Setup::new(&lab.machine).set("interfaces", WAN).start();
    let mut clients = Clients::new(&lab);
    exchange_all(&mut clients);
    daemon.await_polls();
    assert_eq!(books(&daemon.scrape()), Books::new());
}

#[test]
fn a_restart_with_kept_counters_continues_the_services() {
    let lab = Lab::new();
    let state = tempfile::TempDir::new().unwrap();
    let setup =
        || setup(&lab).set("state_directory", state.path().to_str().unwrap());
    let mut clients = Clients::new(&lab);
    for _ in 0..3 {
        let mut daemon = setup().start();
        exchange_all(&mut clients);
        await_books(&daemon, &clients.books);
        daemon.signal(Signal::Terminate);
        assert!(daemon.wait(PATIENCE).success());
    }
}

/// Services come and go at reloads under traffic: each byte of a service that is
/// there all the time is counted once.
#[test]
fn reloads_under_traffic_lose_nothing_and_count_nothing_twice() {
    let reloads: usize = std::env::var("SERVICE_RELOADS")
        .ok()
        .and_then(|it| it.parse().ok())
        .unwrap_or(60);
    let lab = Lab::new();
    let mut daemon = setup(&lab).start();
    let frame = |remote: Remote, port| {
        Packet::new(remote.ipv4, LOCAL4)
            .transport(udp(40_000, port))
            .payload(100)
            .frame()
    };
    let frames = [
        frame(GERMANY, 443),
        frame(JAPAN, 53),
        frame(UNITED_STATES, 443),
        frame(GERMANY, 7),
    ];
    let stop = std::sync::atomic::AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let sender = lab.inbound();
        let (stop, frames) = (&stop, &frames);
        let sending = scope.spawn(move || {
            let mut rounds = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                sender.send(frames);
                rounds += 1;
            }
            rounds
        });
        for round in 0..reloads {
            let mut all = SERVICES.to_vec();
            // One to five services that come and go.
            let others = ["a", "b", "c", "d", "e"];
            let ports: Vec<[String; 1]> =
                (0..5).map(|at| [format!("{}/udp", 7 + at)]).collect();
            let ports: Vec<[&str; 1]> =
                ports.iter().map(|[it]| [it.as_str()]).collect();
            for at in 0..round % 6 {
                all.push((others[(at + round) % 5], &ports[at]));
            }
            daemon.configure("service", services(&all));
            daemon.reload();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        sending.join().unwrap()
    });
    let bytes = |at: usize| sent * frames[at].len() as u64;
    daemon.await_scrape("all bytes of the lasting services", |scrape| {
        for (service, country, expected) in [
            ("web", "DE", bytes(0)),
            ("dns", "JP", bytes(1)),
            ("web", "US", bytes(2)),
        ] {
            let labels = [("service", service), ("country", country)];
            let seen =
                scrape.sum("geoip_service_bytes_received_total", &labels);
            if seen != expected {
                return Err(format!(
                    "{service} {country}: {seen} of {expected}"
                ));
            }
        }
        Ok(())
    });
    assert_eq!(unattributed(&daemon.scrape()), 0);
    eprintln!("{reloads} reloads, {sent} rounds");
}
