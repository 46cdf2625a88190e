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
mod connections;
mod database;
mod growth;
#[path = "../tests/privileged/harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use the rest")]
mod harness;
mod lookups;
mod networks;
mod ours;
mod packets;
mod path;
mod polls;
mod prefixes;
mod processes;
mod programs;
mod ranges;
mod report;
mod scrapes;
mod sys;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use geoip_exporter::geoip::{Database, NetworkDatabase};

/// The options of the command line.
struct Options {
    effort: Effort,
    /// Another database than the one that is made.
    database: Option<PathBuf>,
    /// Another database of networks, or lists of ranges with commas between.
    asn_database: Option<String>,
    /// The parts to run; all if none is named.
    parts: Vec<String>,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self {
            effort: Effort::Full,
            database: None,
            asn_database: None,
            parts: Vec::new(),
        };
        for argument in arguments {
            match argument.as_str() {
                // Said by cargo.
                "--bench" => (),
                "--quick" => options.effort = Effort::Quick,
                other => match other.split_once('=') {
                    Some(("--database", path)) => {
                        options.database = Some(path.into());
                    }
                    Some(("--asn-database", path)) => {
                        options.asn_database = Some(path.into());
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
    if options.has("connections") {
        rows.extend(connections::rows(effort));
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
    let asn_file = || match options.asn_database.as_deref() {
        Some(lists) if lists.ends_with(".csv") => database::from_lists(lists),
        Some(path) => fs::read(path).expect("cannot read the database"),
        None => database::networks(),
    };
    if options.has("networks") {
        rows.extend(networks::rows(effort, &asn_file(), &known));
    }
    // Says nothing of a database that was made.
    if options.parts.iter().any(|part| part == "prefixes") {
        print_prefixes(&file, &known, &asn_file());
        return;
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

/// Prints the errors of prefixes in a database of countries and in one of
/// networks.
fn print_prefixes(file: &[u8], countries: &Database, asn_file: &[u8]) {
    let of_country = |address| countries.country(address).index() as u64;
    println!("Countries:\n\n{}", prefixes::table(file, of_country));
    let path = std::path::Path::new("networks");
    let networks = NetworkDatabase::from_bytes(path, asn_file.to_vec());
    let networks = networks.unwrap_or_else(|e| panic!("{e}"));
    let of_network = |address| u64::from(networks.network(address).0);
    println!("Networks:\n\n{}", prefixes::table(asn_file, of_network));
}
