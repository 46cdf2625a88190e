//! Follows the interfaces at which the whole machine is counted.
//!
//! An interface that becomes an edge or stops being one is polled first: the
//! traffic until then belongs to the old edges. An interface that was attached
//! after the last poll has no such traffic, and is an edge at once, unless
//! another edge goes for it: their traffic until the next poll is the same.
//!
//! An interface that is gone stays what it was until its number is free.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slog::{Logger, info, warn};

use super::Poller;
use super::accounts::Accounts;
use super::attachments::Attachments;
use crate::accounting::{Edges, InterfaceId};
use crate::collectors::interfaces::{Once, OnceSnapshot};
use crate::config::Config;
use crate::kernel::{
    Adopt, Attach, Classify, EdgeFinder, InterfaceTable, ReadCounts, Verdict,
    Verdicts, doubled,
};

/// The edges of one poller.
pub(super) struct FollowedEdges {
    log: Logger,
    finder: EdgeFinder,
    /// True if a slice counts the whole machine.
    are_needed: bool,
    /// Each number in use, and whether its growth counts for the whole machine.
    /// Empty if no slice needs it.
    known: BTreeMap<InterfaceId, bool>,
    /// The same from the next good poll on, if it is different.
    due: Option<BTreeMap<InterfaceId, bool>>,
    /// True if the default routes decide and are not known yet.
    are_waiting: bool,
    /// The last verdicts.
    verdicts: Verdicts,
    /// The verdicts in the last log line.
    logged: Option<Verdicts>,
}

impl FollowedEdges {
    /// Returns edges that go on from those of an earlier process.
    pub(super) fn new(
        log: Logger,
        config: &Config,
        known: impl Iterator<Item = (InterfaceId, bool)>,
    ) -> Self {
        let are_needed = config.counts_once();
        Self {
            log,
            finder: EdgeFinder::default(),
            are_needed,
            known: if are_needed { known.collect() } else { BTreeMap::new() },
            due: None,
            are_waiting: false,
            verdicts: Verdicts::new(),
            logged: None,
        }
    }

    /// Returns whether the growth of an interface counts for the whole machine.
    pub(super) fn contains(&self, interface: InterfaceId) -> bool {
        self.known.get(&interface).copied().unwrap_or_default()
    }

    /// Returns whether the edges wait for news of devices.
    pub(super) fn are_waiting(&self) -> bool {
        self.are_waiting
    }

    /// Returns whether the next poll changes the edges.
    fn are_due(&self) -> bool {
        self.due.is_some()
    }

    /// Returns the edges that are in force.
    pub(super) fn edges(&self) -> Arc<Edges> {
        let edges = self.known.iter().filter(|(_, is_edge)| **is_edge);
        Arc::new(edges.map(|(&interface, _)| interface).collect())
    }

    /// Takes over whether a slice counts the whole machine, and returns whether
    /// that has changed. Interfaces that are attached when the first slice
    /// begins were no edges until then.
    fn configure(
        &mut self,
        config: &Config,
        attachments: &Attachments,
        accounts: &mut Accounts,
    ) -> bool {
        let are_needed = config.counts_once();
        if are_needed == self.are_needed {
            return false;
        }
        self.are_needed = are_needed;
        self.due = None;
        self.are_waiting = false;
        self.logged = None;
        self.verdicts.clear();
        self.known = match are_needed {
            true => attachments.numbers().map(|id| (id, false)).collect(),
            false => BTreeMap::new(),
        };
        accounts.set_edges(&self.edges());
        true
    }

    /// Finds the edges anew, after something has changed. Those that need no
    /// poll are in force at once. Returns the states to publish, if they have
    /// changed.
    fn find(
        &mut self,
        config: &Config,
        attachments: &Attachments,
        accounts: &mut Accounts,
    ) -> Option<OnceSnapshot> {
        if !self.are_needed {
            return None;
        }
        let table = attachments.table();
        let attached = attachments.attached().map(|(ifindex, _)| ifindex);
        let attached = attached.collect();
        let found = self.finder.find(&config.counted_once, table, &attached);
        self.are_waiting = found.is_none();
        let verdicts = found?;
        self.want(&verdicts, attachments, accounts);
        let has_changed = verdicts != self.verdicts;
        self.verdicts = verdicts;
        // While interfaces are being attached, the line would change with each.
        if !attachments.has_work() {
            self.log_edges(table);
        }
        if !has_changed {
            return None;
        }
        let named = self.verdicts.iter().filter_map(|(&ifindex, verdict)| {
            let name = table.get(ifindex)?.name.to_string();
            let why = verdict.to_string().into();
            Some((name.into(), Once { is_edge: verdict.is_edge(), why }))
        });
        Some(named.collect())
    }

