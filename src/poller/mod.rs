//! Polls the kernel: reads the counters, computes their growth, locates the
//! remote addresses, and credits the accounts.
//!
//! Runs on the poller thread, which owns the kernel side: the programs, the
//! attachments and everything that was read from the maps.

mod accounts;
mod attachments;
mod checkpoint;
mod classes;
mod control;
mod crediting;
mod edges;
mod end;
mod giving_up;
mod overseer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, never, select, tick};
use slog::{Logger, debug, info, warn};

use crate::accounting::{
    CountingMarks, FlowTracker, KernelCounter, PollCounters, PollStatistics,
};
use crate::classifier::{Classifier, OriginId, Sources};
use crate::config::Config;
use crate::kernel::{
    self, Adopt, Attach, Classify, InterfaceEvent, ReadCounts, Sweep,
};
use crate::metrics::published::Sink;
use accounts::Accounts;
use attachments::Attachments;
pub use checkpoint::{Checkpoint, Resumed, Saver};
use classes::PlannedClasses;
pub use classes::{class_plan, classify_first};
pub use control::{Control, Publishers, Start};
use edges::FollowedEdges;
pub use overseer::Overseer;

/// The poller, ready to run.
pub struct Poller<A, R> {
    log: Logger,
    config: Arc<Config>,
    attacher: A,
    reader: R,
    attachments: Attachments,
    tracker: FlowTracker<Option<OriginId>>,
    classifier: Classifier,
    accounts: Accounts,
    edges: FollowedEdges,
    classes: PlannedClasses,
    publishers: Publishers,
    statistics: PollStatistics,
    /// The counters from before the maps were made.
    earlier: PollCounters,
    /// True if the maps outlive this process.
    are_maps_pinned: bool,
    /// The marks of the process before, if the maps are pinned, until a poll
    /// was good.
    left: Option<CountingMarks>,
    /// Polls that ended, well or not.
    polls_ended: u64,
    /// True if the last poll failed, so that a lasting failure is one line in
    /// the log.
    is_failing: bool,
    sweep: Sweep,
    /// Dropped once the attachments are as the last reload wants them.
    applying: Option<Sender<()>>,
    started: Instant,
}

impl<A: Attach + Adopt + Classify, R: ReadCounts> Poller<A, R> {
    /// Attaches to the first of the interfaces that are there and returns a
    /// poller that will attach to the others, and follow `interfaces`. It
    /// counts on from the statistics that are published.
    ///
    /// # Errors
    /// If the process lacks the right to attach. An interface that cannot
    /// be attached for another reason is logged and tried again.
    pub fn new(
        log: Logger,
        config: Arc<Config>,
        (attacher, reader): (A, R),
        sources: Sources,
        sinks: Vec<Box<dyn Sink>>,
        mut publishers: Publishers,
        Start { devices, resumed, attachments, labels }: Start,
    ) -> Result<Self, kernel::Error> {
        let statistics = *publishers.statistics.reader().get();
        let plan = class_plan(&config, &sources.rules.ranges);
        let (tracker, earlier) = match &resumed {
            Some(resumed) => {
                (FlowTracker::resume(&resumed.marks.flows), resumed.earlier)
            }
            None => (FlowTracker::default(), statistics.counters()),
        };
        let (adopted, left) = match resumed {
            Some(Resumed { adopted, marks, .. }) => (adopted, Some(marks)),
            None => (Vec::new(), None),
        };
        let gatherers = std::mem::take(&mut publishers.gatherers);
        let at_edges = attachments.iter().map(|it| (it.interface, it.is_edge));
        let mut poller = Self {
            edges: FollowedEdges::new(log.clone(), &config, at_edges),
            attachments: Attachments::new(log.clone()),
            classifier: Classifier::new(
                sources,
                config.geoip_cache_size,
                labels,
            ),
            accounts: Accounts::new(
                sinks,
                gatherers,
                publishers.together.clone(),
                attachments,
                &config,
            ),
            log,
            config,
            attacher,
            reader,
            tracker,
            classes: PlannedClasses::default(),
            publishers,
            statistics,
            earlier,
            are_maps_pinned: left.is_some(),
            left,
            polls_ended: 0,
            is_failing: false,
            sweep: Sweep::default(),
            applying: None,
            started: Instant::now(),
        };
        let room = poller.reader.room();
        poller.statistics.flow_table.bytes = room.table_bytes;
        poller.statistics.flow_table.max_entries = room.table_entries;
        poller.accounts.label_countries(poller.classifier.labels());
        poller.begin_classes(plan);
        poller.attachments.adopt(adopted, &mut poller.accounts);
        poller.accounts.set_edges(&poller.edges.edges());
        poller.attachments.note(devices);
        poller.attachments.log_matches();
        poller.plan();
        poller.attach_first()?;
        Ok(poller)
    }

