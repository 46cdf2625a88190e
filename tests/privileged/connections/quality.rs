//! The quality of connections: round-trip times, segments, and the bytes of
//! applications.

mod destroyed;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use destroyed::Destroyed;

use super::{await_visits, setup, start};
use crate::harness::connections::{
    Asking, Connection, CountryLab, Dialer, Family,
};
use crate::harness::countries::CODES;
use crate::harness::daemon::Daemon;
use crate::harness::exposition::Scrape;
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

/// The smoothed round-trip times of the machine's sockets by country, in
/// microseconds. A busy machine lengthens those of all links.
type Readings = BTreeMap<usize, Vec<u32>>;

/// Adds what the socket shows now.
fn read(connection: &Connection, readings: &mut Readings) {
    let info = tcp_info(&connection.machine).expect("cannot read TCP_INFO");
    readings.entry(connection.country).or_default().push(info.rtt);
}

/// Asks and answers over all connections, each as fast as it can, until told to
/// stop. A round trip is measured once an exchange, so the readings after them
/// are all the values that a visit may find.
fn talk(
    connections: &[Connection],
    readings: &Mutex<Readings>,
    stop: &AtomicBool,
) {
    thread::scope(|scope| {
        for connection in connections {
            scope.spawn(|| {
                // A late answer makes the kernel delay acknowledgements.
                run_first().expect("cannot set a priority (run as root)");
                while !stop.load(Ordering::Relaxed) {
                    connection.exchange(100, 100);
                    read(connection, &mut readings.lock().expect("no panic"));
                }
            });
        }
    });
}

/// The histogram of a country on the page.
#[derive(Clone, Copy, Debug, Default)]
struct RoundTrips {
    count: u64,
    /// Those of at most the lower and the upper bound of the link's bucket.
    cumulative: [u64; 2],
    seconds: f64,
}

impl RoundTrips {
    /// Reads a country with these bounds of a bucket.
    fn of(scrape: &Scrape, country: &str, bounds: [&str; 2]) -> Self {
        let country = ("country", country);
        let cumulative = bounds.map(|bound| {
            let labels = [country, ("le", bound)];
            scrape.sum("geoip_tcp_rtt_seconds_bucket", &labels)
        });
        let seconds = scrape.value("geoip_tcp_rtt_seconds_sum", &[country]);
        Self {
            count: scrape.sum(ROUND_TRIPS, &[country]),
            cumulative,
            seconds: seconds.unwrap_or_default(),
        }
    }

    fn since(self, before: Self) -> Self {
        let [lower, upper] = self.cumulative;
        Self {
            count: self.count - before.count,
            cumulative: [
                lower - before.cumulative[0],
                upper - before.cumulative[1],
            ],
            seconds: self.seconds - before.seconds,
        }
    }
}

#[test]
fn the_medians_of_round_trips_are_those_of_the_links() {
    /// Country, milliseconds, and the bucket that has them in its middle, so
    /// that the median of observations in it is the link's.
    const LINKS: [(usize, u32, [&str; 2]); 3] = [
        (0, 20, ["0.015", "0.025"]),
        (1, 80, ["0.06", "0.1"]),
        (2, 200, ["0.15", "0.25"]),
    ];
    /// The country of the idle ones.
    const IDLE: usize = 3;
    const IDLE_CONNECTIONS: u16 = 1_000;
    const ENOUGH: u64 = 20;

    let mut terms =
        LINKS.map(|(_, time, _)| Terms::of_milliseconds(time.into())).to_vec();
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
        .flat_map(|&(country, ..)| of_each_kind(&lab, country))
        .collect();
    let readings = Mutex::new(Readings::new());
    let mut seen = LINKS.map(|_| 0);
    let watch = || {
        let mut before = daemon.scrape();
        await_until(3 * PATIENCE, "visits of undisturbed links", || {
            await_visits(&daemon, 1);
            let now = daemon.scrape();
            let mut at_end = Readings::new();
            connections.iter().for_each(|it| read(it, &mut at_end));
            let mut all = readings.lock().expect("no panic");
            let mut all = mem::replace(&mut *all, at_end.clone());
            for (seen, (country, milliseconds, bounds)) in
                seen.iter_mut().zip(LINKS)
            {
                let link = f64::from(milliseconds) / 1e3;
                let all = all.entry(country).or_default();
                all.append(at_end.entry(country).or_default());
                let of = |it| RoundTrips::of(it, CODES[country], bounds);
                let found = of(&now).since(of(&before));
                let is_undisturbed = all.iter().all(|&micros| {
                    (f64::from(micros) / 1e6 / link - 1.0).abs() < 0.08
                });
                if !is_undisturbed || found.count == 0 {
                    continue;
                }
                let [lower, upper] = found.cumulative;
                assert_eq!(upper - lower, found.count, "{link} s: {found:?}");
                #[expect(clippy::cast_precision_loss)]
                let mean = found.seconds / found.count as f64;
                eprintln!("{link} s: mean {mean:.6} s of {}", found.count);
                assert!((mean / link - 1.0).abs() < 0.1, "{link} s: {found:?}");
                *seen += found.count;
            }
            before = now;
            match seen.iter().all(|&seen| seen >= ENOUGH) {
                true => Ok(()),
                false => Err(format!("{seen:?} of {ENOUGH} observations")),
            }
        });
    };
    during(|stop| talk(&connections, &readings, stop), watch);
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
            machine.shutdown(Shutdown::Write).unwrap();
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
    // A relay that waits for a CPU makes the other links retransmit, too.
    let lossy = sums[CODES[0]];
    assert!(lossy.segments_retransmitted > 20, "{lossy:?}");

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

/// Ends a connection from the machine's side so that both sockets count the
/// end of the other. A socket that is closed meanwhile may be gone before:
/// what is left of it in the kernel counts nothing.
fn end_in_turn(connection: &Connection) {
    let Connection { machine, world, .. } = connection;
    for (mut from, to) in [(world, machine), (machine, world)] {
        to.shutdown(Shutdown::Write).expect("cannot end");
        assert_eq!(from.read(&mut [0]).expect("cannot read the end"), 0);
    }
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
        end_in_turn(&connection);
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
