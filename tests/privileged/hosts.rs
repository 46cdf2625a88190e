//! Remote hosts: real frames of many addresses, databases that are replaced
//! meanwhile, a restart, and a scan of more addresses than are kept.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering;

use tempfile::TempDir;

use crate::harness::bpffs::Bpffs;
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::{Scrape, whole};
use crate::harness::fixtures::{LOCAL4, LOCAL6, data, write_whole};
use crate::harness::frames::Packet;
use crate::harness::lab::{Lab, WAN};
use crate::harness::send::Sender;
use crate::harness::sys::Signal;
use crate::harness::wait::PATIENCE;
use crate::harness::watch::during;

const DIRECTIONS: [&str; 2] = ["received", "sent"];

/// Bytes of each address, received and sent.
type Books = BTreeMap<IpAddr, [u64; 2]>;

/// Returns 400 addresses of both versions, of which many share a /24 or a /48.
fn remotes() -> Vec<IpAddr> {
    let v4 = |net: [u8; 3], last: u8| {
        IpAddr::from(Ipv4Addr::new(net[0], net[1], net[2], last))
    };
    let v6 = |site: u16, last: u16| {
        IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, site, 0, 0, 0, 7, last))
    };
    let mut all = Vec::new();
    for number in 1..=100_u8 {
        all.push(v4([192, 0, 2], number));
        all.push(v4([203, 0, 113], number));
        all.push(v6(0, number.into()));
        all.push(v6(1, number.into()));
    }
    all
}

/// Sends frames of hosts of different sizes, and books them.
struct Hosts {
    inbound: Sender,
    outbound: Sender,
    books: Books,
    rounds: u16,
}

impl Hosts {
    fn new(lab: &Lab) -> Self {
        let (inbound, outbound) = (lab.inbound(), lab.outbound());
        Self { inbound, outbound, books: Books::new(), rounds: 0 }
    }

    /// Exchanges a packet each way with every host.
    fn exchange(&mut self) {
        self.rounds = (self.rounds + 1) % 7;
        for (number, remote) in (0..).zip(remotes()) {
            let local = match remote {
                IpAddr::V4(_) => IpAddr::from(LOCAL4),
                IpAddr::V6(_) => IpAddr::from(LOCAL6),
            };
            let length = usize::from(self.rounds) + number;
            let received = Packet::new(remote, local).payload(length);
            let sent = Packet::new(local, remote).payload(2 * length);
            let received = self.inbound.send([received.frame()]).bytes;
            let sent = self.outbound.send([sent.frame()]).bytes;
            let books = self.books.entry(remote).or_default();
            books[0] += received;
            books[1] += sent;
        }
    }

    fn total(&self, side: usize) -> u64 {
        self.books.values().map(|bytes| bytes[side]).sum()
    }
}

fn setup(lab: &Lab) -> Setup {
    Setup::new(&lab.machine)
        .set("interfaces", WAN)
        .set("counted_once", WAN)
        .set("host", true)
        .set("remote_hosts", true)
        .set("remote_hosts_metrics", true)
        .set("remote_hosts_top", 1_000)
        .set("remote_hosts_threshold", "0B")
}

fn bytes(scrape: &Scrape, direction: &str, remote: &str) -> u64 {
    let name = format!("geoip_remote_host_bytes_{direction}_total");
    whole(scrape.value(&name, &[("remote", remote)]).unwrap_or_default())
}

/// Returns the bytes of all hosts together.
fn all(scrape: &Scrape, direction: &str) -> u64 {
    scrape.sum(&format!("geoip_remote_host_bytes_{direction}_total"), &[])
}

/// Waits until the hosts are all that was sent, and the whole machine too.
fn await_whole(daemon: &Daemon, totals: [u64; 2]) -> Scrape {
    daemon.await_scrape("all bytes of hosts", |scrape| {
        let seen = DIRECTIONS.map(|direction| all(scrape, direction));
        match seen == totals {
            true => Ok(()),
            false => Err(format!("{seen:?} of {totals:?}")),
        }
    });
    daemon.await_polls();
    let scrape = daemon.scrape();
    for (side, direction) in DIRECTIONS.into_iter().enumerate() {
        let host = format!("geoip_host_bytes_{direction}_total");
        assert_eq!(scrape.sum(&host, &[]), totals[side]);
        let lost = format!("geoip_host_unattributed_bytes_{direction}_total");
        assert_eq!(scrape.sum(&lost, &[]), 0);
    }
    scrape
}

fn assert_growth(first: &Scrape, last: &Scrape, before: &Books, after: &Books) {
    for (remote, sums) in after {
        for (side, direction) in DIRECTIONS.into_iter().enumerate() {
            let of = |scrape| bytes(scrape, direction, &remote.to_string());
            let earlier = before.get(remote).map_or(0, |bytes| bytes[side]);
            let growth = of(last) - of(first);
            assert_eq!(growth, sums[side] - earlier, "{direction} {remote}");
        }
    }
    for direction in DIRECTIONS {
        let other = bytes(first, direction, "other");
        assert_eq!(bytes(last, direction, "other"), other);
    }
}

