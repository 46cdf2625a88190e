//! Turning snapshots into metric families, and those into a page. No metric
//! is named here.

pub mod encode;
pub mod family;
pub mod negotiate;
pub mod published;

use std::io;
use std::sync::{Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;

use encode::Format;

/// Takes one metric family after the other, so that only one of them is in
/// memory at a time.
pub type Emit<'a> = &'a mut dyn FnMut(&MetricFamily);

/// A subject that is exported.
pub trait Collect: Send + Sync {
    /// Emits the families of this subject as they are now, in the same order
    /// every time.
    fn collect(&self, emit: Emit<'_>);
}

/// Everything that is exported, in the order it was registered.
#[derive(Default)]
pub struct Registry {
    collectors: Vec<Box<dyn Collect>>,
}

impl Registry {
    /// Returns a registry without collectors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a collector, whose families no other may have.
    pub fn register(&mut self, collector: impl Collect + 'static) {
        self.collectors.push(Box::new(collector));
    }

    /// Writes one scrape.
    ///
    /// # Errors
    ///
    /// When `to` cannot be written to.
    pub fn write(&self, format: Format, to: impl io::Write) -> io::Result<()> {
        let mut encoder = encode::Encoder::new(format, to);
        let mut written = Ok(());
        for collector in &self.collectors {
            collector.collect(&mut |family| {
                if written.is_ok() {
                    written = encoder.family(family);
                }
            });
        }
        written?;
        encoder.finish()
    }
}

/// The `process_*` families of this process.
pub struct Process(Mutex<ProcessCollector>);

impl Default for Process {
    fn default() -> Self {
        Self(Mutex::new(ProcessCollector::for_self()))
    }
}

impl Collect for Process {
    fn collect(&self, emit: Emit<'_>) {
        // One at a time: the collector adds what the CPU time grew by since it
        // looked last, and two at once would add it twice.
        let collector = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for family in collector.collect() {
            emit(&family);
        }
    }
}
