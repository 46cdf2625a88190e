//! Threads that do not end without saying so.

use std::error::Error;
use std::io;
use std::thread;

use crossbeam_channel::Sender;

use super::lifecycle::Event;
use crate::logging::chain;

/// Starts a thread. Whatever it ends by, its result, an error or a panic, is
/// an event.
///
/// # Errors
/// Where the system has no thread left.
pub(super) fn spawn(
    name: &'static str,
    events: Sender<Event>,
    body: impl FnOnce() -> Result<(), Box<dyn Error>> + Send + 'static,
) -> io::Result<()> {
    let guard = Guard { name, events, failure: Some("it panicked".into()) };
    thread::Builder::new().name(name.into()).spawn(move || {
        let mut guard = guard;
        let result = body();
        guard.failure = result.err().map(|error| chain(error.as_ref()));
    })?;
    Ok(())
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
        // Nobody listens any more once the daemon has ended.
        let _ =
            self.events.send(Event::WorkerExited { name: self.name, failure });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_of(
        body: impl FnOnce() -> Result<(), Box<dyn Error>> + Send + 'static,
    ) -> Event {
        let (events, received) = crossbeam_channel::unbounded();
        spawn("worker", events, body).unwrap();
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
