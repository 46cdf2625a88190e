//! Threads that do not end without saying so.

use std::error::Error;
use std::io;
use std::thread;

use crossbeam_channel::Sender;

use super::lifecycle::Event;
use super::privileges::Privileges;
use crate::logging::chain;
use crate::sandbox::Duty;

/// A thread that must not end while the daemon runs.
pub(super) struct Worker {
    pub(super) name: &'static str,
    /// The privileges that it keeps.
    duty: Duty,
    body: Body,
}

/// The work of a thread.
type Body = Box<dyn FnOnce() -> Result<(), Box<dyn Error>> + Send>;

impl Worker {
    /// Returns a worker that has not been started.
    pub(super) fn new(
        name: &'static str,
        duty: Duty,
        body: impl FnOnce() -> Result<(), Box<dyn Error>> + Send + 'static,
    ) -> Self {
        Self { name, duty, body: Box::new(body) }
    }
}

/// Starts threads.
pub(super) struct Spawner {
    /// Takes the end of each thread as an event.
    pub(super) events: Sender<Event>,
    /// Restricts each thread first.
    pub(super) privileges: Privileges,
}

impl Spawner {
    /// Starts a worker and waits until it has no other privileges than those
    /// of its duty. Its end is an event, whether by a result, an error or a
    /// panic.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn spawn(
        &self,
        Worker { name, duty, body }: Worker,
    ) -> io::Result<()> {
        let failure = Some("it panicked".into());
        let guard = Guard { name, events: self.events.clone(), failure };
        self.privileges.starting(duty, |prepare| {
            thread::Builder::new().name(name.into()).spawn(move || {
                let mut guard = guard;
                prepare();
                let result = body();
                guard.failure = result.err().map(|error| chain(error.as_ref()));
            })
        })?;
        Ok(())
    }
}

/// Tells how the thread ended, when it is dropped at its end.
struct Guard {
    name: &'static str,
    events: Sender<Event>,
    failure: Option<String>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let failure = self.failure.take();
        // The daemon may have ended.
        let _ =
            self.events.send(Event::WorkerExited { name: self.name, failure });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Sandbox;

    fn exit_of(
        body: impl FnOnce() -> Result<(), Box<dyn Error>> + Send + 'static,
    ) -> Event {
        let (events, received) = crossbeam_channel::unbounded();
        let log = slog::Logger::root(slog::Discard, slog::o!());
        let privileges =
            Privileges::restrict(&log, Sandbox::new(false), &[], &[], &[]);
        let start = Spawner { events, privileges };
        start.spawn(Worker::new("worker", Duty::Follow, body)).unwrap();
        received.recv().unwrap()
    }

    fn exited(failure: Option<&str>) -> Event {
        let failure = failure.map(Into::into);
        Event::WorkerExited { name: "worker", failure }
    }

    #[test]
    fn a_worker_tells_how_it_ended() {
        assert_eq!(exit_of(|| Ok(())), exited(None));
        assert_eq!(exit_of(|| Err("broken".into())), exited(Some("broken")));
        assert_eq!(
            exit_of(|| panic!("on purpose")),
            exited(Some("it panicked"))
        );
    }
}
