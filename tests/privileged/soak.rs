//! Everything at once, for as long as `SOAK_SECONDS` says: more flows than
//! there is room for, interfaces that come and go, connections, reloads,
//! databases, scrapes and other clients.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::connections::tallies;
use crate::harness::connections::{CountryLab, Tallies, Tally};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::data;
use crate::harness::fixtures::write_whole;
use crate::harness::flood::{HALF, frames_from, frames_to};
use crate::harness::http;
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::{connect, statistics};
use crate::harness::netns::Netns;
use crate::harness::send::Sender;
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_until};
use crate::harness::watch::{Scraper, accounted, during};
use crate::once::whole;
use crate::ranges::{accounted as accounted_by_range, ranges};
use crate::services::services;

/// Five times as many as the map may hold.
const PREFIXES: u32 = 50_000;
const MAP_MAX_ENTRIES: u32 = 10_000;

/// The prefixes of a range that every reload keeps.
const STEADY: &[&str] = &["10.0.0.0/8", "192.0.2.7"];

/// The memory that the allocator may keep for itself.
const PLAY: u64 = 4 << 20;

fn duration() -> Duration {
    let seconds = std::env::var("SOAK_SECONDS").ok();
    let seconds = seconds.map_or(180, |text| {
        text.parse().expect("SOAK_SECONDS is a whole number of seconds")
    });
    Duration::from_secs(seconds)
}

/// Sends more flows than there is room for, both ways, until told to stop.
fn flood(lab: &Lab, stop: &AtomicBool) -> u64 {
    let numbers = HALF - PREFIXES / 2..HALF + PREFIXES / 2;
    let (received, sent) = (frames_from(numbers.clone()), frames_to(numbers));
    let (inbound, outbound) = (lab.inbound(), lab.outbound());
    let mut traffic = Traffic::new(lab);
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        for (received, sent) in received.chunks(500).zip(sent.chunks(500)) {
            inbound.send(received);
            outbound.send(sent);
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        traffic.exchange();
        rounds += 1;
    }
    rounds
}

/// Makes an interface, uses it and removes it, until told to stop.
fn churn(lab: &Lab, stop: &AtomicBool) -> u64 {
    let frames = frames_from(0..50);
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        connect(&lab.machine, "churn0", &lab.world, "churn1");
        Sender::open(&lab.world, "churn1").send(&frames);
        lab.machine.ip("link set churn0 down");
        lab.machine.ip("link set churn0 name churn2");
        lab.machine.ip("link del churn2");
        rounds += 1;
    }
    rounds
}

/// Makes short TCP connections over a link of their own, until told to stop.
fn make_connections(lab: &CountryLab, stop: &AtomicBool) -> Tallies {
    let mut made = Tallies::default();
    let mut seed = 1;
    while !stop.load(Ordering::Relaxed) {
        made += lab.make_short(200, seed);
        seed += 1;
    }
    made
}

/// Asks for all pages, and for none that there is, until told to stop.
fn ask(lab: &Lab, daemon: std::net::SocketAddr, stop: &AtomicBool) -> u64 {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        for (page, status) in [
            ("/", 200),
            ("/-/healthy", 200),
            ("/api/v1/unknown", 200),
            ("/no-such-page", 404),
        ] {
            let answer = http::get(&lab.machine, daemon, page).unwrap();
            assert_eq!(answer.status, status, "{page}");
        }
        rounds += 1;
    }
    rounds
}

/// Panics where a counter fell, or went away with what it had counted: an
/// interface that carried nothing takes its zeros with it.
fn assert_monotonic(earlier: &Scrape, later: &Scrape) {
    for (name, labels, value) in earlier.samples() {
        if earlier.type_of(name) != Some("counter") || value == 0.0 {
            continue;
        }
        let labels: Vec<(&str, &str)> =
            labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let now = later.value(name, &labels);
        assert!(
            now.is_some_and(|now| now >= value),
            "{name}{labels:?} was {value} and is {now:?}"
        );
    }
}

/// Scrapes until told to stop, and returns how often and the longest time.
fn scrape(scraper: &Scraper, stop: &AtomicBool) -> (u64, Duration) {
    let mut last = scraper.scrape();
    let (mut count, mut longest) = (1, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        let next = scraper.scrape();
        longest = longest.max(started.elapsed());
        assert_monotonic(&last, &next);
        last = next;
        count += 1;
    }
    (count, longest)
}

