//! Turns signals into events.
//!
//! Runs on the signals thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::Sender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::lifecycle::Event;

/// SIGHUP, SIGTERM and SIGINT are caught, and wait to be forwarded.
#[derive(Debug)]
pub(super) struct Caught {
    signals: Signals,
    /// True if the next SIGTERM or SIGINT ends the process where it is caught.
    is_ending: Arc<AtomicBool>,
}

impl Caught {
    /// Catches them from now on. Until they are forwarded, SIGTERM and SIGINT
    /// end the process at once: nothing is attached or saved yet, and a disk
    /// that does not answer may hold up the start. From then on the second one
    /// does, whatever the process is doing. The status is the one that a shell
    /// gives a process that the signal killed.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn new() -> io::Result<Self> {
        let is_ending = Arc::new(AtomicBool::new(true));
        for signal in [SIGTERM, SIGINT] {
            // In this order: the flag is set only after it was looked at.
            flag::register_conditional_shutdown(
                signal,
                128 + signal,
                Arc::clone(&is_ending),
            )?;
            flag::register(signal, Arc::clone(&is_ending))?;
        }
        let signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
        Ok(Self { signals, is_ending })
    }

    /// Makes events of those that came and of those that come, on a thread
    /// that does `prepare` first.
    ///
    /// # Errors
    /// If the system has no thread left.
    pub(super) fn forward(
        mut self,
        events: Sender<Event>,
        prepare: Box<dyn FnOnce() + Send>,
    ) -> io::Result<()> {
        self.is_ending.store(false, Ordering::SeqCst);
        thread::Builder::new().name("signals".into()).spawn(move || {
            prepare();
            for signal in self.signals.forever() {
                let event = match signal {
                    SIGHUP => Event::Hangup,
                    _ => Event::Terminate,
                };
                if events.send(event).is_err() {
                    break;
                }
            }
        })?;
        Ok(())
    }
}
