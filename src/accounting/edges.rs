//! The interfaces at which the traffic of the host is counted once.
//!
//! A packet that passes a bridge, its port and a card is in the counts of all
//! three. A sum over the host takes it from one of them: the *edge*.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;

use super::{
    Account, Classes, FlowKey, InterfaceId, Origin, PollEnd, Rest, Volume,
};
use crate::config::Config;
use crate::geoip::CountryLabels;

/// The numbers of the interfaces that are edges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edges(Vec<bool>);

impl Edges {
    /// Returns whether the interface is an edge.
    #[must_use]
    pub fn contains(&self, interface: InterfaceId) -> bool {
        self.0.get(interface.0 as usize).copied().unwrap_or_default()
    }
}

impl FromIterator<InterfaceId> for Edges {
    fn from_iter<T: IntoIterator<Item = InterfaceId>>(numbers: T) -> Self {
        let mut edges = Vec::new();
        for InterfaceId(number) in numbers {
            let place = number as usize;
            if place >= edges.len() {
                edges.resize(place + 1, false);
            }
            edges[place] = true;
        }
        Self(edges)
    }
}

/// An account of the host: it is credited with the traffic of edges only.
#[derive(Debug, Default)]
pub struct AtEdges<A> {
    account: A,
    edges: Arc<Edges>,
    /// The rests of edges, kept to use the memory again.
    rests: Vec<Rest>,
}

impl<A> AtEdges<A> {
    /// Returns an account that has no edges yet.
    #[must_use]
    pub fn new(account: A) -> Self {
        Self { account, edges: Arc::default(), rests: Vec::new() }
    }
}

impl<A: Account> Account for AtEdges<A> {
    type Snapshot = A::Snapshot;

    fn configure(&mut self, config: &Config) {
        self.account.configure(config);
    }

    fn is_on(&self) -> bool {
        self.account.is_on()
    }

    fn name_interface(&mut self, interface: InterfaceId, name: &Arc<str>) {
        self.account.name_interface(interface, name);
    }

    fn label_countries(&mut self, labels: &Arc<CountryLabels>) {
        self.account.label_countries(labels);
    }

    fn set_edges(&mut self, edges: &Arc<Edges>) {
        self.edges = Arc::clone(edges);
        self.account.set_edges(edges);
    }

    fn set_classes(&mut self, classes: &Arc<Classes>) {
        self.account.set_classes(classes);
    }

    fn credit_without_remote(&mut self, key: &FlowKey, volume: Volume) {
        if self.edges.contains(key.interface) {
            self.account.credit_without_remote(key, volume);
        }
    }

    fn credit(&mut self, key: &FlowKey, volume: Volume, origin: &Origin) {
        if self.edges.contains(key.interface) {
            self.account.credit(key, volume, origin);
        }
    }

    fn credit_rests(&mut self, rests: &[Rest]) {
        let Self { account, edges, rests: of_edges } = self;
        of_edges.clear();
        let is_at_edge = |rest: &&Rest| edges.contains(rest.interface);
        of_edges.extend(rests.iter().filter(is_at_edge));
        if !of_edges.is_empty() {
            account.credit_rests(of_edges);
        }
    }

    fn forget_interface(&mut self, interface: InterfaceId) {
        self.account.forget_interface(interface);
    }

    fn end_poll(&mut self, end: PollEnd) -> bool {
        self.account.end_poll(end)
    }

    fn snapshot(&mut self) -> A::Snapshot {
        self.account.snapshot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounting::{Direction, Family, IpVersion};

    /// Adds up everything that it is credited with.
    #[derive(Default)]
    struct Sum(u64);

    impl Account for Sum {
        type Snapshot = u64;

        fn name_interface(&mut self, _: InterfaceId, _: &Arc<str>) {}
        fn label_countries(&mut self, _: &Arc<CountryLabels>) {}
        fn credit(&mut self, _: &FlowKey, volume: Volume, _: &Origin) {
            self.0 += volume.bytes;
        }
        fn credit_rests(&mut self, rests: &[Rest]) {
            assert!(!rests.is_empty());
            self.0 += rests.iter().map(|r| r.unattributed.bytes).sum::<u64>();
        }
        fn forget_interface(&mut self, _: InterfaceId) {}
        fn end_poll(&mut self, _: PollEnd) -> bool {
            true
        }
        fn snapshot(&mut self) -> u64 {
            self.0
        }
    }

    #[test]
    fn only_edges_are_credited() {
        let mut account = AtEdges::new(Sum::default());
        let credit = |account: &mut AtEdges<Sum>, id, bytes| {
            let (interface, direction) = (InterfaceId(id), Direction::Sent);
            let (ip_version, remote) = (IpVersion::V4, [0; 16]);
            let volume = Volume { packets: 1, bytes };
            let key =
                FlowKey { interface, direction, ip_version, class: 0, remote };
            account.credit(&key, volume, &Origin::default());
            account.credit_rests(&[Rest {
                interface,
                direction,
                family: Family::Ip(ip_version),
                volume,
                unattributed: volume,
            }]);
            account.snapshot()
        };
        assert_eq!(credit(&mut account, 2, 100), 0);
        let edges = [InterfaceId(2), InterfaceId(5)].into_iter().collect();
        account.set_edges(&Arc::new(edges));
        assert_eq!(credit(&mut account, 2, 1), 2);
        assert_eq!(credit(&mut account, 3, 10), 2);
        assert_eq!(credit(&mut account, 5, 20), 42);
        assert_eq!(credit(&mut account, 6, 10), 42);
        account.set_edges(&Arc::default());
        assert_eq!(credit(&mut account, 2, 1), 42);
    }
}
