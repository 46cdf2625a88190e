//! Waiting, always bounded, for something that changes where no event can be
//! awaited: a scrape, a device counter.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything that must happen may take on a busy machine, or on an
/// emulated one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How often a changing thing is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// Looks until `look` returns `Ok`, and panics with its last `Err`, what was
/// seen instead, when that takes longer than `limit`.
pub(crate) fn await_until<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= deadline => {
                panic!("{what}: not within {limit:?}; last seen: {seen}")
            }
            Err(_) => sleep(GLANCE),
        }
    }
}

/// Looks until `value` returns `expected`, and panics with the last value
/// when that takes longer than [`PATIENCE`].
pub(crate) fn await_equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &T,
    mut value: impl FnMut() -> T,
) {
    await_until(PATIENCE, what, || {
        let seen = value();
        if seen == *expected {
            Ok(())
        } else {
            Err(format!("{seen:?} instead of {expected:?}"))
        }
    });
}
