//! `geoip-exporter report`, from the file of a history.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use geoip_exporter::calendar::Zone;
use geoip_exporter::geoip::NetworkNames;
use geoip_exporter::history::{Counters, File, When};
use rusqlite::Connection;
use tempfile::TempDir;

/// 2026-11-29T12:00:00Z.
const NOON: i64 = 1_795_953_600;

/// A folder with a history of three days, in a zone whose summer time ends on
/// one of them.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    let none = Counters::default();
    let mut file = File::open(&path, &none, NOON).unwrap();
    let (zone, names) = (Zone::default(), NetworkNames::default());
    let when = When { now: NOON, zone: &zone, network_names: &names };
    file.write(&none, when).unwrap();
    let file = Connection::open(&path).unwrap();
    file.execute_batch(
        "INSERT INTO name VALUES (1, 'eth0'), (2, 'DE'), (3, 'FR'), (4, 'web');
         INSERT INTO day VALUES
             (20261024, 0, 1, 2, 1073741824, 1048576, 9, 8),
             (20261025, 0, 1, 2, 2147483648, 1048576, 7, 6),
             (20261025, 0, 1, 3, 1024, 0, 5, 0),
             (20261026, 0, 1, 2, 512, 512, 1, 1),
             (20261025, 3, 4, 0, 77, 33, 0, 0);
         INSERT INTO hour VALUES
             (1792886400, 0, 1, 2, 100, 0, 1, 0),
             (1792890000, 0, 1, 2, 200, 0, 1, 0);",
    )
    .unwrap();
    folder
}

fn report(folder: &Path, arguments: &[&str]) -> Output {
    let config = folder.join("x.toml");
    let lines = format!(
        "state_directory = {folder:?}\nhistory_timezone = \"Europe/Berlin\"\n"
    );
    fs::write(&config, lines).unwrap();
    Command::new(env!("CARGO_BIN_EXE_geoip-exporter"))
        .env_clear()
        .arg("report")
        .arg("--config")
        .arg(&config)
        .args(arguments)
        .output()
        .unwrap()
}

