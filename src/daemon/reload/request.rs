//! Requests for a reload, and the memory of one that failed.

use crate::config::Seen;
use crate::daemon::asked::Asked;

/// The senders who wait for the outcome of a reload.
pub(super) type Askers = Vec<Asked>;

/// The reason for a reload.
pub(in crate::daemon) enum Trigger {
    /// A signal, or a request whose sender waits.
    Asked(Option<Asked>),
    /// A file of the configuration has changed.
    Changed,
}

/// One request for a reload, or several that one reload answers.
pub(super) struct Request {
    pub(super) asked: Askers,
    /// True if nobody asked: a file has changed.
    pub(super) is_of_watch: bool,
}

impl From<Trigger> for Request {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Asked(asked) => {
                let asked = asked.into_iter().collect();
                Self { asked, is_of_watch: false }
            }
            Trigger::Changed => Self { asked: Vec::new(), is_of_watch: true },
        }
    }
}

impl Request {
    /// Makes one request of two.
    pub(super) fn join(&mut self, other: Self) {
        self.asked.extend(other.asked);
        self.is_of_watch &= other.is_of_watch;
    }
}

/// A reload that failed.
pub(super) struct Failed {
    pub(super) seen: Seen,
    /// Its faults.
    pub(super) said: String,
    pub(super) is_of_watch: bool,
}

impl Failed {
    /// Returns whether the other one logged these faults, and both are of one
    /// change: somebody asked for it, and the watch noticed it.
    pub(super) fn repeats(&self, before: &Self) -> bool {
        self.seen == before.seen
            && self.said == before.said
            && (self.is_of_watch || before.is_of_watch)
    }
}
