//! `/api/v1/events`: see [`api::Events`].
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Query, Refusal, View, envelope};
use crate::api;
use crate::collectors::moments::Moment;
use crate::config::Config;

/// The number of events that are kept.
pub const MOST_EVENTS: usize = 200;

/// The largest number of an event that is asked for: the largest whole number
/// that every reader of JSON has.
const LARGEST: u64 = (1 << 53) - 1;

/// The last events. A clone is the same.
#[derive(Clone, Debug, Default)]
pub struct EventLog(Arc<Mutex<Ring>>);

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<api::Event>,
    /// The number of the newest event.
    number: u64,
}

impl EventLog {
    /// Adds an event, which gets the next number.
    pub fn add(&self, event: api::Event) {
        let mut ring = self.lock();
        ring.number += 1;
        let number = ring.number;
        if ring.events.len() == MOST_EVENTS {
            ring.events.pop_front();
        }
        ring.events.push_back(api::Event { number, ..event });
    }

    /// Returns the events behind this number, the oldest first.
    #[must_use]
    pub fn after(&self, number: u64) -> Vec<api::Event> {
        let ring = self.lock();
        let events = ring.events.iter();
        events.filter(|one| one.number > number).cloned().collect()
    }

    fn newest(&self) -> u64 {
        self.lock().number
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // A panic leaves no half of an event.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last events.
pub struct EventsView {
    /// The events.
    pub events: EventLog,
}

impl View for EventsView {
    type Answer = api::Events;

    const PARAMETERS: &'static [&'static str] = &["after"];

    fn version(&self) -> u64 {
        self.events.newest()
    }

    fn answer(
        &self,
        moment: &Moment,
        _: &Config,
        query: &Query,
    ) -> Result<api::Events, Refusal> {
        let after = query.number_of("after", 0, LARGEST)?.unwrap_or(0);
        let events = self.events.after(after);
        Ok(api::Events { envelope: envelope(moment), events })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_events_are_kept_and_their_numbers_go_on() {
        let log = EventLog::default();
        for _ in 0..MOST_EVENTS + 50 {
            log.add(api::Event::default());
        }
        let events = log.after(0);
        assert_eq!(events.len(), MOST_EVENTS);
        assert_eq!((events[0].number, events[199].number), (51, 250));
        assert_eq!(log.after(248).len(), 2);
        assert_eq!(log.newest(), 250);
    }
}
