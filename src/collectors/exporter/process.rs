//! CPU time, memory and descriptors of this process.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::Counter;
use rustix::time::ClockId;

use crate::accounting::Timestamp;
use crate::metrics::family::Family;
use crate::metrics::{Collect, Families};

/// The CPU time, which the library knows in whole seconds only.
const CPU_SECONDS: &str = "process_cpu_seconds_total";

/// The start of the process.
const START_TIME: &str = "process_start_time_seconds";

/// Returns the CPU time that this process has taken.
fn cpu_seconds() -> f64 {
    let taken = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(taken).unwrap_or_default().as_secs_f64()
}

/// The `process_*` families of this process.
pub struct Process(Mutex<ProcessCollector>);

impl Default for Process {
    fn default() -> Self {
        Self(Mutex::new(ProcessCollector::for_self()))
    }
}

impl Collect for Process {
    /// Constant: these families are collected anew when another collector has
    /// news.
    fn version(&self) -> u64 {
        0
    }

    fn collect(&self) -> Families<'_> {
        Box::new(move |emit| {
            // One at a time: the collector adds the growth of the CPU time since
            // its last look, and two at once would add it twice.
            let collector =
                self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let families = collector.collect();
            let started = families.iter().find(|f| f.name() == START_TIME);
            let started = started.and_then(|family| {
                let seconds =
                    family.get_metric().first()?.get_gauge().get_value();
                Duration::try_from_secs_f64(seconds).ok()
            });
            let started =
                started.map(|since| Timestamp::from(UNIX_EPOCH + since));
            for mut family in families {
                if family.name() == CPU_SECONDS {
                    for metric in family.mut_metric() {
                        let mut counter = Counter::default();
                        counter.set_value(cpu_seconds());
                        metric.set_counter(counter);
                    }
                    emit(&Family { metrics: family, created: vec![started] });
                } else {
                    emit(&family.into());
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_has_parts_of_seconds() {
        let mut shown = Vec::new();
        let process = Process::default();
        for _ in 0..2 {
            (process.collect())(&mut |family| {
                if family.metrics.name() == CPU_SECONDS {
                    let metric = &family.metrics.get_metric()[0];
                    shown.push(metric.get_counter().get_value());
                }
            });
        }
        assert!(shown[0] > 0.0 && shown[1] > shown[0], "{shown:?}");
    }
}
