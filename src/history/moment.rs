//! The moment to which the growth of a minute belongs.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// The longest time between two writes whose growth belongs to its middle.
const ONE_MINUTE_AND_SOME: i64 = 120;

/// Returns the moment, in seconds since 1970, to which the growth between two
/// times belongs: its middle, so that the growth that is written at a full hour
/// belongs to the hour before. If the exporter did not write for longer, or the
/// clock was set, it is the time of the write.
#[must_use]
pub(super) fn moment(last: Option<i64>, now: i64) -> i64 {
    match last {
        Some(last) if (0..=ONE_MINUTE_AND_SOME).contains(&(now - last)) => {
            last + (now - last) / 2
        }
        _ => now,
    }
}

/// Returns the seconds until the next full minute of the clock: 1 to 60.
#[must_use]
pub(super) fn until_full_minute(now: i64) -> u64 {
    let over = now.rem_euclid(60);
    u64::try_from(60 - over).unwrap_or(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_at_a_full_hour_belongs_to_the_hour_before() {
        assert_eq!(moment(Some(7140), 7200), 7170);
        assert_eq!(moment(Some(7140), 7200 - 1) / 3600, 1);
        // The clock was set, or nothing was written for long.
        assert_eq!(moment(Some(7200), 100), 100);
        assert_eq!(moment(Some(0), 7200), 7200);
        assert_eq!(moment(None, 7200), 7200);
    }

    #[test]
    fn writes_are_at_full_minutes() {
        for (now, left) in [(0, 60), (1, 59), (59, 1), (60, 60), (-1, 1)] {
            assert_eq!(until_full_minute(now), left);
        }
    }
}
