//! The accounts that the poller feeds, and the tracker of the totals, which
//! tells them about the packets without a flow.

use std::sync::Arc;

use crate::accounting::{
    AttachmentMarks, Classes, Edges, FlowKey, InterfaceId, InterfaceTotal,
    Origin, PollEnd, Rest, TotalsTracker, Volume,
};
use crate::config::Config;
use crate::geoip::CountryLabels;
use crate::metrics::published::{Gather, Sink, Together};

/// All accounts, each behind its sink.
#[derive(Default)]
pub(super) struct Accounts {
    totals: TotalsTracker,
    /// The accounts that are credited.
    on: Vec<Box<dyn Sink>>,
    /// The accounts that the configuration does not ask for.
    off: Vec<Box<dyn Sink>>,
    /// They read the snapshots of the accounts.
    gatherers: Vec<Box<dyn Gather>>,
    /// Lets the snapshots of all accounts change at one moment.
    together: Together,
    /// The growth of the totals, kept to use the memory again.
    rests: Vec<Rest>,
    /// The end of the last good poll.
    last_end: Option<PollEnd>,
}

impl Accounts {
    /// Returns accounts that go on from the marks of an earlier process, if its
    /// maps are still counted in.
    pub(super) fn new(
        sinks: Vec<Box<dyn Sink>>,
        gatherers: Vec<Box<dyn Gather>>,
        together: Together,
        marks: Vec<AttachmentMarks>,
        config: &Config,
    ) -> Self {
        let totals = TotalsTracker::resume(marks);
        let mut accounts =
            Self { totals, on: sinks, gatherers, together, ..Self::default() };
        accounts.configure(config);
        accounts
    }

    /// Takes over a configuration. To be called after a poll.
    pub(super) fn configure(&mut self, config: &Config) {
        let mut sinks = std::mem::take(&mut self.on);
        sinks.append(&mut self.off);
        for sink in &mut sinks {
            let was_on = sink.is_on();
            sink.configure(config);
            // Its counters begin here.
            if !was_on
                && sink.is_on()
                && let Some(end) = self.last_end
            {
                sink.end_poll(end);
                sink.publish();
            }
        }
        (self.on, self.off) = sinks.into_iter().partition(|sink| sink.is_on());
        for gatherer in &mut self.gatherers {
            gatherer.configure(config, self.last_end);
        }
    }

    /// Returns every account, also those that are off: they know the interfaces
    /// when they are turned on.
    fn all_mut(&mut self) -> impl Iterator<Item = &mut Box<dyn Sink>> {
        self.on.iter_mut().chain(&mut self.off)
    }

    /// Names an interface for the first time or anew.
    pub(super) fn name_interface(
        &mut self,
        interface: InterfaceId,
        name: &Arc<str>,
    ) {
        self.totals.name_interface(interface, name);
        for sink in self.all_mut() {
            sink.name_interface(interface, name);
        }
    }

    /// Tells the labels of countries.
    pub(super) fn label_countries(&mut self, labels: &Arc<CountryLabels>) {
        for sink in self.all_mut() {
            sink.label_countries(labels);
        }
    }

    /// Tells the interfaces at which the host is counted once. To be called
    /// after a poll.
    pub(super) fn set_edges(&mut self, edges: &Arc<Edges>) {
        for sink in self.all_mut() {
            sink.set_edges(edges);
        }
    }

    /// Tells the meanings of classes. To be called after a poll.
    pub(super) fn set_classes(&mut self, classes: &Arc<Classes>) {
        for sink in self.all_mut() {
            sink.set_classes(classes);
        }
    }

    /// Credits packets of a class that are in no flow. They are not in the
    /// credits of the totals, so that they are unattributed too.
    pub(super) fn credit_without_remote(
        &mut self,
        key: &FlowKey,
        volume: Volume,
    ) {
        for sink in &mut self.on {
            sink.credit_without_remote(key, volume);
        }
    }

    /// Credits a flow's growth.
    pub(super) fn credit(
        &mut self,
        key: &FlowKey,
        volume: Volume,
        origin: &Origin,
    ) {
        self.totals.credit(key, volume);
        for sink in &mut self.on {
            sink.credit(key, volume, origin);
        }
    }

    /// Observes the totals of the poll, which were read before its flows.
    pub(super) fn observe_totals(&mut self, totals: &[InterfaceTotal]) {
        let Self { totals: tracker, rests, on, .. } = self;
        rests.clear();
        tracker.observe(totals, rests);
        if !rests.is_empty() {
            for sink in on {
                sink.credit_rests(rests);
            }
        }
    }

    /// Forgets an interface's number.
    pub(super) fn forget_interface(&mut self, interface: InterfaceId) {
        self.totals.forget_interface(interface);
        for sink in self.all_mut() {
            sink.forget_interface(interface);
        }
    }

    /// Ends a poll, and publishes the accounts that have changed.
    pub(super) fn publish(&mut self, end: PollEnd) {
        self.last_end = Some(end);
        for sink in &mut self.on {
            sink.end_poll(end);
        }
        let on = self.on.iter_mut();
        self.together.change(|| on.for_each(|sink| sink.publish()));
        for gatherer in &mut self.gatherers {
            gatherer.end_poll(end);
        }
    }

    /// Returns the marks up to which the interfaces were read.
    pub(super) fn marks(&self) -> Vec<AttachmentMarks> {
        self.totals.marks()
    }
}
