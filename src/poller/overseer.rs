//! The overseer of the poller.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::time::Duration;

/// A party that wants to hear that the poller makes progress.
pub trait Overseer: Send {
    /// Returns the longest time between two reports that it accepts, also
    /// between two polls.
    fn interval(&self) -> Option<Duration>;

    /// Hears that the poller did something, or had nothing to do.
    fn gets_on(&mut self);

    /// Hears, once, that all interfaces that were there at the start have
    /// been attached, as far as they can be, and polled.
    fn is_ready(&mut self, interfaces: usize);

    /// Hears, at the end, how many interfaces are still to be detached, each
    /// time one was.
    fn detaches(&mut self, left: usize);
}
