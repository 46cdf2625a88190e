//! The places of the model's flows.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{Place, State, Tag, WAYS};
use crate::accounting::FlowKey;

impl State {
    /// Returns the place where a flow is counted. As in the program, the part
    /// that the CPU uses grows first, if half of it is in use or as many ways
    /// as user space said.
    pub(super) fn find(&mut self, cpu: usize, flow: &FlowKey) -> Place {
        let ways = cpu * self.sets * WAYS..(cpu + 1) * self.sets * WAYS;
        let own = self.tags[ways].iter();
        let used = own.filter(|&&tag| tag != Tag::Free).count();
        let limit = match self.limits[cpu] {
            (limit, sets) if sets == self.places[cpu] => limit,
            _ => self.places[cpu] * WAYS / 2,
        };
        if !matches!(self.look_up(cpu, flow), Place::Way(_)) && used >= limit {
            self.grow(cpu);
        }
        self.look_up(cpu, flow)
    }

    pub(super) fn grow(&mut self, cpu: usize) {
        if self.places[cpu] * 2 <= self.sets {
            self.places[cpu] *= 2;
            self.parts[cpu] = self.parts[cpu].max(self.places[cpu]);
        }
    }

    fn look_up(&self, cpu: usize, flow: &FlowKey) -> Place {
        let part = self.places[cpu];
        let number =
            usize::from(flow.remote[0]) + flow.interface.0 as usize * 5;
        let ways_of = |set: usize| {
            let first = (cpu * self.sets + set) * WAYS;
            first..first + WAYS
        };
        let first = ways_of(number % part);
        let second = ways_of(number / self.sets % part);
        let mut both = first.clone().chain(second.clone());
        if let Some(way) = both.find(|&w| self.tags[w] == Tag::Used(*flow)) {
            return Place::Way(way);
        }
        let free = |ways: std::ops::Range<usize>| {
            ways.filter(|&way| self.tags[way] == Tag::Free)
        };
        let emptier =
            match free(second.clone()).count() > free(first.clone()).count() {
                true => second,
                false => first,
            };
        free(emptier).next().map_or(Place::Map, Place::FreeWay)
    }
}
