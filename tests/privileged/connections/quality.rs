//! The quality of connections: round-trip times, segments, and the bytes of
//! applications.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{await_visits, setup, start};
use crate::harness::connections::{
    Asking, Connection, CountryLab, Dialer, Family,
};
use crate::harness::countries::CODES;
use crate::harness::daemon::Daemon;
use crate::harness::exposition::Scrape;
use crate::harness::process::Background;
use crate::harness::prometheus::Prometheus;
use crate::harness::relay::Terms;
use crate::harness::tcp_sys::{TcpInfo, run_first, tcp_info};
use crate::harness::wait::{PATIENCE, await_until};
use crate::harness::watch::during;

const ROUND_TRIPS: &str = "geoip_tcp_rtt_seconds_count";

/// Returns the number of observations of a country.
fn observations(scrape: &Scrape, country: &str) -> u64 {
    scrape.sum(ROUND_TRIPS, &[("country", country)])
}

/// Opens a connection of each family, asked for by each side, with a country.
fn of_each_kind(lab: &CountryLab, country: usize) -> Vec<Connection> {
    let open = |dialer: &mut Dialer| {
        Family::ALL.map(|family| dialer.open(country, 1, family))
    };
    let asking = [Asking::Machine, Asking::World].into_iter();
    asking.flat_map(|asking| lab.dial(asking, 0, open)).collect()
}

/// Asks and answers over all connections, each as fast as it can, until told to
/// stop.
fn talk(connections: &[Connection], stop: &AtomicBool) {
    thread::scope(|scope| {
        for connection in connections {
            scope.spawn(|| {
                // A late answer makes the kernel delay acknowledgements.
                run_first().expect("cannot set a priority (run as root)");
                while !stop.load(Ordering::Relaxed) {
                    connection.exchange(100, 100);
                }
            });
        }
    });
}

