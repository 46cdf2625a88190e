//! Which interfaces are counted, which should be, and which are on their way
//! out.
//!
//! An interface leaves in steps, so that nothing counted on it is lost or
//! becomes another's: its links are closed; the next good poll reads what was
//! counted until then; its flows are removed from the kernel's map; only then
//! is its number free for the next interface.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use slog::{Logger, debug, info, trace, warn};

use crate::accounting::{DeltaTracker, InterfaceId};
use crate::collectors::interfaces::{Snapshot, Status};
use crate::config::Interfaces;
use crate::kernel::{
    Action, Attached, Error, Interface, InterfaceEvent, InterfaceTable, Probe,
    reconcile,
};
use crate::logging::chain;
use crate::metrics::published::Sink;

/// The attachments of one probe.
pub(super) struct Attachments {
    log: Logger,
    table: InterfaceTable,
    /// By ifindex.
    attached: BTreeMap<u32, Attached>,
    /// Detached, but not yet read for the last time.
    retiring: BTreeSet<InterfaceId>,
    /// What could not be attached and why, so that a reason is logged once.
    failed: BTreeMap<u32, String>,
    /// Names that no device has and that was logged.
    missing: BTreeSet<String>,
    /// Whether the links are to be compared with the devices: events were
    /// lost, and a device may have gone and come back unseen.
    check_links: bool,
    /// What is still to be done. Attaching waits twice for all CPUs, some
    /// 25 ms; polls come between.
    work: VecDeque<Action>,
    /// Devices that were gone for a moment at least. One that is moved to
    /// another network namespace and back is the same as before, by number and
    /// name, but lost its links.
    gone: BTreeSet<u32>,
}

impl Attachments {
    pub(super) fn new(log: Logger) -> Self {
        Self {
            log,
            table: InterfaceTable::default(),
            attached: BTreeMap::new(),
            retiring: BTreeSet::new(),
            failed: BTreeMap::new(),
            missing: BTreeSet::new(),
            check_links: false,
            work: VecDeque::new(),
            gone: BTreeSet::new(),
        }
    }

    /// Returns how many interfaces are counted.
    pub(super) fn len(&self) -> usize {
        self.attached.len()
    }

    /// Takes note of what happened, for the next `reconcile`.
    pub(super) fn note(&mut self, events: Vec<InterfaceEvent>) {
        for event in events {
            trace!(self.log, "interface event"; "event" => ?event);
            match event {
                InterfaceEvent::Listed(interfaces) => {
                    self.table.replace(interfaces);
                    self.check_links = true;
                }
                InterfaceEvent::Changed(interface) => {
                    self.table.insert(interface);
                }
                InterfaceEvent::Gone(ifindex) => {
                    self.table.remove(ifindex);
                    self.gone.insert(ifindex);
                }
            }
        }
    }

    /// Finds what is to be done so that what is attached is what should be.
    pub(super) fn plan<P: Probe>(
        &mut self,
        wanted: &Interfaces,
        probe: &mut P,
    ) {
        self.detach_severed(probe);
        self.work = reconcile(wanted, &self.table, &self.attached).into();
        self.failed.retain(|&ifindex, _| self.table.get(ifindex).is_some());
        self.log_missing(wanted);
    }

    /// Returns whether there is something to do.
    pub(super) fn has_work(&self) -> bool {
        !self.work.is_empty()
    }

    /// Does one thing that is to be done.
    ///
    /// # Errors
    /// Where it failed, which has been logged. It is tried again at the next
    /// plan.
    pub(super) fn work<P: Probe>(
        &mut self,
        probe: &mut P,
        sinks: &mut [Box<dyn Sink>],
    ) -> Result<(), Error> {
        match self.work.pop_front() {
            Some(Action::Detach(ifindex)) => self.detach(ifindex, probe),
            Some(Action::Rename(interface)) => self.rename(&interface, sinks),
            Some(Action::Attach(interface)) => {
                return self.attach(&interface, probe, sinks);
            }
            None => {}
        }
        Ok(())
    }

    /// Detaches what is no longer attached in the kernel.
    fn detach_severed<P: Probe>(&mut self, probe: &mut P) {
        let check_all = std::mem::take(&mut self.check_links);
        let gone = std::mem::take(&mut self.gone);
        let severed: Vec<u32> = self
            .attached
            .iter()
            .filter(|(ifindex, _)| check_all || gone.contains(ifindex))
            .filter(|&(&ifindex, a)| !probe.is_attached(a.id, ifindex))
            .map(|(&ifindex, _)| ifindex)
            .collect();
        for ifindex in severed {
            self.detach(ifindex, probe);
        }
    }

