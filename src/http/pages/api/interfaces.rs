//! `/api/v1/interfaces`: see [`api::Interfaces`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::pace::{Pace, Sides, add};
use super::sums::{Sums, find, with_series};
use super::{Query, Refusal, View, envelope};
use crate::api;
use crate::collectors::interfaces::{self, OnceSnapshot, Status};
use crate::collectors::moments::Moment;
use crate::config::Config;
use crate::metrics::published::Published;

/// The traffic and the state of each interface.
pub struct InterfacesView {
    /// The states.
    pub states: Published<interfaces::Snapshot>,
    /// The interfaces at which the whole machine is counted.
    pub counted_once: Published<OnceSnapshot>,
}

impl View for InterfacesView {
    type Answer = api::Interfaces;

    fn version(&self) -> u64 {
        self.states.version() + self.counted_once.version()
    }

    fn answer(
        &self,
        moment: &Moment,
        _: &Config,
        _: &Query,
    ) -> Result<api::Interfaces, Refusal> {
        let (states, once) = (self.states.get(), self.counted_once.get());
        let traffic = &moment.counts.traffic;
        let counted = traffic.interfaces.iter().map(|one| &one.name);
        let names: BTreeSet<_> = states.keys().chain(counted).collect();
        let pace = Pace::of(moment);
        let mut whole = [Sides::default(); 2];
        let row = |name: &Arc<str>| {
            let [now, earlier] = sums(moment, name);
            add(&mut whole[0], &now.whole());
            add(&mut whole[1], &earlier.whole());
            let state = states.get(name);
            let counted = once.get(name);
            let shown = with_series(traffic, name);
            let volume =
                |of: fn(&Sums) -> Sides| pace.volume(of(&now), of(&earlier));
            api::Interface {
                interface: name.to_string(),
                status: state.map(|it| status(it.status)),
                is_attached: state.is_some_and(|it| it.is_attached),
                is_absent: shown.is_some_and(|it| it.is_absent),
                counted_once: counted.map(|it| it.is_edge),
                counted_once_reason: counted.map(|it| it.why.to_string()),
                volume: volume(Sums::whole),
                unattributed: volume(|sums| sums.unattributed),
                non_ip: volume(|sums| sums.non_ip),
            }
        };
        let mut interfaces: Vec<_> = names.into_iter().map(row).collect();
        // Rows of the same size stay in the order of their names.
        interfaces.sort_by_key(|one| Reverse(one.volume.total_bytes()));
        let [now, earlier] = whole;
        let whole = pace.volume(now, earlier);
        Ok(api::Interfaces { envelope: envelope(moment), interfaces, whole })
    }
}

/// Returns the sums of an interface that has series, and those from which rates
/// are taken.
fn sums(moment: &Moment, name: &str) -> [Sums; 2] {
    let mut sums = [Sums::default(), Sums::default()];
    let Some(now) = with_series(&moment.counts.traffic, name) else {
        return sums;
    };
    sums[0].add(now, None);
    let earlier = moment.earlier_counts();
    if let Some(earlier) = earlier.and_then(|it| find(&it.traffic, name)) {
        sums[1].add(earlier, None);
    }
    sums
}

fn status(status: Status) -> api::InterfaceStatus {
    match status {
        Status::Up => api::InterfaceStatus::Up,
        Status::Down => api::InterfaceStatus::Down,
        Status::NotFound => api::InterfaceStatus::NotFound,
    }
}
