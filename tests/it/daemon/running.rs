//! The daemon in a thread, and what its user does with it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use geoip_exporter::config::{Flags, Paths};
use geoip_exporter::daemon::lifecycle::Event;
use geoip_exporter::daemon::{self, Error, Layers};
use tempfile::TempDir;

use super::fake::{FakeHost, PATIENCE};
use crate::client::ask;
use crate::scrape;

/// The databases of the tests.
pub(super) fn database(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The start of every configuration: a free port and no waiting.
pub(super) const BASE: &str =
    "listen_address = \"127.0.0.1:0\"\npoll_interval = \"10ms\"\n";

/// A configuration with the database of the tests and these lines.
pub(super) fn with_database(lines: &str) -> String {
    let database = database("country-maxmind.mmdb");
    format!("{BASE}geoip_db = {database:?}\n{lines}")
}

/// The same, with no poll but the first and those that something causes.
pub(super) fn without_ticks(lines: &str) -> String {
    with_database(lines).replace("10ms", "1h")
}

/// One scrape: series with labels in the order of their names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scrape(pub(super) BTreeMap<String, f64>);

impl Scrape {
    pub(super) fn parse(page: &str) -> Self {
        let scrape = scrape::Scrape::parse(page);
        let series =
            |((name, labels), value): ((String, scrape::Labels), f64)| {
                let labels: Vec<_> = labels
                    .iter()
                    .map(|(name, value)| format!("{name}={value:?}"))
                    .collect();
                match labels.is_empty() {
                    true => (name, value),
                    false => (format!("{name}{{{}}}", labels.join(",")), value),
                }
            };
        Self(scrape.samples.into_iter().map(series).collect())
    }

    /// Returns the value of a series, which must be there.
    pub(super) fn get(&self, series: &str) -> f64 {
        let Some(&value) = self.0.get(series) else {
            panic!("no {series} in {:#?}", self.0);
        };
        value
    }

    pub(super) fn find(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// Returns the bytes of a country, zero where there is no series.
    pub(super) fn bytes(
        &self,
        direction: &str,
        country: &str,
        interface: &str,
        ip_version: &str,
    ) -> f64 {
        let series = format!(
            "geoip_bytes_{direction}_total{{country=\"{country}\",\
             interface=\"{interface}\",ip_version=\"{ip_version}\"}}"
        );
        self.find(&series).unwrap_or(0.0)
    }

    /// Returns the received IPv4 bytes of a country on an interface.
    pub(super) fn received(&self, country: &str, interface: &str) -> f64 {
        self.bytes("received", country, interface, "4")
    }

    /// Returns the sum of all series of a family.
    pub(super) fn sum(&self, family: &str) -> f64 {
        let of_family = |series: &str| {
            series
                .strip_prefix(family)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        self.0.iter().filter(|(s, _)| of_family(s)).map(|(_, v)| v).sum()
    }

    pub(super) fn status(&self, interface: &str) -> Option<f64> {
        self.find(&format!(
            "geoip_interface_status{{interface=\"{interface}\"}}"
        ))
    }

    pub(super) fn attached(&self, interface: &str) -> Option<f64> {
        self.find(&format!(
            "geoip_interface_attached{{interface=\"{interface}\"}}"
        ))
    }
}

/// A daemon that runs, or has just ended.
pub(super) struct Running {
    pub(super) host: FakeHost,
    folder: TempDir,
    pub(super) address: SocketAddr,
    pub(super) events: Sender<Event>,
    result: Receiver<Result<(), Error>>,
    has_ended: bool,
}

/// Starts a daemon and does not wait for it.
fn spawn(
    host: &FakeHost,
    config: &str,
    environment: &[(&str, &str)],
) -> (TempDir, Sender<Event>, Receiver<Result<(), Error>>) {
    let folder = TempDir::new().unwrap();
    let paths = Paths {
        file: folder.path().join("geoip-exporter.toml"),
        directory: folder.path().join("geoip-exporter.d"),
        databases: vec![folder.path().join("found.mmdb")],
        ..Paths::default()
    };
    fs::write(&paths.file, config).unwrap();
    let flags = Flags::default();
    let variables = environment.iter();
    let environment = variables.map(|(k, v)| (k.into(), v.into())).collect();
    let layers = Layers { flags, environment, paths };
    let channel = unbounded();
    let events = channel.0.clone();
    let (tell, result) = bounded(1);
    let host = host.clone();
    thread::spawn(move || {
        // Nobody listens where the test has failed meanwhile.
        let _ = tell.send(daemon::run(layers, &host, channel));
    });
    (folder, events, result)
}

/// Returns why a daemon does not start.
pub(super) fn start_error(host: &FakeHost, config: &str) -> Error {
    let (_folder, _events, result) = spawn(host, config, &[]);
    result.recv_timeout(PATIENCE).unwrap().unwrap_err()
}

impl Running {
    pub(super) fn start(host: FakeHost, config: &str) -> Self {
        Self::start_in(&[], host, config)
    }

    /// Starts with this environment.
    pub(super) fn start_in(
        environment: &[(&str, &str)],
        host: FakeHost,
        config: &str,
    ) -> Self {
        let (folder, events, result) = spawn(&host, config, environment);
        let line = host.log.wait_for(0, &["listening"]);
        let address = line.split("address: ").nth(1).unwrap();
        let address = address.split(',').next().unwrap().parse().unwrap();
        Self { host, folder, address, events, result, has_ended: false }
    }

    /// Returns a file's path in the folder of the configuration.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn configure(&self, config: &str) {
        fs::write(self.file("geoip-exporter.toml"), config).unwrap();
    }

    /// Sends SIGHUP, waits until that is dealt with and returns what was
    /// logged. For log levels that show it.
    pub(super) fn reload(&self) -> String {
        let mark = self.host.log.mark();
        self.hang_up();
        let ends = ["INFO reloaded", "ERROR not reloaded", "\"reloaded\""];
        self.host.log.wait_for(mark, &ends);
        self.host.log.since(mark)
    }

    pub(super) fn hang_up(&self) {
        self.events.send(Event::Hangup).unwrap();
    }

    /// Returns the status and the body of a page.
    pub(super) fn get(&self, path: &str) -> (u16, String) {
        self.get_as(path, "*/*")
    }

    /// The same, of this type.
    pub(super) fn get_as(&self, path: &str, accept: &str) -> (u16, String) {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let accept = format!("Accept: {accept}\r\n");
        let response = ask(stream, &format!("GET {path}"), &accept).unwrap();
        (response.status, response.body)
    }

    pub(super) fn scrape(&self) -> Scrape {
        let (status, page) = self.get("/metrics");
        assert_eq!(status, 200, "{page}");
        Scrape::parse(&page)
    }

    /// Scrapes once all that was counted is published.
    pub(super) fn settled(&self) -> Scrape {
        self.host.settle();
        self.scrape()
    }

    /// Scrapes after every poll until it is so.
    pub(super) fn wait_for(
        &self,
        what: &str,
        is_so: impl Fn(&Scrape) -> bool,
    ) -> Scrape {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let scrape = self.settled();
            if is_so(&scrape) {
                return scrape;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "never: {what}\n{scrape:#?}\n{}",
                self.host.log.text()
            );
        }
    }

    pub(super) fn terminate(&self) {
        self.events.send(Event::Terminate).unwrap();
    }

    /// Waits for the end.
    pub(super) fn end(mut self) -> Result<(), Error> {
        self.has_ended = true;
        let result = self.result.recv_timeout(PATIENCE).unwrap();
        assert_eq!(self.host.kernel().faults, [""; 0]);
        result
    }

    /// Stops the daemon, which must go well.
    pub(super) fn stop(self) {
        self.terminate();
        self.end().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            // The test has failed: leave nothing behind for the others.
            let _ = self.events.send(Event::Terminate);
            let _ = self.result.recv_timeout(PATIENCE);
        }
    }
}