/// Reloads, with good and bad configurations, and swaps the database.
fn change(daemon: &mut Daemon, until: Instant) -> u64 {
    let database = daemon.path("country.mmdb");
    let asn_database = daemon.path("asn.mmdb");
    let networks = ["asn-ipinfo.mmdb", "enterprise.mmdb", "asn.mmdb"]
        .map(|name| fs::read(data(name)).unwrap());
    let contents = [
        "country-dbip.mmdb",
        "damaged-truncated.mmdb",
        "country-ipv4-only.mmdb",
        "country-maxmind.mmdb",
    ]
    .map(|name| fs::read(data(name)).unwrap());
    let mut rounds = 0;
    while Instant::now() < until {
        for (content, batch_size) in contents.iter().zip([10, 500, 7_000, 99]) {
            write_whole(&database, content);
            if content == &contents[1] {
                daemon.reload_refused("country.mmdb");
            } else {
                daemon.configure("flow_batch_size", batch_size);
                let name = format!("name {}", batch_size % 3);
                let cidrs: &[&str] = &["198.18.0.0/16", "2001:db8:2::/48"];
                let all = [("steady", STEADY), (&name, cidrs)];
                daemon.configure("range", ranges(&all));
                daemon.reload();
            }
        }
        write_whole(&asn_database, &contents[1]);
        daemon.reload_refused("asn.mmdb");
        write_whole(
            &asn_database,
            &networks[usize::try_from(rounds % 3).expect("at most 2")],
        );
        daemon.reload();
        daemon.configure_text("poll_intervall = \"1s\"\n");
        daemon.reload_refused("poll_intervall");
        daemon.restore_configuration();
        rounds += 1;
    }
    rounds
}

/// Panics unless the networks are all IP bytes that passed the link.
fn assert_networks(scrape: &Scrape) {
    for direction in ["received", "sent"] {
        let sum = |family: &str, labels: &[(&str, &str)]| {
            scrape
                .sum(&format!("geoip_{family}bytes_{direction}_total"), labels)
        };
        let of_link = [("interface", WAN)];
        let whole = sum("", &of_link) + sum("unattributed_", &of_link);
        let networks = sum("as_", &[]) + sum("as_unattributed_", &[]);
        assert_eq!(networks, whole, "{direction}");
    }
}

/// Lets all of it happen at once, books the connections, and says how much
/// happened.
fn work(
    lab: &Lab,
    countries: &CountryLab,
    daemon: &mut Daemon,
    made: &mut Tallies,
    time: Duration,
) -> String {
    let (said, more) = during(
        |stop| make_connections(countries, stop),
        || work_on_interfaces(lab, daemon, time),
    );
    let Tally { opened, failed, .. } = more.sum();
    *made += more;
    format!("{said}, {opened} connections, {failed} failed ones")
}

fn work_on_interfaces(
    lab: &Lab,
    daemon: &mut Daemon,
    time: Duration,
) -> String {
    let (scraper, address) = (daemon.scraper(), daemon.address());
    let until = Instant::now() + time;
    let ((((changes, asked), churned), floods), (scrapes, longest)) = during(
        |stop| scrape(&scraper, stop),
        || {
            during(
                |stop| flood(lab, stop),
                || {
                    during(
                        |stop| churn(lab, stop),
                        || {
                            during(
                                |stop| ask(lab, address, stop),
                                || change(daemon, until),
                            )
                        },
                    )
                },
            )
        },
    );
    format!(
        "{changes} rounds of reloads and databases, {churned} interfaces, \
         {floods} floods, {asked} rounds of pages, {scrapes} scrapes, the \
         longest {longest:?}"
    )
}

/// Waits until every connection is counted, and none is open.
fn await_connections(daemon: &Daemon, made: &Tallies) {
    daemon.await_scrape("all connections", |scrape| {
        let open = scrape.sum("geoip_tcp_connections", &[]);
        let seen = tallies(scrape).sum();
        assert!(seen.opened >= seen.closed, "{seen:?}");
        match (open, seen == made.sum()) {
            (0, true) => Ok(()),
            _ => Err(format!("{open} open; {seen:?} of {:?}", made.sum())),
        }
    });
}