#[test]
fn the_medians_of_round_trips_are_those_of_the_links() {
    const LINKS: [(usize, u64); 3] = [(0, 20), (1, 80), (2, 200)];
    /// The country of the idle ones.
    const IDLE: usize = 3;
    const IDLE_CONNECTIONS: u16 = 1_000;

    let mut terms =
        LINKS.map(|(_, time)| Terms::of_milliseconds(time)).to_vec();
    terms.push(Terms::of_milliseconds(0));
    let lab = CountryLab::over_relays(&terms);
    let daemon = start(setup(&lab));
    let idle: Vec<_> = lab.dial(Asking::World, 0, |dialer| {
        let open = |number| {
            let family = Family::ALL[usize::from(number % 3)];
            let connection = dialer.open(IDLE, 1 + number % 200, family);
            connection.exchange(100, 100);
            connection
        };
        (0..IDLE_CONNECTIONS).map(open).collect()
    });
    // Their progress so far is seen once, and never again.
    await_visits(&daemon, 2);
    let of_idle = observations(&daemon.scrape(), CODES[IDLE]);
    let before_shown = observations(&daemon.scrape(), "other");
    eprintln!("{of_idle} and {before_shown} observations of idle ones before");
    assert!(of_idle + before_shown > 0);

    let connections: Vec<_> = LINKS
        .iter()
        .flat_map(|&(country, _)| of_each_kind(&lab, country))
        .collect();
    let prometheus = Prometheus::start(&lab.lab.machine, daemon.address());
    during(
        |stop| talk(&connections, stop),
        || {
            daemon.await_scrape("observations", |scrape| {
                let seen = LINKS
                    .map(|(country, _)| observations(scrape, CODES[country]));
                match seen.iter().all(|&seen| seen >= 20) {
                    true => Ok(()),
                    false => Err(format!("{seen:?}")),
                }
            });
        },
    );
    for (country, milliseconds) in LINKS {
        let code = CODES[country];
        let labels = format!("{{country=\"{code}\"}}");
        let query = format!(
            "histogram_quantile(0.5, geoip_tcp_rtt_seconds_bucket{labels})"
        );
        let enough = format!("{ROUND_TRIPS}{labels}");
        await_until(PATIENCE, "scrapes of Prometheus", || {
            match prometheus.query(&enough) {
                Some(count) if count >= 20.0 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        let median = prometheus.query(&query).expect("a median");
        #[expect(clippy::cast_precision_loss)]
        let expected = milliseconds as f64 / 1e3;
        let sum = daemon
            .scrape()
            .value("geoip_tcp_rtt_seconds_sum", &[("country", code)])
            .unwrap();
        #[expect(clippy::cast_precision_loss)]
        let mean = sum / observations(&daemon.scrape(), code) as f64;
        eprintln!(
            "{milliseconds} ms: median {:.2} ms, mean {:.2} ms, {} of them",
            median * 1e3,
            mean * 1e3,
            observations(&daemon.scrape(), code)
        );
        assert!((median / expected - 1.0).abs() < 0.1, "{median}");
        assert!((mean / expected - 1.0).abs() < 0.1, "{mean}");
    }
    let now = observations(&daemon.scrape(), CODES[IDLE]);
    assert_eq!(now, of_idle, "observations of idle connections");
    drop(idle);
}

/// The counters of sockets by the country of their other end.
type Sums = BTreeMap<&'static str, TcpInfo>;

/// Returns the sums that the exporter shows.
fn shown(scrape: &Scrape, countries: &[usize]) -> Sums {
    let of = |&country: &usize| {
        let code = CODES[country];
        let sum = |name: &str| {
            scrape.sum(&format!("geoip_tcp_{name}_total"), &[("country", code)])
        };
        let info = TcpInfo {
            bytes_acked: sum("bytes_acked"),
            bytes_received: sum("bytes_received"),
            segments_sent: sum("segments_sent"),
            segments_retransmitted: sum("segments_retransmitted"),
            ..TcpInfo::default()
        };
        (code, info)
    };
    countries.iter().map(of).collect()
}

/// Waits until the exporter shows exactly these sums, and looks once more.
fn await_sums(daemon: &Daemon, countries: &[usize], expected: &Sums) {
    daemon.await_scrape("the sums over all sockets", |scrape| {
        match shown(scrape, countries) {
            seen if seen == *expected => Ok(()),
            seen => Err(format!("{seen:#?}\ninstead of {expected:#?}")),
        }
    });
    await_visits(daemon, 1);
    assert_eq!(shown(&daemon.scrape(), countries), *expected);
}

/// The kernel's events of destroyed sockets, as `ss` writes them.
struct Destroyed {
    ss: Background,
}

impl Destroyed {
    /// Begins to listen in the machine's namespace.
    fn listen(lab: &CountryLab) -> Self {
        let mut command = lab.lab.machine.command("stdbuf");
        command.args(["-oL", "ss", "-tinE"]);
        let ss = Background::start("ss", &mut command);
        // It says nothing before the first event.
        await_until(PATIENCE, "ss listens", || {
            let path = "/proc/thread-self/net/netlink";
            let text = lab.lab.machine.run(|| fs::read_to_string(path));
            let text = text.expect("a list of netlink sockets");
            let listens = |line: &str| {
                let fields: Vec<_> = line.split_whitespace().collect();
                // NETLINK_SOCK_DIAG, and the groups of the listener.
                fields[1] == "4" && fields[3].bytes().any(|it| it != b'0')
            };
            if text.lines().skip(1).any(listens) { Ok(()) } else { Err(text) }
        });
        Self { ss }
    }

    /// Waits for the events of so many sockets with countries, and returns
    /// their sums.
    fn await_sums(&mut self, count: usize) -> Sums {
        await_until(PATIENCE, "destroyed sockets", || match self.sums() {
            (sums, seen) if seen == count => Ok(sums),
            (_, seen) => Err(format!("{seen} of {count}")),
        })
    }

    fn sums(&mut self) -> (Sums, usize) {
        let (mut sums, mut count) = (Sums::new(), 0);
        for two in self.ss.lines().windows(2) {
            let [addresses, details] = two else { continue };
            let remote = addresses.split_whitespace().nth(4);
            let Some(country) = remote.and_then(country_of) else { continue };
            if details.starts_with('\t') {
                *sums.entry(CODES[country]).or_default() += parse(details);
                count += 1;
            }
        }
        (sums, count)
    }
}

/// Returns the country of an address and port.
fn country_of(text: &str) -> Option<usize> {
    let (address, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let address = address.trim_matches(['[', ']']);
    let address = address.strip_prefix("::ffff:").unwrap_or(address);
    if let Some(rest) = address.strip_prefix("198.18.") {
        return rest.split('.').next()?.parse().ok();
    }
    // Zeros of the first country are cut: 2001:db8::1.
    let part = address.strip_prefix("2001:db8:")?.split(':').next()?;
    if part.is_empty() {
        return Some(0);
    }
    usize::from_str_radix(part, 16).ok()
}

/// Reads the details of a socket; a counter that is zero is not there.
fn parse(details: &str) -> TcpInfo {
    let value = |key: &str| {
        let words = details.split_whitespace();
        let mut values = words.filter_map(|word| word.strip_prefix(key));
        values.next().unwrap_or("0")
    };
    let number = |key: &str| value(key).parse().expect("a number");
    // Those on their way, and all of them.
    let retransmitted = value("retrans:");
    let all = retransmitted.rsplit('/').next().expect("a part");
    TcpInfo {
        bytes_acked: number("bytes_acked:"),
        bytes_received: number("bytes_received:"),
        segments_sent: number("segs_out:"),
        segments_retransmitted: all.parse().expect("a number"),
        ..TcpInfo::default()
    }
}

/// Returns the sums over open sockets, once nothing is on its way.
fn at_rest(connections: &[Connection]) -> Sums {
    let info = |socket| tcp_info(socket).expect("cannot read TCP_INFO");
    await_until(PATIENCE, "everything is acknowledged", || {
        let on_its_way = connections.iter().filter(|it| {
            info(&it.machine).unacked > 0 || info(&it.world).unacked > 0
        });
        match on_its_way.count() {
            0 => Ok(()),
            some => Err(format!("{some} connections")),
        }
    });
    let mut sums = Sums::new();
    for connection in connections {
        *sums.entry(connection.code()).or_default() +=
            info(&connection.machine);
    }
    sums
}

/// Sends much both ways at once over a connection.
fn pour(connection: &Connection, sent: usize, received: usize) {
    thread::scope(|scope| {
        for (mut from, mut to, length) in [
            (&connection.machine, &connection.world, sent),
            (&connection.world, &connection.machine, received),
        ] {
            scope.spawn(move || {
                from.write_all(&vec![7; length]).expect("cannot send");
            });
            scope.spawn(move || {
                to.read_exact(&mut vec![0; length]).expect("cannot receive");
            });
        }
    });
}

/// Closes a connection in one of four ways, and waits until the machine has
/// seen all of it.
fn close(connection: Connection, way: usize) {
    let Connection { machine, world, .. } = connection;
    match way {
        0 => {
            drop(machine);
            assert_eq!((&world).read(&mut [0]).unwrap(), 0);
        }
        1 => {
            drop(world);
            assert_eq!((&machine).read(&mut [0]).unwrap(), 0);
        }
        // One direction after the other, with bytes between.
        2 => {
            machine.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!((&world).read(&mut [0]).unwrap(), 0);
            (&world).write_all(&[7; 10_000]).unwrap();
            drop(world);
            (&machine).read_exact(&mut [0; 10_000]).unwrap();
            assert_eq!((&machine).read(&mut [0]).unwrap(), 0);
        }
        _ => {
            world.set_linger(Some(Duration::ZERO)).unwrap();
            drop(world);
            // The packet that resets may be lost: then the answer to these
            // bytes is another one. The first call after it has the error.
            let sent = (&machine).write_all(&[7]);
            let error = sent.and_then(|()| (&machine).read(&mut [0]));
            assert_eq!(error.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
    }
}

#[test]
fn segments_and_bytes_are_those_of_all_sockets() {
    const COUNTRIES: [usize; 3] = [0, 1, 2];
    let terms = [(10, 30), (40, 5), (4, 0)].map(|(time, lost_of_thousand)| {
        Terms { lost_of_thousand, ..Terms::of_milliseconds(time) }
    });
    let lab = CountryLab::over_relays(&terms);
    let mut destroyed = Destroyed::listen(&lab);
    let daemon = start(setup(&lab));
    let mut connections = Vec::new();
    for country in COUNTRIES {
        for _ in 0..8 {
            connections.extend(of_each_kind(&lab, country));
        }
    }
    let count = connections.len();
    for (turn, share) in connections.chunks(count / 3).enumerate() {
        thread::scope(|scope| {
            for (number, connection) in share.iter().enumerate() {
                let lengths = (number * 1_017 + 1, turn * 30_000 + number);
                scope.spawn(move || pour(connection, lengths.0, lengths.1));
            }
        });
    }
    let sums = at_rest(&connections);
    await_sums(&daemon, &COUNTRIES, &sums);
    eprintln!("{count} open: {sums:?}: difference 0");
    let lossy = sums[CODES[0]];
    assert!(lossy.segments_retransmitted > 20, "{lossy:?}");
    let lossless = sums[CODES[2]];
    assert!(
        lossless.segments_retransmitted < lossy.segments_retransmitted,
        "{lossless:?}"
    );

    // The growth after the last visit counts, too.
    thread::scope(|scope| {
        for (number, connection) in connections.into_iter().enumerate() {
            scope.spawn(move || {
                pour(&connection, 5_000, 9_000);
                close(connection, number / 6 % 4);
            });
        }
    });
    let sums = destroyed.await_sums(count);
    await_sums(&daemon, &COUNTRIES, &sums);
    let lost: Vec<_> = lab.relays.iter().map(|it| it.lost()).collect();
    eprintln!("{count} closed: {sums:?}: difference 0; lost {lost:?}");
}

/// The tool itself, without the exporter.
#[test]
fn the_events_of_destroyed_sockets_have_their_counters() {
    let lab = CountryLab::over_relays(&[Terms::of_milliseconds(2)]);
    let mut destroyed = Destroyed::listen(&lab);
    let connections = of_each_kind(&lab, 0);
    let count = connections.len();
    for connection in connections {
        pour(&connection, 50_000, 70_000);
        close(connection, 0);
    }
    let sums = destroyed.await_sums(count);
    let info = sums[CODES[0]];
    let count = count as u64;
    // The end takes one number, and so does the beginning, which one half of
    // them sent.
    assert_eq!(info.bytes_acked, count * 50_001 + count / 2);
    assert_eq!(info.bytes_received, count * 70_001);
    assert!(info.segments_sent > count * 50_000 / 1_500, "{info:?}");
}
