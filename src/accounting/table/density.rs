//! Keeps flows dense: the fewer pages and cache lines they are in, the less a
//! packet costs. The program makes the part of the table that a CPU uses larger
//! in time for any burst of new flows, and so makes it larger than needed.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use crate::accounting::FlowTable;

/// The ways of one CPU at the end of a sweep.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Occupancy {
    /// Ways in use.
    pub(super) used: usize,
    /// Those of them in which the program does not look for flows.
    pub(super) outside: usize,
}

/// The sweeps in which a CPU must have had few new flows.
const CALM: u8 = 4;

/// Returns the number of sweeps without many new flows up to this one.
fn calm_sweeps(before: u8, used: usize, new: usize) -> u8 {
    let is_calm = used > 0 && new <= used / 16;
    if is_calm { before.saturating_add(1) } else { 0 }
}

/// The sizes of a CPU's part, as far as they are chosen here.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// Sweeps without many new flows.
    calm: u8,
    /// The ways of the largest part in which flows found no room although no
    /// new ones came.
    crowded: usize,
}

impl Fit {
    /// Takes note of a sweep that met `new` new flows.
    pub(super) fn follow(&mut self, used: usize, new: usize) {
        self.calm = calm_sweeps(self.calm, used, new);
    }

    /// Halves the part that a CPU uses if flows have stayed the same and take a
    /// third of it or less. A part that stays as it is may become three
    /// quarters full before it grows.
    ///
    /// The flows of the second half then take other ways, in the first half,
    /// and the old ones are reclaimed. To be called if no way waits for that.
    pub(super) fn halve<T: FlowTable>(
        &mut self,
        table: &T,
        cpu: usize,
        now: Occupancy,
    ) {
        let Occupancy { used, outside } = now;
        if used < self.crowded / 8 {
            self.crowded = 0;
        }
        if self.calm < CALM {
            return;
        }
        let before = table.ways_of_places(cpu);
        if used.saturating_mul(3) <= before && before / 2 > self.crowded {
            table.halve_places(cpu);
        }
        let ways = table.ways_of_places(cpu);
        // The flows that move, about half of them, have two ways for a while.
        let besides = if ways < before { used / 2 } else { outside };
        table.set_limit(cpu, ways / 4 * 3 + besides);
    }

    /// Lets the part grow if flows have stayed the same, and some found no
    /// room in it. Not while new flows come, because the part grows with them.
    pub(super) fn widen<T: FlowTable>(&mut self, table: &T, cpu: usize) {
        let ways = table.ways_of_places(cpu);
        if self.calm >= CALM && ways < table.ways() {
            self.crowded = self.crowded.max(ways);
            table.set_limit(cpu, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounting::kernel_model::{Event, KernelModel};

    /// Returns a table whose part grew to 8 of 8 sets of 2 ways.
    fn grown() -> KernelModel {
        let model = KernelModel::new(1, 8, 8);
        for _ in 0..3 {
            model.state().happen(Event::Grow { cpu: 0 });
        }
        assert_eq!(model.ways_of_places(0), 16);
        model
    }

    fn calm() -> Fit {
        Fit { calm: CALM, ..Fit::default() }
    }

    fn occupancy(used: usize, outside: usize) -> Occupancy {
        Occupancy { used, outside }
    }

    #[test]
    fn a_part_is_halved_until_flows_take_more_than_a_third_of_it() {
        let model = grown();
        let mut fit = calm();
        for (used, left) in [(6, 16), (5, 8), (3, 8), (2, 4), (1, 2), (0, 2)] {
            fit.halve(&model, 0, occupancy(used, 0));
            assert_eq!(model.ways_of_places(0), left, "{used}");
            // Old ways outside of it may still be used.
            assert_eq!(model.ways_in_use(0), 16);
        }
    }

    #[test]
    fn a_part_stays_as_it_is_while_flows_come() {
        let mut calm = 0;
        for (used, new) in [(0, 0), (32, 3), (32, 2), (32, 0), (32, 2)] {
            calm = calm_sweeps(calm, used, new);
        }
        assert_eq!(calm, 3);
        let model = grown();
        let mut fit = Fit { calm, ..Fit::default() };
        fit.halve(&model, 0, occupancy(1, 0));
        fit.widen(&model, 0);
        assert_eq!(model.ways_of_places(0), 16);
        assert_eq!(model.state().limits, [(0, 0)]);
        assert_eq!(calm_sweeps(calm, 32, 3), 0);
    }

    #[test]
    fn the_limit_leaves_room_for_the_ways_of_flows_that_move() {
        let model = grown();
        calm().halve(&model, 0, occupancy(4, 0));
        assert_eq!(model.state().limits, [(6 + 2, 4)]);
        calm().halve(&model, 0, occupancy(6, 3));
        assert_eq!(model.state().limits, [(6 + 3, 4)]);
    }

    #[test]
    fn a_part_in_which_flows_found_no_room_grows_and_is_not_tried_again() {
        let model = grown();
        let mut fit = calm();
        fit.halve(&model, 0, occupancy(4, 0));
        assert_eq!(model.ways_of_places(0), 8);
        fit.widen(&model, 0);
        assert_eq!(model.state().limits, [(0, 4)]);
        model.state().happen(Event::Grow { cpu: 0 });
        for (used, left) in [(4, 16), (1, 16), (0, 8)] {
            fit.halve(&model, 0, occupancy(used, 0));
            assert_eq!(model.ways_of_places(0), left, "{used}");
        }
    }

    #[test]
    fn a_part_that_is_the_whole_table_does_not_grow() {
        let model = grown();
        calm().widen(&model, 0);
        assert_eq!(model.state().limits, [(0, 0)]);
    }
}
