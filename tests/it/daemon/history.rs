//! The history of a daemon: its sums are those of its metrics.

use std::fs;
use std::path::Path;
use std::process::Command;

use geoip_exporter::history::{By, Reader, Resolution};
use rusqlite::Connection;
use tempfile::TempDir;

use super::fake::FakeHost;
use super::running::{Running, Scrape, with_database};

fn lines(state: &Path) -> String {
    with_database(&format!(
        "state_directory = {state:?}\npin_directory = \"\"\n"
    ))
}

fn start(state: &Path) -> Running {
    let host = FakeHost::new(&[(2, "eth0"), (3, "wg0")]);
    Running::start(host, &lines(state))
}

/// Returns the received and sent bytes of all countries, in all months.
fn bytes(state: &Path) -> [u64; 2] {
    let reader = Reader::open(&state.join("history.db")).unwrap();
    let all = (0, i64::MAX);
    let rows =
        reader.totals(Resolution::Month, By::Interface, all, None).unwrap();
    [0, 1].map(|at| rows.iter().map(|row| row.amounts.bytes[at]).sum())
}

fn shown(scrape: &Scrape) -> [u64; 2] {
    ["received", "sent"].map(|direction| {
        ["bytes", "unattributed_bytes", "non_ip_bytes"]
            .map(|what| {
                let family = format!("geoip_{what}_{direction}_total");
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a small whole number"
                )]
                let sum = scrape.sum(&family) as u64;
                sum
            })
            .iter()
            .sum()
    })
}

#[test]
fn after_each_stop_the_history_has_each_byte_once() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    for round in 1..4_u64 {
        let daemon = start(state);
        daemon.host.receive(2, "192.0.2.7", 1_000 * round);
        daemon.host.send(3, "198.51.100.9", 20 + round);
        daemon.host.receive(3, "203.0.113.5", 7);
        let seen = shown(&daemon.settled());
        // After the scrape: nobody asks for it but the stop.
        daemon.host.receive(2, "192.0.2.7", 3);
        daemon.stop();
        assert_eq!(bytes(state), [seen[0] + 3, seen[1]], "round {round}");
        let daemon = start(state);
        assert_eq!(shown(&daemon.settled()), bytes(state));
        daemon.stop();
    }
}

#[test]
fn a_history_that_is_lost_begins_with_the_counters_as_they_are() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    let daemon = start(state);
    daemon.host.receive(2, "192.0.2.7", 1_000);
    daemon.settled();
    daemon.stop();
    fs::remove_file(state.join("history.db")).unwrap();
    let daemon = start(state);
    daemon.host.receive(2, "192.0.2.7", 500);
    daemon.settled();
    daemon.stop();
    let file = Connection::open(state.join("history.db")).unwrap();
    let of = |month: &str| -> i64 {
        let sql = format!(
            "SELECT sum(bytes_received) FROM country_months WHERE country = \
             'DE' AND month {month}"
        );
        file.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((of("= 'before'"), of("<> 'before'")), (1_000, 500));
}

#[test]
fn a_history_outlives_the_state() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    for (received, sum) in [(1_000, 1_000), (5_000, 6_000), (20, 6_020)] {
        let daemon = start(state);
        daemon.host.receive(2, "192.0.2.7", received);
        daemon.settled();
        daemon.stop();
        assert_eq!(bytes(state)[0], sum);
        fs::remove_file(state.join("counters.state")).unwrap();
    }
}

#[test]
fn a_damaged_history_is_set_aside_and_another_begins() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    let content = "not a database at all, however long it may be";
    fs::write(state.join("history.db"), content).unwrap();
    let daemon = start(state);
    daemon.host.receive(2, "192.0.2.7", 1_000);
    daemon.settled();
    let log = daemon.host.log.clone();
    daemon.stop();
    let log = log.text();
    assert!(log.contains("the history cannot be used"), "{log}");
    let names = fs::read_dir(state).unwrap();
    let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
    let aside: Vec<_> =
        names.filter(|it| it.starts_with("history.db.damaged-")).collect();
    assert_eq!(aside.len(), 1, "{log}");
    assert_eq!(fs::read_to_string(state.join(&aside[0])).unwrap(), content);
    assert_eq!(bytes(state)[0], 1_000);
}

#[test]
fn a_history_that_cannot_be_written_is_said_once_and_catches_up() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    fs::create_dir(state.join("history.db")).unwrap();
    let daemon = start(state);
    daemon.host.receive(2, "192.0.2.7", 1_000);
    daemon.settled();
    // Each reload has it try again.
    daemon.reload();
    daemon.reload();
    daemon.host.receive(2, "192.0.2.7", 200);
    daemon.settled();
    fs::remove_dir(state.join("history.db")).unwrap();
    let log = daemon.host.log.clone();
    daemon.stop();
    let log = log.text();
    let said = log.matches("cannot write the history").count();
    assert_eq!(said, 1, "{log}");
    assert!(log.contains("writing the history again"), "{log}");
    assert_eq!(bytes(state)[0], 1_200);
}

#[test]
fn a_history_that_is_turned_on_counts_from_then_on() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    let host = FakeHost::new(&[(2, "eth0")]);
    let off = format!("{}history = false\n", lines(state));
    let daemon = Running::start(host, &off);
    daemon.host.receive(2, "192.0.2.7", 1_000);
    daemon.settled();
    assert!(!state.join("history.db").exists());
    daemon.configure(&lines(state));
    daemon.reload();
    let wait = std::time::Instant::now();
    while !state.join("history.db").exists() {
        assert!(wait.elapsed().as_secs() < 30, "no file");
        daemon.scrape();
    }
    daemon.stop();
    assert_eq!(bytes(state)[0], 1_000, "as `before`");
}

