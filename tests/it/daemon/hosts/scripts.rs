//! Names of places in seven scripts are the same in every output.

use std::fs;
use std::process::Command;

use super::super::fake::FakeHost;
use super::super::running::{Running, with_database};
use super::ON;
use crate::mmdb::{Value, Writer};
use Value::{List, Map, Text};

/// Latin, Cyrillic, Greek, Arabic, Hebrew, Devanagari, Han and Thai; with signs
/// above and below letters, joiners, and wide ones.
const CITIES: [(&str, &str); 8] = [
    ("192.0.2.1", "Zürich-Höngg"),
    ("192.0.2.2", "Санкт-Петербург"),
    ("192.0.2.3", "Θεσσαλονίκη"),
    ("192.0.2.4", "القاهرة"),
    ("192.0.2.5", "תל אביב-יפו"),
    ("192.0.2.6", "श्री\u{200d}नगर"),
    ("192.0.2.7", "深圳市"),
    ("2001:db8::8", "กรุงเทพฯ"),
];

fn database() -> Vec<u8> {
    let mut writer = Writer::new(6, 28);
    for (address, city) in CITIES {
        let length = if address.contains(':') { 128 } else { 32 };
        let names = || Map(vec![("names", Map(vec![("en", Text(city))]))]);
        let record =
            Map(vec![("city", names()), ("subdivisions", List(vec![names()]))]);
        writer.insert(&format!("{address}/{length}"), &record);
    }
    writer.finish("GeoLite2-City")
}

fn top(daemon: &Running, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_geoip-exporter"));
    command.args(["top", "--once", "--view", "hosts", "--url"]);
    command.arg(format!("http://{}", daemon.address)).args(more);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn names_of_any_script_are_the_same_in_every_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.mmdb");
    fs::write(&path, database()).unwrap();
    let config = with_database(&format!("{ON}city_db = {path:?}\n"));
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    for bytes in [100, 1_000] {
        for (remote, _) in CITIES {
            daemon.host.receive(2, remote, bytes);
        }
        daemon.settled();
    }
    let (_, metrics) = daemon.get("/metrics");
    let (_, page) = daemon.get("/api/v1/hosts");
    let table = top(&daemon, &[]);
    let json = top(&daemon, &["--json"]);
    for (remote, city) in CITIES {
        let info = |line: &&str| {
            line.starts_with("geoip_remote_host_info{")
                && line.contains(&format!("remote=\"{remote}\""))
                && line.contains(&format!("city=\"{city}\""))
                && line.contains(&format!("subdivision=\"{city}\""))
        };
        assert_eq!(metrics.lines().filter(info).count(), 1, "{metrics}");
        let row = |line: &&str| {
            line.starts_with(&format!("{remote} "))
                && line.matches(city).count() == 2
        };
        assert_eq!(table.lines().filter(row).count(), 1, "{table}");
        for text in [&page, &json] {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            let page = value.get("hosts").unwrap();
            let hosts = page.get("hosts").unwrap_or(page).as_array().unwrap();
            let host = hosts.iter().find(|it| it["address"] == remote);
            let host = host.unwrap_or_else(|| panic!("no {remote}: {text}"));
            assert_eq!(host["city"], city);
            assert_eq!(host["subdivision"], city);
        }
        // A name can be asked for.
        let query: String =
            city.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (_, found) = daemon.get(&format!("/api/v1/hosts?city={query}"));
        assert!(found.contains("\"matching\":1,"), "{found}");
    }
    daemon.stop();
}
