//! `geoip-exporter lookup`: where addresses belong, and why.

use std::fs;
use std::process::{Command, Output};

use geoip_exporter::sysexits;
use tempfile::TempDir;

use crate::databases::path;

const RANGES: &str = "\
[[range]]
name = \"site\"
cidrs = [\"10.0.0.0/8\", \"203.0.112.0/20\"]
country = \"HQ\"
asn = 64510
[[range]]
name = \"lab\"
cidrs = [\"10.1.0.0/16\"]
[[range]]
name = \"host\"
cidrs = [\"203.0.113.7\"]
";

fn lookup(folder: &TempDir, lines: &str, arguments: &[&str]) -> Output {
    let file = folder.path().join("x.toml");
    fs::write(&file, lines).unwrap();
    Command::new(env!("CARGO_BIN_EXE_geoip-exporter"))
        .env_clear()
        .arg("lookup")
        .arg("--config")
        .arg(&file)
        .args(arguments)
        .output()
        .unwrap()
}

/// Returns the answer, with other names of the files.
fn answer(lines: &str, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let database = path("country-maxmind.mmdb");
    let lines = format!("geoip_db = {database:?}\n{lines}");
    let output = lookup(&folder, &lines, arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let folder = folder.path().to_str().unwrap();
    text.replace(folder, "/etc")
        .replace(database.to_str().unwrap(), "/country.mmdb")
}

#[test]
fn the_rule_that_wins_is_named_with_file_and_line() {
    assert_eq!(
        answer(RANGES, &["10.1.2.3", "192.0.2.7"]),
        "\
10.1.2.3
  country   HQ
            from: range \"site\", /etc/x.toml:4
  network   AS64510
            from: range \"site\", /etc/x.toml:4
  range     lab
            10.1.0.0/16 \"lab\", /etc/x.toml:9
            10.0.0.0/8 \"site\", /etc/x.toml:4, country HQ, AS64510
  special   PRIVATE

192.0.2.7
  country   DE (Germany)
            from: /country.mmdb, record of 192.0.2.0/24
  network   UNKNOWN
            from: networks = true is not set
  range     other
  special   DOCUMENTATION
"
    );
}

#[test]
fn an_unknown_country_has_a_reason() {
    let reason = |lines: &str, address: &str| {
        let text = answer(lines, &[address]);
        let line = text.lines().find(|line| line.contains("from: "));
        line.unwrap().trim().to_owned()
    };
    assert_eq!(
        reason("", "198.51.100.241"),
        "from: a special address (DOCUMENTATION); name_special_addresses = \
         true names it"
    );
    assert_eq!(
        reason("name_special_addresses = true\n", "10.0.0.1"),
        "from: the registry of special addresses"
    );
    assert_eq!(
        reason("", "9.9.9.9"),
        "from: /country.mmdb has no record of it"
    );
    let folder = tempfile::tempdir().unwrap();
    let output = lookup(&folder, "geoip_db = \"/none.mmdb\"\n", &["9.9.9.9"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains(
            "from: no database: cannot open GeoIP database \"/none.mmdb\": \
             No such file or directory"
        ),
        "{text}"
    );
}

#[test]
fn a_word_that_is_no_address_is_one_line_and_the_others_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let output = lookup(
        &folder,
        "geoip_db = \"/none.mmdb\"\n",
        &["host.example", "::1"],
    );
    assert_eq!(output.status.code(), Some(sysexits::USAGE.into()));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        error,
        format!(
            "\"host.example\" is not an address, such as \
             198.51.100.7 or 2001:db8::1\n{}/x.toml:1: geoip_db: cannot open \
             GeoIP database \"/none.mmdb\": No such file or directory\n",
            folder.path().display()
        )
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("::1\n"), "{text}");
}

#[test]
fn a_database_that_cannot_be_opened_is_one_line_and_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("damaged.mmdb");
    fs::write(&file, "no database").unwrap();
    let good = path("country-maxmind.mmdb");
    for (lines, key, status) in [
        (format!("geoip_db = {file:?}\n"), "x.toml:1: geoip_db: ", 78),
        (
            format!(
                "geoip_db = {good:?}\nnetworks = true\nasn_db = {file:?}\n"
            ),
            "x.toml:3: asn_db: ",
            78,
        ),
        (format!("geoip_db = {good:?}\nasn_db = {file:?}\n"), "", 0),
    ] {
        for json in [&["192.0.2.7"][..], &["--json", "192.0.2.7"]] {
            let output = lookup(&folder, &lines, json);
            let error = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(status), "{error}");
            assert_eq!(error.lines().count(), usize::from(!key.is_empty()));
            assert!(error.contains(key), "{error}");
            // The parts that need no database are answered.
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains("DOCUMENTATION"), "{text}");
        }
    }
}

#[test]
fn a_bad_file_of_ranges_is_named_and_the_others_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.txt");
    fs::write(&list, "nonsense\n").unwrap();
    let database = path("country-maxmind.mmdb");
    let lines = format!(
        "geoip_db = {database:?}\nrange_files = [{{ path = {list:?}, name = \"a\" }}]\n"
    );
    let output = lookup(&folder, &lines, &["192.0.2.7"]);
    assert_eq!(output.status.code(), Some(sysexits::CONFIG.into()));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("list.txt:1: \"nonsense\" is no prefix"), "{error}");
    assert!(!output.stdout.is_empty());
}

#[test]
fn json_has_the_same_and_says_what_a_flow_counts() {
    let text = answer(RANGES, &["--json", "2002:cb00:7107::1", "10.1.2.3"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json[0]["carries"], "203.0.113.7");
    assert_eq!(json[1]["country"], "HQ");
    assert_eq!(json[1]["asn"], 64510);
    assert_eq!(json[1]["range"], "lab");
    assert_eq!(json[1]["ranges"][1]["at"], "/etc/x.toml:4");
    // The database has no record of the first address of this /24 alone.
    let text = answer(RANGES, &["198.51.100.200"]);
    assert!(
        text.contains(
            "counted   US, network UNKNOWN, range other (flows keep 198.51.100.0/24)"
        ),
        "{text}"
    );
}
