//! What the exporter costs, beside the reference exporter's design and a plain
//! LRU map, in one run: `make bench`. Needs root, and nothing else to run on
//! the machine meanwhile.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a benchmark that cannot do its work ends, loudly"
)]

mod database;
#[path = "../tests/privileged/harness/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod harness;
mod lookups;
#[path = "../tests/it/mmdb.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod mmdb;
mod ours;
mod packets;
mod polls;
mod programs;
mod report;
mod sys;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use geoip_exporter::geoip::Database;

/// What the command line says.
struct Options {
    effort: Effort,
    /// Another database than the one that is made.
    database: Option<PathBuf>,
    /// The parts to run; all where none is named.
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

/// How long it may take.
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
    let file = match &options.database {
        Some(path) => std::fs::read(path).expect("cannot read the database"),
        None => database::bytes(),
    };
    let known = Database::from_bytes(Path::new("benchmark"), file.clone());
    let known = Arc::new(known.unwrap_or_else(|e| panic!("{e}")));
    eprintln!("a database of {} bytes", file.len());
    let mut rows = Vec::new();
    if options.has("packets") {
        rows.extend(packets::rows(effort));
    }
    if options.has("polls") {
        rows.extend(polls::rows(effort, &known));
    }
    if options.has("lookups") {
        rows.extend(lookups::rows(effort, &file, &known));
    }
    println!("{}", report::targets_table(&rows));
}
