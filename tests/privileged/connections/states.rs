//! The meaning of open, opened, failed and closed, as docs/connections.md has
//! it: state by state, on the page of the exporter.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::harness::connections::CountryLab;
use crate::harness::countries::{CODES, address, database};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::lab::WAN;
use crate::harness::netns::Netns;

/// The number of the country of each test, and of that of the markers.
const COUNTRY: usize = 12;
const MARKER: usize = 1;

const PORT: u16 = 443;

/// A machine with the exporter, and the markers that were sent.
struct Watched {
    lab: CountryLab,
    daemon: Daemon,
    markers: Vec<TcpStream>,
}

/// The connections with the country, in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    open: u64,
    opened: u64,
    failed: u64,
    closed: u64,
}

impl Watched {
    fn start() -> Self {
        let lab = CountryLab::new();
        let setup = Setup::new(&lab.lab.machine);
        let file = setup.path("countries.mmdb");
        fs::write(&file, database()).unwrap();
        let daemon = setup
            .set("interfaces", WAN)
            .set("connections", true)
            .set("connections_interval", "1s")
            .set("geoip_db", file.to_str().unwrap())
            .start();
        daemon.await_sum("geoip_collector_success", &[], 1);
        Self { lab, daemon, markers: Vec::new() }
    }

    fn world(&self) -> &Netns {
        &self.lab.lab.world
    }

    fn connect(&self, to: SocketAddr) -> std::io::Result<TcpStream> {
        self.lab.lab.machine.run(|| TcpStream::connect(to))
    }

    fn listen(&self, at: SocketAddr) -> TcpListener {
        self.world().run(|| TcpListener::bind(at).unwrap())
    }

    /// Awaits these counts, and checks that all that happened until then makes no
    /// others: a connection with another country that is made then is counted
    /// later.
    fn assert_counts(&mut self, direction: &str, expected: Counts) {
        self.daemon.await_scrape("counts", |scrape| {
            let found = counts(scrape, direction);
            let differs = || format!("{found:?} instead of {expected:?}");
            (found == expected).then_some(()).ok_or_else(differs)
        });
        let to = remote(MARKER, 9);
        let listener = self.listen(to);
        self.markers.push(self.connect(to).unwrap());
        self.markers.push(listener.accept().unwrap().0);
        let sent = self.markers.len() as u64 / 2;
        let of_markers = [("country", CODES[MARKER])];
        let opened = "geoip_tcp_connections_opened_total";
        self.daemon.await_sum(opened, &of_markers, sent);
        assert_eq!(counts(&self.daemon.scrape(), direction), expected);
    }
}

fn counts(scrape: &Scrape, direction: &str) -> Counts {
    let labels = [("country", CODES[COUNTRY]), ("direction", direction)];
    let sum = |name: &str| {
        scrape.sum(&format!("geoip_tcp_connections{name}"), &labels)
    };
    Counts {
        open: sum(""),
        opened: sum("_opened_total"),
        failed: sum("_failed_total"),
        closed: sum("_closed_total"),
    }
}

fn remote(country: usize, port: u16) -> SocketAddr {
    SocketAddr::new(address(country, 1, 4), port)
}

/// Waits until the other side has closed.
fn await_end(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_connection_is_open_until_both_sides_have_closed_it() {
    let mut watched = Watched::start();
    let listener = watched.listen(remote(COUNTRY, PORT));
    let pair = |watched: &Watched| {
        let here = watched.connect(remote(COUNTRY, PORT)).unwrap();
        (here, listener.accept().unwrap().0)
    };
    let (mut here, there) = pair(&watched);
    let mut counts = Counts { open: 1, opened: 1, ..Counts::default() };
    watched.assert_counts("outbound", counts);
    // The other side closes: CLOSE_WAIT here.
    drop(there);
    await_end(&mut here);
    watched.assert_counts("outbound", counts);
    drop(here);
    (counts.open, counts.closed) = (0, 1);
    watched.assert_counts("outbound", counts);

    // This side closes in part: FIN_WAIT2 here.
    let (here, mut there) = pair(&watched);
    here.shutdown(Shutdown::Write).unwrap();
    await_end(&mut there);
    (counts.open, counts.opened) = (1, 2);
    watched.assert_counts("outbound", counts);
    // This side closes wholly: the kernel keeps a note alone.
    drop(here);
    (counts.open, counts.closed) = (0, 2);
    watched.assert_counts("outbound", counts);
    drop(there);

    // A reset by the other side, while nobody reads here.
    let (here, there) = pair(&watched);
    Socket::from(there).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    (counts.opened, counts.closed) = (3, 3);
    watched.assert_counts("outbound", counts);
    drop(here);
    watched.assert_counts("outbound", counts);
}

#[test]
fn an_attempt_fails_once_it_was_made() {
    let mut watched = Watched::start();
    // Refused.
    let refused = watched.connect(remote(COUNTRY, PORT)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let mut counts = Counts { failed: 1, ..Counts::default() };
    watched.assert_counts("outbound", counts);

    // Nobody answers, and the program gives up.
    let silent = SocketAddr::new(address(COUNTRY, 255, 4), PORT);
    let attempt = watched.lab.lab.machine.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(&silent.into()).unwrap_err();
        socket
    });
    watched.assert_counts("outbound", counts);
    drop(attempt);
    counts.failed = 2;
    watched.assert_counts("outbound", counts);

    // There is no route.
    let IpAddr::V4(nowhere) = address(COUNTRY, 9, 4) else { unreachable!() };
    watched.lab.lab.machine.ip(&format!("route add unreachable {nowhere}"));
    watched.connect((nowhere, PORT).into()).unwrap_err();
    watched.assert_counts("outbound", counts);
    watched.assert_counts("inbound", Counts::default());
}

#[test]
fn a_remote_hosts_connection_counts_before_it_is_accepted() {
    let mut watched = Watched::start();
    let machine = &watched.lab.lab.machine;
    let here = SocketAddr::new("192.0.2.1".parse().unwrap(), PORT);
    let connect = |watched: &Watched| {
        watched.world().run(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&remote(COUNTRY, 0).into()).unwrap();
            socket.connect(&here.into()).map(|()| socket)
        })
    };
    // The kernel has no socket for an attempt that fails.
    connect(&watched).unwrap_err();
    let listener = machine.run(|| TcpListener::bind(here).unwrap());
    watched.assert_counts("inbound", Counts::default());

    let there = connect(&watched).unwrap();
    let mut counts = Counts { open: 1, opened: 1, ..Counts::default() };
    watched.assert_counts("inbound", counts);
    // The program ends without having accepted it.
    drop(listener);
    (counts.open, counts.closed) = (0, 1);
    watched.assert_counts("inbound", counts);
    drop(there);
    watched.assert_counts("outbound", Counts::default());
}
