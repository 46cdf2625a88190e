//! Somebody who wants a reload, and waits for its outcome.

use crossbeam_channel::{Receiver, Sender, bounded};

/// What came of a reload: why it changed nothing, a line for each fault.
pub(super) type Outcome = Result<(), String>;

/// Where the outcome is waited for.
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
        // Who has given up waiting need not know.
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
    /// Why nothing was reloaded: also that nobody reloads any more.
    pub fn wait(&self) -> Outcome {
        let stopping = |_| Err("the exporter is stopping".into());
        self.0.recv().unwrap_or_else(stopping)
    }
}
