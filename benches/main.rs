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

#[path = "../tests/privileged/harness/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod harness;
mod ours;
mod packets;
mod programs;
mod report;
mod sys;

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
    let effort = if std::env::args().any(|a| a == "--quick") {
        Effort::Quick
    } else {
        Effort::Full
    };
    let rows = packets::rows(effort);
    println!("{}", report::targets_table(&rows));
}
