//! A request for a reload whose sender waits for the outcome.

use crossbeam_channel::{Receiver, Sender, bounded};

/// The outcome of a reload. An error has a line for each fault; nothing was
/// changed then.
pub(super) type Outcome = Result<(), String>;

/// The end that is told the outcome.
#[derive(Clone, Debug)]
pub struct Asked(Sender<Outcome>);

/// The end that waits.
#[derive(Debug)]
pub struct Answer(Receiver<Outcome>);

impl Asked {
    /// Returns both ends.
    #[must_use]
    pub fn new() -> (Self, Answer) {
        let (sender, receiver) = bounded(1);
        (Self(sender), Answer(receiver))
    }

    /// Tells the outcome, once.
    pub fn tell(self, outcome: Outcome) {
        // The other end may have given up.
        let _ = self.0.try_send(outcome);
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

impl Eq for Asked {}

impl Answer {
    /// Waits for the outcome.
    ///
    /// # Errors
    /// The faults of the reload, or that the exporter is stopping.
    pub fn wait(&self) -> Outcome {
        let stopping = |_| Err("the exporter is stopping".into());
        self.0.recv().unwrap_or_else(stopping)
    }
}
