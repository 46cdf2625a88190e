//! Records a moment at the end of each poll.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Earlier, MOST_EARLIER, Moment, RATES_OVER, Readers};
use crate::accounting::{PollEnd, Timestamp};
use crate::config::Config;
use crate::metrics::published::{Gather, Published, Publisher};

/// The shortest time between two moments that are kept for rates.
#[expect(clippy::cast_possible_truncation, reason = "it is 4")]
const APART: Duration =
    RATES_OVER.checked_div(MOST_EARLIER as u32 - 1).expect("it is not zero");

/// Records a moment at the end of each poll, after all accounts have published
/// theirs.
#[derive(Debug)]
pub struct Recorder {
    readers: Readers,
    publisher: Publisher<Moment>,
    /// The moments for later rates, the oldest first.
    kept: VecDeque<Arc<Earlier>>,
    is_on: bool,
}

impl Recorder {
    /// Returns a recorder whose readers see the snapshots as they are now.
    #[must_use]
    pub fn new(readers: Readers, started: Timestamp) -> Self {
        let first = Moment::first(started, readers.get());
        let publisher = Publisher::new(first);
        Self { readers, publisher, kept: VecDeque::new(), is_on: false }
    }

    /// Returns a reading half of the moments.
    #[must_use]
    pub fn reader(&self) -> Published<Moment> {
        self.publisher.reader()
    }

    /// Returns the moment from which rates up to now are taken: the youngest one
    /// that is old enough, or else the oldest one.
    fn base(&mut self, uptime: Duration) -> Option<Arc<Earlier>> {
        let is_old = |one: &Arc<Earlier>| one.uptime + RATES_OVER <= uptime;
        // Older ones are of no use any more.
        while self.kept.get(1).is_some_and(is_old) {
            self.kept.pop_front();
        }
        self.kept.front().map(Arc::clone)
    }

    fn keep(&mut self, earlier: Earlier) {
        let is_near =
            |last: &Arc<Earlier>| last.uptime + APART > earlier.uptime;
        if !self.kept.back().is_some_and(is_near) {
            self.kept.push_back(Arc::new(earlier));
        }
    }
}

impl Gather for Recorder {
    fn configure(&mut self, config: &Config, last: Option<PollEnd>) {
        let was_on = std::mem::replace(&mut self.is_on, config.web);
        if !self.is_on {
            self.kept.clear();
        } else if let (false, Some(end)) = (was_on, last) {
            self.end_poll(end);
        }
    }

    fn end_poll(&mut self, end: PollEnd) {
        if !self.is_on {
            return;
        }
        let last = self.publisher.reader().get();
        let (uptime, counts) = (end.uptime, self.readers.get());
        let earlier = self.base(uptime);
        self.keep(Earlier { uptime, counts: counts.clone() });
        self.publisher.publish(Moment {
            number: last.number + 1,
            started: last.started,
            at: end.at,
            uptime,
            counts,
            earlier,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::traffic;

    fn end(millis: u64) -> PollEnd {
        let uptime = Duration::from_millis(millis);
        let at = Timestamp::from_millis(1_000_000 + millis);
        PollEnd { at, uptime, absent_retention: None }
    }

    /// Polls at an interval, and returns the times over which rates are taken.
    fn spans(interval: u64, polls: u64) -> Vec<Option<u64>> {
        let mut recorder =
            Recorder::new(Readers::default(), Timestamp::from_millis(1));
        recorder.configure(&Config::default(), None);
        let millis = |span: Duration| span.as_millis().try_into().unwrap();
        let mut spans = Vec::new();
        for poll in 1..=polls {
            recorder.end_poll(end(poll * interval));
            assert!(recorder.kept.len() <= MOST_EARLIER + 1);
            let moment = recorder.reader().get();
            assert_eq!(moment.number, poll);
            spans.push(moment.rates_over().map(millis));
        }
        spans
    }

    #[test]
    fn rates_are_taken_over_the_last_polls() {
        // A poll that takes longer is enough by itself.
        assert_eq!(spans(60_000, 3), [None, Some(60_000), Some(60_000)]);
        // There is a rate from the second poll on.
        let two_seconds = spans(2_000, 30);
        assert_eq!(two_seconds[..3], [None, Some(2_000), Some(4_000)]);
        for spans in [&two_seconds[8..], &spans(1_000, 60)[16..]] {
            for span in spans {
                let span = span.unwrap();
                assert!((10_000..14_000).contains(&span), "{span}");
            }
        }
        for span in &spans(10, 4_000)[1_400..] {
            let span = span.unwrap();
            assert!((10_000..13_400).contains(&span), "{span}");
        }
    }

    #[test]
    fn a_moment_has_the_snapshots_of_its_poll_and_of_the_one_before() {
        let mut traffic = Publisher::new(traffic::Snapshot::default());
        let readers =
            Readers { traffic: traffic.reader(), ..Readers::default() };
        let mut recorder = Recorder::new(readers, Timestamp::from_millis(1));
        recorder.configure(&Config::default(), None);
        for packets in [10, 30] {
            traffic.publish(traffic::Snapshot {
                packets,
                ..traffic::Snapshot::default()
            });
            recorder.end_poll(end(packets * 100));
        }
        let moment = recorder.reader().get();
        assert_eq!(moment.counts.traffic.packets, 30);
        assert_eq!(moment.earlier_counts().unwrap().traffic.packets, 10);
        assert_eq!(moment.rates_over(), Some(Duration::from_secs(2)));

        // Rates begin anew if it was off.
        let off = Config { web: false, ..Config::default() };
        recorder.configure(&off, Some(end(3_000)));
        recorder.end_poll(end(5_000));
        assert_eq!(recorder.reader().get().number, 2);
        recorder.configure(&Config::default(), Some(end(7_000)));
        assert_eq!(recorder.reader().get().rates_over(), None);
        recorder.end_poll(end(9_000));
        let moment = recorder.reader().get();
        assert_eq!(moment.rates_over(), Some(Duration::from_secs(2)));
    }
}
