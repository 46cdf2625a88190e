//! The thread that counts TCP connections by country.
//!
//! It has an interval of its own, and no poll waits for it. While connections
//! are off it holds nothing, neither in the kernel nor in memory, except for the
//! counters.

mod audit;
mod counting;
mod ignored;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use slog::{Logger, info, warn};

use crate::accounting::{PollEnd, Timestamp};
use crate::classifier::Sources;
use crate::collectors::connections::{ConnectionsAccount, Method, Snapshot};
use crate::collectors::exporter::CollectorStatus;
use crate::config::Config;
use crate::kernel::{self, ConnectionsMethod, OpenConnections};
use crate::logging::chain;
use crate::metrics::published::{Published, Publisher};
use crate::ranges::RangeNames;
use audit::{Audit, Step};
use counting::{Counting, Meaning};

/// The interval at which the thread looks for changed files, and for the
/// kernel's room for keys.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The interval at which the open connections are counted anew. Some kernels run
/// no tracing program in some processes, nor in their interrupts: the number
/// would be wrong for good after an end that no program saw.
const RECOUNT_INTERVAL: Duration = Duration::from_secs(600);

/// The parts that the thread begins with.
pub struct Watcher {
    /// The log.
    pub log: Logger,
    /// Starts to count in the kernel.
    pub opener: Box<dyn OpenConnections>,
    /// The configuration in force.
    pub config: Published<Config>,
    /// The files that origins come from.
    pub sources: Published<Sources>,
    /// The numbers of the names of ranges.
    pub range_names: RangeNames,
    /// The counters.
    pub account: ConnectionsAccount,
    /// The publication of the counters.
    pub counters: Publisher<Snapshot>,
    /// The publication of the outcome of the last visit.
    pub status: Publisher<CollectorStatus>,
}

/// The thread while it runs.
struct Running {
    parts: Watcher,
    /// None while connections are off, or could not be counted.
    counting: Option<Counting>,
    /// The time of the next visit, or of the next attempt to begin.
    due: Instant,
    /// The time at which the open connections are counted anew.
    recount_due: Instant,
    audit: Audit,
    /// The fault that was logged last, so that each is logged once.
    fault: Option<String>,
    started: Instant,
}

impl Watcher {
    /// Counts until the other end of `news` is dropped. A message means that
    /// the configuration has changed.
    pub fn run(self, news: &Receiver<()>) {
        let mut running = Running {
            parts: self,
            counting: None,
            due: Instant::now(),
            recount_due: Instant::now() + RECOUNT_INTERVAL,
            audit: Audit::default(),
            fault: None,
            started: Instant::now(),
        };
        loop {
            running.step();
            let news = match running.is_idle() {
                true => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => news.recv_timeout(running.pause()),
            };
            if news == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        running.stop();
    }
}

impl Running {
    fn is_idle(&self) -> bool {
        self.counting.is_none() && !self.parts.config.get().connections
    }

    /// Returns the time until there is something to do.
    fn pause(&self) -> Duration {
        let left = self.due.saturating_duration_since(Instant::now());
        left.min(LOOK_INTERVAL)
    }

    /// Follows the configuration and the files, and visits the connections
    /// when that is due.
    fn step(&mut self) {
        let config = self.parts.config.get();
        let sources = self.parts.sources.version();
        let meaning = Meaning::of(&config, sources);
        let has_changed = self
            .counting
            .as_ref()
            .is_some_and(|counting| *counting.meaning() != meaning);
        if let Some(counting) = &self.counting
            && (!config.connections
                || counting.scope() != config.connections_scope)
        {
            self.stop();
            self.due = Instant::now();
        } else if has_changed {
            self.change(&config, meaning.clone());
        }
        if !config.connections {
            self.turn_off(&config);
            return;
        }
        // A shorter interval is in force at once.
        self.due = self.due.min(Instant::now() + config.connections_interval);
        let is_due = Instant::now() >= self.due;
        if is_due {
            self.due = Instant::now() + config.connections_interval;
        }
        match &self.counting {
            None if is_due => self.begin(&config, meaning),
            // Before the visit: an interval may leave no time but visits.
            Some(counting)
                if counting.is_displaced()
                    || Instant::now() >= self.recount_due =>
            {
                self.change(&config, meaning);
            }
            Some(_) if is_due => self.visit(),
            Some(counting) if counting.is_crowded() => self.take(),
            _ => {}
        }
    }

    /// Begins to count, and visits the connections that are open already.
    fn begin(&mut self, config: &Config, meaning: Meaning) {
        let began = Instant::now();
        let parts = &mut self.parts;
        let opened = parts.opener.open(config.connections_scope);
        kernel::trim_memory();
        match opened {
            Ok(watch) => {
                parts.account.configure(config);
                parts.account.count_by(Some(match watch.method() {
                    ConnectionsMethod::Programs => Method::Programs,
                    ConnectionsMethod::SockDiag { .. } => Method::SockDiag,
                }));
                let counting = Counting::new(watch, config, meaning, parts);
                self.counting = Some(counting);
                self.audit = Audit::default();
                self.fault = None;
                self.visit();
                self.tell_begun(config);
            }
            Err(error) => self.fail(&error, began.elapsed()),
        }
    }

