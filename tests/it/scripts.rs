//! The scripts, as far as they go without the network and rights.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn a_database_that_is_there_is_not_fetched_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.mmdb");
    fs::write(&file, "mine").unwrap();
    let output = Command::new("scripts/fetch-database")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(73));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!(
            "{} is there already and stays as it is: fetch into a new file, \
             then move that one over it\n",
            file.display()
        )
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

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
