//! The time that idle ways keep their flows.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// Returns the number of sweeps that a way may be idle before it is retired. No
/// way is retired as long as all flows find room and the CPU has as many free
/// ways as used ones: an idle way costs nothing there, and its flow is not new
/// when it comes back.
pub(super) fn patience(used: usize, ways: usize, is_short: bool) -> u8 {
    if is_short || used > ways / 8 * 7 {
        2
    } else if used > ways / 4 * 3 {
        8
    } else if used > ways / 2 {
        64
    } else {
        u8::MAX
    }
}