fn json(daemon: &Running, page: &str) -> serde_json::Value {
    let (status, text) = daemon.get(page);
    assert_eq!(status, 200, "{page}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn programs_are_told_of_the_history_and_the_quota() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    let config = format!(
        "{}web = true\nquota = \"1MiB\"\ncounted_once = [\"eth0\"]\n",
        lines(state)
    );
    let host = FakeHost::new(&[(2, "eth0"), (3, "wg0")]);
    let daemon = Running::start(host, &config);
    daemon.host.receive(2, "192.0.2.7", 1_000);
    daemon.host.receive(3, "192.0.2.7", 500);
    daemon.settled();
    // Has it write.
    daemon.reload();
    let wait = std::time::Instant::now();
    let page = "/api/v1/history?by=country";
    let history = loop {
        let history = json(&daemon, page);
        if history["whole"]["bytes_received"] == 1_500 {
            break history;
        }
        assert!(wait.elapsed().as_secs() < 30, "{history}");
    };
    assert_eq!(history["rows"][0]["key"], "DE");
    assert_eq!(history["counted"], "interfaces");
    let of_one = json(&daemon, "/api/v1/history?by=total&interface=wg0");
    assert_eq!(of_one["whole"]["bytes_received"], 500);
    let (status, line) = daemon.get("/api/v1/history?by=weather");
    assert_eq!((status, line.lines().count()), (400, 1), "{line}");

    let usage = json(&daemon, "/api/v1/usage");
    assert_eq!(usage["quota"]["used_bytes"], 1_000);
    assert_eq!(usage["quota"]["limit_bytes"], 1 << 20);
    // The quota was set within the month, unless it began this second.
    let [since, counted] = ["since", "counted_since"]
        .map(|name| usage["quota"][name].as_f64().unwrap());
    assert!(counted >= since && counted > 1_700_000_000.0, "{usage}");
    let summary = json(&daemon, "/api/v1/summary");
    assert_eq!(summary["quota"], usage["quota"]);
    let scrape = daemon.settled();
    assert_eq!(scrape.get("geoip_quota_used_bytes"), 1_000.0);
    daemon.stop();

    // It goes on after a restart.
    let host = FakeHost::new(&[(2, "eth0"), (3, "wg0")]);
    let daemon = Running::start(host, &config);
    daemon.host.receive(2, "192.0.2.7", 24);
    assert_eq!(daemon.settled().get("geoip_quota_used_bytes"), 1_024.0);
    daemon.stop();
}

/// Runs `report` with a configuration.
fn report(config: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.toml");
    fs::write(&path, config).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_geoip-exporter"))
        .env_clear()
        .args(["report", "--config"])
        .arg(&path)
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn a_report_asks_the_running_daemon_and_then_the_file() {
    let folder = TempDir::new().unwrap();
    let state = folder.path();
    let config = format!(
        "{}quota = \"1MiB\"\ncounted_once = [\"eth0\"]\n\
         history_timezone = \"Pacific/Auckland\"\n",
        lines(state)
    );
    let daemon = Running::start(FakeHost::new(&[(2, "eth0")]), &config);
    daemon.host.receive(2, "192.0.2.7", 1_000);
    daemon.settled();
    daemon.reload();
    let address = daemon.address;
    // It has neither a state nor a quota of its own.
    let asking = format!(
        "listen_address = \"{address}\"\nhistory_timezone = \"America/Lima\"\n"
    );
    let by_country = ["--by", "country", "--csv"];
    let wait = std::time::Instant::now();
    let row = ",DE,,1000,0,1,0\n";
    loop {
        let (status, text) = report(&asking, &by_country);
        if status == Some(0) && text.ends_with(row) {
            break;
        }
        assert!(wait.elapsed().as_secs() < 30, "{status:?} {text}");
    }
    let (_, text) = report(&asking, &["--by", "country"]);
    assert!(text.contains(" (Pacific/Auckland)\n"), "{text}");
    let line = "\n\nquota: 1000 B of 1.00 MiB used since ";
    assert!(text.contains(line), "{text}");
    // 2026-11-01 begins at 11:00 UTC the day before, and ends 24 hours later.
    let day = ["--since", "2026-11-01", "--until", "2026-11-01", "--json"];
    let url = format!("http://{address}");
    let (_, text) = report("", &[&day[..], &["--url", &url]].concat());
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["since"], 1_793_444_400.0, "{text}");
    assert_eq!(answer["until"], 1_793_444_400.0 + 86_400.0, "{text}");

    // While it says nothing of its history, the file is read.
    daemon.configure(&format!("web = false\n{config}"));
    daemon.reload();
    let own = config.replace("127.0.0.1:0", &address.to_string());
    let (status, text) = report(&own, &by_country);
    assert!(status == Some(0) && text.ends_with(row), "{text}");
    let (status, text) = report(&asking, &by_country);
    assert!(status == Some(78) && text.contains("web = true"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    daemon.stop();
    let (status, text) = report(&own, &by_country);
    assert!(status == Some(0) && text.ends_with(row), "{text}");
    let (_, text) = report(&own, &[]);
    assert!(text.contains(line), "{text}");
    let (status, text) = report(&asking, &by_country);
    assert!(status == Some(78) && text.contains("set state_dir"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}
