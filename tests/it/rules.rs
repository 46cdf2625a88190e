//! The rules for Prometheus in `etc/prometheus`, checked and tried by promtool.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

const RULES: [&str; 2] = [
    "etc/prometheus/geoip-exporter.rules.yml",
    "etc/prometheus/geoip-exporter.alerts.yml",
];

const TESTS: &str = "tests/data/prometheus/alerts.test.yml";

/// Hours of machines that come, go and begin anew.
const FLEET_TESTS: &str = "tests/data/prometheus/fleet.test.yml";

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("promtool is installed (scripts/install-packages test)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {text}");
}

/// Each alert fires on its condition, does not fire without it, and ends.
#[test]
fn rules_are_well_formed_and_alerts_fire_as_they_should() {
    promtool(&["check", "rules", RULES[0], RULES[1]]);
    promtool(&["test", "rules", TESTS]);
    let alerts = read(RULES[1]);
    let names = alerts.lines().filter_map(|line| {
        line.strip_prefix("      - alert: ").map(str::to_owned)
    });
    let names: BTreeSet<String> = names.collect();
    assert!(names.len() > 15, "{names:?}");
    let tests = read(TESTS);
    for name in names {
        // It does not fire before, fires once, and does not fire after.
        let all = format!("alertname: {name}\n");
        assert_eq!(tests.matches(&all).count(), 3, "{name}");
    }
}

/// The groups of Prometheus run in no order.
#[test]
fn hours_of_a_fleet_are_right_in_any_order_of_the_groups() {
    let folder = tempfile::tempdir().unwrap();
    let tests = read(FLEET_TESTS).replace("../../..", root().to_str().unwrap());
    let hours = "geoip-exporter-hours";
    let fleet = "geoip-exporter-fleet";
    for order in [[hours, fleet], [fleet, hours]] {
        for name in order {
            assert!(read(RULES[0]).contains(name), "{name}");
        }
        let file = folder.path().join(format!("{}-first.yml", order[0]));
        let order = order.join(", ");
        fs::write(&file, format!("{tests}group_eval_order: [{order}]\n"))
            .unwrap();
        promtool(&["test", "rules", file.to_str().unwrap()]);
    }
}

/// A rule with a name that no metric has never fires.
#[test]
fn rules_name_metrics_that_there_are() {
    let page = read("docs/metrics.md");
    let known = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let known: BTreeSet<&str> = known.collect();
    for file in RULES {
        let text = read(file);
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
        let words = text.split(|c| !is_part(c));
        let words = words
            .filter(|word| word.starts_with("geoip_") && !word.contains(':'));
        let mut count = 0;
        for word in words {
            let family = word.trim_end_matches("_bucket");
            let family = family.trim_end_matches("_count");
            assert!(known.contains(family), "{file}: {word}");
            count += 1;
        }
        assert!(count > 10, "{file}: {count}");
    }
}