    /// Takes note of the edges that are wanted, at once or for the next poll.
    fn want(
        &mut self,
        verdicts: &Verdicts,
        attachments: &Attachments,
        accounts: &mut Accounts,
    ) {
        let mut wanted = self.known.clone();
        let mut fresh = Vec::new();
        for (ifindex, id) in attachments.attached() {
            // A device that is gone stays what it was.
            let verdict = verdicts.get(&ifindex).copied();
            let is_gone = attachments.table().get(ifindex).is_none();
            let is_edge = match (verdict, self.known.get(&id)) {
                (Some(verdict), _) => verdict.is_edge(),
                (None, Some(&known)) if is_gone => known,
                (None, _) => false,
            };
            if wanted.insert(id, is_edge).is_none() {
                fresh.push(id);
            }
        }
        let is_going = |(id, is_edge): (&InterfaceId, &bool)| {
            *is_edge && wanted.get(id) == Some(&false)
        };
        let is_replaced = self.known.iter().any(is_going);
        for id in &fresh {
            let is_edge = wanted[id] && !is_replaced;
            self.known.insert(*id, is_edge);
        }
        if fresh.iter().any(|id| self.known[id]) {
            accounts.set_edges(&self.edges());
        }
        self.due = (wanted != self.known).then_some(wanted);
    }

    /// Puts the wanted edges in force. To be called after a good poll, which
    /// may have given up some numbers.
    pub(super) fn end_poll(
        &mut self,
        attachments: &Attachments,
        accounts: &mut Accounts,
    ) {
        // While the edges are not known, nor are the numbers of new interfaces.
        let is_same = !self.are_waiting
            && self.known.len() == attachments.numbers_in_use();
        if !self.are_needed || is_same && self.due.is_none() {
            return;
        }
        let in_use: BTreeSet<InterfaceId> = attachments.numbers().collect();
        let due = self.due.take();
        let mut has_changed = due.is_some();
        if let Some(due) = due {
            self.known = due;
        }
        self.known.retain(|id, is_edge| {
            let is_in_use = in_use.contains(id);
            has_changed |= !is_in_use && *is_edge;
            is_in_use
        });
        if has_changed {
            accounts.set_edges(&self.edges());
        }
    }

    /// Logs the edges, if they are others than before.
    fn log_edges(&mut self, table: &InterfaceTable) {
        let mut news = self.verdicts.clone();
        news.retain(|_, it| it.is_edge() || *it == Verdict::NotAttached);
        if self.logged.as_ref() == Some(&news) {
            return;
        }
        self.logged = Some(news);
        let name = |ifindex: u32| {
            table.get(ifindex).map(|device| device.name.to_string())
        };
        let list = |wanted: fn(Verdict) -> bool, has_reason: bool| {
            let those = self.verdicts.iter().filter(|(_, it)| wanted(**it));
            let names = those.filter_map(|(&ifindex, verdict)| {
                let name = name(ifindex)?;
                Some(match has_reason {
                    true => format!("{name} ({verdict})"),
                    false => name,
                })
            });
            names.collect::<Vec<_>>().join(", ")
        };
        let edges = list(Verdict::is_edge, true);
        let missing = list(|it| it == Verdict::NotAttached, false);
        let missing = if missing.is_empty() { "none" } else { &*missing };
        match edges.is_empty() {
            true => warn!(self.log, "no attached interface leads outside: the \
                whole machine is not counted; attach one, or name one in \
                counted_once"; "not_attached" => missing),
            false => info!(self.log, "the whole machine is counted at these \
                interfaces"; "interfaces" => edges, "not_attached" => missing),
        }
        for [upper, lower] in doubled(table, &self.verdicts) {
            warn!(self.log, "counted_once names two interfaces that the same \
                packets pass: these count twice";
                "interface" => name(upper), "stands_on" => name(lower));
        }
    }
}

impl<A: Attach + Adopt + Classify, R: ReadCounts> Poller<A, R> {
    /// Finds the edges anew, publishes the verdicts, and polls if the old edges
    /// are still to be credited. If that poll fails, the next good one does it;
    /// so does the first one of this process.
    pub(super) fn change_edges(&mut self) {
        let found = self.edges.find(
            &self.config,
            &self.attachments,
            &mut self.accounts,
        );
        if let Some(found) = found {
            self.publishers.counted_once.publish(found);
        }
        if self.edges.are_due() && self.polls_ended > 0 {
            self.poll();
        }
    }

    /// Takes over whether the whole machine is counted. To be called after a
    /// poll, before the edges are found anew.
    pub(super) fn configure_edges(&mut self) {
        let Self { config, attachments, accounts, edges, .. } = self;
        if edges.configure(config, attachments, accounts) {
            self.publishers.counted_once.publish(OnceSnapshot::new());
        }
    }
}
