//! The cost of the exporter, beside the reference exporter's design and a plain
//! LRU map, in one run: `make bench`. Needs root, and nothing else to run on
//! the machine meanwhile.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a benchmark that cannot do its work ends, loudly"
)]

mod circumstances;
mod database;
mod growth;
#[path = "../tests/privileged/harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use the rest")]
mod harness;
mod lookups;
#[path = "../tests/it/mmdb.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod mmdb;
mod ours;
mod packets;
mod path;
mod polls;
mod processes;
mod programs;
mod ranges;
mod report;
mod scrapes;
mod sys;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use geoip_exporter::geoip::Database;

/// The options of the command line.
struct Options {
    effort: Effort,
    /// Another database than the one that is made.
    database: Option<PathBuf>,
    /// The parts to run; all if none is named.
    parts: Vec<String>,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Self {
        let mut options =
            Self { effort: Effort::Full, database: None, parts: Vec::new() };
        for argument in arguments {
            match argument.as_str() {
                // Said by cargo.
                "--bench" => (),
                "--quick" => options.effort = Effort::Quick,
                other => match other.split_once('=') {
                    Some(("--database", path)) => {
                        options.database = Some(path.into());
                    }
                    _ => options.parts.push(argument),
                },
            }
        }
        options
    }

    fn has(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|p| p == part)
    }
}

/// The length of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    Full,
    /// Seconds: to see that it works.
    Quick,
}

impl Effort {
    /// Returns one number or the other.
    pub(crate) fn of<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

fn main() {
    let options = Options::parse(std::env::args().skip(1));
    let effort = options.effort;
    let folder = tempfile::TempDir::new().expect("cannot make a folder");
    let path = options.database.clone().unwrap_or_else(|| {
        let path = folder.path().join("benchmark.mmdb");
        fs::write(&path, database::bytes()).expect("cannot write");
        path
    });
    let mut rows = Vec::new();
    let mut growths = Vec::new();
    // First, while this process is small: starting another copies it.
    if options.has("processes") {
        rows.extend(processes::rows(effort, &path));
    }
    if options.has("packets") {
        rows.splice(0..0, packets::rows(effort));
    }
    if options.has("path") {
        rows.extend(path::rows(effort));
    }
    let file = fs::read(&path).expect("cannot read the database");
    let known = Database::open(&path).unwrap_or_else(|e| panic!("{e}"));
    let known = Arc::new(known);
    if options.has("polls") {
        rows.extend(polls::rows(effort, &known));
    }
    if options.has("ranges") {
        rows.extend(ranges::rows(effort));
    }
    if options.has("scrapes") {
        rows.extend(scrapes::rows(effort));
    }
    if options.has("lookups") {
        rows.extend(lookups::rows(effort, &file, &known));
    }
    if options.has("growth") {
        growths.extend(growth::growths(effort));
    }
    let is_quick = effort == Effort::Quick;
    let circumstances = circumstances::now(is_quick);
    let size = file.len();
    let document = report::document(&circumstances, &rows, &growths, size);
    println!("{document}");
}
