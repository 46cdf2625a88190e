//! The exporter itself, as it was built, running inside a namespace.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tempfile::TempDir;

use super::exposition::Scrape;
use super::faults::{self, Fault};
use super::fixtures::{data, write_whole};
use super::http::{self, Response};
use super::log_line::LogLine;
use super::netns::Netns;
use super::process::Background;
use super::sys::{self, Signal};
use super::wait::{PATIENCE, await_until};
use super::watch::Scraper;

/// What the exporter is started with. Every setting stands in its
/// configuration file, so that a reload can change it.
pub(crate) struct Setup {
    namespace: Netns,
    directory: TempDir,
    settings: BTreeMap<&'static str, toml::Value>,
    arguments: Vec<String>,
    program: PathBuf,
    wrapper: Vec<String>,
    has_tcx: bool,
    environment: Vec<(&'static str, String)>,
    fault: Option<Fault>,
}

impl Setup {
    /// Describes an exporter in a namespace that polls often, serves on a
    /// free port of its loopback, knows the fixture countries and logs JSON.
    pub(crate) fn new(namespace: &Netns) -> Self {
        let directory = TempDir::new().expect("cannot make a directory");
        let database = data("country-maxmind.mmdb");
        Self {
            namespace: namespace.clone(),
            directory,
            settings: BTreeMap::new(),
            arguments: Vec::new(),
            program: env!("CARGO_BIN_EXE_geoip-exporter").into(),
            wrapper: Vec::new(),
            has_tcx: std::env::var_os("WITHOUT_TCX").is_none(),
            environment: Vec::new(),
            fault: None,
        }
        .set("poll_interval", "20ms")
        .set("listen_address", "127.0.0.1:0")
        .set("geoip_db", database.to_str().expect("an ASCII path"))
        .set("log_level", "debug")
        .set("log_format", "json")
    }

    /// Sets a key of the configuration file.
    pub(crate) fn set(
        mut self,
        key: &'static str,
        value: impl Into<toml::Value>,
    ) -> Self {
        self.settings.insert(key, value.into());
        self
    }

    /// Adds command line arguments.
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn variable(
        mut self,
        name: &'static str,
        value: impl Into<String>,
    ) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Starts a copy instead of what was built.
    pub(crate) fn program(mut self, copy: &Path) -> Self {
        self.program = copy.to_owned();
        self
    }

    /// Starts it through another program, such as `setpriv` and its
    /// arguments, which must end in becoming the exporter.
    pub(crate) fn through(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(ToString::to_string).collect();
        self
    }

    /// Starts it as on a kernel that has no TCX. With `WITHOUT_TCX` in the
    /// tests' environment all are started so.
    pub(crate) fn without_tcx(mut self) -> Self {
        self.has_tcx = false;
        self
    }

    /// Lets a system call of it fail when the test says so.
    pub(crate) fn with_fault(mut self, fault: &Fault) -> Self {
        self.fault = Some(fault.clone());
        self
    }

    /// Starts all of that through one more program.
    pub(crate) fn inside(mut self, wrapper: &[&str]) -> Self {
        let wrapper = wrapper.iter().map(ToString::to_string);
        self.wrapper = wrapper.chain(self.wrapper).collect();
        self
    }

    /// Returns a path in the exporter's own directory, gone with it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts it and waits until it says where it listens and that it has
    /// attached to what is there.
    pub(crate) fn start(self) -> Daemon {
        let mut daemon = self.spawn();
        daemon.await_listening();
        daemon.process.await_line("log line \"ready\"", 0, PATIENCE, |line| {
            (LogLine::parse(line)?.message() == "ready").then_some(())
        });
        daemon
    }

    /// Starts it and waits for its end: for refusals.
    pub(crate) fn start_refused(self) -> (ExitStatus, String) {
        let mut daemon = self.spawn();
        let status = daemon.process.wait(PATIENCE);
        (status, daemon.process.lines().join("\n"))
    }

    /// Starts it, and waits for nothing.
    pub(crate) fn spawn(self) -> Daemon {
        self.write();
        let mut words: Vec<&OsStr> =
            self.wrapper.iter().map(AsRef::as_ref).collect();
        words.push(self.program.as_ref());
        let mut command = self.namespace.command(words[0]);
        command.args(&words[1..]).arg("--config").arg(self.file());
        command.args(&self.arguments);
        if !self.has_tcx {
            sys::start_without_tcx(&mut command);
        }
        // The caller's own settings are not the test's.
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        let process = faults::start(self.fault.as_ref(), &mut command);
        Daemon { setup: self, process, address: None }
    }

    fn file(&self) -> PathBuf {
        self.path("geoip-exporter.toml")
    }

    /// Writes the configuration file, whole or not at all.
    fn write(&self) {
        let text = toml::to_string(&self.settings).expect("settings are TOML");
        write_whole(&self.file(), text.as_bytes());
    }
}

/// A running exporter. Dropping it kills it; a panicking test shows its log.
pub(crate) struct Daemon {
    setup: Setup,
    process: Background,
    address: Option<SocketAddr>,
}

impl Daemon {
    fn await_listening(&mut self) {
        let address = self.process.await_line(
            "log line \"listening\"",
            0,
            PATIENCE,
            |line| {
                let line = LogLine::parse(line)?;
                (line.message() == "listening").then(|| line.get("address"))?
            },
        );
        let address = address.parse();
        self.address = Some(address.expect("an address and port"));
    }

    /// Returns where it serves its metrics.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("a started exporter listens")
    }

