//! What is kept for the next start: the counters.
//!
//! `format` turns them into bytes and back, `store` keeps the bytes in a file.

mod format;
mod store;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::collectors::exporter::PollCounters;
use crate::collectors::traffic::Snapshot;
pub use format::{Fault, decode, encode};
pub use store::{Error, Found, Reason, Store};

/// What a process leaves to the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What it did.
    pub polls: PollCounters,
    /// What it counted.
    pub traffic: Arc<Snapshot>,
}

impl State {
    /// Takes out, of the interfaces that are not `present`, all but the `most`
    /// with the largest traffic, and returns how many: a host whose interfaces
    /// get a new name every day must not collect them for ever.
    pub fn limit_absent(
        &mut self,
        is_present: impl Fn(&str) -> bool,
        most: usize,
    ) -> usize {
        let traffic = Arc::make_mut(&mut self.traffic);
        let mut absent: Vec<_> = traffic
            .interfaces
            .iter()
            .filter(|interface| !is_present(&interface.name))
            .map(|interface| (interface.bytes(), Arc::clone(&interface.name)))
            .collect();
        absent.sort_unstable_by(|a, b| b.cmp(a));
        let left_out: BTreeSet<_> =
            absent.into_iter().skip(most).map(|(_, name)| name).collect();
        traffic
            .interfaces
            .retain(|interface| !left_out.contains(&interface.name));
        left_out.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounting::Volume;
    use crate::collectors::traffic::{Breakdown, InterfaceTraffic};

    #[test]
    fn of_absent_interfaces_those_with_most_traffic_stay() {
        let of = |(name, bytes): (&str, u64)| {
            let volume = Volume { packets: 1, bytes };
            let volumes = Breakdown::default();
            let non_ip = [volume, Volume::default()];
            InterfaceTraffic::new(name.into(), Vec::new(), volumes, non_ip)
        };
        let interfaces = [("a", 5), ("b", 1), ("c", 9), ("d", 7)];
        let interfaces = interfaces.map(of).into();
        let traffic = Arc::new(Snapshot { packets: 4, interfaces });
        let mut state = State { traffic, ..State::default() };
        assert_eq!(state.limit_absent(|name| name == "b", 3), 0);
        assert_eq!(state.limit_absent(|name| name == "b", 2), 1);
        let names = state.traffic.interfaces.iter().map(|i| &*i.name);
        assert_eq!(names.collect::<Vec<_>>(), ["b", "c", "d"]);
    }
}
