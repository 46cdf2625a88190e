//! The workflow of a release and its scripts, as far as they go without a tag.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(path).unwrap()
}

/// A tag on an action can be moved to other code.
#[test]
fn the_workflow_takes_each_action_by_its_commit() {
    let workflow = read(".github/workflows/release.yml");
    let uses = workflow.lines().filter_map(|line| {
        line.trim_start().trim_start_matches("- ").strip_prefix("uses: ")
    });
    let mut count = 0;
    for action in uses {
        let (_, rest) = action.split_once('@').unwrap();
        let (commit, version) = rest.split_once(" # v").unwrap();
        let is_commit = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(commit.len() == 40 && is_commit, "{action}");
        assert!(version.split('.').count() == 3, "{action}");
        count += 1;
    }
    assert!(count > 3, "{count}");
}

#[test]
fn the_workflow_runs_targets_and_scripts_that_there_are() {
    let workflow = read(".github/workflows/release.yml");
    let makefile = read("Makefile");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for line in workflow.lines().map(str::trim) {
        let targets = line
            .strip_prefix("run: make ")
            .or_else(|| line.strip_prefix("tests: "))
            .unwrap_or_default();
        let words = targets.split(' ').filter(|word| {
            word.bytes().all(|byte| {
                b"-".contains(&byte) || byte.is_ascii_alphanumeric()
            })
        });
        for target in words.filter(|word| !word.is_empty()) {
            let rule = format!("\n{target}: ");
            assert!(makefile.contains(&rule), "make {target}");
            count += 1;
        }
        let scripts =
            line.split([' ', '"']).filter(|word| word.starts_with("scripts/"));
        for script in scripts {
            assert!(root.join(script).is_file(), "{script}");
            count += 1;
        }
    }
    assert!(count > 8, "{count}");
}

/// Runs scripts/check-release in a project of this changelog.
fn check_release(tag: &str, changelog: &str) -> Output {
    let project = TempDir::new().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = project.path().join("scripts/check-release");
    fs::create_dir(project.path().join("scripts")).unwrap();
    fs::copy(root.join("scripts/check-release"), &script).unwrap();
    fs::write(
        project.path().join("Cargo.toml"),
        "[package]\nversion = \"1.2.3\"\n[dependencies]\nversion = \"9\"\n",
    )
    .unwrap();
    fs::write(project.path().join("CHANGELOG.md"), changelog).unwrap();
    Command::new(script).arg(tag).output().unwrap()
}

#[test]
fn a_tag_is_released_if_the_version_and_the_changelog_agree_with_it() {
    const CHANGELOG: &str = "# Changelog\n\n## Unreleased\n\n- later\n\n\
        ## 1.2.3 - 2026-01-01\n\n### Added\n\n- now\n\n## 1.2\n\n- old\n";
    let good = check_release("v1.2.3", CHANGELOG);
    assert!(good.status.success(), "{good:?}");
    let notes = String::from_utf8(good.stdout).unwrap();
    assert_eq!(notes.trim(), "### Added\n\n- now");

    for (tag, changelog, fault) in [
        ("v1.2.4", CHANGELOG, "v1.2.4: Cargo.toml has the version 1.2.3"),
        ("1.2.3", CHANGELOG, "1.2.3: Cargo.toml has the version 1.2.3"),
        ("v1.2.3", "## Unreleased\n- x\n## 1.2.30\n- y\n", "nothing under"),
        ("v1.2.3", "## 1.2.3\n\n## 1.2.2\n- y\n", "nothing under"),
    ] {
        let refused = check_release(tag, changelog);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(65), "{said}");
        assert!(said.contains(fault), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
