//! A fleet as docs/fleet.md describes it: two machines, an exporter and a
//! Prometheus in agent mode on each, and one VictoriaMetrics for both.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::whole;
use crate::harness::lab::{Lab, WAN};
use crate::harness::link::connect;
use crate::harness::netns::Netns;
use crate::harness::process::output_of;
use crate::harness::prometheus::{Prometheus, VictoriaMetrics};
use crate::harness::traffic::Traffic;
use crate::harness::wait::{PATIENCE, await_until};

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fleet.md");
    fs::read_to_string(path).unwrap()
}

/// Returns the blocks of a language in the document.
fn blocks(language: &str) -> Vec<String> {
    let text = document();
    let begin = format!("```{language}\n");
    let blocks = text.split(begin.as_str()).skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// One machine of the fleet.
struct Machine {
    _lab: Lab,
    daemon: Daemon,
    traffic: Traffic,
    _agent: Prometheus,
}

impl Machine {
    /// Starts an exporter, and an agent that writes to the store over a link of
    /// its own, with the configuration of the document.
    fn start(store: &Netns, number: u8) -> Self {
        let lab = Lab::new();
        let [near, far] =
            [1, 2].map(|end| format!("192.0.2.{}", number * 4 + end));
        let link = format!("store{number}");
        connect(store, &link, &lab.machine, "mgmt0");
        store.ip(&format!("address add {near}/30 dev {link}"));
        lab.machine.ip(&format!("address add {far}/30 dev mgmt0"));
        let daemon = Setup::new(&lab.machine)
            .set("interfaces", WAN)
            .set("counted_once", WAN)
            .set("host", true)
            .start();
        let target = daemon.address().to_string();
        let configuration = blocks("yaml")[0]
            .replace("15s", "1s")
            .replace("localhost:9100", &target)
            .replace("web-1", &format!("machine-{number}"))
            .replace("store.example", &near);
        let agent = Prometheus::agent(&lab.machine, &configuration);
        let traffic = Traffic::new(&lab);
        Self { _lab: lab, daemon, traffic, _agent: agent }
    }

    /// Returns the hash that the machine's own settings have.
    fn printed_hash(&self) -> String {
        let program = env!("CARGO_BIN_EXE_geoip-exporter");
        let mut command = Command::new(program);
        command.arg("print-config").arg("--config");
        command.arg(self.daemon.path("geoip-exporter.toml")).env_clear();
        let printed = output_of(&mut command);
        let first = printed.lines().next().unwrap();
        first.strip_prefix("# hash ").unwrap().to_owned()
    }
}

/// Returns the bytes that the machines exchanged in a direction, by country.
fn booked(machines: &[Machine], direction: &str) -> BTreeMap<String, u64> {
    let mut sum = BTreeMap::new();
    for (subject, volume) in machines.iter().flat_map(|m| m.traffic.booked()) {
        if subject.direction == direction {
            *sum.entry(subject.country.clone()).or_default() += volume.bytes;
        }
    }
    sum
}

/// Returns the answer of a query by country.
fn by_country(store: &VictoriaMetrics, query: &str) -> BTreeMap<String, u64> {
    let answer = store.evaluate(query);
    let pair = |sample: &Value| {
        let country = sample["metric"]["country"].as_str().unwrap();
        let value = sample["value"][1].as_str().unwrap();
        (country.to_owned(), whole(value.parse().unwrap()))
    };
    answer.iter().map(pair).collect()
}

#[test]
fn a_fleet_has_by_country_what_was_sent_to_its_machines() {
    let network = Netns::new();
    let store = VictoriaMetrics::start(&network);
    let mut machines = [0, 1].map(|number| Machine::start(&network, number));
    for (machine, times) in machines.iter_mut().zip(1..) {
        for _ in 0..times {
            machine.traffic.exchange();
        }
    }

    let queries = blocks("promql");
    for direction in ["received", "sent"] {
        let query = queries[0].replace("received", direction);
        let expected = booked(&machines, direction);
        assert_eq!(expected.len(), 4, "{expected:?}");
        await_until(PATIENCE, &query, || match by_country(&store, &query) {
            found if found == expected => Ok(()),
            found => Err(format!("{found:?} instead of {expected:?}")),
        });
    }
    // The store reads all of them.
    for query in &queries {
        store.evaluate(query);
    }

    // Each machine has its own series, and both have the same settings.
    store.await_query("count(up{job=\"geoip\"})", 2);
    let hash = machines[0].printed_hash();
    assert_eq!(machines[1].printed_hash(), hash);
    let same = format!("count(geoip_config_info{{hash=\"{hash}\"}})");
    store.await_query(&same, 2);

    // A change that one machine has and the other one has not.
    machines[1].daemon.configure("host", false);
    let changed = machines[1].printed_hash();
    assert_ne!(changed, hash);
    machines[1].daemon.reload();
    store.await_query(
        &format!("count(geoip_config_info{{hash=\"{changed}\"}})"),
        1,
    );
}