    /// Attaches to one interface, which shows whether the process may attach.
    /// The others take 25 ms each, and the start does not wait for them.
    fn attach_first(&mut self) -> Result<(), kernel::Error> {
        while self.attachments.has_work() && self.attachments.len() == 0 {
            if let Err(error @ kernel::Error::NotPermitted { .. }) =
                self.do_next()
            {
                return Err(error);
            }
        }
        Ok(())
    }

    fn obey(&mut self, control: Control) {
        match control {
            Control::Reload { config, sources, done } => {
                self.reload(config, sources);
                self.applying = Some(done);
            }
            Control::Sources { sources, done } => {
                self.poll();
                let ranges = &sources.rules.ranges;
                self.classify(class_plan(&self.config, ranges));
                self.replace_sources(sources);
                drop(done);
            }
        }
    }

    /// Polls until the sender of `control` is dropped, and then once more.
    pub fn run(
        mut self,
        control: &Receiver<Control>,
        devices: &Receiver<Vec<InterfaceEvent>>,
    ) {
        self.attacher.keep_counting();
        let mut devices = devices.clone();
        let mut ticks = tick(self.config.poll_interval);
        // The timer only wakes this loop, and the loop tells that it gets on: a
        // thread for that would not notice if this one is stuck.
        let looks = self.publishers.overseer.interval();
        let looks = looks.map_or_else(never, tick);
        let mut requests = self.checkpoint_requests();
        self.poll();
        loop {
            self.look_whether_ready();
            let has_work = self.attachments.has_work();
            if !has_work && !self.waits_for_news() && !self.classes.waits {
                self.applying = None;
            }
            let rest = if has_work { Duration::ZERO } else { Duration::MAX };
            select! {
                recv(control) -> message => match message {
                    Ok(control) => {
                        let interval = self.config.poll_interval;
                        self.obey(control);
                        if self.config.poll_interval != interval {
                            ticks = tick(self.config.poll_interval);
                        }
                    }
                    Err(_) => break,
                },
                recv(devices) -> events => match events {
                    Ok(events) => {
                        self.attachments.note(events);
                        // All that are there, for one plan.
                        for events in devices.try_iter() {
                            self.attachments.note(events);
                        }
                        self.plan();
                    }
                    // That thread reports the reason of its end, and the daemon
                    // ends as a whole: another end would only hide the reason.
                    Err(_) => devices = never(),
                },
                recv(ticks) -> _ => {
                    self.poll();
                    self.retry_classes();
                    // If a poll takes longer than the interval, the next is
                    // due by now, and the queue would never be worked on.
                    let _ = self.do_next();
                }
                recv(looks) -> _ => self.publishers.overseer.gets_on(),
                recv(requests) -> request => match request {
                    Ok(()) => self.save_checkpoint(),
                    Err(_) => requests = never(),
                },
                default(rest) => {
                    let _ = self.do_next();
                }
            }
        }
        self.end();
    }

