//! The facts of an interface that rules examine.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

/// The facts of an interface that rules examine.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The name, which may be no UTF-8.
    pub name: &'a [u8],
    /// Is true if it is the loopback device.
    pub is_loopback: bool,
    /// Is true if it is one of the uplinks.
    pub is_uplink: bool,
    /// Is true if it leads to a container.
    pub is_of_container: bool,
}
