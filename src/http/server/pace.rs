//! The pace at which a client takes its answer.
//!
//! Only the time counts in which the server waits for the client, so a slow
//! server or a long queue makes no client look slow. Bytes that the client takes
//! make up for that time.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// The time for which every client may stand still. It is longer than a busy
/// machine keeps a reading process from the CPU. It is so short that 512
/// connections on which nobody reads make room for 10,000 new ones a second.
const GRACE: Duration = Duration::from_millis(50);

/// So many bytes make up for half of the time that a client stood still. A
/// client that takes 64 KiB within [`GRACE`], 1.3 MB/s, is never late.
const HALVING: u32 = 64 * 1024;

/// The time for which the server has waited for a client to take its answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// The time of earlier waits that the client has not made up for.
    waited: Duration,
    /// The time when the current wait began.
    since: Option<Instant>,
    /// The time when the socket was reported ready in the current wait.
    ready: Option<Instant>,
}

impl Pace {
    /// Notes that the socket takes no more.
    pub(super) fn stop(&mut self, now: Instant) {
        self.since.get_or_insert(now);
        // It was reported ready for something else than writing.
        self.ready = None;
    }

    /// Notes that the socket was reported ready. The next turn shows whether it
    /// is ready for writing.
    pub(super) fn wake(&mut self, now: Instant) {
        if self.since.is_some() {
            self.ready.get_or_insert(now);
        }
    }

    /// Notes that the socket has taken bytes.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) {
        self.waited += self.current(now);
        (self.since, self.ready) = (None, None);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let part = f64::from(HALVING) / (f64::from(HALVING) + f64::from(bytes));
        self.waited = self.waited.mul_f64(part);
    }

    /// Returns by how much the client is late: zero if it takes its answer fast
    /// enough.
    pub(super) fn delay(&self, now: Instant) -> Duration {
        (self.waited + self.current(now)).saturating_sub(GRACE)
    }

    fn current(&self, now: Instant) -> Duration {
        let end = self.ready.unwrap_or(now);
        self.since
            .map_or(Duration::ZERO, |it| end.saturating_duration_since(it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALVING: usize = super::HALVING as usize;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn a_client_that_stops_reading_is_late_after_a_while() {
        let (start, mut pace) = (Instant::now(), Pace::default());
        pace.take(1 << 20, start);
        pace.stop(start);
        assert_eq!(pace.delay(start + GRACE), Duration::ZERO);
        assert_eq!(pace.delay(start + GRACE + ms(50)), ms(50));
        // A second notice does not begin the wait anew.
        pace.stop(start + ms(300));
        assert_eq!(pace.delay(start + GRACE + ms(400)), ms(400));
    }

    #[test]
    fn time_in_the_queue_of_the_server_does_not_make_a_client_late() {
        let (start, mut pace) = (Instant::now(), Pace::default());
        for round in 0..100 {
            let at = start + ms(round * 1000);
            pace.stop(at);
            pace.wake(at + ms(10));
            assert_eq!(pace.delay(at + ms(999)), Duration::ZERO);
            pace.take(HALVING, at + ms(1000));
        }
        assert_eq!(pace.delay(start + ms(1_000_000)), Duration::ZERO);
    }

    #[test]
    fn a_client_that_sends_but_does_not_read_is_late_all_the_same() {
        let (start, mut pace) = (Instant::now(), Pace::default());
        pace.take(1 << 20, start);
        for round in 0..10 {
            pace.stop(start + ms(round * 100));
            pace.wake(start + ms(round * 100 + 99));
        }
        pace.stop(start + ms(1000));
        assert_eq!(pace.delay(start + GRACE + ms(1000)), ms(1000));
    }

    /// Returns by how much a client is late in the end that takes so many bytes
    /// after each wait of so many milliseconds.
    fn late(bytes: usize, wait: u64) -> Duration {
        let (mut now, mut pace) = (Instant::now(), Pace::default());
        for _ in 0..100 {
            pace.stop(now);
            now += ms(wait);
            pace.take(bytes, now);
        }
        pace.delay(now)
    }

    #[test]
    fn bytes_make_up_for_time() {
        assert_eq!(late(HALVING, 45), Duration::ZERO);
        assert!(late(HALVING / 4, 45) > ms(100));
        assert!(late(1, 45) > ms(4000));
        // A long pause is made up for.
        let (start, mut pace) = (Instant::now(), Pace::default());
        pace.stop(start);
        (0..10).for_each(|_| pace.take(HALVING, start + ms(4000)));
        assert_eq!(pace.delay(start + ms(4000)), Duration::ZERO);
    }
}