    /// Reports readiness once all interfaces of the start are counted.
    fn look_whether_ready(&mut self) {
        let has_started = !self.attachments.has_work()
            && !self.waits_for_news()
            && self.statistics.polls > 0;
        if has_started && !self.statistics.is_ready {
            self.statistics.is_ready = true;
            self.publishers.statistics.publish(self.statistics);
            self.publishers.overseer.is_ready(self.attachments.len());
        }
    }

    /// Returns whether the choice of interfaces, or of those that count for the
    /// whole machine, waits for news of devices.
    fn waits_for_news(&self) -> bool {
        self.attachments.waits_for_news(&self.config.interfaces)
            || self.edges.are_waiting()
    }

    /// Takes over a new configuration. Traffic up to now is credited by the old
    /// one first. The loop attaches and detaches later.
    fn reload(&mut self, config: Arc<Config>, sources: Sources) {
        self.poll();
        self.classify(class_plan(&config, &sources.rules.ranges));
        self.replace_sources(sources);
        self.accounts.configure(&config);
        self.classifier.resize_cache(config.geoip_cache_size);
        self.config = config;
        self.configure_edges();
        self.attachments.log_matches();
        self.plan();
    }

    /// Locates every flow anew from now on.
    fn replace_sources(&mut self, sources: Sources) {
        self.classifier.replace_sources(sources);
        self.tracker.forget_notes();
        self.accounts.label_countries(self.classifier.labels());
    }

    /// Plans the interfaces to attach and detach, and publishes their states.
    fn plan(&mut self) {
        self.attachments.plan(&self.config.interfaces, &mut self.attacher);
        if self.attachments.has_renames() {
            self.poll();
            self.attachments.rename(&mut self.accounts);
        }
        self.change_edges();
        self.publish_states();
    }

    /// Attaches or detaches one interface, and publishes the new states.
    ///
    /// # Errors
    /// If it failed, which has been logged. It is tried again at the next
    /// plan, so within the interval in which all devices are listed anew.
    fn do_next(&mut self) -> Result<(), kernel::Error> {
        if !self.attachments.has_work() {
            return Ok(());
        }
        // One poll finds the interfaces to give up, the next gives them up.
        for _ in 0..2 {
            if self.attachments.waits_for_number(&self.attacher) {
                self.poll();
            }
        }
        let done =
            self.attachments.do_next(&mut self.attacher, &mut self.accounts);
        self.publishers.overseer.gets_on();
        self.change_edges();
        done?;
        // After each one, because attaching many takes long.
        self.publish_states();
        Ok(())
    }

    fn publish_states(&mut self) {
        let states = self.attachments.states(&self.config.interfaces);
        self.publishers.interfaces.publish(states);
    }

    fn poll(&mut self) {
        let started = Instant::now();
        let has_grace_passed = self.wait_for_grace();
        let reading = Instant::now();
        match self.reader.read(self.config.flow_batch_size, &mut self.sweep) {
            Ok(()) => {
                self.account(has_grace_passed);
                self.statistics.map_read_duration = reading.elapsed();
                self.finish_sweep();
                self.statistics.polls += 1;
                if std::mem::take(&mut self.is_failing) {
                    info!(
                        self.log,
                        "polling again; flows evicted meanwhile are \
                        unattributed"
                    );
                }
            }
            // The accounts stay as they are, and the next poll finds the growth
            // that this one missed.
            Err(error) => {
                self.statistics.poll_failures += 1;
                if !std::mem::replace(&mut self.is_failing, true) {
                    warn!(self.log, "cannot poll; trying again";
                        "error" => crate::logging::chain(&error));
                }
            }
        }
        self.statistics.poll_duration = started.elapsed();
        self.publishers.statistics.publish(self.statistics);
        self.tell_saver();
        self.publishers.overseer.gets_on();
        debug!(self.log, "polled";
            "flows" => self.statistics.map_entries,
            "unknown_interfaces" => self.sweep.counters[KernelCounter::UnknownInterfaces],
            "seconds" => self.statistics.poll_duration.as_secs_f64());
    }
}
