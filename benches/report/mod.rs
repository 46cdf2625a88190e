//! Results and their presentation. Time and machine are arguments.
//!
//! Pure: no I/O, clock, threads or logging.

mod smaps;
mod statistics;
mod table;

pub(crate) use smaps::resident_but;
pub(crate) use statistics::{Samples, median};
use table::aligned;

/// The value that a number is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// At most this part of the reference design's.
    OfReference(f64),
    /// At most this part of the plain LRU's.
    OfPlain(f64),
    /// At most this part of something else's, named; or only compared with it.
    Of { what: &'static str, value: f64, limit: Option<f64> },
    /// At most this, in the row's unit.
    AtMost(f64),
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) reference: Option<f64>,
    pub(crate) plain: Option<f64>,
    pub(crate) ours: f64,
    pub(crate) targets: Vec<Target>,
}

impl Row {
    /// Returns a row with nothing to compare with.
    pub(crate) fn new(
        what: impl Into<String>,
        unit: &'static str,
        ours: f64,
    ) -> Self {
        Self {
            what: what.into(),
            unit,
            reference: None,
            plain: None,
            ours,
            targets: Vec::new(),
        }
    }

    /// Compares with the reference design's number.
    pub(crate) fn reference(mut self, value: f64) -> Self {
        self.reference = Some(value);
        self
    }

    /// Compares with a plain LRU map's number.
    pub(crate) fn plain(mut self, value: f64) -> Self {
        self.plain = Some(value);
        self
    }

    /// Adds a target.
    pub(crate) fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// Returns whether all targets are met; `None` if there are none, or if a
    /// number that one of them needs is missing.
    pub(crate) fn is_met(&self) -> Option<bool> {
        let met = self.targets.iter().map(|target| match *target {
            Target::AtMost(limit) => Some(self.ours <= limit),
            Target::Of { value, limit, .. } => {
                limit.map(|limit| self.ours / value <= limit)
            }
            Target::OfReference(limit) => {
                self.reference.map(|value| self.ours / value <= limit)
            }
            Target::OfPlain(limit) => {
                self.plain.map(|value| self.ours / value <= limit)
            }
        });
        let met: Option<Vec<bool>> = met.collect();
        met.filter(|met| !met.is_empty()).map(|met| met.iter().all(|&m| m))
    }

    fn ratios(&self) -> String {
        let mut ratios = Vec::new();
        for (value, name) in
            [(self.reference, "reference"), (self.plain, "plain")]
        {
            if let Some(value) = value {
                ratios.push(format!("{:.2} × {name}", self.ours / value));
            }
        }
        for target in &self.targets {
            if let Target::Of { what, value, .. } = *target {
                ratios.push(format!("{:.2} × {what}", self.ours / value));
            }
        }
        ratios.join(", ")
    }

    fn wanted(&self) -> String {
        let wanted = self.targets.iter().filter_map(|target| {
            Some(match *target {
                Target::OfReference(limit) => format!("≤ {limit} × reference"),
                Target::OfPlain(limit) => format!("≤ {limit} × plain"),
                Target::Of { what, limit, .. } => {
                    format!("≤ {} × {what}", limit?)
                }
                Target::AtMost(limit) => format!("≤ {limit} {}", self.unit),
            })
        });
        wanted.collect::<Vec<_>>().join("; ")
    }

    fn cells(&self) -> Vec<String> {
        let number = |value: Option<f64>| value.map_or("–".into(), shown);
        vec![
            self.what.clone(),
            self.unit.to_owned(),
            number(self.reference),
            number(self.plain),
            shown(self.ours),
            self.ratios(),
            self.wanted(),
            match self.is_met() {
                Some(true) => "yes".to_owned(),
                Some(false) => "**no**".to_owned(),
                None => String::new(),
            },
        ]
    }
}

/// Returns a number with the digits that mean something.
pub(crate) fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Returns the first table: the rows with targets.
pub(crate) fn targets_table(rows: &[Row]) -> String {
    let head = [
        "What",
        "Unit",
        "Reference design",
        "Plain LRU",
        "Ours",
        "Ratio",
        "Target",
        "Met",
    ];
    let cells: Vec<_> = rows.iter().map(Row::cells).collect();
    aligned(&head, &cells)
}

/// The growth of one thing with another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Growth {
    /// The thing that is measured, with its unit.
    pub(crate) what: String,
    /// The cause of the growth at each step, and the value there.
    pub(crate) steps: Vec<(String, f64)>,
}