    /// Returns a path in its own directory, gone with it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.setup.path(name)
    }

    /// Returns the process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Asks for one of its pages.
    pub(crate) fn get(&self, target: &str) -> io::Result<Response> {
        http::get(&self.setup.namespace, self.address(), target)
    }

    /// Returns what scrapes it from other threads.
    pub(crate) fn scraper(&self) -> Scraper {
        Scraper::new(&self.setup.namespace, self.address())
    }

    /// Scrapes it.
    pub(crate) fn scrape(&self) -> Scrape {
        let response = self.get("/metrics").expect("cannot scrape");
        assert_eq!(response.status, 200, "{}", response.body);
        Scrape::parse(&response.body)
    }

    /// Scrapes it until `look` finds what it wants in a scrape, and panics
    /// with the last `Err` when that does not happen.
    pub(crate) fn await_scrape<T>(
        &self,
        what: &str,
        mut look: impl FnMut(&Scrape) -> Result<T, String>,
    ) -> T {
        await_until(PATIENCE, what, || look(&self.scrape()))
    }

    /// Scrapes it until the sum of some samples is `expected`.
    pub(crate) fn await_sum(
        &self,
        name: &str,
        labels: &[(&str, &str)],
        expected: u64,
    ) {
        self.await_scrape(&format!("{name}{labels:?}"), |scrape| match scrape
            .sum(name, labels)
        {
            sum if sum == expected => Ok(()),
            sum => Err(format!("{sum} instead of {expected}")),
        });
    }

    /// Waits until polls that began after the call have ended and been
    /// published: what they did not find is not there.
    pub(crate) fn await_polls(&self) {
        // Each poll's duration differs from the last one's. The first change
        // may come from a poll that had begun before.
        let mut durations = Vec::new();
        self.await_scrape("two further polls", |scrape| {
            let duration = scrape.value("geoip_poll_duration_seconds", &[]);
            if durations.last() != Some(&duration) {
                durations.push(duration);
            }
            match durations.len() {
                0..=3 => Err(format!("poll durations {durations:?}")),
                _ => Ok(()),
            }
        });
    }

    /// Tells it to read its configuration again and waits until it did.
    pub(crate) fn reload(&self) {
        let reloaded = |scrape: &Scrape| {
            scrape.value(
                "geoip_config_last_reload_success_timestamp_seconds",
                &[],
            )
        };
        let before = reloaded(&self.scrape());
        self.signal(Signal::Hangup);
        self.await_scrape("a successful reload", |scrape| {
            let success =
                scrape.value("geoip_config_last_reload_successful", &[]);
            if reloaded(scrape) != before && success == Some(1.0) {
                Ok(())
            } else {
                Err(format!("{success:?} at {:?}", reloaded(scrape)))
            }
        });
    }

    /// Tells it to read a faulty configuration and waits until it refused
    /// and logged a line with `fault` in it.
    pub(crate) fn reload_refused(&mut self, fault: &str) {
        let position = self.log_position();
        self.signal(Signal::Hangup);
        self.process.await_line(fault, position, PATIENCE, |line| {
            line.contains(fault).then_some(())
        });
        self.await_sum("geoip_config_last_reload_successful", &[], 0);
    }

    /// Changes settings in the configuration file, without telling.
    pub(crate) fn configure(
        &mut self,
        key: &'static str,
        value: impl Into<toml::Value>,
    ) {
        self.setup.settings.insert(key, value.into());
        self.setup.write();
    }

    /// Puts a text in the place of the configuration file.
    pub(crate) fn configure_text(&mut self, text: &str) {
        write_whole(&self.setup.file(), text.as_bytes());
    }

    /// Puts the configuration file back after [`Daemon::configure_text`].
    pub(crate) fn restore_configuration(&mut self) {
        self.setup.write();
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Lets much happen, as if at one moment, while it does nothing.
    pub(crate) fn at_once(&self, work: impl FnOnce()) {
        self.signal(Signal::Stop);
        work();
        self.signal(Signal::Continue);
    }

    /// Returns whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Returns the place in the log from which to look for what comes next.
    pub(crate) fn log_position(&mut self) -> usize {
        self.process.line_count()
    }

    /// Waits for a log line, at or behind `from`, that `wanted` accepts.
    pub(crate) fn await_log(
        &mut self,
        what: &str,
        from: usize,
        mut wanted: impl FnMut(&LogLine) -> bool,
    ) -> LogLine {
        self.process.await_line(what, from, PATIENCE, |line| {
            LogLine::parse(line).filter(|line| wanted(line))
        })
    }

    /// Waits for a line with this text, whatever its form.
    pub(crate) fn await_text(&mut self, text: &str) {
        let has_it = |line: &str| line.contains(text).then_some(());
        self.process.await_line(text, 0, PATIENCE, has_it);
    }

    /// Returns the lines it has logged so far.
    pub(crate) fn log(&mut self) -> Vec<LogLine> {
        let lines = self.process.lines().iter();
        lines.filter_map(|line| LogLine::parse(line)).collect()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        self.process.wait(limit)
    }

    /// Returns how many bytes of its own memory are in RAM.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(path).expect("a running exporter");
        let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"));
        let kibibytes = line.and_then(|l| l.trim().strip_suffix(" kB"));
        kibibytes.and_then(|k| k.parse::<u64>().ok()).expect("kB") * 1024
    }

    /// Returns how many file descriptors it has open.
    pub(crate) fn open_files(&self) -> usize {
        let directory = format!("/proc/{}/fd", self.pid());
        fs::read_dir(directory).expect("a running exporter").count()
    }
}
