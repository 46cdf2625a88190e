//! Threads that do not end without saying so.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::thread;

use crossbeam_channel::{Sender, bounded, unbounded};
use slog::Logger;

use super::follow::follow;
use super::host::KeepFollowing;
use super::lifecycle::Event;
use super::privileges::Privileges;
use super::state::Keeper;
use super::supervisor::Controls;
use crate::http::{self, Routes};
use crate::kernel::{FollowInterfaces, Probe};
use crate::logging::chain;
use crate::poller::Poller;
use crate::sandbox::Duty;

/// The names of the threads that must not end.
pub(super) const POLLER: &str = "poller";
pub(super) const INTERFACES: &str = "interfaces";
pub(super) const HTTP: &str = "http";
pub(super) const STATE: &str = "state";

/// Starts threads.
pub(super) struct Spawner {
    /// Where each tells that it has ended.
    pub(super) events: Sender<Event>,
    /// What each gives up first.
    pub(super) privileges: Privileges,
}

impl Spawner {
    /// Starts a thread and waits until it has no other privileges than those
    /// of its duty. Whatever it ends by, its result, an error or a panic, is
    /// an event.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn spawn(
        &self,
        name: &'static str,
        duty: Duty,
        body: impl FnOnce() -> Result<(), Box<dyn Error>> + Send + 'static,
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
        // Nobody listens any more once the daemon has ended.
        let _ =
            self.events.send(Event::WorkerExited { name: self.name, failure });
    }
}

/// Starts the threads. Each ends once its half of the result is dropped.
pub(super) fn start_workers<P: Probe + 'static>(
    start: &Spawner,
    log: Logger,
    (counting, poller, keeper): (Duty, Poller<P>, Option<Keeper>),
    (mut devices, keep_following): (Box<dyn FollowInterfaces>, KeepFollowing),
    (server, routes): (http::Server, Routes),
) -> io::Result<Controls> {
    let (control, controlled) = unbounded();
    let (device_events, followed) = unbounded();
    let server_handle = server.handle();
    let (polling, until_polled) = bounded::<Infallible>(0);
    start.spawn(POLLER, counting, move || {
        poller.run(&controlled, &followed);
        // What the last poll found is published.
        drop(polling);
        Ok(())
    })?;
    if let Some(keeper) = keeper {
        start.spawn(STATE, Duty::Save, move || {
            keeper.run(&until_polled);
            Ok(())
        })?;
    }
    start.spawn(INTERFACES, Duty::Follow, move || {
        follow(&log, devices.as_mut(), &device_events);
        Ok(())
    })?;
    start.spawn(HTTP, Duty::Serve, move || Ok(server.run(routes)?))?;
    Ok(Controls { poller: control, keep_following, server: server_handle })
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
        start.spawn("worker", Duty::Follow, body).unwrap();
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