    /// Tells that connections are counted. After the first visit, so that a
    /// scrape shows them.
    fn tell_begun(&self, config: &Config) {
        let Some(counting) = &self.counting else { return };
        let scope = config.connections_scope.name();
        match counting.method() {
            ConnectionsMethod::Programs => {
                info!(self.parts.log, "counting connections";
                    "by" => "eBPF programs", "scope" => scope);
            }
            ConnectionsMethod::SockDiag { reason } => {
                warn!(self.parts.log, "counting connections without eBPF \
                        programs: short ones and failed ones are missed";
                    "by" => "sock_diag", "scope" => "namespace",
                    "reason" => reason);
            }
        }
    }

    /// Credits the growth with the old meaning, and begins the number of open
    /// connections anew with the new one.
    fn change(&mut self, config: &Config, meaning: Meaning) {
        let Some(counting) = &mut self.counting else { return };
        let parts = &mut self.parts;
        self.recount_due = Instant::now() + RECOUNT_INTERVAL;
        // Connections that are ignored from now on are not missing.
        let is_owed = counting.visited().is_some()
            && counting.meaning().ignores_the_same(&meaning);
        let recounted = counting.recount(&mut parts.account);
        match is_owed {
            true => parts.account.owe_open(),
            false => parts.account.forget_open(),
        }
        self.audit.recount(is_owed);
        parts.account.configure(config);
        match recounted {
            Ok(()) => {
                counting.replace_meaning(config, meaning, parts);
                self.due = Instant::now();
            }
            // The number of open connections of another meaning is of no use.
            Err(error) => {
                self.counting = None;
                parts.account.count_by(None);
                self.fail(&error, Duration::ZERO);
                self.due = Instant::now();
            }
        }
    }

    fn visit(&mut self) {
        let Some(counting) = &mut self.counting else { return };
        let began = Instant::now();
        let visited = counting.visit(&mut self.parts.account);
        let seen = counting.visited().filter(|_| visited.is_ok());
        self.audit(seen);
        self.publish();
        match visited {
            Ok(()) => {
                if self.fault.take().is_some() {
                    info!(self.parts.log, "counting connections again");
                }
                self.show(true, began.elapsed());
            }
            Err(error) => self.fail(&error, began.elapsed()),
        }
    }

    /// Compares the numbers of open connections after a visit that saw all of
    /// them, and counts ends that no program saw.
    fn audit(&mut self, seen: Option<u64>) {
        let Some(seen) = seen else { return };
        let account = &mut self.parts.account;
        match self.audit.end_visit(account.open(), seen) {
            Step::Nothing => {}
            Step::Recount => self.recount_due = Instant::now(),
            Step::Settle => {
                let connections = account.settle();
                if connections > 0 {
                    info!(self.parts.log, "counted ends of connections that \
                            no program saw"; "connections" => connections);
                }
            }
        }
    }

    fn take(&mut self) {
        let Some(counting) = &mut self.counting else { return };
        let taken = counting.take(&mut self.parts.account);
        self.publish();
        if let Err(error) = taken {
            self.fail(&error, Duration::ZERO);
        }
    }

    /// Takes the last growth and removes everything from the kernel.
    fn stop(&mut self) {
        if self.counting.is_some() {
            self.take();
            self.counting = None;
            self.parts.account.forget_open();
            self.parts.account.count_by(None);
            self.publish();
        }
    }

    fn turn_off(&mut self, config: &Config) {
        self.fault = None;
        let was_on = self.parts.status.reader().get().is_on;
        self.parts.account.configure(config);
        self.publish();
        if was_on {
            let off = CollectorStatus::off("connections");
            self.parts.status.publish(off);
            info!(self.parts.log, "no longer counting connections");
        }
    }

    /// Logs a fault, unless it was the last one too, and shows it.
    fn fail(&mut self, error: &kernel::Error, duration: Duration) {
        let text = chain(error);
        self.show(false, duration);
        if self.fault.as_ref() != Some(&text) {
            warn!(self.parts.log, "cannot count connections; trying again";
                "error" => &text);
            self.fault = Some(text);
        }
    }

    fn show(&mut self, is_successful: bool, duration: Duration) {
        self.parts.status.publish(CollectorStatus {
            collector: "connections",
            is_on: true,
            is_successful,
            duration,
        });
    }

    fn publish(&mut self) {
        let Watcher { account, counters, .. } = &mut self.parts;
        let end = PollEnd {
            at: Timestamp::from(SystemTime::now()),
            uptime: self.started.elapsed(),
            absent_retention: None,
        };
        if account.end_visit(end) {
            counters.publish(account.snapshot());
        }
    }
}
