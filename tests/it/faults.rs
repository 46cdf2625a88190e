//! `docs/faults.md` names a test for each row, and the tests are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Returns every file of ours with its text.
fn texts(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in folders {
        sources(&root().join(folder), &mut found);
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    found.into_iter().map(read).collect()
}

fn document() -> String {
    fs::read_to_string(root().join("docs/faults.md")).unwrap()
}

/// Returns the names of all tests.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, text) in texts(&["src", "tests"]) {
        for behind in text.split("#[test]").skip(1) {
            let (_, name) = behind.split_once("fn ").unwrap();
            let (name, _) = name.split_once('(').unwrap();
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn every_row_of_the_faults_names_a_test() {
    let (document, tests) = (document(), tests());
    let rows = document.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|line| !line.starts_with("| Fault |"));
    let mut count = 0;
    for row in rows {
        let cell = row.trim_end_matches(" |").rsplit("| ").next().unwrap();
        let name = cell.trim_matches('`');
        assert!(tests.contains(name), "no test {name}: {row}");
        count += 1;
    }
    assert!(count > 20, "{count} rows");
}

#[test]
fn every_test_of_faults_has_its_row() {
    let document = document();
    let read = |name| fs::read_to_string(root().join(name)).unwrap();
    let text = read("tests/privileged/faults.rs")
        + &read("tests/privileged/faults/start.rs")
        + &read("tests/privileged/kept/refused.rs");
    for behind in text.split("#[test]\nfn ").skip(1) {
        let (name, _) = behind.split_once('(').unwrap();
        assert!(document.contains(&format!("`{name}`")), "no row for {name}");
    }
}

#[test]
fn every_command_of_bpf_has_its_row() {
    let document = document();
    let text =
        fs::read_to_string(root().join("src/kernel/sys/bpf.rs")).unwrap();
    let mut count = 0;
    for behind in text.split("bpf_cmd::").skip(1) {
        let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
        let end = behind.find(|c: char| !is_name(c)).unwrap();
        let command = &behind[..end];
        assert!(document.contains(&format!("`{command}`")), "{command}");
        count += 1;
    }
    assert!(count >= 5, "{count} commands");
}

/// What depends on the time of day breaks when it jumps.
#[test]
fn the_time_of_day_decides_nothing() {
    // The time of the last reload, the date of an HTTP answer, and the time at
    // which counters were zero. Log lines get theirs from the library.
    let shown = [
        "src/daemon/mod.rs",
        "src/daemon/events.rs",
        "src/connections/mod.rs",
        "src/daemon/start/begin.rs",
        "src/collectors/exporter/mod.rs",
        "src/http/server/connection.rs",
        // Whether a certificate has expired.
        "src/http/web_config/mod.rs",
        "src/http/server/authentication.rs",
        "src/http/server/pool.rs",
        "src/http/server/reply.rs",
        "src/accounting/timestamp.rs",
        "src/collectors/traffic/account/tests/created.rs",
        "src/collectors/exporter/process.rs",
        "src/poller/crediting.rs",
        // The hour and the day to which growth belongs.
        "src/history/recorder.rs",
        // The periods of a report.
        "src/commands/report/mod.rs",
        // The name that a damaged file gets.
        "src/state/store.rs",
    ];
    for (path, text) in texts(&["src"]) {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
        let asks = ["SystemTime", "UNIX_EPOCH", "CLOCK_REALTIME", "Utc::now"]
            .iter()
            .any(|word| text.contains(word));
        assert!(!asks || shown.contains(&name), "{name}");
    }
}