fn text(arguments: &[&str]) -> String {
    let folder = folder();
    let output = report(folder.path(), arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const DAYS: [&str; 4] = ["--since", "2026-10-01", "--until", "2026-10-31"];

#[test]
fn days_of_an_interface_are_a_table() {
    assert_eq!(
        text(&DAYS),
        "\
eth0, by day (Europe/Berlin)

  day             received          sent         total        avg. rate
  ---------------------------------------------------------------------
  2026-10-24      1.00 GiB      1.00 MiB      1.00 GiB     99.52 kbit/s
  2026-10-25      2.00 GiB      1.00 MiB      2.00 GiB    190.98 kbit/s
  2026-10-26         512 B         512 B      1.00 KiB       0.09 bit/s
  ---------------------------------------------------------------------
  sum             3.00 GiB      2.00 MiB      3.00 GiB

"
    );
}

#[test]
fn countries_of_a_month_are_a_table() {
    let arguments =
        ["--by", "country", "--since", "2026-10", "--until", "2026-10"];
    assert_eq!(
        text(&arguments),
        "\
2026-10-01 to 2026-10-31, by country, all interfaces together (Europe/Berlin)

  country        received          sent         total            share
  --------------------------------------------------------------------
  DE             3.00 GiB      2.00 MiB      3.00 GiB          100.0 %
  FR             1.00 KiB           0 B      1.00 KiB            0.0 %
  --------------------------------------------------------------------
  sum            3.00 GiB      2.00 MiB      3.00 GiB
"
    );
}

#[test]
fn the_hour_that_comes_twice_has_two_rows() {
    let arguments = ["--hour", "--csv", "--since", "2026-10-25", "--until"];
    let found = text(&[&arguments[..], &["2026-10-25"]].concat());
    assert_eq!(
        found,
        "\
hour,interface,name,bytes_received,bytes_sent,packets_received,packets_sent
2026-10-25 02:00 +02:00,eth0,,100,0,1,0
2026-10-25 02:00 +01:00,eth0,,200,0,1,0
"
    );
}

#[test]
fn services_are_found_and_json_has_exact_numbers() {
    let found = text(&[&DAYS[..], &["--by", "service", "--json"]].concat());
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["rows"][0]["key"], "web");
    assert_eq!(found["rows"][0]["bytes_received"], 77);
    assert_eq!(found["whole"]["bytes_sent"], 33);
    assert_eq!(found["timezone"], "Europe/Berlin");
}

#[test]
fn what_cannot_be_reported_is_one_line() {
    let empty = TempDir::new().unwrap();
    let bad = TempDir::new().unwrap();
    fs::write(bad.path().join("history.db"), "no database at all").unwrap();
    for (folder, arguments, status, part) in [
        (empty.path(), &[][..], 74, "cannot read the history"),
        (bad.path(), &[], 74, "cannot read the history"),
        (empty.path(), &["--since", "soon"], 64, "--since: \"soon\" is no day"),
        (
            empty.path(),
            &["--by", "weather"],
            64,
            "--by: \"weather\" is no subject",
        ),
        (empty.path(), &["--limit", "0"], 64, "--limit: \"0\" is no number"),
        (
            empty.path(),
            &["--by", "country", "--limit", "-1"],
            64,
            "--limit: \"-1\" is no number",
        ),
        (empty.path(), &["--csv", "--json"], 64, "cannot be used"),
    ] {
        let output = report(folder, arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(part), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_geoip-exporter"))
        .env_clear()
        .args(["report", "--config", "/dev/null"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78), "{output:?}");
}

#[test]
fn a_fifo_instead_of_the_history_is_one_line() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let config = folder.path().join("x.toml");
    fs::write(&config, format!("state_directory = {:?}", folder.path()))
        .unwrap();
    // Without an end, the command would wait for one who writes.
    let output = Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_geoip-exporter"), "report"])
        .arg("--config")
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(74), "{said}");
    assert!(said.ends_with("history.db is a FIFO, not a file\n"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// Serves an answer to each request until the test ends. Returns the address.
fn server(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = BufReader::new(stream.try_clone().unwrap());
            let lines = head.lines().map_while(Result::ok);
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let length = answer.len();
            let text = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{answer}"
            );
            let _ = stream.write_all(text.as_bytes());
        }
    });
    url
}

#[test]
fn another_exporter_needs_no_configuration_and_commands_no_terminal() {
    let hostile = "e\u{1b}[2J\n\u{9b}th\u{202e}0";
    let totals = serde_json::json!({"bytes_received": 7, "bytes_sent": 8});
    let row = serde_json::json!({
        "start": 1_795_910_400.0, "end": 1_795_996_800.0, "key": hostile,
        "name": hostile, "bytes_received": 7, "bytes_sent": 8,
    });
    let answer = serde_json::json!({
        "snapshot": "1", "at": 1_795_953_600.0, "started": 1.0,
        "rates_over_seconds": null, "written": null,
        "since": 1_795_910_400.0, "until": 1_795_996_800.0,
        "by": "interface", "resolution": "day", "counted": "interfaces",
        "timezone": format!("Mars/{hostile}"), "rows": [row], "whole": totals,
    });
    let url = server(answer.to_string());
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("x.toml");
    fs::write(&config, "no configuration").unwrap();
    for arguments in [&[][..], &["--csv"], &["--by", "network"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_geoip-exporter"))
            .env_clear()
            .args(["report", "--url", &url, "--config"])
            .arg(&config)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("e[2Jth0"), "{said}");
        let is_plain = |c: char| c == '\n' || !c.is_control();
        assert!(said.chars().all(is_plain), "{said:?}");
        assert!(!said.contains('\u{202e}'), "{said:?}");
    }
}
