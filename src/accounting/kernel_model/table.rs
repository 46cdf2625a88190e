//! User space's view of the model's table, and its changes to it.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{KernelModel, Place, Tag, WAYS};
use crate::accounting::{FlowKey, FlowTable, Volume, Way};

impl FlowTable for KernelModel {
    fn has_counted(&self, _: usize) -> bool {
        true
    }

    fn cpus(&self) -> usize {
        self.state().stopped.len()
    }

    fn ways(&self) -> usize {
        self.state().sets * WAYS
    }

    fn ways_in_use(&self, cpu: usize) -> usize {
        self.state().parts[cpu] * WAYS
    }

    fn ways_of_places(&self, cpu: usize) -> usize {
        self.state().places[cpu] * WAYS
    }

    fn halve_places(&self, cpu: usize) {
        let places = &mut self.state().places[cpu];
        if places.is_multiple_of(2) {
            *places /= 2;
        }
    }

    fn set_limit(&self, cpu: usize, limit: usize) {
        let mut state = self.state();
        state.limits[cpu] = (limit, state.places[cpu]);
    }

    fn visit(&self, cpu: usize, mut visit: impl FnMut(usize, Way)) {
        let ways = self.ways();
        for way in 0..self.ways_in_use(cpu) {
            let slot = cpu * ways + way;
            let mut state = self.state();
            state.proceed();
            if state.tags[slot] == Tag::Free {
                continue;
            }
            let volume = state.volumes[slot];
            let is_retired = state.is_retired(slot);
            state.log.seen.insert(slot, volume);
            let key = state.tags[slot].flow().expect("it is not free");
            drop(state);
            visit(way, Way { key, volume, is_retired });
        }
    }

    fn key(&self, slot: usize) -> FlowKey {
        self.state().tags[slot].flow().expect("a free way has no flow")
    }

    fn volume(&self, slot: usize) -> Volume {
        let mut state = self.state();
        state.proceed();
        let volume = state.volumes[slot];
        state.log.seen.insert(slot, volume);
        volume
    }

    fn remembered(&self, slot: usize) -> Volume {
        self.state().remembered[slot]
    }

    fn remember(&self, slot: usize, volume: Volume) {
        self.state().remembered[slot] = volume;
    }

    fn retire(&self, slot: usize) {
        let mut state = self.state();
        let Tag::Used(flow) = state.tags[slot] else {
            panic!("retired {:?}", state.tags[slot]);
        };
        state.tags[slot] = Tag::Retired(flow);
        state.log.retired.push(slot);
    }

    fn is_retired(&self, slot: usize) -> bool {
        self.state().is_retired(slot)
    }

    fn free(&self, slot: usize) {
        let mut state = self.state();
        assert!(state.is_retired(slot), "freed {:?}", state.tags[slot]);
        let mut running = state.stopped.iter().flatten();
        assert!(
            running.all(|stopped| stopped.place != Place::Way(slot)),
            "a program that is running still adds to way {slot}"
        );
        state.tags[slot] = Tag::Free;
        state.log.freed.push(slot);
    }
}
