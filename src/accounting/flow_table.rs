//! Accounting's view of the flow table's memory.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::{FlowKey, Volume};

/// The table as it is in memory. Ways are numbered from zero, all of the first
/// CPU before all of the second; such a number is a slot.
pub trait FlowTable {
    /// Returns the number of CPUs that have ways.
    fn cpus(&self) -> usize;

    /// Returns the number of ways of each CPU.
    fn ways(&self) -> usize;

    /// Returns the number of ways, from a CPU's first on, that may not be free.
    /// This only grows.
    fn ways_in_use(&self, cpu: usize) -> usize;

    /// Returns the number of ways, from a CPU's first on, in which the program
    /// looks for flows.
    fn ways_of_places(&self, cpu: usize) -> usize {
        self.ways_in_use(cpu)
    }

    /// Lets the program look for flows in half of these ways. Does nothing if
    /// the ways cannot be divided.
    fn halve_places(&self, _cpu: usize) {}

    /// Lets the program look for flows in more ways once `limit` ways of the
    /// CPU are used.
    fn set_limit(&self, _cpu: usize, _limit: usize) {}

    /// Returns whether anything may have been counted on a CPU since the last
    /// sweep.
    fn has_counted(&self, cpu: usize) -> bool;

    /// Calls `visit` with every way of a CPU that is not free, counted from
    /// the CPU's first, in order.
    fn visit(&self, cpu: usize, visit: impl FnMut(usize, Way));

    /// Returns the flow in a slot that is not free.
    fn key(&self, slot: usize) -> FlowKey;

    /// Returns the volume that was ever counted in a slot.
    fn volume(&self, slot: usize) -> Volume;

    /// Returns the last reading of a slot by an earlier process, if it wrote it
    /// down.
    fn remembered(&self, _slot: usize) -> Volume {
        Volume::default()
    }

    /// Writes down the last reading of a slot, for a later process.
    fn remember(&self, _slot: usize, _volume: Volume) {}

    /// Hides a used slot from the program.
    fn retire(&self, slot: usize);

    /// Returns whether a slot that is not free is hidden from the program.
    fn is_retired(&self, slot: usize) -> bool;

    /// Gives a retired slot to the program, to take it for another flow.
    fn free(&self, slot: usize);
}

/// A way that is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The flow.
    pub key: FlowKey,
    /// The volume that was ever counted in it.
    pub volume: Volume,
    /// True if the program does not find it any more.
    pub is_retired: bool,
}