/// Waits until everything on the wire is accounted for, to the byte.
fn await_conserved(lab: &Lab, daemon: &Daemon) {
    let wire = statistics(&lab.machine, WAN);
    for (direction, bytes) in
        [("received", wire.received.bytes), ("sent", wire.sent.bytes)]
    {
        daemon.await_scrape(direction, |scrape| {
            match accounted(scrape, WAN, direction) {
                seen if seen == bytes => Ok(()),
                seen => Err(format!("{seen} of {bytes} bytes")),
            }
        });
    }
    daemon.await_polls();
    let scrape = daemon.scrape();
    for (direction, bytes) in
        [("received", wire.received.bytes), ("sent", wire.sent.bytes)]
    {
        assert_eq!(accounted(&scrape, WAN, direction), bytes);
        let non_ip = format!("geoip_non_ip_bytes_{direction}_total");
        let non_ip = scrape.sum(&non_ip, &[("interface", WAN)]);
        let by_range = accounted_by_range(&scrape, WAN, direction);
        assert_eq!(by_range + non_ip, bytes);
        // The interface that comes and goes leads to no default route.
        assert_eq!(whole(&scrape, direction), bytes);
    }
    assert_networks(&scrape);
}

#[test]
fn everything_at_once_leaks_nothing_and_loses_nothing() {
    let lab = Lab::new();
    lab.machine.ip(&format!("route add default dev {WAN}"));
    // Behind a link that leads to no default route.
    let machine = lab.machine.clone();
    let countries = Lab { machine, world: Netns::new() };
    let countries = CountryLab::on_link(countries, "tcp0", "tcp1");
    let setup = Setup::new(&lab.machine);
    let database = setup.path("country.mmdb");
    fs::copy(data("country-maxmind.mmdb"), &database).unwrap();
    let asn_database = setup.path("asn.mmdb");
    fs::copy(data("asn.mmdb"), &asn_database).unwrap();
    let mut daemon = setup
        .set("networks", true)
        .set("country_info", true)
        .set("asn_db", asn_database.to_str().unwrap())
        .set("interfaces", "any")
        .set("host", true)
        .set("connections", true)
        .set("connections_interval", "1s")
        .set("range", ranges(&[("steady", STEADY)]))
        .set("name_special_addresses", true)
        .set("unknown_prefixes", true)
        .set("service", services(&[("udp", &["1-40001/udp"])]))
        .set("map_max_entries", MAP_MAX_ENTRIES)
        .set("ipv4_prefix_length", 32)
        .set("poll_interval", "50ms")
        .set("log_level", "info")
        .set("geoip_db", database.to_str().unwrap())
        .start();
    daemon.await_log("that connections are counted", 0, |line| {
        line.message() == "counting connections"
    });
    let total = duration();
    // Until every buffer has the size that it needs.
    let mut made = Tallies::default();
    work(&lab, &countries, &mut daemon, &mut made, total / 4);
    await_conserved(&lab, &daemon);
    await_connections(&daemon, &made);
    let (memory, files) = (daemon.resident_bytes(), daemon.open_files());

    let time = total * 3 / 4;
    let done = work(&lab, &countries, &mut daemon, &mut made, time);
    await_conserved(&lab, &daemon);
    await_connections(&daemon, &made);
    let scrape = daemon.scrape();
    let evictions = scrape.sum("geoip_ebpf_evictions_total", &[]);
    let now = daemon.resident_bytes();
    eprintln!(
        "{done}; {evictions} evictions, {:?}; RssAnon {memory} then {now}, \
         {files} open files then {}",
        statistics(&lab.machine, WAN),
        daemon.open_files()
    );
    assert!(evictions > 0, "the map never overflowed");
    // Connections of scrapes that are still closing count, then as now.
    await_until(PATIENCE, "no descriptor leaked", || {
        match daemon.open_files() {
            now if now <= files => Ok(()),
            now => Err(format!("{now} open files, {files} before")),
        }
    });
    assert!(now < memory + PLAY, "{now} bytes resident, {memory} before");
    assert!(daemon.is_running());
}
