//! The CPUs that may ever be there.

use std::fs;
use std::io;

use aya::util::nr_cpus;

use super::error::Error;

/// The kernel's list of possible CPUs, as ranges: see cpu(7) and
/// Documentation/admin-guide/cputopology.rst.
const POSSIBLE: &str = "/sys/devices/system/cpu/possible";

/// The number of possible CPUs, counted in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cpus {
    /// The number of values that a per-CPU map has for each key.
    pub(super) count: usize,
    /// One more than the largest number of a CPU; there may be gaps.
    pub(super) ids: usize,
}

impl Cpus {
    pub(super) fn possible() -> Result<Self, Error> {
        let unreadable = |(path, source)| Error::Call {
            action: format!("read {path}"),
            source,
        };
        let count = nr_cpus().map_err(unreadable)?;
        let ranges = fs::read_to_string(POSSIBLE)
            .map_err(|source| unreadable((POSSIBLE, source)))?;
        let largest = largest_in(&ranges).ok_or_else(|| {
            let source = io::Error::from(io::ErrorKind::InvalidData);
            unreadable((POSSIBLE, source))
        })?;
        Ok(Self { count, ids: count.max(largest + 1) })
    }
}

/// Returns the largest number in ascending ranges such as `0-3,8`.
fn largest_in(ranges: &str) -> Option<usize> {
    ranges.trim().rsplit([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_is_that_of_the_last_range() {
        for (ranges, largest) in [
            ("0\n", Some(0)),
            ("0-1\n", Some(1)),
            ("0-3,8\n", Some(8)),
            ("0,128-191\n", Some(191)),
            ("\n", None),
            ("0-x\n", None),
        ] {
            assert_eq!(largest_in(ranges), largest, "{ranges:?}");
        }
    }
}
