//! Interfaces that are gone: for how long, and how many, keep their series.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use super::{Book, Books, MOST_ABSENT};
use crate::accounting::PollEnd;

/// Behind the start, from which interfaces are gone that an earlier process
/// missed.
const FIRST_MOMENT: Duration = Duration::from_nanos(1);

impl<B: Book> Books<B> {
    /// Notes the time for interfaces that went since the last poll.
    fn note_leaving(&mut self, uptime: Duration) {
        let mut is_attached = vec![false; self.books.len()];
        for place in self.attachments.iter().flatten() {
            is_attached[*place] = true;
        }
        for (book, is_attached) in self.books.iter_mut().zip(is_attached) {
            if !is_attached && book.absent_since().is_none() {
                self.has_changed = true;
                book.set_absent_since(Some(uptime));
            }
        }
    }

    /// Takes the series of interfaces that have been gone for too long, or are
    /// too many, and remembers their counters.
    pub(super) fn retain_absent(&mut self, end: PollEnd) {
        // Without a limit, those that were gone when the exporter started.
        let limit = match end.absent_retention {
            Some(retention) => end.uptime.saturating_sub(retention),
            None => FIRST_MOMENT,
        };
        let is_over = |since| since < limit;
        let have_left = std::mem::take(&mut self.has_leaving);
        if have_left {
            self.note_leaving(end.uptime.max(FIRST_MOMENT));
        } else if !self.first_absent.is_some_and(is_over) {
            return;
        }
        let since = || self.books.iter().filter_map(B::absent_since);
        self.first_absent = since().min();
        let is_first_over = self.first_absent.is_some_and(is_over);
        if !is_first_over && since().count() <= MOST_ABSENT {
            return;
        }
        let absent = |book: &B| {
            let name = Arc::clone(book.name());
            Some((book.absent_since()?, book.bytes(), name))
        };
        let mut absent: Vec<_> = self.books.iter().filter_map(absent).collect();
        absent.sort_unstable();
        let over = absent.partition_point(|(since, ..)| is_over(*since));
        let over = over.max(absent.len().saturating_sub(MOST_ABSENT));
        self.first_absent = absent.get(over).map(|(since, ..)| *since);
        for (.., name) in &absent[..over] {
            let mut book = self.remove(self.places[name]);
            self.remembered.insert(book.show());
        }
    }
}