    fn detach<P: Probe>(&mut self, ifindex: u32, probe: &mut P) {
        if let Some(attached) = self.attached.remove(&ifindex) {
            probe.detach(attached.id);
            self.retiring.insert(attached.id);
            info!(self.log, "detached"; "interface" => attached.name);
        }
    }

    fn rename(&mut self, interface: &Interface, sinks: &mut [Box<dyn Sink>]) {
        let Some(attached) = self.attached.get_mut(&interface.ifindex) else {
            return;
        };
        info!(self.log, "renamed";
            "interface" => &interface.name, "was" => &attached.name);
        attached.name.clone_from(&interface.name);
        let name = Arc::from(interface.name.as_str());
        for sink in sinks {
            sink.name_interface(attached.id, &name);
        }
    }

    fn attach<P: Probe>(
        &mut self,
        interface: &Interface,
        probe: &mut P,
        sinks: &mut [Box<dyn Sink>],
    ) -> Result<(), Error> {
        let Interface { ifindex, name, link_layer, .. } = interface;
        let id = match probe.attach(interface) {
            Ok(id) => id,
            // Its end has been told, or will be.
            Err(error) if error.is_gone() => {
                debug!(self.log, "gone before it was attached";
                    "interface" => name);
                return Ok(());
            }
            Err(error) => {
                let reason = chain(&error);
                let known = self.failed.insert(*ifindex, reason.clone());
                if known.as_ref() != Some(&reason) {
                    warn!(self.log, "interface is not counted";
                        "interface" => name, "error" => reason);
                }
                return Err(error);
            }
        };
        self.failed.remove(ifindex);
        let attached =
            Attached { id, name: name.clone(), link_layer: *link_layer };
        self.attached.insert(*ifindex, attached);
        let shared = Arc::from(name.as_str());
        for sink in sinks {
            sink.name_interface(id, &shared);
        }
        info!(self.log, "attached"; "interface" => name);
        Ok(())
    }

    fn log_missing(&mut self, wanted: &Interfaces) {
        let Interfaces::Named(names) = wanted else {
            self.missing.clear();
            return;
        };
        let missing: BTreeSet<String> = names
            .iter()
            .filter(|name| self.table.by_name(name).is_none())
            .cloned()
            .collect();
        for name in missing.difference(&self.missing) {
            warn!(self.log, "interface not found; it is counted as soon as \
                it appears"; "interface" => name);
        }
        self.missing = missing;
    }

    /// Returns the state of what is to be counted: of the names in a list,
    /// whether there is such a device or not; else of the devices.
    pub(super) fn states(&self, wanted: &Interfaces) -> Snapshot {
        let status = |interface: &Interface| match interface.is_up {
            true => Status::Up,
            false => Status::Down,
        };
        match wanted {
            Interfaces::Any => self
                .table
                .chosen(wanted)
                .map(|i| (Arc::from(i.name.as_str()), status(i)))
                .collect(),
            Interfaces::Named(names) => names
                .iter()
                .map(|name| {
                    let device = self.table.by_name(name);
                    let status = device.map_or(Status::NotFound, status);
                    (Arc::from(name.as_str()), status)
                })
                .collect(),
        }
    }

    /// Ends what was detached before the poll that was just credited.
    pub(super) fn retire<N: Default, P: Probe>(
        &mut self,
        probe: &mut P,
        tracker: &mut DeltaTracker<N>,
        sinks: &mut [Box<dyn Sink>],
    ) {
        if self.retiring.is_empty() {
            return;
        }
        let flows = tracker.flows_of(&self.retiring);
        let removed = match probe.remove_flows(&flows) {
            Ok(removed) => removed,
            Err(error) => {
                debug!(self.log, "cannot remove flows; trying again";
                    "error" => chain(&error));
                return;
            }
        };
        tracker.forget(&self.retiring, removed);
        for &interface in &self.retiring {
            for sink in sinks.iter_mut() {
                sink.forget_interface(interface);
            }
            probe.release(interface);
        }
        self.retiring.clear();
    }
}
