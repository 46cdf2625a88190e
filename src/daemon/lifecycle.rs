//! The decisions of the daemon: an event in, an action out.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use super::asked::Asked;

/// Something that happened to the daemon as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// SIGHUP.
    Hangup,
    /// Somebody wants a reload, and to know how it went.
    ReloadAsked(Asked),
    /// SIGTERM or SIGINT.
    Terminate,
    /// A worker has ended, well or not.
    WorkerExited {
        /// The thread's name.
        name: &'static str,
        /// The fault, unless it ended well.
        failure: Option<String>,
    },
}

/// The reaction to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Reload, and tell the outcome to the sender of the request, if any.
    Reload(Option<Asked>),
    /// Tell the workers to end.
    Stop,
    /// All workers have ended.
    Exit,
    /// A worker ended unexpectedly: end all others, and fail.
    Fail {
        /// The worker.
        name: &'static str,
        /// The fault.
        reason: String,
    },
}

/// The stage of the daemon's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// The workers that have not ended.
    running: Vec<&'static str>,
    is_stopping: bool,
}

impl Lifecycle {
    /// Returns the life of a daemon with these workers.
    #[must_use]
    pub fn new(workers: Vec<&'static str>) -> Self {
        Self { running: workers, is_stopping: false }
    }

    /// Returns what to do about an event, if anything.
    pub fn on(&mut self, event: Event) -> Option<Action> {
        match event {
            Event::Hangup => {
                (!self.is_stopping).then_some(Action::Reload(None))
            }
            // When stopping, the sender sees that this end is dropped.
            Event::ReloadAsked(by) => {
                (!self.is_stopping).then_some(Action::Reload(Some(by)))
            }
            // The second signal ends the process where it is caught.
            Event::Terminate => {
                let is_first = !std::mem::replace(&mut self.is_stopping, true);
                is_first.then_some(Action::Stop)
            }
            Event::WorkerExited { name, failure } => {
                self.running.retain(|&running| running != name);
                // A restart is better than an exporter that serves old numbers.
                if let Some(reason) = failure {
                    return Some(Action::Fail { name, reason });
                }
                if !self.is_stopping {
                    let reason = "it ended without being asked to".into();
                    return Some(Action::Fail { name, reason });
                }
                self.running.is_empty().then_some(Action::Exit)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exited(name: &'static str) -> Event {
        Event::WorkerExited { name, failure: None }
    }

    #[test]
    fn a_hangup_reloads_until_the_daemon_stops() {
        let mut life = Lifecycle::new(vec!["poller"]);
        assert_eq!(life.on(Event::Hangup), Some(Action::Reload(None)));
        let (asked, answer) = Asked::new();
        let event = Event::ReloadAsked(asked);
        assert_eq!(
            life.on(event.clone()),
            Some(Action::Reload(match &event {
                Event::ReloadAsked(asked) => Some(asked.clone()),
                _ => None,
            }))
        );
        life.on(Event::Terminate);
        assert_eq!(life.on(Event::Hangup), None);
        assert_eq!(life.on(event), None);
        assert!(answer.wait().unwrap_err().contains("stopping"));
    }

    #[test]
    fn the_daemon_exits_once_all_workers_did_as_told() {
        let mut life = Lifecycle::new(vec!["poller", "http"]);
        assert_eq!(life.on(Event::Terminate), Some(Action::Stop));
        assert_eq!(life.on(Event::Terminate), None);
        assert_eq!(life.on(exited("poller")), None);
        assert_eq!(life.on(exited("http")), Some(Action::Exit));
    }

    #[test]
    fn a_worker_that_ends_unasked_or_badly_takes_the_daemon_down() {
        let mut life = Lifecycle::new(vec!["poller", "http"]);
        assert!(matches!(
            life.clone().on(exited("http")),
            Some(Action::Fail { name: "http", .. })
        ));
        life.on(Event::Terminate);
        let failure = Some("panic".to_owned());
        assert_eq!(
            life.on(Event::WorkerExited { name: "poller", failure }),
            Some(Action::Fail { name: "poller", reason: "panic".into() })
        );
    }

    proptest! {
        /// In whatever order signals and exits come, once all workers ended
        /// the daemon does too.
        #[test]
        fn any_order_of_events_comes_to_an_end(
            order in Just(vec![0, 1, 2, 3, 4, 5]).prop_shuffle(),
        ) {
            let mut life = Lifecycle::new(vec!["a", "b", "c"]);
            let actions: Vec<_> = order
                .into_iter()
                .filter_map(|number| life.on(match number {
                    0 => exited("a"),
                    1 => exited("b"),
                    2 => exited("c"),
                    3 => Event::Hangup,
                    _ => Event::Terminate,
                }))
                .collect();
            let has_ended = actions.iter().any(|action| {
                matches!(action, Action::Exit | Action::Fail { .. })
            });
            prop_assert!(has_ended, "{:?}", actions);
        }
    }
}
