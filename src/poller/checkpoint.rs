//! From where a later poller can go on.

use crate::accounting::{CountingMarks, FlowMarks};
use crate::collectors::exporter::{PollCounters, PollStatistics};
use crate::kernel::Adopted;

/// What was known at the end of a poll, when the accounts were published.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// What the poller did.
    pub polls: PollStatistics,
    /// The part of it from before the maps that are counted in were made.
    pub earlier: PollCounters,
    /// How far they were read, where they are kept.
    pub counting: Option<CountingMarks>,
}

/// Who is told of every poll, on the poller's thread.
pub type Keep = Box<dyn FnMut(Checkpoint) + Send>;

/// What an earlier poller left in maps that are counted in on.
#[derive(Clone, Debug, Default)]
pub struct Resumed {
    /// What it had attached.
    pub adopted: Vec<Adopted>,
    /// How far it had read the flows.
    pub flows: FlowMarks,
    /// See [`Checkpoint::earlier`].
    pub earlier: PollCounters,
}
