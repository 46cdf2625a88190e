//! The settings of the kernel side.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use std::num::NonZeroU32;

/// Settings that hold from loading the programs to the end of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeSettings {
    /// The number of flows that the map holds.
    pub map_max_entries: NonZeroU32,
    /// The number of bits of an IPv4 address that are kept, at most 32.
    pub ipv4_prefix_length: u8,
    /// The number of bits of an IPv6 address that are kept, at most 128.
    pub ipv6_prefix_length: u8,
    /// True if packets have classes.
    pub has_classes: bool,
}
