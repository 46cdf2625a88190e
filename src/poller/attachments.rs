//! Knows the interfaces that are counted, that should be, and that are being
//! given up.
//!
//! The poller gives up an interface in steps, so that no traffic counted on it
//! is lost or becomes another's: its links are closed; the next good poll reads
//! the counts until then; its flows are removed from the kernel's map; only
//! then is its number free for the next interface.

mod end;
mod news;

mod retiring;
mod states;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use slog::{Logger, debug, info, trace, warn};

use super::accounts::Accounts;
use crate::accounting::InterfaceId;
use crate::config::Interfaces;
use crate::kernel::{
    Action, Adopted, Attach, Attached, Error, Interface, InterfaceEvent,
    InterfaceName, InterfaceTable, reconcile,
};
use news::{Failure, LeftOut};
pub(super) use retiring::SavedCheckpoints;

/// The attachments of one attacher.
pub(super) struct Attachments {
    log: Logger,
    table: InterfaceTable,
    /// By ifindex.
    attached: BTreeMap<u32, Attached>,
    /// Detached, but not yet read for the last time.
    retiring: BTreeSet<InterfaceId>,
    /// Read for the last time, each with the checkpoint that contains it.
    drained: BTreeMap<InterfaceId, u64>,
    /// The reasons of failed attachments, so that each is logged once.
    failed: BTreeMap<u32, Failure>,
    left_out: LeftOut,
    /// True if the matches of the rules are to be logged.
    has_matches_to_log: bool,
    /// Names that no device has, after that was logged.
    missing: BTreeSet<InterfaceName>,
    /// Ifindexes of attached devices that are gone, or may be because events
    /// were lost. Another device may have the ifindex by now.
    doubtful: BTreeSet<u32>,
    /// The interfaces to be counted under another name.
    renames: Vec<Interface>,
    /// The actions that are left. Attaching waits twice for all CPUs, some
    /// 25 ms; polls come between.
    queue: VecDeque<Action>,
}

impl Attachments {
    pub(super) fn new(log: Logger) -> Self {
        Self {
            log,
            table: InterfaceTable::default(),
            attached: BTreeMap::new(),
            retiring: BTreeSet::new(),
            drained: BTreeMap::new(),
            failed: BTreeMap::new(),
            left_out: LeftOut::default(),
            has_matches_to_log: false,
            missing: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            renames: Vec::new(),
            queue: VecDeque::new(),
        }
    }

    /// Returns the number of interfaces that are counted.
    pub(super) fn len(&self) -> usize {
        self.attached.len()
    }

    /// Returns the devices.
    pub(super) fn table(&self) -> &InterfaceTable {
        &self.table
    }

