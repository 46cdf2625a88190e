//! Logs failed logins, with a bound: a client that guesses passwords cannot fill
//! the log.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use slog::{Logger, warn};

/// At most so many lines ...
const MOST_LINES: u32 = 10;

/// ... in this time.
const WINDOW: Duration = Duration::from_secs(60);

/// The most of a name that is logged, in characters.
const LONGEST_NAME: usize = 64;

/// The log of failed logins.
pub(super) struct FailedLogins {
    log: Logger,
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    /// The time when the first line of the window was logged.
    since: Option<Instant>,
    lines: u32,
    /// Logins that were not logged since the last line.
    more: u64,
}

impl Said {
    /// Takes note of a failed login. Returns whether it is to be logged, and
    /// how many before it were not.
    fn note(&mut self, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now - since >= WINDOW) {
            self.since = Some(now);
            self.lines = 0;
        }
        if self.lines == MOST_LINES {
            self.more += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.more))
    }
}

impl FailedLogins {
    pub(super) fn new(log: Logger) -> Self {
        Self { log, said: Mutex::default() }
    }

    /// Logs a login that failed, unless there were too many in a minute.
    pub(super) fn log(&self, client: Option<SocketAddr>, name: &str) {
        let said =
            &mut *self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(more) = said.note(Instant::now()) else { return };
        let client = client
            .map_or("a Unix socket".into(), |client| client.ip().to_string());
        let name: String = name.chars().take(LONGEST_NAME).collect();
        warn!(self.log, "login failed"; "client" => client, "user" => name,
            "not_logged_before" => more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_the_others_counted() {
        let mut said = Said::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..10 {
            assert_eq!(said.note(at(second)), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(said.note(at(59)), None);
        }
        assert_eq!(said.note(at(60)), Some(1000));
        assert_eq!(said.note(at(61)), Some(0));
    }
}