/// Returns the second table.
pub(crate) fn growth_table(growths: &[Growth]) -> String {
    let cells: Vec<_> = growths
        .iter()
        .map(|growth| {
            let steps: Vec<_> = growth
                .steps
                .iter()
                .map(|(at, value)| format!("{at}: {}", shown(*value)))
                .collect();
            vec![growth.what.clone(), steps.join(", ")]
        })
        .collect();
    aligned(&["What", "How it grows"], &cells)
}

/// The machine and the time of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Circumstances {
    pub(crate) cpu_model: String,
    pub(crate) cpus: usize,
    pub(crate) kernel: String,
    /// The revision that was built, as git names it.
    pub(crate) revision: String,
    /// In seconds since the epoch.
    pub(crate) time: i64,
    /// Whether it was a short run, whose numbers mean little.
    pub(crate) is_quick: bool,
}

/// The method behind each number.
const METHOD: &str = "\
A packet costs the CPU time of `BPF_PROG_TEST_RUN` on one CPU, less that of an
empty program behind the same driver, which gives every packet another remote
address; median of rounds in which each program ran once. `reference` is our own
restatement of the reference exporter's published kernel design
([reference.bpf.c](bpf/reference.bpf.c)), with a key without holes, which is
kinder to it than it is itself. `plain` looks up and adds, in an LRU per-CPU
hash of the same size, and does nothing else ([floor.bpf.c](bpf/floor.bpf.c)).
Ours does all its work: wire bytes, exact totals, statistics, tunnels.

A frame costs what the kernel says the program took for it (`run_time_ns` and
`run_cnt`, with statistics enabled), less the same of an empty program in the
same round. 64-byte frames from random sources cross a veth between two
namespaces, so the sender, the driver and the stack compete with the program
for caches: these are the figures to plan with, while those of a packet in a
tight loop show the program alone. Each variant has a veth of its own, ours is
polled after each round. `the limit` parses, accesses an array that the prefix
itself indexes, and adds to the entry and to the totals. It neither hashes nor
compares, and has an element for every prefix there is.

A connection costs the time that its programs ran at one of its ends, from the
opening to the closing, less the same of a pair of empty programs that was
attached beside ours. An empty program runs for little more than the time in
which the kernel reads the clock, and the kernel reads it for the statistics
alone. Run times do not have the kernel's work to call the programs; the CPU time
has it. That is the time of the thread that opens and closes both ends over a
veth, one connection after the other, without programs, with the empty pair, and
with ours, in turns. A visit costs the CPU time of the exporter's thread
`connections`, `ss -tin` lists the same sockets.

A poll costs the CPU time of the poller's own thread, from reading to
publishing, where every key had a packet since the last poll and where none had.
`plain` is one sweep of an LRU per-CPU hash with the same keys by
`BPF_MAP_LOOKUP_BATCH`, 10,000 at a time, and nothing done with it.

Memory is what `/proc/PID/smaps` calls resident, without the mapped tables,
which are the kernel's, and less the size of the database's file.

The country of a key is asked for a million random addresses, `a bare walk` is
the `maxminddb` crate's way to the record's offset.
";

/// Returns everything as it is written to the file of results. The database
/// that it was measured with has this many bytes.
pub(crate) fn document(
    circumstances: &Circumstances,
    rows: &[Row],
    growths: &[Growth],
    database_bytes: usize,
) -> String {
    let Circumstances { cpu_model, cpus, kernel, revision, .. } = circumstances;
    let date = time::OffsetDateTime::from_unix_timestamp(circumstances.time)
        .map_or_else(|_| String::new(), |time| time.date().to_string());
    let mut text = format!(
        "# Measured\n\nWritten by `make bench`. Trust the ratios, which come \
         from one run; the rest is\nthis machine's.\n\n\
         * Machine: {cpu_model}, {cpus} CPUs\n* Kernel: {kernel}\n\
         * Date: {date}\n* Revision: {revision}\n\
         * Database: {:.1} MB\n\n",
        database_bytes as f64 / 1e6
    );
    if circumstances.is_quick {
        text.push_str("**A short run: the numbers mean little.**\n\n");
    }
    text.push_str(&targets_table(rows));
    text.push_str("\n## How cost grows\n\n");
    text.push_str(&growth_table(growths));
    text.push_str("\n## How it was measured\n\n");
    text.push_str(METHOD);
    text
}