    /// Returns the interfaces that are counted, by ifindex.
    pub(super) fn attached(
        &self,
    ) -> impl Iterator<Item = (u32, InterfaceId)> + '_ {
        self.attached.iter().map(|(&ifindex, attached)| (ifindex, attached.id))
    }

    /// Returns every number that is in use.
    pub(super) fn numbers(&self) -> impl Iterator<Item = InterfaceId> + '_ {
        let attached = self.attached.values().map(|attached| attached.id);
        let retiring = self.retiring.iter().copied();
        attached.chain(retiring).chain(self.drained.keys().copied())
    }

    /// Returns how many numbers are in use.
    pub(super) fn numbers_in_use(&self) -> usize {
        self.attached.len() + self.retiring.len() + self.drained.len()
    }

    /// Takes over the interfaces that an earlier process attached. Those that
    /// are not attached any more are given up once they were read.
    pub(super) fn adopt(
        &mut self,
        adopted: Vec<Adopted>,
        accounts: &mut Accounts,
    ) {
        for one in adopted {
            let Adopted { id, ifindex, name, link_layer, .. } = one;
            let shared = label(name);
            accounts.name_interface(id, &shared);
            if one.is_attached {
                info!(self.log, "counted on"; "interface" => %name);
                self.attached
                    .insert(ifindex, Attached { id, name, link_layer });
            } else {
                self.retiring.insert(id);
            }
        }
    }

    /// Takes note of events, for the next `plan`.
    pub(super) fn note(&mut self, events: Vec<InterfaceEvent>) {
        for event in events {
            trace!(self.log, "interface event"; "event" => ?event);
            match event {
                InterfaceEvent::Listed(interfaces) => {
                    for interface in &interfaces {
                        news::log_link(
                            &self.log,
                            &self.attached,
                            &self.table,
                            interface,
                        );
                    }
                    self.table.replace(interfaces);
                    self.doubtful.extend(self.attached.keys());
                }
                InterfaceEvent::Changed(interface) => {
                    news::log_link(
                        &self.log,
                        &self.attached,
                        &self.table,
                        &interface,
                    );
                    self.table.insert(interface);
                }
                InterfaceEvent::DefaultRoutes(devices) => {
                    self.table.set_default_routes(devices);
                }
                InterfaceEvent::Gone(ifindex) => {
                    self.table.remove(ifindex);
                    if self.attached.contains_key(&ifindex) {
                        self.doubtful.insert(ifindex);
                    }
                }
            }
        }
    }

    /// Finds the actions after which all wanted interfaces, and no others, are
    /// attached.
    pub(super) fn plan(
        &mut self,
        wanted: &Interfaces,
        attacher: &mut impl Attach,
    ) {
        self.detach_gone(attacher);
        if self.table.is_doubtful(wanted) {
            return;
        }
        if std::mem::take(&mut self.has_matches_to_log) {
            news::log_matches(&self.log, &self.table, wanted);
        }
        self.queue.clear();
        self.renames.clear();
        for action in reconcile(wanted, &self.table, &self.attached) {
            match action {
                Action::Rename(interface) => self.renames.push(interface),
                other => self.queue.push_back(other),
            }
        }
        let tried: BTreeSet<u32> = self
            .queue
            .iter()
            .filter_map(|action| match action {
                Action::Attach(interface) => Some(interface.ifindex),
                _ => None,
            })
            .collect();
        self.failed.retain(|ifindex, _| tried.contains(ifindex));
        self.log_missing(wanted);
        self.log_left_out();
    }

    /// Has the next plan log the matching interfaces of each rule that is more
    /// than a name.
    pub(super) fn log_matches(&mut self) {
        self.has_matches_to_log = true;
    }

    /// Returns whether the choice of interfaces needs news of devices first.
    /// Until then everything stays as it is.
    pub(super) fn waits_for_news(&self, wanted: &Interfaces) -> bool {
        self.table.is_doubtful(wanted)
    }

    /// Returns whether there is something to do.
    pub(super) fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Returns whether the next thing to be done needs a number, and all are
    /// taken, but a poll would give some free.
    pub(super) fn waits_for_number(&self, attacher: &impl Attach) -> bool {
        matches!(self.queue.front(), Some(Action::Attach(_)))
            && !(self.retiring.is_empty() && self.drained.is_empty())
            && !attacher.has_number()
    }

    /// Does one thing that is to be done.
    ///
    /// # Errors
    /// If it failed, which has been logged. It is tried again at the next
    /// plan.
    pub(super) fn do_next(
        &mut self,
        attacher: &mut impl Attach,
        accounts: &mut Accounts,
    ) -> Result<(), Error> {
        let result = match self.queue.pop_front() {
            Some(Action::Detach(ifindex)) => {
                self.detach(ifindex, attacher);
                Ok(())
            }
            Some(Action::Attach(interface)) => {
                self.attach(&interface, attacher, accounts)
            }
            Some(Action::Rename(_)) | None => Ok(()),
        };
        self.log_left_out();
        result
    }

    /// Logs the number of interfaces that find no number, once it is known.
    fn log_left_out(&mut self) {
        if !self.has_work() {
            let counted = self.attached.len();
            self.left_out.log(&self.log, self.failed.values(), counted);
        }
    }

    /// Detaches each attachment to a device that is gone. At once, because
    /// another device may have its ifindex at the next plan.
    fn detach_gone(&mut self, attacher: &mut impl Attach) {
        for ifindex in std::mem::take(&mut self.doubtful) {
            let is_gone = self.attached.get(&ifindex).is_some_and(|attached| {
                self.table.get(ifindex).is_none()
                    || !attacher.is_attached(attached.id)
            });
            if is_gone {
                self.detach(ifindex, attacher);
            }
        }
    }

    fn detach(&mut self, ifindex: u32, attacher: &mut impl Attach) {
        if let Some(attached) = self.attached.remove(&ifindex) {
            attacher.detach(attached.id);
            self.retiring.insert(attached.id);
            info!(self.log, "detached"; "interface" => %attached.name);
        }
    }

    /// Returns whether there are interfaces to be counted under another name.
    pub(super) fn has_renames(&self) -> bool {
        !self.renames.is_empty()
    }

    /// Counts interfaces under their new names. To be called after a poll,
    /// which credits the traffic until then to the old names.
    pub(super) fn rename(&mut self, accounts: &mut Accounts) {
        for Interface { ifindex, name, .. } in std::mem::take(&mut self.renames)
        {
            let Some(attached) = self.attached.get_mut(&ifindex) else {
                continue;
            };
            info!(self.log, "renamed";
                "interface" => %name, "was" => %attached.name);
            let shared = label(name);
            accounts.name_interface(attached.id, &shared);
            attached.name = name;
        }
    }

    fn attach(
        &mut self,
        interface: &Interface,
        attacher: &mut impl Attach,
        accounts: &mut Accounts,
    ) -> Result<(), Error> {
        let Interface { ifindex, name, link_layer, .. } = *interface;
        let id = match attacher.attach(interface) {
            Ok(id) => id,
            // The event of its end has come, or will come.
            Err(error) if error.is_gone() => {
                debug!(self.log, "gone before it was attached";
                    "interface" => %name);
                return Ok(());
            }
            Err(error) => {
                let failure = Failure::of(&error);
                let known = self.failed.insert(ifindex, failure.clone());
                // `log_left_out` logs a shortage: thousands of interfaces may
                // lack the same.
                if let Failure::Own(reason) = &failure
                    && known.as_ref() != Some(&failure)
                {
                    warn!(self.log, "interface is not counted";
                        "interface" => %name, "error" => reason);
                }
                return Err(error);
            }
        };
        self.failed.remove(&ifindex);
        self.attached.insert(ifindex, Attached { id, name, link_layer });
        let shared = label(name);
        accounts.name_interface(id, &shared);
        info!(self.log, "attached"; "interface" => %name);
        for notice in attacher.take_notices() {
            warn!(self.log, "attached with a limit"; "notice" => notice);
        }
        Ok(())
    }

    fn log_missing(&mut self, wanted: &Interfaces) {
        let missing: BTreeSet<InterfaceName> = names(wanted)
            .filter(|&name| self.table.by_name(name).is_none())
            .collect();
        for name in missing.difference(&self.missing) {
            warn!(self.log, "interface not found; it is counted as soon as \
                it appears"; "interface" => %name);
        }
        self.missing = missing;
    }
}

/// Returns the text that an interface is counted under.
fn label(name: InterfaceName) -> Arc<str> {
    name.to_string().into()
}

/// Returns the interfaces that are asked for by their full name.
fn names(wanted: &Interfaces) -> impl Iterator<Item = InterfaceName> {
    wanted.names().map(|name| InterfaceName::new(&name))
}

#[cfg(test)]
mod tests;
