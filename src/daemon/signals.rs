//! Turns signals into events.
//!
//! Runs on the signals thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use crossbeam_channel::Sender;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::lifecycle::Event;

/// Catches SIGHUP, SIGTERM and SIGINT from now on. The first SIGTERM or SIGINT
/// is an event; the second ends the process at once, whatever it is doing,
/// with the status a shell gives a process that the signal killed.
///
/// # Errors
/// Where the system refuses.
pub fn catch(events: Sender<Event>) -> io::Result<()> {
    let is_ending = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the flag is set only after it was looked at.
        flag::register_conditional_shutdown(
            signal,
            128 + signal,
            Arc::clone(&is_ending),
        )?;
        flag::register(signal, Arc::clone(&is_ending))?;
    }
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
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
