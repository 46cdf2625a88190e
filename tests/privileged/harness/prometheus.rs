//! A real Prometheus, `promtool` and a real VictoriaMetrics, Debian's packages
//! of them.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::{Deref, RangeInclusive};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use super::exposition::{Scrape, whole};
use super::http::{self, encode};
use super::netns::Netns;
use super::process::{Background, output_of};
use super::wait::{PATIENCE, await_until};

/// Where a Prometheus listens. Every namespace has this port to itself.
const ADDRESS: &str = "127.0.0.1:9090";

/// Where a VictoriaMetrics listens: on every address, also for agents.
const STORE_PORT: u16 = 8428;

/// A program in a namespace that answers PromQL.
pub(crate) struct Engine {
    namespace: Netns,
    address: SocketAddr,
}

/// A Prometheus that scrapes one target every second. Dropping it kills it.
pub(crate) struct Prometheus {
    engine: Engine,
    _process: Background,
    _directory: TempDir,
}

impl Deref for Prometheus {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Prometheus {
    /// Starts one in a namespace and waits until it is ready.
    pub(crate) fn start(namespace: &Netns, target: SocketAddr) -> Self {
        let directory = TempDir::new().expect("cannot make a directory");
        let configuration = format!(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n\
             scrape_configs:\n  - job_name: geoip\n    static_configs:\n\
             \x20     - targets: ['{target}']\n"
        );
        let storage = "--storage.tsdb.path=";
        Self::start_in(namespace, directory, &configuration, &[], storage)
    }

    /// Starts an agent: it scrapes, hands the samples on as its configuration
    /// says, and answers no queries.
    pub(crate) fn agent(namespace: &Netns, configuration: &str) -> Self {
        let directory = TempDir::new().expect("cannot make a directory");
        let flags = ["--enable-feature=agent"];
        let storage = "--storage.agent.path=";
        Self::start_in(namespace, directory, configuration, &flags, storage)
    }

    /// Starts one that has these scrapes, each with its time in seconds since
    /// 1970, and makes no others.
    pub(crate) fn with_history(
        namespace: &Netns,
        scrapes: &[(u64, Scrape)],
    ) -> Self {
        let directory = TempDir::new().expect("cannot make a directory");
        let mut text = String::new();
        for (time, scrape) in scrapes {
            let lines = scrape.text.lines();
            for line in lines.filter(|line| !line.starts_with('#')) {
                text += &format!("{line} {time}\n");
            }
        }
        text += "# EOF\n";
        let history = directory.path().join("history");
        fs::write(&history, text).expect("cannot write a file");
        let mut command = namespace.command("promtool");
        command.args(["tsdb", "create-blocks-from", "openmetrics"]);
        output_of(command.arg(&history).arg(directory.path().join("data")));
        Self::start_in(namespace, directory, "", &[], "--storage.tsdb.path=")
    }

    fn start_in(
        namespace: &Netns,
        directory: TempDir,
        configuration: &str,
        flags: &[&str],
        storage: &str,
    ) -> Self {
        let file = directory.path().join("prometheus.yml");
        fs::write(&file, configuration).expect("cannot write a file");
        let data = directory.path().join("data");
        let mut command = namespace.command("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("{storage}{}", data.display()))
            .arg(format!("--web.listen-address={ADDRESS}"))
            .args(flags);
        let process = Background::start("prometheus", &mut command);
        let address = ADDRESS.parse().expect("an address and port");
        let engine = Engine { namespace: namespace.clone(), address };
        engine.await_answer("/-/ready");
        Self { engine, _process: process, _directory: directory }
    }
}

/// A VictoriaMetrics that takes the samples of agents. Dropping it kills it.
pub(crate) struct VictoriaMetrics {
    engine: Engine,
    _process: Background,
    _directory: TempDir,
}

impl Deref for VictoriaMetrics {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl VictoriaMetrics {
    /// Starts one in a namespace and waits until it is ready.
    pub(crate) fn start(namespace: &Netns) -> Self {
        let directory = TempDir::new().expect("cannot make a directory");
        let mut command = namespace.command("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", directory.path().display()))
            .arg(format!("-httpListenAddr=:{STORE_PORT}"))
            // Samples can be queried at once.
            .arg("-search.latencyOffset=0s");
        let process = Background::start("victoria-metrics", &mut command);
        let address = (Ipv4Addr::LOCALHOST, STORE_PORT).into();
        let engine = Engine { namespace: namespace.clone(), address };
        engine.await_answer("/health");
        Self { engine, _process: process, _directory: directory }
    }
}

impl Engine {
    /// Waits until a page has status 200.
    fn await_answer(&self, page: &str) {
        await_until(PATIENCE, page, || match self.get(page) {
            Ok(response) if response.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    fn get(&self, target: &str) -> std::io::Result<http::Response> {
        http::get(&self.namespace, self.address, target)
    }

    /// Evaluates a PromQL expression now and returns the samples of the answer.
    pub(crate) fn evaluate(&self, expression: &str) -> Vec<Value> {
        self.ask("query", expression, "")
    }

    /// Evaluates a PromQL expression every 15 seconds between these times and
    /// returns the series of the answer.
    pub(crate) fn evaluate_over(
        &self,
        expression: &str,
        times: RangeInclusive<u64>,
    ) -> Vec<Value> {
        let (start, end) = (times.start(), times.end());
        let parameters = format!("&start={start}&end={end}&step=15");
        self.ask("query_range", expression, &parameters)
    }

    fn ask(&self, how: &str, expression: &str, parameters: &str) -> Vec<Value> {
        let query = encode(expression);
        let target = format!("/api/v1/{how}?query={query}{parameters}");
        let response = self.get(&target).expect("cannot query");
        let answer: Value =
            serde_json::from_str(&response.body).expect("it answers JSON");
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().expect("a vector").clone()
    }

    /// Evaluates a PromQL expression now. One number, or `None` where the
    /// answer is empty; panics where it has several.
    pub(crate) fn query(&self, expression: &str) -> Option<f64> {
        let result = self.evaluate(expression);
        assert!(result.len() <= 1, "{expression}: several: {result:?}");
        let text = result.first()?["value"][1].as_str().expect("a value");
        Some(text.parse().expect("a number"))
    }

    /// Evaluates until the expression is `expected`.
    pub(crate) fn await_query(&self, expression: &str, expected: u64) {
        await_until(PATIENCE, expression, || match self.query(expression) {
            Some(value) if whole(value) == expected => Ok(()),
            other => Err(format!("{other:?} instead of {expected}")),
        });
    }
}

/// Lets `promtool check metrics` judge a page, and returns what it had to
/// say: nothing, where all is well.
pub(crate) fn promtool_check(namespace: &Netns, page: &str) -> String {
    let mut child = namespace
        .command("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cannot start promtool");
    let mut input = child.stdin.take().expect("its input is piped");
    input.write_all(page.as_bytes()).expect("promtool reads its input");
    drop(input);
    let output = child.wait_with_output().expect("it is our child");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    said
}
