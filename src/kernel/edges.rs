//! The edges of the machine: the interfaces at which a packet that enters or
//! leaves the machine is counted once.
//!
//! `auto` asks three questions, in this order, and the first one that finds an
//! edge decides:
//!
//! 1. Which devices are cards, on a bus of hardware or of a virtual machine?
//! 2. Which devices lead to a default route? A container has no card.
//! 3. Which devices lead out of this network namespace at all? This one is
//!    asked only as long as there never was a card or a default route: a
//!    machine that loses its uplink has no other edge meanwhile.
//!
//! A device that is not attached cannot be an edge. The devices that stand on it
//! and are attached are edges instead. A device that stands on an edge is none.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

mod topology;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::config::{CountedOnce, Interfaces};

use super::interfaces::{Interface, InterfaceTable};
use super::name::InterfaceName;
use topology::Topology;

/// The reason why an interface is an edge or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An edge: it is on a bus.
    Card,
    /// An edge: a default route leads through it.
    DefaultRoute,
    /// An edge: it leads out of this network namespace, which has no card and
    /// no default route.
    LeadsOut,
    /// An edge: it carries the packets of this device, which leads outside and
    /// is not attached.
    InsteadOf(InterfaceName),
    /// An edge: the configuration names it.
    Listed,
    /// No edge: its packets pass this edge too.
    PassesAlso(InterfaceName),
    /// No edge: it does not lead outside.
    Inside,
    /// No edge: the configuration names others.
    NotListed,
    /// No edge: it leads outside, but is not attached, and no edge counts its
    /// packets.
    NotAttached,
}

impl Verdict {
    /// Returns whether the interface is an edge.
    #[must_use]
    pub fn is_edge(self) -> bool {
        match self {
            Self::Card
            | Self::DefaultRoute
            | Self::LeadsOut
            | Self::InsteadOf(_)
            | Self::Listed => true,
            Self::PassesAlso(_)
            | Self::Inside
            | Self::NotListed
            | Self::NotAttached => false,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card => f.write_str("card"),
            Self::DefaultRoute => f.write_str("default route"),
            Self::LeadsOut => f.write_str("leads out of this namespace"),
            Self::InsteadOf(name) => {
                write!(f, "stands on {name}, which is not attached")
            }
            Self::Listed => f.write_str("in counted_once"),
            Self::PassesAlso(name) => {
                write!(f, "its packets are counted at {name}")
            }
            Self::Inside => f.write_str("does not lead outside"),
            Self::NotListed => f.write_str("not in counted_once"),
            Self::NotAttached => f.write_str("not attached"),
        }
    }
}

/// The verdict on each attached interface, and on each one that leads outside
/// and is not attached, by ifindex.
pub type Verdicts = BTreeMap<u32, Verdict>;

/// Finds the edges, again and again as the devices change.
#[derive(Debug, Default)]
pub struct EdgeFinder {
    /// The names of the devices that had a default route when there was one
    /// last. A route that is replaced is gone for a moment, and so is that of a
    /// device that is made anew.
    had_default_route: BTreeSet<InterfaceName>,
    /// True if a card or a default route was there at any time.
    has_led_outside: bool,
}

impl EdgeFinder {
    /// Returns the verdicts, or none if the default routes decide and are not
    /// known yet.
    pub fn find(
        &mut self,
        wanted: &CountedOnce,
        table: &InterfaceTable,
        attached: &BTreeSet<u32>,
    ) -> Option<Verdicts> {
        match wanted {
            CountedOnce::Listed(list) => listed(list, table, attached),
            CountedOnce::Auto => self.auto(table, attached),
        }
    }

    fn auto(
        &mut self,
        table: &InterfaceTable,
        attached: &BTreeSet<u32>,
    ) -> Option<Verdicts> {
        let topology = Topology::new(table, attached);
        let cards: Vec<_> = table
            .iter()
            .filter(|it| it.is_on_bus)
            .map(|it| it.ifindex)
            .collect();
        if !cards.is_empty() {
            self.has_led_outside = true;
            let settled = topology.settle(&cards, Verdict::Card);
            return Some(topology.complete(settled, &cards));
        }
        let with_route = table.default_routes()?;
        let with_name = |ifindex: &u32| table.get(*ifindex).map(|it| it.name);
        if !with_route.is_empty() {
            self.has_led_outside = true;
            let names = with_route.iter().filter_map(with_name);
            self.had_default_route = names.collect();
        }
        let had_route =
            |device: &&Interface| self.had_default_route.contains(&device.name);
        let uplinks = match with_route.is_empty() {
            true => {
                table.iter().filter(had_route).map(|it| it.ifindex).collect()
            }
            false => with_route.clone(),
        };
        let roots = match self.has_led_outside {
            true => topology.lowest(&uplinks),
            false => topology.leading_out(),
        };
        let reason = match self.has_led_outside {
            true => Verdict::DefaultRoute,
            false => Verdict::LeadsOut,
        };
        let settled = topology.settle(&roots, reason);
        Some(match self.has_led_outside {
            true => topology.complete(settled, &roots),
            false => topology.complete(settled, &[]),
        })
    }
}

/// Returns the verdicts of a list. It is taken as it is.
fn listed(
    list: &Interfaces,
    table: &InterfaceTable,
    attached: &BTreeSet<u32>,
) -> Option<Verdicts> {
    if table.is_doubtful(list) {
        return None;
    }
    let verdict = |chosen: bool, is_attached: bool| match (chosen, is_attached)
    {
        (true, true) => Some(Verdict::Listed),
        (true, false) => Some(Verdict::NotAttached),
        (false, true) => Some(Verdict::NotListed),
        (false, false) => None,
    };
    let verdicts = table.candidates().filter_map(|(device, candidate)| {
        let is_attached = attached.contains(&device.ifindex);
        let verdict = verdict(list.choose(candidate), is_attached)?;
        Some((device.ifindex, verdict))
    });
    Some(verdicts.collect())
}

/// Returns the pairs of edges of which the packets of the first pass the second
/// too, so that these packets count twice. Only a list has such.
#[must_use]
pub fn doubled(table: &InterfaceTable, verdicts: &Verdicts) -> Vec<[u32; 2]> {
    let edges = verdicts.iter().filter(|(_, verdict)| verdict.is_edge());
    let edges: BTreeSet<u32> = edges.map(|(&ifindex, _)| ifindex).collect();
    let topology = Topology::new(table, &edges);
    let pair = |&upper: &u32| {
        let lower = topology.edge_below(upper, &edges)?;
        Some([upper, lower])
    };
    edges.iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests;
