//! The scripts, as far as they go without the network and rights.

mod fetch;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

#[test]
fn being_ready_is_described_by_the_same_words_everywhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let words = geoip_exporter::http::pages::READY_MEANS;
    for (file, times) in [("docs/metrics.md", 1), ("man/geoip-exporter.8", 1)] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        assert_eq!(text.matches(words).count(), times, "{file}");
    }
    for file in ["README.md", "docs/operation.md"] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        assert!(!text.contains("/-/ready` is 200"), "{file}");
        assert!(!text.contains("/-/ready` answers 200"), "{file}");
    }
}

/// Cargo warns of them at every build, and one day will not build them.
#[test]
fn the_build_needs_no_crate_that_a_later_rust_refuses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap();
    let packages: Vec<&str> = lock.split("[[package]]").collect();
    for name in ["buf_redux", "multipart"] {
        let name = format!("name = \"{name}\"\n");
        let fetched = packages.iter().any(|package| {
            package.contains(&name) && package.contains("source = ")
        });
        assert!(!fetched, "{name}");
    }
}

const OF_A_PROVIDER: &str = r#"{"prefixes": [
  {"ip_prefix": "198.51.100.0/24", "region": "eu", "service": "AMAZON"},
  {"ip_prefix": "203.0.113.0/24", "region": "us", "service": "AMAZON"},
  {"ip_prefix": "198.51.100.0/24", "region": "eu", "service": "EC2"}],
 "ipv6_prefixes": [
  {"ipv6_prefix": "2001:db8:1::/48", "region": "eu", "service": "EC2"}]}"#;

fn make_ranges(arguments: &[&str]) -> std::process::Output {
    Command::new("scripts/make-ranges")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Both forms have the ranges that the exporter finds in the file itself.
#[test]
fn the_ranges_of_a_provider_s_file_are_those_that_the_exporter_reads() {
    use geoip_exporter::config::{Flags, Paths, load};
    use geoip_exporter::files::Place;
    use geoip_exporter::ranges::{RangeNames, RangeSources};

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aws.json");
    fs::write(&file, OF_A_PROVIDER).unwrap();
    let list = format!("range_files = [{file:?}]\n");
    let found = |configuration: &str| {
        let paths = Paths {
            file: folder.path().join("x.toml"),
            directory: folder.path().join("none"),
            ..Paths::default()
        };
        fs::write(&paths.file, configuration).unwrap();
        let config = load(&Flags::default(), &[], &paths).unwrap().config;
        let sources = RangeSources {
            definitions: config.range,
            files: config.range_files,
        };
        let names = RangeNames::default();
        let loaded = sources.load(&names, &Place::default()).unwrap();
        let rules = loaded.table.rules();
        let shown =
            rules.map(|it| format!("{} {}", it.prefix, names.get(it.range)));
        shown.collect::<Vec<_>>()
    };
    let expected = found(&list);
    assert_eq!(expected.len(), 3);
    let file = file.to_str().unwrap();
    let toml = make_ranges(&[file]);
    assert!(toml.status.success(), "{toml:?}");
    assert_eq!(found(&String::from_utf8(toml.stdout).unwrap()), expected);
    let json = make_ranges(&["--json", file]);
    let other = folder.path().join("ranges.json");
    fs::write(&other, json.stdout).unwrap();
    assert_eq!(found(&format!("range_files = [{other:?}]\n")), expected);

    let wrong = make_ranges(&["--field", "x", file]);
    assert_eq!(wrong.status.code(), Some(65));
    assert_eq!(
        String::from_utf8(wrong.stderr).unwrap(),
        format!(
            "make-ranges: {file}: has no field 'x', allowed: service, \
             region, network_border_group\n"
        )
    );
}

/// `make` calls them by their names.
#[test]
fn every_script_is_executable() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["scripts", "benches", "etc/container", "tests/unit"] {
        for entry in fs::read_dir(here.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && fs::read(&path).unwrap().starts_with(b"#!/") {
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o111, 0o111, "{}", path.display());
            }
        }
    }
}

/// Returns the files below a folder.
fn files_below(folder: &Path) -> Vec<String> {
    let output = Command::new("find")
        .args([".", "-type", "f"])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut files: Vec<_> = text.lines().map(str::to_owned).collect();
    files.sort();
    files
}

#[test]
fn make_run_says_first_how_long_the_build_takes() {
    let output = Command::new("make")
        .args(["--dry-run", "run", "EXPORTER=/nonexistent"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let commands = String::from_utf8(output.stdout).unwrap();
    let first = commands.find("the first build takes about").unwrap();
    assert!(first < commands.find("scripts/install-packages").unwrap());
    assert!(first < commands.find("cargo build").unwrap());
}

#[test]
fn an_uninstalled_exporter_leaves_its_configuration_alone() {
    let folder = TempDir::new().unwrap();
    let make = |target: &str| {
        // Any program stands for the exporter, which may not be built.
        let output = Command::new("make")
            .args(["-s", target, "EXPORTER=/bin/true", "PREFIX=/usr"])
            .arg(format!("DESTDIR={}", folder.path().display()))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    make("install");
    let installed = files_below(folder.path());
    for file in [
        "./etc/geoip-exporter.toml",
        "./usr/bin/geoip-exporter",
        "./usr/lib/systemd/system/geoip-exporter@.service",
        "./usr/share/bash-completion/completions/geoip-exporter",
        "./usr/share/zsh/site-functions/_geoip-exporter",
        "./usr/share/fish/vendor_completions.d/geoip-exporter.fish",
        "./usr/share/doc/geoip-exporter/docs/operation.md",
        "./usr/share/geoip-exporter/geoip-exporter-web.yml",
        "./usr/share/geoip-exporter/openrc/geoip-exporter",
        "./usr/share/geoip-exporter/grafana/provisioning/dashboards.yml",
        "./usr/share/geoip-exporter/grafana/traffic.json",
        "./usr/share/geoip-exporter/prometheus/geoip-exporter.alerts.yml",
    ] {
        assert!(installed.iter().any(|found| found == file), "{installed:?}");
    }
    // No program is looked for where another prefix would have it.
    for file in [
        "usr/lib/systemd/system/geoip-exporter.service",
        "usr/lib/systemd/system/geoip-exporter@.service",
        "usr/lib/systemd/system/geoip-exporter-fetch.service",
        "usr/share/geoip-exporter/openrc/geoip-exporter",
    ] {
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.contains("/usr/bin/geoip-exporter"), "{file}");
        assert!(!text.contains("/usr/local"), "{file}");
    }
    make("uninstall");
    assert_eq!(files_below(folder.path()), ["./etc/geoip-exporter.toml"]);
}

#[test]
fn the_test_of_the_container_needs_a_program() {
    let of = |arguments: &[&str]| {
        let output = Command::new("scripts/test-container")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(arguments)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let usage = "usage: scripts/test-container BINARY\n";
    assert_eq!(of(&[]), (Some(64), usage.into()));
    let said = "/nonexistent is no program: make test-container builds it\n";
    assert_eq!(of(&["/nonexistent"]), (Some(1), said.into()));
}