/// Compares the page for programs with all that was sent.
fn assert_page(daemon: &Daemon, books: &Books) {
    let response = daemon.get("/api/v1/hosts?limit=10000").unwrap();
    let answer: geoip_exporter::api::Hosts =
        serde_json::from_str(&response.body).unwrap();
    let seen: Books = answer
        .hosts
        .iter()
        .map(|host| {
            let bytes = host.volume.bytes;
            let address = host.address.parse().unwrap();
            (address, [bytes.bytes_received, bytes.bytes_sent])
        })
        .collect();
    assert_eq!(seen, *books);
    // The hosts of each country and its forgotten ones are the country.
    let scrape = daemon.scrape();
    let mut countries: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    let hosts = answer.hosts.iter().map(|it| (&*it.country, &it.volume.bytes));
    let forgotten = answer.forgotten.iter();
    let forgotten = forgotten.map(|it| (&*it.country, &it.volume.bytes));
    for (country, bytes) in hosts.chain(forgotten) {
        let sums = countries.entry(country).or_default();
        sums[0] += bytes.bytes_received;
        sums[1] += bytes.bytes_sent;
    }
    assert_eq!(countries.len(), 3, "{countries:?}");
    for (country, sums) in countries {
        for (side, direction) in DIRECTIONS.into_iter().enumerate() {
            let name = format!("geoip_host_bytes_{direction}_total");
            let whole = scrape.sum(&name, &[("country", country)]);
            assert_eq!(sums[side], whole, "{direction} {country}");
        }
    }
    let all = books.values().flatten().sum::<u64>();
    assert_eq!(answer.whole.total_bytes(), all);
    assert_eq!(answer.unattributed.total_bytes(), 0);
}

#[test]
fn hosts_are_exact_while_databases_are_replaced_under_traffic() {
    let lab = Lab::new();
    let setup = setup(&lab);
    let path = setup.path("city.mmdb");
    let good = ["city.mmdb", "city-dbip.mmdb", "city-ipinfo.mmdb"];
    let good = good.map(|name| fs::read(data(name)).unwrap());
    let bad = fs::read(data("country-maxmind.mmdb")).unwrap();
    fs::write(&path, &good[0]).unwrap();
    let mut daemon = setup
        .set("geoip_db_watch", false)
        .set("poll_interval", "10ms")
        .set("networks", true)
        .set("asn_db", data("asn.mmdb").to_str().unwrap())
        .set("city_db", path.to_str().unwrap())
        .start();
    let mut hosts = Hosts::new(&lab);
    hosts.exchange();
    let totals = [hosts.total(0), hosts.total(1)];
    let first = await_whole(&daemon, totals);
    let before = hosts.books.clone();
    let ((), hosts) = during(
        |stop| {
            while !stop.load(Ordering::Relaxed) {
                hosts.exchange();
            }
            hosts
        },
        || {
            for round in 0..30 {
                write_whole(&path, &good[round % good.len()]);
                daemon.reload();
                if round % 10 == 0 {
                    write_whole(&path, &bad);
                    daemon.reload_refused("city.mmdb");
                }
            }
        },
    );
    let last = await_whole(&daemon, [hosts.total(0), hosts.total(1)]);
    assert_growth(&first, &last, &before, &hosts.books);
    // 29 % 3 is IPinfo's: its names are in English.
    let info = last.value(
        "geoip_remote_host_info",
        &[
            ("remote", "192.0.2.7"),
            ("country", "DE"),
            ("subdivision", "North Rhine-Westphalia"),
            ("city", "Cologne"),
            ("asn", "64496"),
        ],
    );
    assert_eq!(info, Some(1.0));
    assert_eq!(last.sum("geoip_remote_host_info", &[]), 401);
    assert_page(&daemon, &hosts.books);
}

#[test]
fn hosts_continue_after_a_stop_and_a_kill_without_losing_a_byte() {
    let lab = Lab::new();
    let (state, bpffs) = (TempDir::new().unwrap(), Bpffs::new());
    let start = || {
        setup(&lab)
            .set("state_directory", state.path().to_str().unwrap())
            .set("pin_directory", bpffs.path("pins").to_str().unwrap())
            .start()
    };
    let mut daemon = start();
    let mut hosts = Hosts::new(&lab);
    hosts.exchange();
    let first = await_whole(&daemon, [hosts.total(0), hosts.total(1)]);
    let before = hosts.books.clone();
    for signal in [Signal::Terminate, Signal::Kill] {
        hosts.exchange();
        await_whole(&daemon, [hosts.total(0), hosts.total(1)]);
        daemon.signal(signal);
        daemon.wait(PATIENCE);
        // The kernel counts on meanwhile.
        hosts.exchange();
        daemon = start();
        let last = await_whole(&daemon, [hosts.total(0), hosts.total(1)]);
        assert_growth(&first, &last, &before, &hosts.books);
    }
}
