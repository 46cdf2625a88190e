//! The time that idle ways keep their flows.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Returns the number of sweeps that a way may be idle before it is retired. No
/// way is retired as long as the CPU has more free ways than used ones: an idle
/// way costs nothing there, and its flow is not new when it comes back.
///
/// `is_short` tells that flows found no room. Where most ways are free, these
/// flows need a larger part of the table and not the ways of others.
pub(super) fn patience(used: usize, ways: usize, is_short: bool) -> u8 {
    if used < ways.div_ceil(2) {
        u8::MAX
    } else if is_short || used > ways / 8 * 7 {
        2
    } else if used > ways / 4 * 3 {
        8
    } else {
        64
    }
}
